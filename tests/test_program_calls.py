"""How do programs' calls wait for their tenant's limits, and what are those told who may not?"""

import itertools
import random
from datetime import timedelta

import pytest
import trio

from daemon import program_turns, waiting_room
from daemon.commands import ProgramCall
from daemon.decide import accounts
from daemon.limiter import NAP_S_MAX, PLACES
from daemon.program_turns import REST_MIN
from daemon.waiting_room import ALIKE_MAX
from events.gateway import CallerAllowanceTaken, CallKind
from events.policy import Settings
from events.terms import FailureClass
from tests.conversations.haste import Prompt
from tests.fakes.limited import Host, aligned
from tests.policy.transcript import HOUR, ONE, OTHER, TENANT

pytestmark = pytest.mark.requirement("E3")
PER_S = 60.0
LONGEST_S = 62.1  # for which a call counts: its block's life, and the window
DEADLINE_S = 30.0


def program(kind=CallKind.READ, endpoint="/days", role=None):
    return ProgramCall(endpoint=endpoint, kind=kind, role=role)


DAYS = program()
AUTH = program(CallKind.AUTH, "/session")


def host_of(*policies, dice=None, **settings):
    host = Host(*policies, dice=dice)
    host.settings = Settings(**settings)
    return host


def check_windows(host, limit):
    """No stretch of a minute holds more calls than that, over all arrivals."""
    for arrived in host.programs().values():
        times = sorted(each.after for each in arrived)
        for first, over in zip(times, times[limit:], strict=False):
            assert over - first > PER_S - 1e-6


# -- the whole of it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "dice"), [(1000, Prompt()), (100, random.Random(3)), (10, random.Random(7))]
)
async def test_at_ten_times_the_limit_none_leaves_early_and_whoever_comes_when_told_is_let_go(
    autojump_clock, limit, dice
):
    calls = 10 * limit
    host = host_of(caller_reads=limit, dice=dice)
    refusals = []

    async def make(name):
        lost = await host.call(program=DAYS, patience_s=DEADLINE_S, name=name)
        times = 0
        while lost is not None:
            assert (lost.cause, lost.sent) == (FailureClass.RATE_LIMITED, False)
            times += 1
            await trio.sleep(lost.retry_after.total_seconds())
            lost = await host.call(program=DAYS, patience_s=DEADLINE_S, name=name)
        refusals.append(times)

    async with host.life(), trio.open_nursery() as callers:
        for number in range(calls):
            callers.start_soon(make, number)
            await trio.sleep(PER_S / calls)
    check_windows(host, limit)
    assert sorted(host.names) == [*range(calls)]
    assert max(refusals) == 1, "whoever comes when told is let go"
    assert all(waited_s == 0 for _, waited_s, _ in host.refused), "and is told at once"
    assert max(host.times()) < 12 * LONGEST_S, "and nobody much later than must be"


async def test_where_more_come_all_the_time_none_leaves_early_either(autojump_clock):
    host = host_of()
    async with host.life(), trio.open_nursery() as callers:
        for _ in range(10 * 1000):
            callers.start_soon(lambda: host.call(program=DAYS, patience_s=DEADLINE_S))
            await trio.sleep(PER_S / 1000)
    check_windows(host, 100)
    assert len(host.left) + len(host.refused) == 10_000
    assert len(host.left) >= 9 * 100, "and the limit is used"


async def test_a_restart_forgets_nothing_and_a_crash_uses_up_what_was_taken(autojump_clock):
    host = host_of(caller_auths=10)
    for _ in range(4):
        async with host.life():
            for _ in range(4):
                await host.call(program=AUTH, patience_s=1.0)
    assert (len(host.left), len(host.refused)) == (10, 6)
    async with host.life():
        await trio.sleep(LONGEST_S - host.after)
        await host.call(program=AUTH, patience_s=1.0)
    assert len(host.left) == 11
    check_windows(host, 10)


async def test_what_a_life_took_and_did_not_use_counts_for_the_next(autojump_clock):
    host = host_of(caller_reads=100)
    async with host.life(), trio.open_nursery() as callers:
        for _ in range(10):
            callers.start_soon(lambda: host.call(program=DAYS))
        await trio.testing.wait_all_tasks_blocked()
        callers.cancel_scope.cancel()
    taken = sum(each.calls for each in host.events(CallerAllowanceTaken))
    async with host.life():
        for _ in range(100):
            await host.call(program=DAYS, patience_s=1.0)
    assert len(host.left) - len(host.refused) <= 100 - taken
    check_windows(host, 100)


# -- turns ----------------------------------------------------------------------------------------


async def test_what_is_over_the_limit_waits_for_its_turn_the_urgent_first(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life():
        await host.call(program=AUTH)
        async with trio.open_nursery() as waiting:
            for name, priority in (("a", 9), ("b", 5), ("c", 1)):
                waiting.start_soon(
                    lambda n=name, p=priority: host.call(name=n, priority=p, program=AUTH)
                )
                await trio.sleep(0.001)
    assert host.names == [None, "c", "b", "a"]
    assert host.refused == []
    check_windows(host, 1)


@pytest.mark.parametrize(
    ("subject", "other"),
    [(ONE, program(endpoint="/hours")), (ONE, program(CallKind.WRITE)), (OTHER, DAYS)],
)
async def test_a_flood_hinders_no_other_endpoint_kind_or_tenant(autojump_clock, subject, other):
    host = host_of()
    host.tenants[OTHER] = 9
    async with host.life() as nursery:
        for _ in range(100 + 2 * ALIKE_MAX):
            nursery.start_soon(lambda: host.call(program=DAYS))
        await trio.sleep(1)
        began = host.after
        await host.call(subject, program=other, name="other")
        await host.call(subject, name="a sync's")
        assert host.after - began < 0.1
    assert host.names[-2:] == ["other", "a sync's"]


async def test_all_of_a_tenants_connections_share_its_limit(autojump_clock):
    host = host_of(caller_auths=2)
    async with host.life():
        for subject in (ONE, OTHER, ONE):
            await host.call(subject, program=AUTH, patience_s=1.0)
    assert (len(host.left), len(host.refused)) == (2, 1)


async def test_an_operators_programs_wait_where_an_admins_may_still_leave(autojump_clock):
    host = host_of(caller_auths=10, caller_operator_share=0.5)
    calls = {role: program(CallKind.AUTH, "/session", role) for role in ("operator", "admin")}
    async with host.life():
        for role in ["operator"] * 6 + ["admin"] * 6:
            await host.call(program=calls[role], patience_s=1.0, name=role)
    assert host.names == ["operator"] * 5 + ["admin"] * 5


async def test_an_operator_does_not_go_on_what_an_admins_block_left(autojump_clock):
    host = host_of(caller_reads=100, caller_operator_share=0.5)
    operator, admin = program(role="operator"), program(role="admin")
    async with host.life(), trio.open_nursery() as callers:
        for _ in range(50):
            await host.call(program=operator, name="operator")
        for _ in range(3):  # who gives up leaves some of the block
            with trio.move_on_after(0):
                await host.call(program=admin)
        callers.start_soon(lambda: host.call(program=operator, patience_s=1.0, name="late"))
    assert "late" not in host.names


async def test_what_is_set_anew_holds_at_once(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life():
        await host.call(program=AUTH)
        host.set(Settings(caller_auths=3), TENANT)
        for _ in range(3):
            await host.call(program=AUTH, patience_s=1.0)
        assert (len(host.left), len(host.refused)) == (3, 1)
        host.set(Settings(caller_auths=2), TENANT)
        await trio.sleep(LONGEST_S)
        for _ in range(3):
            await host.call(program=AUTH, patience_s=1.0)
    assert (len(host.left), len(host.refused)) == (5, 2)


async def test_both_limits_hold_and_the_wait_for_one_does_not_age_the_other(autojump_clock):
    """A call counts when it leaves, not when it began to wait for its provider."""
    host = host_of(aligned(2, 90), caller_auths=2)
    async with host.life(), trio.open_nursery() as callers:
        for _ in range(8):
            callers.start_soon(lambda: host.call(program=AUTH, patience_s=300.0))
            await trio.sleep(0.001)
    check_windows(host, 2)
    assert host.times() == [0, 0, 90, 90, 180, 180, 270, 270]


# -- who may not ----------------------------------------------------------------------------------


async def test_who_would_wait_past_its_deadline_is_told_at_once_when_its_turn_comes(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life():
        await host.call(program=AUTH)
        first = await host.call(program=AUTH, patience_s=30.0)
        second = await host.call(program=AUTH, patience_s=30.0)
        assert [waited_s for _, waited_s, _ in host.refused] == [0, 0]
        assert (first.cause, first.sent) == (FailureClass.RATE_LIMITED, False)
        assert 60 < first.retry_after.total_seconds() <= 63
        assert 60 < (second.retry_after - first.retry_after).total_seconds() <= 66
        assert first.message == (
            "nothing was sent: this tenant's programs may make 1 call of kind auth a minute to"
            f" /session, and these are used up; come back in {first.retry_after.seconds} s, or"
            " raise caller_auths with `rounds policy set`"
        )
        for lost in (first, second):
            await trio.sleep(lost.retry_after.total_seconds() - host.after + 0.01)
            assert await host.call(program=AUTH, patience_s=1.0) is None


async def test_a_full_room_takes_nobody_in_and_says_when_there_is_a_turn(autojump_clock):
    host = host_of(caller_auths=10)
    async with host.life() as nursery:
        for _ in range(10):
            await host.call(program=AUTH)
        for _ in range(ALIKE_MAX):
            nursery.start_soon(lambda: host.call(program=AUTH, patience_s=300.0))
        await trio.sleep(1)
        lost = await host.call(program=AUTH, patience_s=300.0, name="too many")
        assert [name for name, *_ in host.refused] == ["too many"]
        await trio.sleep(lost.retry_after.total_seconds())
        assert len(host.left) == 10 + ALIKE_MAX
        assert await host.call(program=AUTH, patience_s=1.0) is None
    check_windows(host, 10)


async def test_programs_leave_seats_for_syncs(autojump_clock, monkeypatch):
    monkeypatch.setattr(waiting_room, "PROGRAMS_MAX", 3)
    host = host_of(aligned(1, 60))
    async with host.life() as nursery:
        await host.call()
        for number in range(4):
            one = program(endpoint=f"/{number}")
            nursery.start_soon(lambda o=one: host.call(program=o, priority=9, name="program"))
        await trio.sleep(0.01)
        ((_, waited_s, lost),) = host.refused
        assert (waited_s, lost.retry_after.total_seconds()) == (0, REST_MIN.total_seconds() + 1)
        await host.call(name="sync")
    assert host.names == [None, "sync"]


async def test_who_is_told_to_wait_for_the_provider_hears_when_to_come_back(autojump_clock):
    host = host_of(aligned(1, 3600))
    async with host.life():
        await host.call()
        lost = await host.call(program=DAYS, patience_s=1.0)
    assert lost.message.startswith("the provider's limits leave no room for this call now; come")
    assert f"in {lost.retry_after.seconds} s" in lost.message


async def test_who_is_overtaken_until_its_deadline_is_told_when_to_come_back(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life() as nursery:
        await host.call(program=AUTH)
        nursery.start_soon(
            lambda: host.call(program=AUTH, priority=9, patience_s=70.0, name="last")
        )
        await trio.sleep(1)
        await host.call(program=AUTH, priority=1, patience_s=70.0, name="urgent")
    ((name, waited_s, lost),) = host.refused
    assert name == "last"
    assert waited_s < 62
    assert 60 < lost.retry_after.total_seconds() < 130


async def test_appointments_are_bounded(autojump_clock, monkeypatch):
    monkeypatch.setattr(program_turns, "TOLD_MAX", 2)
    host = host_of(caller_auths=1)
    async with host.life():
        await host.call(program=AUTH)
        waits = [(await host.call(program=AUTH, patience_s=1.0)).retry_after for _ in range(4)]
        assert waits[0] < waits[1] < waits[2] == waits[3]
        await trio.sleep(600)
        await host.call(program=AUTH)
        lost = await host.call(program=AUTH, patience_s=1.0)
        assert lost.retry_after == waits[0], "those whose time has passed are forgotten"


# -- leaving the room, and clocks -----------------------------------------------------------------


async def test_who_is_cancelled_leaves_its_turn_to_the_next(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life() as nursery:
        await host.call(program=AUTH)
        nursery.start_soon(lambda: host.call(program=AUTH, patience_s=300.0, name="there"))
        with trio.move_on_after(10):
            await host.call(program=AUTH, priority=1, name="gone")
        await trio.sleep(LONGEST_S)
        assert host.limiter._lanes == {}
    assert host.names == [None, "there"]


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_clock_that_steps_neither_opens_a_window_nor_keeps_it_shut(autojump_clock, step):
    host = host_of(caller_auths=1)
    async with host.life():
        await host.call(program=AUTH)
        host.clock.step(step)
        await trio.sleep(NAP_S_MAX / 4)
        await host.call(program=AUTH, patience_s=1.0)
        await trio.sleep(1)
    assert len(host.left) == 1
    async with host.life():
        await host.call(program=AUTH, name="next")
    assert PER_S < host.left[-1].after <= LONGEST_S


async def test_a_clock_set_back_while_nobody_lived_keeps_nobody_for_ever(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life():
        await host.call(program=AUTH)
    host.clock.step(-1000 * HOUR)
    async with host.life():
        await host.call(program=AUTH, name="next", patience_s=timedelta(minutes=3).total_seconds())
    assert PER_S < host.left[-1].after <= 2 * LONGEST_S


async def test_while_all_wait_nothing_stirs(autojump_clock):
    host = host_of(caller_auths=2)
    async with host.life() as nursery:
        for _ in range(10):
            nursery.start_soon(lambda: host.call(program=AUTH, patience_s=300.0))
        await trio.sleep(1)
        looks, serve = [0.0], host.limiter._serve
        host.limiter._serve = lambda provider: looks.append(host.after) or serve(provider)
        await trio.sleep(300)
    opened = [each.after for each in host.left[2:]]
    assert len(opened) == 8
    for before, look in itertools.pairwise(looks):  # a nap is for clocks that step
        at_an_opening = any(abs(look - each) < 0.01 for each in opened)
        assert at_an_opening or look == pytest.approx(before + NAP_S_MAX)


# -- what it costs --------------------------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch):
    """How often it was looked up what some call is asked of."""
    made = []

    def counted(name):
        look = getattr(accounts, name)
        monkeypatch.setattr(
            accounts, name, lambda *a, **more: made.append(name) or look(*a, **more)
        )

    counted("accounts")
    counted("of_program")
    return made


async def cost_of(looks, waiting, **settings):
    """Of each of so many calls that wait at the same time, each for an endpoint of its own."""
    host = host_of(**settings)
    looks.clear()
    async with host.life(), trio.open_nursery() as callers:
        for number in range(waiting):
            one = program(endpoint=f"/{number}")
            callers.start_soon(lambda o=one: host.call(program=o, patience_s=299.0, lasts_s=0.5))
    assert (len(host.left), host.refused) == (waiting, [])
    return len(looks) / waiting


async def test_a_call_costs_as_much_however_many_wait_for_a_place(autojump_clock, looks):
    few, many = await cost_of(looks, 100), await cost_of(looks, 250)
    assert many == pytest.approx(few, rel=0.1)


async def test_a_call_that_comes_or_goes_costs_as_much_however_many_their_limits_keep(
    autojump_clock, looks
):
    async def cost(waiting):
        host = host_of(caller_reads=1)
        async with host.life() as nursery:
            for number in [*range(waiting), *range(waiting)]:
                one = program(endpoint=f"/{number}")
                nursery.start_soon(lambda o=one: host.call(program=o, patience_s=299.0))
                await trio.sleep(0.001)
            await trio.sleep(1)
            assert len(host.left) == waiting
            looks.clear()
            for _ in range(10):
                await host.call(program=AUTH)
                await host.call()
            assert len(host.left) == waiting + 20
            return len(looks)

    assert await cost(200) <= 1.1 * await cost(50)


# -- what changes while they wait -----------------------------------------------------------------


async def test_what_is_set_anew_holds_for_those_who_wait_as_soon_as_another_comes(autojump_clock):
    host = host_of(caller_auths=1)
    async with host.life() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: host.call(program=AUTH))
        await trio.sleep(1)
        assert len(host.left) == 1
        host.set(Settings(caller_auths=10), TENANT)
        await host.call(program=DAYS)
        await trio.sleep(1)
    assert len(host.left) == 4


async def test_who_waits_for_a_window_to_empty_goes_on_its_own_limit_then(
    autojump_clock, monkeypatch
):
    monkeypatch.setattr(accounts, "WINDOWS_MAX", 2)
    host = host_of(caller_reads=5)
    async with host.life() as nursery:
        await host.call(program=program(endpoint="/1"))
        await trio.sleep(10)
        await host.call(program=program(endpoint="/2"))
        for name in range(3):
            nursery.start_soon(
                lambda n=name: host.call(program=DAYS, name=n, patience_s=299.0, priority=n)
            )
        await trio.sleep(LONGEST_S - 10)
    assert {*host.names[2:]} == {0, 1, 2}
    assert PER_S < min(host.times()[2:]) == max(host.times()[2:]) < LONGEST_S


# -- who waits for a place alone ------------------------------------------------------------------


async def test_who_has_no_time_at_all_hears_of_the_provider_where_its_limit_is_not_used_up(
    autojump_clock,
):
    host = host_of(caller_auths=2 * PLACES)
    async with host.life() as nursery:
        for _ in range(PLACES):
            nursery.start_soon(lambda: host.call(program=AUTH, lasts_s=20.0))
        await trio.sleep(1)
        lost = await host.call(program=AUTH, patience_s=-1e-9)
    assert lost.message.startswith("the provider's limits leave no room for this call now; come")


async def test_who_has_no_patience_waits_for_a_place_and_stirs_little(autojump_clock):
    host = host_of()
    async with host.life() as nursery:
        for _ in range(PLACES):
            nursery.start_soon(lambda: host.call(lasts_s=20.0))
        await trio.sleep(1)
        looks, look = [], host.limiter._purses.closed
        host.limiter._purses.closed = lambda asking: looks.append(asking) or look(asking)
        await host.call(name="hasty", patience_s=0.0)
    assert host.times()[-1] == 20
    assert len(looks) < 30
