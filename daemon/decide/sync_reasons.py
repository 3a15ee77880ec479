"""Why did one sync start then: what asked for it, and what moved or held it before it did?"""

from daemon.decide.reasons import Reason, Topic
from events.schema import (
    ActorCrashed,
    AuthorisationNeeded,
    BackfillAdvanced,
    BackfillRequested,
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    ConnectionAuthorised,
    ConnectionPaused,
    ConnectionResumed,
    Event,
    LimitHeld,
    RetryMoved,
    RetryScheduled,
    SyncDeferred,
    SyncInterrupted,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
)
from events.terms import Kind
from events.versions import RestoreAbandoned, RolledBack
from projections import why
from projections.why import Why

MOVERS: dict[type[Event], str] = {
    SyncDeferred: "deferred",
    RetryMoved: Topic.RETRY_MOVED,
    SyncSkipped: Topic.SKIPPED,
    ConnectionPaused: "paused",
    ConnectionResumed: "resumed",
    BreakerOpened: "breaker",
    BreakerEased: Topic.EASED,
    BreakerProbed: Topic.PROBED,
    BreakerClosed: "breaker-closed",
    BreakerReset: "breaker-reset",
    LimitHeld: Topic.LIMIT,
    ActorCrashed: "crashed",
    AuthorisationNeeded: "to-be-authorised",
    ConnectionAuthorised: "authorised",
    SyncInterrupted: "interrupted",
    RolledBack: "rolled-back",
    RestoreAbandoned: "rollback-abandoned",
}
"""What can move a start, or hold it, between its being planned and its coming."""


def of_start(started: SyncStarted, subject: int, before: Why) -> tuple[Reason, ...]:
    """What asked for it first, then what happened to it since that was recorded, in order."""
    asked = [each for each in _asked(started, subject, before) if each.event]
    since = min((each.event for each in asked), default=0)
    moved = [(why.number(before, kind), topic) for kind, topic in MOVERS.items()]
    movers = [
        Reason(topic=topic, event=number, whose=subject)
        for number, topic in sorted(moved)
        if number > since
    ]
    return (*asked, *movers)


def _asked(started: SyncStarted, subject: int, before: Why) -> list[Reason]:
    """A start serves all that is pending: a request, a turn, a retry."""
    found = []
    if started.request is not None:
        failover = started.kind is Kind.FAILOVER
        topic = Topic.FAILOVER if failover else Topic.ASKED
        found.append(Reason(topic=topic, event=started.request))
    if started.kind is Kind.SCHEDULED:
        event = why.number(before, SyncScheduled)
        found.append(Reason(topic=Topic.TURN, event=event, whose=subject, until=started.due))
    if started.attempt:
        event = why.number(before, RetryScheduled)
        found.append(Reason(topic=Topic.RETRY, event=event, whose=subject))
    if started.kind is Kind.BACKFILL:
        event = why.number(before, BackfillAdvanced, BackfillRequested)
        found.append(Reason(topic=Topic.BACKFILL, event=event))
    return found
