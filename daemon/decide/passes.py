"""When has a pass come to its end, and what did it come to?"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from daemon.commands import BeginPass, FillPass
from daemon.decide.decisions import Decisions
from events.envelope import Recorded
from events.passes import PassBegun, PassEnded, PassFilled
from events.schema import (
    FLEET,
    Event,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncSkipped,
    SyncSucceeded,
)
from projections import policy, tally
from projections.tally import Tally
from projections.world import World

PASSES_MAX = 16  # under way at once
ENDING = (SyncSucceeded, SyncFailed, SyncCancelled, SyncSkipped, SyncInterrupted)


def begin(command: BeginPass, world: World) -> Decisions:
    """So many at a time: one that waits, for breakers or limits, must not keep others waiting."""
    full = len(world.fleet.passes) >= PASSES_MAX
    return [] if full else [(FLEET, PassBegun(by=command.by))]


def fill(command: FillPass, world: World) -> Decisions:
    """All requests are made."""
    under_way = next((each for each in world.fleet.passes if each.number == command.number), None)
    if under_way is None or under_way.wanted is not None:
        return []
    return [(FLEET, PassFilled(number=command.number, wanted=under_way.requested))]


def ended(decided: Decisions, world: World, now: datetime) -> Decisions:
    """What is decided may end passes that somebody asked for: say what they came to."""
    found: Decisions = []
    for under_way in world.fleet.passes:
        after = under_way
        for subject, event in decided:
            if isinstance(event, PassFilled) and event.number == under_way.number:
                after = replace(after, wanted=event.wanted)
            elif number_of(event) == under_way.number:
                after = _counted(after, subject, event, now)
        whole = after.wanted is not None and tally.ended(after) >= after.wanted
        if after is not under_way and whole:
            found.append((FLEET, _summary(after, now)))
    return found


def slot_ended(subject: int, ending: Event, world: World, now: datetime) -> Decisions:
    """Of what nobody asked for, an interval's worth at one provider is a pass."""
    at = world.connections[subject].provider
    provider = world.providers.get(at)
    if provider is None or provider.tally is None:
        return []
    if now - provider.tally.begun < policy.of_provider(world, at).interval:
        return []
    return [(at, _summary(_counted(provider.tally, subject, ending, now), now))]


def number_of(event: Event) -> int | None:
    """Which pass an event counts for, as something that has come to its end."""
    return event.pass_ if isinstance(event, ENDING) else None


def _counted(before: Tally, subject: int, event: Event, now: datetime) -> Tally:
    return tally.evolve(before, Recorded(seq=0, at=now, subject=subject, event=event))


def _summary(of: Tally, now: datetime) -> PassEnded:
    return PassEnded(
        begun=of.begun,
        duration_ms=max(0, (now - of.begun) // timedelta(milliseconds=1)),
        total=tally.ended(of),
        successful=of.successful,
        failed=of.failed,
        others=of.others,
        refreshes=of.refreshes,
        days=of.days,
        records=of.records,
        errors=of.errors,
        number=of.number,
    )
