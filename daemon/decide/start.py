"""May a sync start, be requested, be taken back?"""

from datetime import datetime

from daemon.commands import Cancel, Request, Review, Start
from daemon.decide import days, tokens
from daemon.decide.decisions import Decisions
from daemon.decide.outcome import next_due, stands_for_due
from events.schema import (
    SyncCancelled,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
)
from events.terms import BackfillEnd, Kind, RunOptions, ScheduleReason, SkipReason
from projections import connection, health, schedule
from projections.connection import Connection
from projections.grant import Phase
from projections.world import World


def start(command: Start, world: World, now: datetime) -> Decisions:
    """Start what is due, if there is a place for it; else see to its grant."""
    known = world.connections.get(command.subject)
    if known is None or is_full(world):
        return []
    at = connection.next_start(known)
    if at is None or at > now:
        return tokens.tend(command.subject, known, world, now)
    request = known.schedule.request
    kind, options = _what(known, now)
    own = at if kind is Kind.BACKFILL else schedule.next_start(known.schedule)
    started = SyncStarted(
        kind=kind,
        due=own or at,
        priority=priority(known, now),
        request=request.seq if request else None,
        options=options,
    )
    return [(command.subject, started)]


def _what(known: Connection, now: datetime) -> tuple[Kind, RunOptions | None]:
    """A request goes before what is due, and that before the past."""
    if known.schedule.request:
        return Kind.MANUAL, known.schedule.request.options
    if known.backfill and (known.schedule.due is None or known.schedule.due > now):
        return Kind.BACKFILL, days.options(known)
    return Kind.SCHEDULED, None


BACKFILL_PRIORITY = 10


def is_full(world: World) -> bool:
    return len(world.fleet.running) >= world.fleet.policy.concurrency


def priority(known: Connection, now: datetime) -> int:
    """A request goes first, the past last; else health decides (requirement A9)."""
    kind, _ = _what(known, now)
    if kind is Kind.MANUAL:
        return 1
    if kind is Kind.BACKFILL:
        return BACKFILL_PRIORITY
    return health.priority(health.score(known.health, now))


def rank(known: Connection, now: datetime) -> int:
    """Who goes first among those that are due: a request or a doubt, then by priority.

    Some ways out of a doubt close soon.
    """
    at_once = known.schedule.request or known.grant.phase is Phase.IN_DOUBT
    return 0 if at_once else priority(known, now)


def request(command: Request, world: World, now: datetime) -> Decisions:
    """One pending request a connection: a second one is the first."""
    known = world.connections.get(command.subject)
    if known is None or known.removed or known.schedule.request:
        return []
    if known.paused:
        return [(command.subject, SyncSkipped(reason=SkipReason.PAUSED, due=now))]
    if known.grant.phase is Phase.NEEDED:
        return [(command.subject, SyncSkipped(reason=SkipReason.NOT_AUTHORISED, due=now))]
    return [(command.subject, SyncRequested(by=command.by, options=command.options))]


def cancel(command: Cancel, world: World, now: datetime) -> Decisions:
    """Take back what runs (what was due is then due an interval later), else what was requested.

    A backfill ends with its run, or where nothing else can be taken back.
    """
    known = world.connections.get(command.subject)
    if known is None:
        return []
    if known.run:
        subject, cancelled = command.subject, SyncCancelled(sync=known.run.sync, by=command.by)
        next_ = next_due(subject, world, now) if stands_for_due(known.run) else []
        rest = known.run.kind is Kind.BACKFILL
        over = days.ended(subject, known, BackfillEnd.CANCELLED, command.by) if rest else []
        return [(subject, cancelled), *over, *next_]
    if known.schedule.request:
        return [(command.subject, SyncCancelled(by=command.by))]
    return days.ended(command.subject, known, BackfillEnd.CANCELLED, command.by)


def review(command: Review, world: World, now: datetime) -> Decisions:
    """What a step of the clock put further off than it may be: a renewal, a due time, a request."""
    known = world.connections.get(command.subject)
    if known is None or known.removed:
        return []
    past = [
        *tokens.reviewed(command.subject, known, command.by),
        *days.sooner(command.subject, known, world, now),
    ]
    if known.schedule.due is None:
        return past
    policy, planned, asked = world.fleet.policy, known.schedule.due, known.schedule.request
    latest = now if asked and asked.at > now else now + (known.interval or policy.interval)
    rests_too_long = (known.schedule.rest_until or now) > now + policy.crash_delay_max
    if planned <= latest and not rests_too_long:
        return past
    due = min(planned, latest)
    reviewed = SyncScheduled(due=due, reason=ScheduleReason.CLOCK_STEPPED)
    return [*past, (command.subject, reviewed)]
