"""When is the next turn of a connection, and of those of its streams that have their own?

A turn is the one before plus the interval, stepped past now, with one skip that says how many were
missed (requirement A4). Turns are spread: each connection's lie by a part of its interval of its
own before those of its neighbours, and stay there.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from daemon.commands import Reconsider
from daemon.decide import quiet
from daemon.decide.decisions import Decisions
from events.schema import SyncScheduled, SyncSkipped
from events.terms import HoldReason, ScheduleReason, SkipReason
from projections import policy
from projections.world import World

GOLDEN = 0.6180339887498949  # multiples of it spread evenly, however many there are
SECOND = timedelta(seconds=1)
NO_SPREAD = timedelta(0)


def next_due(subject: int, world: World, now: datetime) -> Decisions:
    """What follows a run that stood for a turn.

    Nothing where the next turn still lies ahead (a manual sync ran before it), or where only a part
    of what is due has run.
    """
    known = world.connections[subject]
    due, run = known.schedule.due, known.run
    if due is None or due > now:
        return []
    ran = run.streams if run else ()
    intervals = own_intervals(world, subject)
    if intervals:
        return _by_stream(subject, world, intervals, ran, now)
    if ran:
        return []
    rules = policy.of_connection(world, subject)
    spread = _spread(subject, rules.interval, rules.spread)
    next_, missed = _stepped(due + known.schedule.spread, rules.interval, spread, now)
    scheduled = SyncScheduled(due=next_, reason=ScheduleReason.INTERVAL, spread=spread)
    if not missed:
        return [(subject, scheduled)]
    first = due + known.schedule.spread + rules.interval - spread
    skipped = SyncSkipped(reason=SkipReason.MISSED, due=first, count=missed)
    return [(subject, skipped), (subject, scheduled)]


def due_streams(world: World, subject: int, now: datetime) -> tuple[str, ...]:
    """Those whose turn has come, where some have turns of their own; empty for all."""
    planned = world.connections[subject].schedule.streams
    intervals = own_intervals(world, subject)
    if not intervals or not planned:
        return ()
    return tuple(name for name in intervals if planned.get(name, now) <= now)


def own_intervals(world: World, subject: int) -> Mapping[str, timedelta]:
    """The interval of every stream, where any has one that is not the connection's; else none."""
    known = world.connections[subject]
    at = world.providers.get(known.provider)
    if at is None:
        return {}
    whole = policy.of_connection(world, subject).interval
    intervals = {
        each.name: policy.stream_interval(world, subject, each.name) or whole for each in at.streams
    }
    return {} if set(intervals.values()) <= {whole} else intervals


def reconsider(command: Reconsider, world: World, now: datetime) -> Decisions:
    """Settings are other ones: end a hold that they no longer ask for, and too long a wait."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed or known.schedule.due is None:
        return []
    rules, schedule = policy.of_connection(world, subject), known.schedule
    intervals = own_intervals(world, subject)
    latest = now + min([rules.interval, *intervals.values()])
    assert schedule.due is not None, "it was just looked at"
    due = min(schedule.due, latest)
    streams = {
        name: min(at, now + intervals[name])
        for name, at in schedule.streams.items()
        if name in intervals
    }
    lifted = schedule.hold is not None and not _holds(schedule.hold.reason, world, subject, now)
    if due == schedule.due and not lifted and streams == schedule.streams:
        return []
    spread = schedule.spread if due == schedule.due else NO_SPREAD
    scheduled = SyncScheduled(
        due=due, reason=ScheduleReason.SETTINGS, spread=spread, streams=streams
    )
    return [(subject, scheduled)]


def _holds(reason: HoldReason, world: World, subject: int, now: datetime) -> bool:
    """Whether a hold would be decided again, and as long."""
    rules, hold = policy.of_connection(world, subject), world.connections[subject].schedule.hold
    if reason is HoldReason.DISABLED:
        return not rules.enabled
    return hold is not None and quiet.ends(rules, now) == hold.until


def _by_stream(
    subject: int,
    world: World,
    intervals: Mapping[str, timedelta],
    ran: tuple[str, ...],
    now: datetime,
) -> Decisions:
    """Step those that ran; what fell due meanwhile and did not run stays due."""
    schedule = world.connections[subject].schedule
    assert schedule.due is not None, "only what is due is stepped"
    share = policy.of_connection(world, subject).spread
    planned: dict[str, datetime] = {}
    decided: Decisions = []
    for name, interval in intervals.items():
        due = schedule.streams.get(name, schedule.due)
        if due > now or (ran and name not in ran):
            planned[name] = due
            continue
        fresh = name not in schedule.streams
        spread = _spread(subject, interval, share) if fresh else NO_SPREAD
        planned[name], missed = _stepped(due, interval, spread, now)
        if missed:
            skipped = SyncSkipped(
                reason=SkipReason.MISSED, due=due + interval - spread, count=missed, stream=name
            )
            decided.append((subject, skipped))
    scheduled = SyncScheduled(
        due=min(planned.values()), reason=ScheduleReason.INTERVAL, streams=planned
    )
    return [*decided, (subject, scheduled)]


def _stepped(
    slot: datetime, interval: timedelta, spread: timedelta, now: datetime
) -> tuple[datetime, int]:
    """The first turn after now, and how many before it were missed."""
    steps = max(1, (now - (slot - spread)) // interval + 1)
    return slot + steps * interval - spread, steps - 1


def _spread(subject: int, interval: timedelta, share: float) -> timedelta:
    """By how much this connection's turns lie before their slots: stable, in whole seconds."""
    return interval * share * (subject * GOLDEN % 1) // SECOND * SECOND
