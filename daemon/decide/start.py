"""May a sync start, be requested, be taken back?"""

from datetime import datetime

from daemon.commands import Cancel, Request, Review, Start
from daemon.decide.outcome import Decisions, next_due
from events.schema import SyncCancelled, SyncRequested, SyncScheduled, SyncSkipped, SyncStarted
from events.terms import Kind, ScheduleReason, SkipReason
from projections import connection, health
from projections.connection import Connection
from projections.world import World


def start(command: Start, world: World, now: datetime) -> Decisions:
    """Start what is due, if there is a place for it."""
    known = world.connections.get(command.subject)
    at = connection.next_start(known) if known else None
    if known is None or at is None or at > now or is_full(world):
        return []
    request = known.schedule.request
    started = SyncStarted(
        kind=Kind.MANUAL if request else Kind.SCHEDULED,
        due=at,
        priority=priority(known, now),
        request=request.seq if request else None,
    )
    return [(command.subject, started)]


def is_full(world: World) -> bool:
    return len(world.fleet.running) >= world.fleet.policy.concurrency


def priority(known: Connection, now: datetime) -> int:
    """A request goes first; else health decides (requirement A9)."""
    if known.schedule.request:
        return 1
    return health.priority(health.score(known.health, now))


def request(command: Request, world: World, now: datetime) -> Decisions:
    """One pending request a connection: a second one is the first."""
    known = world.connections.get(command.subject)
    if known is None or known.removed or known.schedule.request:
        return []
    if known.paused:
        return [(command.subject, SyncSkipped(reason=SkipReason.PAUSED, due=now))]
    return [(command.subject, SyncRequested(by=command.by))]


def cancel(command: Cancel, world: World, now: datetime) -> Decisions:
    """Take back what runs (what was due is then due an interval later), else what was requested."""
    known = world.connections.get(command.subject)
    if known is None:
        return []
    if known.run:
        cancelled = SyncCancelled(sync=known.run.sync, by=command.by)
        return [(command.subject, cancelled), *next_due(command.subject, world, now)]
    if known.schedule.request:
        return [(command.subject, SyncCancelled(by=command.by))]
    return []


def review(command: Review, world: World, now: datetime) -> Decisions:
    """What the clock put further off than its policy allows: a due time, a rest, a request."""
    known = world.connections.get(command.subject)
    if known is None or known.removed or known.schedule.due is None:
        return []
    policy, planned, asked = world.fleet.policy, known.schedule.due, known.schedule.request
    latest = now if asked and asked.at > now else now + (known.interval or policy.interval)
    rests_too_long = (known.schedule.rest_until or now) > now + policy.crash_delay_max
    if planned <= latest and not rests_too_long:
        return []
    due = min(planned, latest)
    return [(command.subject, SyncScheduled(due=due, reason=ScheduleReason.CLOCK_STEPPED))]
