"""Why does a connection's next sync start when it does: what asks for it, what moves or holds it?

Each reason names the event that is behind it; which settings that goes by, `deciders` says of the
event, and `projections/source.py` says where each of them comes from.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from daemon.decide import deciders, hindrance
from daemon.decide.hindrance import Hindrance
from daemon.decide.turn import turn_of
from events.policy import INTERVAL_OF
from events.schema import (
    FLEET,
    ActorCrashed,
    AuthorisationNeeded,
    BackfillAdvanced,
    BackfillRequested,
    BreakerEased,
    BreakerProbed,
    ConnectionAdded,
    ConnectionAuthorised,
    ConnectionPaused,
    ConnectionRelinked,
    Event,
    RefreshFailed,
    RefreshIntended,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncDeferred,
    SyncSkipped,
    SyncStarted,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import HoldReason, Kind
from projections import allowance, breaker, policy, schedule, why
from projections.breaker import Breaker, Phase
from projections.connection import Connection
from projections.grant import Phase as GrantPhase
from projections.why import Why
from projections.window import Moment
from projections.world import World

PLACES = {
    Hindrance.FLEET_FULL: ("concurrency",),
    Hindrance.PROVIDER_FULL: ("provider_concurrency",),
    Hindrance.RETRIES_FULL: ("retries_at_once",),
    Hindrance.BATCH_PAUSE: ("batch_size", "batch_pause"),
}
OF_FLEET = frozenset({Hindrance.FLEET_FULL, Hindrance.RETRIES_FULL})


_ANEW = (SyncStarted, ConnectionAdded, ConnectionRelinked)
"""After which retries that had ended before say nothing any more."""


class Topic(StrEnum):
    """What a reason is about, besides what hinders (`Hindrance`)."""

    RUNS = "runs"
    RESTORING = "restoring"
    ASKED = "asked"
    FAILOVER = "failover"
    TURN = "turn"
    RETRY = "retry"
    RETRY_MOVED = "retry-moved"
    RETRIES_ENDED = "retries-ended"
    BACKFILL = "backfill"
    SKIPPED = "skipped"
    PROVIDERS_BREAKER = "providers-breaker"
    EASED = "breaker-eased"
    PROBED = "breaker-probed"
    RETIRED = "retired"
    LIMIT = "limit"
    GRANT = "grant"


class Reason(Struct, frozen=True, kw_only=True):
    """`event` is a number, or 0 where nothing is recorded of it, and settings alone make it so.

    `settings` are those that had a say besides the event's own, `whose` is the subject that they
    are asked of.
    """

    topic: str
    event: int = 0
    settings: tuple[str, ...] = ()
    whose: int = FLEET
    until: datetime | None = None


def of_next(world: World, subject: int, of: Why, now: datetime) -> tuple[Reason, ...]:
    """What asks for the next start first, then all that moves or holds it."""
    known = world.connections[subject]
    found = [*_asks(world, subject, of, now), *_holds(world, subject, of, now)]
    if known.run:
        found.insert(0, Reason(topic=Topic.RUNS, event=known.run.sync))
    if known.restoring:
        found.insert(0, Reason(topic=Topic.RESTORING, event=known.restoring))
    return tuple(found)


def of_account(known: Connection, of: Why) -> tuple[Reason, ...]:
    """What its token is by, and what went wrong with it since."""
    kinds: tuple[type[Event], ...]
    match known.grant.phase:
        case GrantPhase.NONE:
            return ()
        case GrantPhase.NEEDED:
            kinds = (AuthorisationNeeded,)
        case GrantPhase.IN_DOUBT:
            kinds = (TokenInDoubt,)
        case GrantPhase.REFRESHING:
            kinds = (RefreshIntended,)
        case _:
            kinds = (ConnectionAuthorised, TokenRefreshed)
    behind, lost = why.number(of, *kinds), why.number(of, RefreshFailed)
    numbers = [behind, *([lost] if lost > behind else [])]
    return tuple(Reason(topic=Topic.GRANT, event=each) for each in numbers if each)


def _asks(world: World, subject: int, of: Why, now: datetime) -> Iterator[Reason]:
    known = world.connections[subject]
    plan, left = known.schedule, known.backfill
    if plan.request:
        failover = plan.request.kind is Kind.FAILOVER
        topic = Topic.FAILOVER if failover else Topic.ASKED
        yield Reason(topic=topic, event=plan.request.seq)
    if plan.due:
        yield Reason(
            topic=Topic.TURN,
            event=plan.planned,
            settings=_turns(world, subject, now),
            whose=subject,
            until=plan.due,
        )
    if plan.retry:
        retry, due = why.number(of, RetryScheduled), plan.retry.due
        yield Reason(topic=Topic.RETRY, event=retry, whose=subject, until=due)
        if why.number(of, RetryMoved) > why.number(of, RetryScheduled):
            yield Reason(topic=Topic.RETRY_MOVED, event=why.number(of, RetryMoved))
    elif why.number(of, RetriesEnded) > why.number(of, *_ANEW):
        ended = why.number(of, RetriesEnded)
        yield Reason(topic=Topic.RETRIES_ENDED, event=ended, whose=subject)
    if left:
        event = max(left.request, why.number(of, BackfillAdvanced, BackfillRequested))
        yield Reason(topic=Topic.BACKFILL, event=event, until=left.due)
    if why.number(of, SyncSkipped) > why.number(of, SyncStarted):
        yield Reason(topic=Topic.SKIPPED, event=why.number(of, SyncSkipped))


def _turns(world: World, subject: int, now: datetime) -> tuple[str, ...]:
    """The intervals of the streams that have turns of their own, and are due first."""
    own = policy.stream_intervals(world, subject)
    due = turn_of(world, subject, now).streams
    return tuple(f"{INTERVAL_OF}{name}" for name in own if not due or name in due)


def _holds(world: World, subject: int, of: Why, now: datetime) -> Iterator[Reason]:
    """All that is in the way, and not only what is for longest."""
    known = world.connections[subject]
    plan, at = known.schedule, world.providers[known.provider]
    held = hindrance.of(world, subject, now)
    if known.paused:
        yield Reason(topic=Hindrance.PAUSED, event=why.number(of, ConnectionPaused))
    if known.grant.phase is GrantPhase.NEEDED:
        event = why.number(of, AuthorisationNeeded)
        yield Reason(topic=Hindrance.TO_BE_AUTHORISED, event=event)
    if at.retirement.found_in:
        yield Reason(topic=Topic.RETIRED, event=at.retirement.found_in)
    yield from _breaker(known.breaker, subject, of, now)
    yield from _breaker(at.breaker, known.provider, None, now)
    if plan.hold and schedule.is_held(plan, now):
        yield Reason(
            topic=plan.hold.reason,
            event=why.number(of, SyncDeferred),
            whose=subject,
            until=plan.hold.until,
        )
    elif held and held.why in {Hindrance.QUIET_HOURS, Hindrance.DISABLED}:
        settings = deciders.OF_HOLDS[HoldReason(held.why)]
        yield Reason(topic=held.why, settings=settings, whose=subject, until=held.until)
    if plan.rest_until and plan.rest_until > now:
        event, until = why.number(of, ActorCrashed), plan.rest_until
        yield Reason(topic=Hindrance.CRASHED, event=event, until=until)
    yield from _waits(world, subject, now)
    if held and held.why in PLACES:
        whose = FLEET if held.why in OF_FLEET else known.provider
        settings = PLACES[held.why]
        yield Reason(topic=held.why, settings=settings, whose=whose, until=held.until)


def _breaker(stop: Breaker, whose: int, of: Why | None, now: datetime) -> Iterator[Reason]:
    """A breaker that is not closed, and what became of it since; `of` is None for a provider's."""
    if stop.reason is None:
        return
    own = of is not None
    shared = () if own or not deciders.OF_BREAKERS[stop.reason] else ("breaker_connections",)
    probing = ("breaker_successes",) if breaker.phase(stop, now) is Phase.HALF_OPEN else ()
    yield Reason(
        topic=Hindrance.BREAKER if own else Topic.PROVIDERS_BREAKER,
        event=stop.event,
        settings=(*shared, *probing),
        whose=whose,
        until=stop.until,
    )
    for topic, kind in ((Topic.EASED, BreakerEased), (Topic.PROBED, BreakerProbed)):
        event = why.number(of, kind) if of is not None else 0
        if event > stop.event:
            yield Reason(topic=topic, event=event, whose=whose, until=stop.until)


def _waits(world: World, subject: int, now: datetime) -> Iterator[Reason]:
    """What the provider asked for: of its turns, and of all calls."""
    known = world.connections[subject]
    wait, at = known.schedule.wait, world.providers[known.provider]
    if wait and wait.until > now:
        yield Reason(topic=Hindrance.ASKED_TO_WAIT, event=wait.event, until=wait.until)
    moment = Moment(wall=now, ahead=world.fleet.ahead)
    for each in (known.allowance, at.allowance):
        if left := allowance.held_for(each, moment):
            yield Reason(topic=Topic.LIMIT, event=each.held_in, until=now + left)
