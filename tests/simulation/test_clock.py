"""What does a daemon make of a host clock that jumps?"""

from datetime import timedelta

import trio
from trio.testing import MockClock

from events.codec import decode
from events.envelope import Recorded
from events.schema import ClockStepped, SyncScheduled, SyncSkipped, SyncStarted
from events.terms import Kind, ScheduleReason, SkipReason
from tests.simulation.lives import EPOCH, Month
from tests.simulation.oracle import complaints


def months_story(step: timedelta) -> tuple[list[Recorded], Month]:
    """A day, a jump of the clock, and another day."""

    async def whole() -> Month:
        month = Month(3)
        month.peopled = False

        async def jump() -> None:
            await trio.sleep(24 * 3600)
            month.clock.step(step)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(jump)
            await month.life(timedelta(days=2), kindly=True)
        return month

    month = trio.run(whole, clock=MockClock(autojump_threshold=0))
    return [decode(row) for row in month.disk.rows], month


def test_after_a_jump_back_nothing_waits_for_the_old_time():
    """Due times a month off are decided anew, within an interval from now."""
    events, month = months_story(-timedelta(days=30))
    (stepped,) = [each for each in events if isinstance(each.event, ClockStepped)]
    assert abs(stepped.event.step + timedelta(days=30)) < timedelta(minutes=1)
    anew = [
        each
        for each in events
        if isinstance(each.event, SyncScheduled)
        and each.event.reason is ScheduleReason.CLOCK_STEPPED
    ]
    assert anew
    assert all(each.event.due - each.at <= timedelta(days=1) for each in anew)
    hourly = month.vault.subject("connection", "acme/parts")
    after = [
        each
        for each in events
        if each.seq > stepped.seq
        and each.subject == hourly
        and isinstance(each.event, SyncStarted)
        and each.event.kind is Kind.SCHEDULED  # how many are tried again is a matter of weather
    ]
    assert 20 <= len(after) <= 26


def test_after_a_jump_ahead_what_was_missed_runs_once():
    """One skip says how many due times went by; nothing runs twice for it."""
    events, _ = months_story(timedelta(days=365))
    assert not complaints(events, concurrency=3)
    late = [each for each in events if each.at > EPOCH + timedelta(days=300)]
    skipped = [
        each
        for each in late
        if isinstance(each.event, SyncSkipped)
        and each.event.reason is SkipReason.MISSED
        and each.event.count > 100
    ]
    assert len({each.subject for each in skipped}) == len(skipped) > 0
