"""May a sync start, be requested, be taken back?"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from daemon.commands import Cancel, Request, Review, Start
from daemon.decide import days, quiet, redating, retry, tokens, vain
from daemon.decide.decisions import Decisions
from daemon.decide.outcome import part_of, stands_for_due
from daemon.decide.rotation import is_lifted, next_due, within
from daemon.decide.turn import is_full, opens_at, turn_of
from events.schema import (
    BreakerEased,
    RetryMoved,
    SyncCancelled,
    SyncDeferred,
    SyncRequested,
    SyncSkipped,
    SyncStarted,
)
from events.terms import BackfillEnd, HoldReason, Kind, ScheduleReason
from projections import connection, policy
from projections.breaker import Breaker
from projections.connection import Connection
from projections.schedule import Schedule
from projections.world import World


def start(command: Start, world: World, now: datetime) -> Decisions:
    """Start what is due, if it may start now; else see to its grant.

    What no person asked for is put off where syncs are switched off, and in quiet hours.
    """
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or is_full(world):
        return []
    at = connection.next_start(known)
    if at is None or at > now:
        return tokens.tend(subject, known, world, now)
    asked = known.schedule.request
    if opens_at(world, known.provider, now) is not None and not (asked and asked.forced):
        return tokens.tend(subject, known, world, now)
    turn, rules = turn_of(world, subject, now), policy.of_connection(world, subject)
    quiet_until = quiet.ends(rules, now)
    if not turn.asked and not rules.enabled:
        disabled = SyncDeferred(due=turn.due, reason=HoldReason.DISABLED, until=None)
        return [(subject, disabled)]
    if not turn.asked and quiet_until:
        later = SyncDeferred(due=turn.due, reason=HoldReason.QUIET_HOURS, until=quiet_until)
        return [(subject, later)]
    started = SyncStarted(
        kind=turn.kind,
        due=turn.due,
        priority=turn.priority,
        request=turn.request.seq if turn.request else None,
        options=turn.options,
        attempt=turn.attempt,
        streams=turn.streams,
        forced=turn.request is not None and turn.request.forced,
        quiet=quiet_until is not None,
    )
    return [(subject, started)]


def request(command: Request, world: World, now: datetime) -> Decisions:
    """One pending request a connection: a second one is the first, unless it may do more.

    A forced one may, and any may where no person asked for the first; it stands in for that one.
    """
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed:
        return []
    pending = known.schedule.request
    if pending and not vain.gives_way(pending, command.kind, forced=command.forced):
        return []
    if reason := retry.refusal(known, world, forced=command.forced):
        return [(subject, SyncSkipped(reason=reason, due=now))]
    asked = SyncRequested(
        by=command.by,
        options=command.options,
        kind=command.kind,
        forced=command.forced,
        pass_=command.pass_,
    )
    return [*vain.left_out(subject, pending, command.by), (subject, asked)]


def cancel(command: Cancel, world: World, now: datetime) -> Decisions:
    """Take back what runs (what was due is then due an interval later), else what was requested.

    A backfill ends with its run, or where nothing else can be taken back.
    """
    known = world.connections.get(command.subject)
    if known is None:
        return []
    if known.run:
        subject, part = command.subject, part_of(known.run)
        cancelled = SyncCancelled(sync=known.run.sync, by=command.by, pass_=part)
        next_ = next_due(subject, world, now) if stands_for_due(known.run) else []
        rest = known.run.kind is Kind.BACKFILL
        over = days.ended(subject, known, BackfillEnd.CANCELLED, command.by) if rest else []
        return [(subject, cancelled), *over, *next_]
    if known.schedule.request:
        part = known.schedule.request.pass_
        return [(command.subject, SyncCancelled(by=command.by, pass_=part))]
    if known.schedule.retry:
        return retry.ended(command.subject, known, command.by)
    return days.ended(command.subject, known, BackfillEnd.CANCELLED, command.by)


def review(command: Review, world: World, now: datetime) -> Decisions:
    """What a step of the clock put further off than it may be: due times, waits, a request."""
    subject, known = command.subject, world.connections.get(command.subject)
    if subject in world.providers:
        return _eased(subject, world.providers[subject].breaker, command)
    if known is None or known.removed:
        return []
    past = [
        *tokens.reviewed(subject, known, command.by),
        *days.sooner(subject, known, world, now),
        *_eased(subject, known.breaker, command),
        *_retried(subject, known, command.by),
        *redating.reviewed(subject, world, command.by),
    ]
    if known.schedule.due is None:
        return past
    return [*past, *_replanned(subject, known.schedule, known.schedule.due, world, now)]


def _replanned(
    subject: int, plan: Schedule, due: datetime, world: World, now: datetime
) -> Decisions:
    """A turn no further off than its interval, or now where a request seems to be yet to come."""
    rules, asked = policy.of_connection(world, subject), plan.request
    anew = within(subject, due, world, now, ScheduleReason.CLOCK_STEPPED)
    if asked and asked.at > now:
        anew = replace(anew, due=min(anew.due, now))
    rests_too_long = (plan.rest_until or now) > now + rules.crash_delay_max
    if (anew.due, anew.streams) != (due, plan.streams) or rests_too_long:
        return [(subject, anew)]
    return [(subject, anew)] if is_lifted(subject, world, now) else []


def _eased(subject: int, stop: Breaker, command: Review) -> Decisions:
    """A breaker's wait goes back with the clock."""
    if stop.until is None or command.by > timedelta(0):
        return []
    return [(subject, BreakerEased(until=stop.until + command.by))]


def _retried(subject: int, known: Connection, by: timedelta) -> Decisions:
    """So does a retry's."""
    pending = known.schedule.retry
    if pending is None or by > timedelta(0):
        return []
    return [(subject, RetryMoved(due=pending.due + by))]
