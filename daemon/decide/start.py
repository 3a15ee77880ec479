"""May a sync start, be requested, be taken back?"""

from datetime import datetime, timedelta

from daemon.commands import Cancel, Request, Review, Start
from daemon.decide import days, quiet, retry, tokens
from daemon.decide.breaker import is_latched
from daemon.decide.decisions import Decisions
from daemon.decide.outcome import part_of, stands_for_due
from daemon.decide.rotation import next_due
from daemon.decide.turn import Turn, is_full, opens_at, turn_of
from events.policy import PolicySet
from events.schema import (
    BreakerEased,
    RetryMoved,
    SyncCancelled,
    SyncDeferred,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
)
from events.terms import BackfillEnd, HoldReason, Kind, ScheduleReason, SkipReason
from projections import connection, policy
from projections.breaker import Breaker
from projections.connection import Connection
from projections.grant import Phase as GrantPhase
from projections.world import World


def start(command: Start, world: World, now: datetime) -> Decisions:
    """Start what is due, if it may start now; else see to its grant."""
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
    if not turn.asked and (held := _held(subject, turn, rules, now)):
        return held
    started = SyncStarted(
        kind=turn.kind,
        due=turn.due,
        priority=turn.priority,
        request=turn.request.seq if turn.request else None,
        options=turn.options,
        attempt=turn.attempt,
        streams=turn.streams,
        forced=turn.request is not None and turn.request.forced,
        quiet=quiet.ends(rules, now) is not None,
    )
    return [(subject, started)]


def _held(subject: int, turn: Turn, rules: PolicySet, now: datetime) -> Decisions:
    """What keeps a turn that nobody asked for from starting now, with until when."""
    if not rules.enabled:
        disabled = SyncDeferred(due=turn.due, reason=HoldReason.DISABLED, until=None)
        return [(subject, disabled)]
    until = quiet.ends(rules, now)
    if until is None:
        return []
    return [(subject, SyncDeferred(due=turn.due, reason=HoldReason.QUIET_HOURS, until=until))]


def request(command: Request, world: World, now: datetime) -> Decisions:
    """One pending request a connection: a second one is the first, unless it is forced."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed:
        return []
    pending = known.schedule.request
    if pending and not (command.forced and not pending.forced):
        return []
    if known.paused:
        return [(subject, SyncSkipped(reason=SkipReason.PAUSED, due=now))]
    if known.grant.phase is GrantPhase.NEEDED:
        return [(subject, SyncSkipped(reason=SkipReason.NOT_AUTHORISED, due=now))]
    if _is_shut(world, known) and not command.forced:
        return [(subject, SyncSkipped(reason=SkipReason.BREAKER, due=now))]
    asked = SyncRequested(
        by=command.by,
        options=command.options,
        kind=command.kind,
        forced=command.forced,
        pass_=command.pass_,
    )
    return [(subject, asked)]


def _is_shut(world: World, known: Connection) -> bool:
    """Whether a breaker stands open until somebody closes it."""
    provider = world.providers.get(known.provider)
    return is_latched(known.breaker) or (provider is not None and is_latched(provider.breaker))


def cancel(command: Cancel, world: World, now: datetime) -> Decisions:
    """Take back what runs (what was due is then due an interval later), else what was requested.

    A backfill ends with its run, or where nothing else can be taken back.
    """
    known = world.connections.get(command.subject)
    if known is None:
        return []
    if known.run:
        subject, cancelled = (
            command.subject,
            SyncCancelled(sync=known.run.sync, by=command.by, pass_=part_of(known.run)),
        )
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
    ]
    plan, rules = known.schedule, policy.of_connection(world, subject)
    if plan.due is None:
        return past
    asked = plan.request
    latest = now if asked and asked.at > now else now + rules.interval
    rests_too_long = (plan.rest_until or now) > now + rules.crash_delay_max
    held = plan.hold is not None and plan.hold.until is not None
    if plan.due <= latest and not rests_too_long and not held:
        return past
    due = min(plan.due, latest)
    spread = plan.spread if due == plan.due else timedelta(0)
    reviewed = SyncScheduled(
        due=due,
        reason=ScheduleReason.CLOCK_STEPPED,
        spread=spread,
        streams={name: min(at, latest) for name, at in plan.streams.items()},
    )
    return [*past, (subject, reviewed)]


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
