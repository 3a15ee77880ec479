"""How does a backfill go on?"""

from datetime import date, datetime, timedelta

from daemon.commands import Backfill, Crash, Finish
from daemon.decide.decisions import Decisions
from daemon.decide.outcome import runs
from events.schema import BackfillAdvanced, BackfillEnded, BackfillRequested
from events.terms import BackfillEnd, Caller, FailureClass, Kind, Mode, RunOptions
from projections import policy
from projections.connection import Connection
from projections.provider import Provider
from projections.world import World

ONE_DAY = timedelta(days=1)
NONE = timedelta(0)
CRASHES_MAX = 3  # in a row, until a backfill is given up

PASSES = frozenset(
    {
        FailureClass.NETWORK,
        FailureClass.TIMEOUT,
        FailureClass.SERVER,
        FailureClass.RATE_LIMITED,
    }
)
"""What goes by: a backfill waits for it. Anything else a person must look at."""

HOPELESS = frozenset({FailureClass.AUTH, FailureClass.RETIRED, FailureClass.RATE_LIMITED})
"""After these the other days of a stream would only fail alike, in this run."""

CUTS = HOPELESS & PASSES
"""At these a stream of a backfill stops, to go on from there another time."""


def backfill(command: Backfill, world: World) -> Decisions:
    """One backfill a connection: another one takes the place of what is left of the first."""
    known = world.connections.get(command.subject)
    if known is None or known.removed or command.last < command.first or command.batch < 1:
        return []
    asked = BackfillRequested(
        first=command.first,
        last=command.last,
        batch=command.batch,
        threshold=command.threshold,
        by=command.by,
    )
    return [
        *ended(command.subject, known, BackfillEnd.CANCELLED, command.by),
        (command.subject, asked),
    ]


def ended(subject: int, known: Connection, how: BackfillEnd, by: Caller | None = None) -> Decisions:
    """End what is left of a backfill, if there is any."""
    if known.backfill is None:
        return []
    return [(subject, BackfillEnded(how=how, last=known.backfill.last, by=by))]


def options(known: Connection) -> RunOptions:
    """The next days of a backfill: the newest that are left."""
    left = known.backfill
    assert left is not None, "a backfill runs while there is one"
    first = max(left.first, left.last - (left.batch - 1) * ONE_DAY)
    return RunOptions(first=first, last=left.last, threshold=left.threshold)


def advance(command: Finish, world: World, now: datetime) -> Decisions:
    """Go on after the days of this run, or where it was cut; where nothing came, later or never."""
    if not runs(world, command.subject, command.sync):
        return []
    known = world.connections[command.subject]
    run, left = known.run, known.backfill
    if run is None or run.kind is not Kind.BACKFILL or left is None:
        return []
    if run.options is None or run.options.last != left.last:  # another one was asked for meanwhile
        return []
    first = run.options.first
    assert first is not None, "a backfill's run says which days"
    wait = max((each.retry_after for each in command.failures if each.retry_after), default=NONE)
    interval = policy.of_connection(world, command.subject).interval
    if not command.captured:
        causes = {each.cause for each in command.failures}
        if not causes or not causes <= PASSES:  # without a cause there was nothing to fetch
            return ended(command.subject, known, BackfillEnd.FAILED)
        due = now + max(wait, interval)
        return [(command.subject, BackfillAdvanced(last=left.last, due=due, reached=left.reached))]
    if cuts := _cuts(command):
        reached = _reached(world.providers[known.provider], first, cuts)
        due = now + (wait or interval)
        on = BackfillAdvanced(last=max(cuts.values()), due=due, reached=reached)
        return [(command.subject, on)]
    if first <= left.first:
        return [(command.subject, BackfillEnded(how=BackfillEnd.DONE))]
    return [(command.subject, BackfillAdvanced(last=first - ONE_DAY, due=now + wait))]


def _cuts(command: Finish) -> dict[str, date]:
    """Where each stream stopped that did not get through this run's days."""
    return {each.stream: each.day for each in command.failures if each.day and each.cause in CUTS}


def _reached(provider: Provider, first: date, cuts: dict[str, date]) -> dict[str, date]:
    """How far each stream has come that is ahead of the one which is furthest behind."""
    windows = [each.name for each in provider.streams if each.mode is Mode.WINDOW]
    reached = {name: first for name in windows if name not in cuts}
    reached |= {name: day + ONE_DAY for name, day in cuts.items()}
    return {name: day for name, day in sorted(reached.items()) if day <= max(cuts.values())}


def give_up(command: Crash, world: World) -> Decisions:
    """Days on which our own code fails again and again would keep all other syncs waiting."""
    known = world.connections.get(command.subject)
    if known is None or known.run is None or known.run.kind is not Kind.BACKFILL:
        return []
    if known.crashes + 1 < CRASHES_MAX:
        return []
    return ended(command.subject, known, BackfillEnd.FAILED)


def sooner(subject: int, known: Connection, world: World, now: datetime) -> Decisions:
    """A backfill that the clock put further off than a rest may be goes on after such a rest."""
    left, latest = known.backfill, now + policy.of_connection(world, subject).interval
    if left is None or left.due <= latest:
        return []
    return [(subject, BackfillAdvanced(last=left.last, due=latest))]
