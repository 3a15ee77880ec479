"""What follows when a connection is added, changed, paused, resumed or removed?"""

from datetime import datetime

from daemon.commands import Connect, Pause, Remove, Resume
from daemon.decide import capturing, doubt, outbox, restoring, retry, vain
from daemon.decide.days import ended
from daemon.decide.decisions import Decisions
from daemon.decide.outcome import part_of
from daemon.decide.rotation import waits_until
from daemon.decide.tokens import needs_person
from events.schema import (
    AuthorisationNeeded,
    ConnectionAdded,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRemoved,
    ConnectionResumed,
    CredentialSet,
    SyncCancelled,
    SyncScheduled,
    SyncSkipped,
)
from events.terms import (
    BackfillEnd,
    DoubtReason,
    NeedReason,
    RestoreEnd,
    ScheduleReason,
    SkipReason,
)
from projections import policy
from projections.connection import Connection
from projections.world import World


def connect(command: Connect, world: World, now: datetime) -> Decisions:
    """Add it (first sync due at once), or note what differs from what is known."""
    subject, known = command.subject, world.connections.get(command.subject)
    wishes = (
        ("credential", command.credential),
        ("client-secret", command.secret),
        ("settings", command.settings),
    )
    credential: Decisions = [
        (subject, CredentialSet(purpose=purpose, by=command.by)) for purpose, new in wishes if new
    ]
    if known is None or known.removed:
        added = ConnectionAdded(
            tenant=command.tenant,
            provider=command.provider,
            declared=command.declared,
            interval=command.interval,
            by=command.by,
        )
        scheduled = SyncScheduled(due=now, reason=ScheduleReason.ADDED)
        need = (
            [(subject, AuthorisationNeeded(reason=NeedReason.NEW))]
            if needs_person(world, command.provider)
            else []
        )
        return [(subject, added), *credential, *need, (subject, scheduled)]
    if command.credential:
        credential = _grant_ends(subject, known, world, now, credential)
    if (known.declared, known.interval) == (command.declared, command.interval):
        return [*credential]
    changed = ConnectionChanged(declared=command.declared, interval=command.interval, by=command.by)
    return [*credential, (subject, changed), *_sooner(subject, known, command, world, now)]


def remove(command: Remove, world: World, now: datetime) -> Decisions:
    """What runs is cancelled, what was requested or due skipped, what was to be written dropped.

    So is what is held: nobody would come by it any more.
    """
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed:
        return []
    return [
        *doubt.left(subject, known, world, now, DoubtReason.OVERTAKEN),
        *restoring.abandoned(subject, known, RestoreEnd.REMOVED),
        *_cancelled(subject, known, command),
        *vain.skipped(subject, known, SkipReason.REMOVED),
        *_overdue(subject, known, now),
        *retry.ended(subject, known, command.by),
        *ended(subject, known, BackfillEnd.CANCELLED, command.by),
        *outbox.dropped(subject, world, command.by),
        *capturing.dropped(subject, known, command.by),
        (subject, ConnectionRemoved(by=command.by)),
    ]


def pause(command: Pause, world: World) -> Decisions:
    """What runs goes on to its end; what was requested is skipped; nothing new starts."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed or known.paused:
        return []
    return [
        *vain.skipped(subject, known, SkipReason.PAUSED),
        (subject, ConnectionPaused(by=command.by)),
    ]


def resume(command: Resume, world: World) -> Decisions:
    """What fell due meanwhile is run once: its due time still stands."""
    known = world.connections.get(command.subject)
    if known is None or known.removed or not known.paused:
        return []
    return [(command.subject, ConnectionResumed(by=command.by))]


def _grant_ends(
    subject: int, known: Connection, world: World, now: datetime, credential: Decisions
) -> Decisions:
    """What was granted under another credential is over; a person's consent is needed anew."""
    reason, sync = NeedReason.NEW, known.run.sync if known.run else None
    need = AuthorisationNeeded(reason=reason, generation=known.grant.generation, sync=sync)
    anew = [(subject, need)] if needs_person(world, known.provider) else []
    left = doubt.left(subject, known, world, now, DoubtReason.OVERTAKEN)
    return [*left, *credential, *anew]


def _sooner(
    subject: int, known: Connection, command: Connect, world: World, now: datetime
) -> Decisions:
    """A shorter interval holds from now on, not only after the old, longer one has passed."""
    own = world.scopes.get(subject)
    if own and "interval" in own.values:  # what was set by command goes before
        return []
    latest = now + (command.interval or policy.of_others(world, subject).interval)
    latest = max(latest, waits_until(known.schedule, now))
    if known.schedule.due is None or known.schedule.due <= latest:
        return []
    streams = {
        name: at if policy.stream_interval(world, subject, name) else min(at, latest)
        for name, at in known.schedule.streams.items()
    }
    reason = ScheduleReason.INTERVAL_CHANGED
    return [(subject, SyncScheduled(due=latest, reason=reason, streams=streams))]


def _cancelled(subject: int, known: Connection, command: Remove) -> Decisions:
    if known.run is None:
        return []
    part = part_of(known.run)
    return [(subject, SyncCancelled(sync=known.run.sync, by=command.by, pass_=part))]


def _overdue(subject: int, known: Connection, now: datetime) -> Decisions:
    """The scheduled sync that waited for a place."""
    due = known.schedule.due
    if known.run or due is None or due > now:
        return []
    return [(subject, SyncSkipped(reason=SkipReason.REMOVED, due=due))]
