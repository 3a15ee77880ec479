"""Whatever programs call, however clocks step and lives end: none of it leaves early.

Counted are the arrivals by tenant, endpoint and kind, by Trio's clock, which never steps. The peer
is PyPI's `limits`, as in the laws of the provider's limits: it is exact, ours may open for two
buckets later, and never sooner.
"""

from datetime import timedelta

import limits as peer
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from limits.storage import memory
from limits.strategies import MovingWindowRateLimiter
from trio.testing import MockClock

from daemon.commands import ProgramCall, TakeAllowance
from daemon.decide import accounts, limits
from daemon.limiter import NAP_S_MAX, WAIT_S_MAX
from events.codec import decode
from events.gateway import CallKind
from events.policy import Settings
from events.schema import FLEET
from projections import window
from projections import world as worlds
from projections.window import Moment
from projections.world import World
from tests.fakes.limited import SUBJECTS, Host, sliding
from tests.laws.test_limits import LEAPS, disks
from tests.policy.transcript import KNOWN, NOON, ONE, OTHER, setting
from tests.policy.transcript import given as known

pytestmark = pytest.mark.requirement("E3")
MILLISECOND = timedelta(milliseconds=1)

# -- the daemon's own: a real limiter and journal, on a disk that outlives its lives ---------------

programs = st.builds(
    ProgramCall,
    endpoint=st.sampled_from(["/days", "/hours"]),
    kind=st.sampled_from(CallKind),
    role=st.sampled_from([None, "operator", "admin"]),
)
patience = st.sampled_from([1.0, 30.0, 90.0, WAIT_S_MAX])
figures = st.sampled_from([1, 2, 3, 10, 30])
shares = st.sampled_from([0.1, 0.5, 1.0])
rules = st.builds(
    Settings,
    caller_reads=figures,
    caller_writes=figures,
    caller_rpcs=figures,
    caller_auths=figures,
    caller_operator_share=shares,
)
steps = st.one_of(
    st.tuples(st.just("many"), st.sampled_from(SUBJECTS), programs, patience, st.integers(1, 40)),
    st.tuples(st.just("many"), st.sampled_from(SUBJECTS), programs, patience, st.just(1)),
    st.tuples(st.just("every"), programs, patience, st.sampled_from([0.3, 1.1, 7.0])),
    st.tuples(st.just("sync"), st.sampled_from(SUBJECTS)),
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.2, 0.9, 14.0, 59.5, 61.0, 200.0])),
    st.tuples(st.just("step"), LEAPS),
    st.tuples(st.just("crash"), st.sampled_from([0.0, 0.5, 30.0])),
)
REPEATED = 100


async def lived(host, told):
    """Do it all, one life after another."""
    todo, ended, strayed = list(told), False, timedelta()
    while not ended:
        ended, down_s, stepped = True, 0.0, False
        async with host.life() as nursery:
            while todo:
                match todo.pop(0):
                    case "crash", down_s:
                        ended = False
                        break
                    case "step", to:
                        host.clock.step(to - strayed)
                        strayed, stepped = to, True
                    case "sleep", seconds:
                        await trio.sleep(seconds)
                    case "sync", subject:
                        nursery.start_soon(host.call, subject)
                    case "many", subject, program, patience_s, count:
                        for _ in range(count):
                            start(nursery, host, subject, program, patience_s)
                    case "every", program, patience_s, seconds:
                        nursery.start_soon(every, nursery, host, program, patience_s, seconds)
            if ended:
                await trio.sleep(REPEATED * 7.0 + 2 * WAIT_S_MAX + 60)
                assert host.limiter._lanes == {}
            elif stepped:  # a step is seen within a nap; of one that was not nobody knows
                await trio.sleep(NAP_S_MAX + 2)
        await trio.sleep(down_s)


async def every(nursery, host, program, patience_s, seconds):
    for _ in range(REPEATED):
        start(nursery, host, ONE, program, patience_s)
        await trio.sleep(seconds)


def start(nursery, host, subject, program, patience_s):
    nursery.start_soon(lambda: host.call(subject, program=program, patience_s=patience_s))


def check_windows(host, allowed):
    """No minute holds more than the limit, nor more of operators' calls than is theirs.

    Of an operator's call alone that is: between its taking and its leaving an admin's may leave.
    """
    for (_, _, kind), left in host.programs().items():
        calls = getattr(allowed, accounts.FIGURES[kind])
        share = max(1, int(round(calls * allowed.caller_operator_share, 6)))
        operators = [each for each in left if each.program.role == "operator"]
        for arrived, most in ((left, calls), (operators, share)):
            for first, over in zip(arrived, arrived[most:], strict=False):
                assert over.after - first.after > 60 - 1e-6, over


def check_refusals(host):
    for _, waited_s, lost in host.refused:
        assert lost.retry_after >= timedelta(seconds=1)
        assert waited_s <= WAIT_S_MAX


def check_replay(host):
    world = World()
    for row in host.disk.rows:
        worlds.fold(world, decode(row))
    assert world == host.journal.world


@settings(max_examples=60)
@given(rules, st.lists(steps, max_size=20), disks, st.booleans(), st.booleans())
def test_no_minute_holds_more_than_its_limit_whatever_the_wall_clock_does(
    allowed, told, dice, narrow, shared
):
    made = []

    async def scene():
        host = Host(*([sliding(20, 58)] if narrow else []), dice=dice)
        host.settings = allowed
        if not shared:
            host.tenants[OTHER] = 9
        made.append(host)
        await lived(host, told)

    trio.run(scene, clock=MockClock(autojump_threshold=0))
    (host,) = made
    check_windows(host, allowed)
    check_refusals(host)
    check_replay(host)


# -- the peer -------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(figures, st.lists(st.integers(0, 9000), min_size=1, max_size=150), disks)
def test_every_arrival_is_one_that_the_peer_admits(at, calls, waits, dice):
    made = []

    async def scene():
        host = Host(dice=dice)
        host.settings = Settings(caller_rpcs=calls)
        made.append(host)
        async with host.life() as nursery:
            for wait_ms in waits:
                program = ProgramCall(endpoint="/days", kind=CallKind.RPC)
                start(nursery, host, ONE, program, 30.0)
                await trio.sleep(wait_ms / 1000)
            await trio.sleep(60)

    trio.run(scene, clock=MockClock(autojump_threshold=0))
    (host,) = made
    item = peer.RateLimitItemPerMinute(calls)
    theirs = MovingWindowRateLimiter(memory.MemoryStorage())
    for left in host.left:
        at.now = NOON + timedelta(seconds=left.after)
        assert theirs.hit(item)


@given(figures, st.lists(st.integers(0, 9000), min_size=1, max_size=150))
def test_what_is_decided_is_never_more_than_the_peer_admits_nor_much_later(at, calls, waits):
    """Single calls, with no commit between: taken and gone."""
    program = ProgramCall(endpoint="/days", kind=CallKind.RPC)
    scene = known(*KNOWN)
    scene.fold(FLEET, setting(caller_rpcs=calls))
    exact = peer.RateLimitItemPerMinute(calls)
    longest_s = -(-window.longest(accounts.CALLERS_SPAN) // timedelta(seconds=1))
    longer = peer.RateLimitItemPerSecond(calls, longest_s)
    theirs = MovingWindowRateLimiter(memory.MemoryStorage())
    at.now = NOON
    for wait_ms in waits:
        at.now += wait_ms * MILLISECOND
        wish = TakeAllowance(subject=ONE, reads=False, program=program, callers=1)
        taken = limits.take(wish, scene.world, at.now)
        account = accounts.of_program(
            scene.world, scene.world.connections[ONE], program, Moment(wall=at.now)
        )
        assert bool(taken) == (not accounts.opens_in(account, Moment(wall=at.now)))
        assert taken or not theirs.test(longer, "longer")
        for subject, event in taken:
            scene.fold(subject, event, at.now)
            assert theirs.hit(exact, "exact")
            theirs.hit(longer, "longer")
