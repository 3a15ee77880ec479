"""When is the next turn of a connection, and of those of its streams that have their own?

A turn is the one before plus the interval, stepped past now, with one skip that says how many were
missed (requirement A4). Turns are spread: each connection's lie by a part of its interval of its
own before those of its neighbours, and stay there. An adaptive turn keeps to no slots: it
is counted from the end of the one before.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from daemon.commands import Reconsider
from daemon.decide import adaptive, quiet, retry
from daemon.decide.decisions import Decisions
from events.policy import PolicySet
from events.schema import Event, SyncScheduled, SyncSkipped
from events.terms import HoldReason, ScheduleReason, SkipReason
from projections import policy, rhythm
from projections.connection import Connection
from projections.schedule import NO_SPREAD, Schedule, is_held
from projections.world import World

GOLDEN = 0.6180339887498949  # multiples of it spread evenly, however many there are
SECOND = timedelta(seconds=1)


def next_due(
    subject: int,
    world: World,
    now: datetime,
    waiting: Collection[str] = (),
    ending: Event | None = None,
) -> Decisions:
    """What follows a run that stood for a turn, in which some streams were left `waiting`.

    Nothing where the next turn still lies ahead (a manual sync ran before it), or where only a part
    of what is due has run. `ending` is the run's, which is not folded yet.
    """
    known = world.connections[subject]
    plan, run = known.schedule, known.run
    assert run is not None, "what follows a run is decided while it is known"
    if plan.due is None or plan.due > now:
        return []
    intervals = own_intervals(world, subject)
    if intervals:
        return _by_stream(subject, world, intervals, run.streams, now, waiting=waiting)
    if run.streams:
        return []
    rules = policy.of_connection(world, subject)
    if rules.adaptive:
        return [(subject, _adaptive(subject, known, rules, now, ending))]
    spread = _spread(subject, rules.interval, rules.spread)
    first = plan.due + plan.spread + rules.interval - spread
    missed = _missed(first, rules.interval, now)
    skipped = SyncSkipped(reason=SkipReason.MISSED, due=first, count=missed)
    scheduled = SyncScheduled(
        due=first + missed * rules.interval, reason=ScheduleReason.INTERVAL, spread=spread
    )
    return [*([(subject, skipped)] if missed else []), (subject, scheduled)]


def _adaptive(
    subject: int, known: Connection, rules: PolicySet, now: datetime, ending: Event | None
) -> SyncScheduled:
    """By what is learnt with this ending too: a look that failed tells nothing."""
    seen = rhythm.evolve(known.rhythm, known.run, ending) if ending else known.rhythm
    spread = _spread(subject, rules.adaptive_least, rules.spread)
    explores = seen.looks > known.rhythm.looks
    return adaptive.turn(seen, rules, now, spread=spread, explores=explores)


def due_streams(world: World, subject: int, now: datetime) -> tuple[str, ...]:
    """Those whose turn has come, where some have turns of their own; empty for all."""
    planned = world.connections[subject].schedule.streams
    if not planned:
        return ()
    return tuple(name for name in own_intervals(world, subject) if planned.get(name, now) <= now)


def own_intervals(world: World, subject: int) -> Mapping[str, timedelta]:
    """The interval of every stream, where any has one that is not the connection's; else none."""
    streams = world.providers[world.connections[subject].provider].streams
    whole = policy.of_connection(world, subject).interval
    intervals = {
        each.name: policy.stream_interval(world, subject, each.name) or whole for each in streams
    }
    return {} if set(intervals.values()) <= {whole} else intervals


def reconsider(command: Reconsider, world: World, now: datetime) -> Decisions:
    """Settings are other ones: end what they no longer ask for, a hold, a wait, or a retry."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed or known.schedule.due is None:
        return []
    fewer = retry.reconsidered(subject, world)
    plan = within(subject, known.schedule.due, world, now)
    same = (plan.due, plan.streams) == (known.schedule.due, known.schedule.streams)
    return fewer if same and not is_lifted(subject, world, now) else [*fewer, (subject, plan)]


def within(
    subject: int,
    due: datetime,
    world: World,
    now: datetime,
    reason: ScheduleReason = ScheduleReason.SETTINGS,
) -> SyncScheduled:
    """What is planned, but no turn further off than its interval, or a wait that was asked for."""
    before, intervals = world.connections[subject].schedule, own_intervals(world, subject)
    rules, wait = policy.of_connection(world, subject), waits_until(before, now)

    def bounded(at: datetime, interval: timedelta) -> datetime:
        """That turn; an interval from now, spread like any, if it lies beyond both."""
        sooner = now + interval - _spread(subject, interval, rules.spread)
        return at if at <= max(now + interval, wait) else max(sooner, wait)

    streams = {
        name: bounded(at, intervals[name])
        for name, at in before.streams.items()
        if name in intervals
    }
    if streams:
        stepped = [] if due in before.streams.values() else [due]  # sooner than any, for a request
        first = min([*stepped, *streams.values()])
        return SyncScheduled(due=first, reason=reason, streams=streams)
    interval = min(intervals.values(), default=policy.longest(rules))
    sooner = bounded(due, interval)
    moved = _spread(subject, interval, rules.spread)
    spread = before.spread if sooner == due else moved
    learnt = before.learnt if sooner == due else None
    return SyncScheduled(due=sooner, reason=reason, spread=spread, learnt=learnt)


def waits_until(plan: Schedule, now: datetime) -> datetime:
    """Until when the provider asked to be left alone; now, where it did not, or the clock stepped.

    What it asked for is never shortened (requirement E10).
    """
    wait = plan.wait
    return wait.until if wait and wait.since <= now < wait.until else now


def is_lifted(subject: int, world: World, now: datetime) -> bool:
    """Whether what holds it back now would not be decided again, or not for as long."""
    plan, rules = world.connections[subject].schedule, policy.of_connection(world, subject)
    if plan.hold is None or not is_held(plan, now):
        return False
    if plan.hold.reason is HoldReason.DISABLED:
        return rules.enabled
    return quiet.ends(rules, now) != plan.hold.until


def _by_stream(
    subject: int,
    world: World,
    intervals: Mapping[str, timedelta],
    ran: tuple[str, ...],
    now: datetime,
    *,
    waiting: Collection[str],
) -> Decisions:
    """Step those that ran; what fell due meanwhile and did not run stays due.

    A stream's first turn of its own is spread, and so are all that follow from it. One that was
    left waiting goes with the next turn of any other, if that is sooner.
    """
    plan, share = world.connections[subject].schedule, policy.of_connection(world, subject).spread
    assert plan.due is not None, "only what is due is stepped"
    planned: dict[str, datetime] = {}
    decided: Decisions = []
    for name, interval in intervals.items():
        own = plan.streams.get(name)
        due = own or plan.due
        if due > now or (ran and name not in ran):
            planned[name] = due
            continue
        moved = NO_SPREAD if own else plan.spread - _spread(subject, interval, share)
        first = due + moved + interval
        missed = _missed(first, interval, now)
        planned[name] = first + missed * interval
        if missed:
            skipped = SyncSkipped(reason=SkipReason.MISSED, due=first, count=missed, stream=name)
            decided.append((subject, skipped))
    soonest = min(planned.values())
    planned |= {name: soonest for name in waiting if soonest > now and name in planned}
    scheduled = SyncScheduled(due=soonest, reason=ScheduleReason.INTERVAL, streams=planned)
    return [*decided, (subject, scheduled)]


def _missed(first: datetime, interval: timedelta, now: datetime) -> int:
    """How many turns, from that one on, are not after now."""
    return max(0, (now - first) // interval + 1)


def _spread(subject: int, interval: timedelta, share: float) -> timedelta:
    """By how much this connection's turns lie before their slots: stable, in whole seconds."""
    return interval * share * (subject * GOLDEN % 1) // SECOND * SECOND
