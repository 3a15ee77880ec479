"""Who goes when not all may: in which order, for how long, and what becomes of the rest?"""

from datetime import timedelta

import pytest
import trio

from daemon import limiter, purses
from daemon.limiter import NAP_S_MAX, PLACES, WAIT_S_MAX
from daemon.waiting_room import ROOM_MAX
from events.limits import AllowanceTaken, LimitAdapted, LimitHeld, Scope, StepsSummed
from events.terms import FailureClass
from tests.conversations.haste import Prompt
from tests.fakes.limited import Host, aligned, sliding
from tests.policy.transcript import HOUR, MINUTE, ONE, OTHER

pytestmark = pytest.mark.requirement("E3")
OWN = Scope.CONNECTION


class Slow(Prompt):
    """Dice for a disk on which each commit takes a fifth of a second."""

    def uniform(self, a, b):
        return 0.2


async def test_what_is_over_the_limit_waits_for_the_next_window_in_order_of_priority(
    autojump_clock,
):
    host = Host(aligned(2, 60))
    async with host.life():
        for _ in range(2):
            await host.call()
        async with trio.open_nursery() as waiting:
            for name, priority in (("a", 9), ("b", 5), ("c", 1), ("d", 5), ("e", 1)):
                waiting.start_soon(lambda n=name, p=priority: host.call(name=n, priority=p))
                await trio.sleep(0.001)
    assert host.times() == [0, 0, 60, 60, 120, 120, 180]
    assert [{*host.names[at : at + 2]} for at in (2, 4, 6)] == [{"c", "e"}, {"b", "d"}, {"a"}]
    assert host.refused == []


async def test_a_lesser_call_goes_first_only_where_the_better_one_may_not(autojump_clock):
    host = Host(aligned(100, 60), aligned(2, 60, OWN))
    async with host.life():
        for _ in range(2):
            await host.call(ONE)
        async with trio.open_nursery() as waiting:
            waiting.start_soon(lambda: host.call(ONE, priority=1, name="own limit is used up"))
            await trio.sleep(0.001)
            waiting.start_soon(lambda: host.call(OTHER, priority=9, name="has its own"))
    assert host.names[2:] == ["has its own", "own limit is used up"]
    assert host.times()[2:] == [0, 60]


async def test_a_write_does_not_wait_for_the_limit_of_reads(autojump_clock):
    host = Host(aligned(100, 60), aligned(2, 60, reads_only=True))
    async with host.life():
        for _ in range(2):
            await host.call()
        async with trio.open_nursery() as waiting:
            waiting.start_soon(lambda: host.call(priority=1, name="read"))
            await trio.sleep(0.001)
            waiting.start_soon(lambda: host.call(priority=9, reads=False, name="write"))
    assert host.names[2:] == ["write", "read"]


async def test_where_nothing_is_limited_nothing_waits_and_nothing_is_recorded(autojump_clock):
    host = Host()
    async with host.life():
        before = len(host.disk.rows)
        for _ in range(1000):
            await host.call()
        assert host.after == 0
        assert len(host.disk.rows) == before


async def test_a_busy_account_takes_few_blocks_and_a_quiet_one_wastes_nothing(autojump_clock):
    busy = Host(aligned(10_000, 3600))
    async with busy.life():
        for _ in range(200):
            await busy.call()
    assert len(busy.events(AllowanceTaken)) < 20
    quiet = Host(sliding(1000, 3600))
    async with quiet.life():
        for _ in range(20):
            await quiet.call()
            await trio.sleep(600)
    assert sum(each.calls for each in quiet.events(AllowanceTaken)) == 20


async def test_what_is_left_of_a_block_is_not_used_after_its_time(autojump_clock):
    host = Host(sliding(100, 58))
    async with host.life():
        for _ in range(3):
            await host.call()  # blocks of one and two
        await trio.sleep(0.5)
        await host.call()  # a block of four, good to the end of the second second
        await trio.sleep(2)
        await host.call()
    assert [each.calls for each in host.events(AllowanceTaken)] == [1, 2, 4, 1]


async def test_a_crash_uses_up_what_was_taken(autojump_clock):
    host = Host(aligned(20, 3600))
    for _ in range(8):
        async with host.life():
            for _ in range(2):
                await host.call()  # on a block of one, and half of one of two
    assert sum(each.calls for each in host.events(AllowanceTaken)) == 20
    assert (len(host.left), len(host.refused)) == (14, 2)


async def test_a_block_that_expires_while_it_is_committed_is_taken_again(autojump_clock):
    host = Host(aligned(20, 60), dice=Slow())
    async with host.life():
        await trio.sleep(59.9 - host.after)
        await host.call()
    first, second = host.events(AllowanceTaken)
    assert second.until - first.until == MINUTE
    assert host.times(1) == [60.3]


# Waits that are too long.


async def test_who_would_wait_for_long_is_told_when_to_come_back(autojump_clock):
    host = Host(aligned(1, 3600))
    async with host.life():
        await host.call()
        await host.call(name="second")
    ((name, waited_s, lost),) = host.refused
    assert (name, waited_s) == ("second", 0)
    assert (lost.cause, lost.sent, lost.status) == (FailureClass.RATE_LIMITED, False, None)
    assert timedelta(minutes=59) < lost.retry_after <= timedelta(hours=1)
    assert "sync less often" in lost.message


async def test_patience_can_be_less_than_the_most(autojump_clock):
    host = Host(aligned(1, 60))
    async with host.life():
        await host.call()
        await host.call(patience_s=5.0, name="hasty")
        await host.call(patience_s=61.0, name="patient")
    assert [name for name, *_ in host.refused] == ["hasty"]
    assert host.names == [None, "patient"]


async def test_who_is_overtaken_for_all_that_time_is_told_to_come_back(autojump_clock):
    host = Host(aligned(1, 60))
    async with host.life() as nursery:

        async def overtaking():
            while True:
                await host.call(priority=1)

        nursery.start_soon(overtaking)
        nursery.start_soon(overtaking)
        await trio.sleep(1)
        await host.call(priority=9, name="last")
    ((name, waited_s, lost),) = host.refused
    assert name == "last"
    assert WAIT_S_MAX - 60 <= waited_s <= WAIT_S_MAX
    assert timedelta() < lost.retry_after <= MINUTE


async def test_a_full_room_takes_nobody_in(autojump_clock):
    host = Host(aligned(1, 60))
    async with host.life() as nursery:
        await host.call()
        for _ in range(ROOM_MAX):
            nursery.start_soon(host.call)
        await trio.sleep(0.01)
        await host.call(name="too many")
        assert [(name, waited) for name, waited, _ in host.refused] == [("too many", 0)]
        assert host.refused[0][2].retry_after == MINUTE


# Places.


async def test_no_more_are_under_way_than_there_are_places_and_those_too_go_by_priority(
    autojump_clock,
):
    host = Host()
    async with host.life(), trio.open_nursery() as waiting:
        for count in range(PLACES):
            waiting.start_soon(lambda n=count: host.call(lasts_s=2 * WAIT_S_MAX + n))
        await trio.sleep(0.01)
        for name, priority in (("late", 9), ("soon", 1)):
            waiting.start_soon(lambda n=name, p=priority: host.call(name=n, priority=p, lasts_s=9))
            await trio.sleep(0.001)
    assert host.names[PLACES:] == ["soon", "late"]
    assert host.refused == []  # no limit kept them: that is the provider's own slowness
    assert host.times()[PLACES:] == [2 * WAIT_S_MAX, 2 * WAIT_S_MAX + 1]


# Cancelling.


async def test_who_is_cancelled_in_the_room_leaves_it_to_the_others(autojump_clock):
    host = Host(aligned(2, 60))
    async with host.life() as nursery:
        for _ in range(2):
            await host.call()
        with trio.move_on_after(10):
            await host.call(priority=1, name="gone")
        nursery.start_soon(lambda: host.call(name="there"))
        await trio.sleep(60)
        assert host.limiter._lanes == {}
    assert host.names[2:] == ["there"]


async def test_who_is_cancelled_before_it_leaves_gives_back_what_it_was_given(autojump_clock):
    host = Host(aligned(10, 60), dice=Slow())
    async with host.life():
        await host.call()
        for _ in range(9):
            with trio.move_on_after(0.001):
                await host.call(name="gone")
        assert host.names == [None]
        await trio.sleep(1)
        for _ in range(9):
            await host.call(name="there")
    assert len(host.left) == 10
    assert max(host.times()) < 60


async def test_a_call_that_fails_leaves_its_place(autojump_clock):
    host = Host()
    async with host.life():
        for _ in range(2 * PLACES):
            with pytest.raises(ValueError, match="broken"):
                async with host.limiter.place(ONE, reads=True, priority=5):
                    raise ValueError("broken")
        assert host.limiter._lanes == {}


# Answers.


@pytest.mark.requirement("E10")
async def test_after_a_hint_nothing_leaves_before_it_not_even_on_allowance_that_is_left(
    autojump_clock,
):
    host = Host(aligned(100, 3600))
    async with host.life():
        for _ in range(4):
            await host.call()
        host.limiter.answered(
            OTHER, cause=FailureClass.RATE_LIMITED, retry_after=timedelta(seconds=90)
        )
        await host.call(name="held")
        (held,) = host.events(LimitHeld)
    assert host.times()[-1] == 90
    assert held.until.timestamp() <= host.left[-1].wall


@pytest.mark.requirement("E10")
async def test_a_hint_that_comes_while_a_call_waits_for_its_commit_holds_that_call_too(
    autojump_clock,
):
    host = Host(aligned(100, 3600), dice=Slow())
    async with host.life() as nursery:
        began = host.after
        nursery.start_soon(lambda: host.call(name="held"))
        await trio.sleep(0.001)
        host.limiter.answered(ONE, retry_after=timedelta(seconds=30))
        await trio.sleep(60)
    assert [round(each.after - began) for each in host.left] == [30]


@pytest.mark.requirement("E10")
async def test_a_long_hint_sends_those_away_who_wait(autojump_clock):
    host = Host(aligned(1, 60))
    async with host.life() as nursery:
        await host.call()
        nursery.start_soon(lambda: host.call(name="waits"))
        await trio.sleep(1)
        host.limiter.answered(ONE, cause=FailureClass.SERVER, retry_after=HOUR)
        await trio.sleep(1)
    ((name, waited_s, lost),) = host.refused
    assert (name, waited_s, lost.retry_after) == ("waits", 1, HOUR)


@pytest.mark.requirement("E10")
async def test_less_is_used_in_trouble_and_all_of_it_again_when_it_is_over(autojump_clock):
    host = Host(aligned(10, 60))
    per_minute = []
    async with host.life() as nursery:

        async def always():
            while True:
                await host.call()
                host.limiter.answered(ONE)

        nursery.start_soon(always)
        await trio.sleep(1)
        host.limiter.answered(ONE, cause=FailureClass.SERVER)
        await trio.sleep(40 * 60)
        for minute in range(1, 40):
            inside = [each for each in host.times(3) if 60 * minute <= each < 60 * (minute + 1)]
            per_minute.append(len(inside))
    assert per_minute[0] == 5
    assert per_minute == sorted(per_minute)
    assert per_minute[-1] == 10
    assert [each.percent for each in host.events(LimitAdapted)] == [50, 60, 70, 80, 90, 100]


# Clocks.


async def test_a_window_opens_by_the_wall_clock_also_where_that_steps(autojump_clock):
    host = Host(aligned(1, 120))
    async with host.life() as nursery:
        await host.call()
        nursery.start_soon(lambda: host.call(name="waits"))
        await trio.sleep(1)
        host.clock.step(timedelta(seconds=110))
        await trio.sleep(NAP_S_MAX)
    assert host.names == [None, "waits"]
    assert host.times()[1] <= NAP_S_MAX


async def test_a_sliding_window_knows_nothing_of_steps_in_this_life_or_the_next(autojump_clock):
    host = Host(sliding(1, 58))
    async with host.life():
        await host.call()
        host.clock.step(HOUR)
        await trio.sleep(NAP_S_MAX / 4)
        await host.call(patience_s=1.0)
        await trio.sleep(1)  # so that it is on disk how far the clock stepped
    assert len(host.left) == 1
    async with host.life():
        await host.call(name="next")
    assert 58 < host.times()[-1] <= 60
    assert [each.ahead for each in host.events(StepsSummed)] == [HOUR]


async def test_a_clock_that_was_set_back_while_nobody_lived_keeps_nobody_for_ever(autojump_clock):
    host = Host(sliding(1, 58), aligned(1, 60))
    async with host.life():
        await host.call()
    host.clock.step(-1000 * HOUR)
    async with host.life():
        await host.call(name="next")
    assert 58 < host.left[-1].after <= 121


@pytest.mark.parametrize(
    ("policy", "rests_s", "step_s"), [(sliding(20, 58), 1.2, -1), (aligned(20, 60), 0, 60)]
)
async def test_what_is_left_of_a_block_does_not_outlive_it_by_a_step(
    autojump_clock, policy, rests_s, step_s
):
    host = Host(policy)
    async with host.life():
        for _ in range(2):
            await host.call()  # on a block of one, and half of one of two
        await trio.sleep(rests_s)
        host.clock.step(timedelta(seconds=step_s))
        await trio.sleep(rests_s)
        await host.call()
    assert len(host.events(AllowanceTaken)) == 3


async def test_an_aligned_window_that_comes_again_is_as_full_as_it_was(autojump_clock):
    host = Host(aligned(5, 60))
    async with host.life():
        for _ in range(5):
            await host.call()
        host.clock.step(MINUTE)
        await host.call()
        host.clock.step(-MINUTE)
        await host.call(name="waits")
    assert host.times()[-1] >= 60


async def test_few_blocks_are_kept_in_memory(autojump_clock, monkeypatch):
    monkeypatch.setattr(purses, "BLOCKS_MAX", 1)
    host = Host(aligned(100, 3600, OWN))
    async with host.life():
        for _ in range(5):
            await host.call(ONE)
            await host.call(OTHER)
        assert len(host.limiter._purses._blocks) == 1
    assert len(host.left) == 10


def test_the_transport_never_queues_what_left_here():
    assert limiter.CONNECTIONS_MAX == PLACES


async def test_a_forced_call_waits_for_nothing_and_counts(autojump_clock):
    host = Host(aligned(2, 60))
    async with host.life():
        for _ in range(2):
            await host.call()
        await host.call(forced=True)
        await host.call()
    assert host.times() == [0, 0, 0, 60]


async def test_a_forced_call_takes_a_place_that_others_wait_for(autojump_clock):
    host = Host(aligned(1000, 60))
    async with host.life(), trio.open_nursery() as calls:
        for _ in range(PLACES):
            calls.start_soon(lambda: host.call(forced=True, lasts_s=7))
        await trio.sleep(0.001)
        calls.start_soon(lambda: host.call(name="waits"))
    assert (host.names[-1], host.times()[-1]) == ("waits", 7)


async def test_the_block_that_a_call_relies_on_is_not_forgotten_for_another(
    autojump_clock, monkeypatch
):
    monkeypatch.setattr(purses, "BLOCKS_MAX", 2)
    host = Host(aligned(100, 3600), aligned(100, 3600, OWN))
    async with host.life():
        for _ in range(5):
            await host.call(ONE)
            await host.call(OTHER)
    assert len(host.left) == 10
