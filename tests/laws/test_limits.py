"""Whatever is called, however clocks step and lives end: no window ever sees more than its limit.

A true window is one by Trio's clock for a sliding limit, since no step moves that, and one by the
wall clock's reading for an aligned one, since that is what aligns it. There the wall clock strays
by less than a window; a provider's own clock could differ from ours by as much.

The peer is PyPI's `limits`, in one process, with its memory for storage and a clock that is set.
What is meant to be the same, and where they differ:

- Its moving window is exact; ours is counted in buckets, a block being counted as late as the last
  of its calls can leave. So ours may refuse where the peer's admits, for two buckets at most after
  the peer's has opened, and never the other way round.
- At the very end of a window the peer still counts the call that began it. Ours never opens that
  early, so it makes no difference.
- Its fixed window begins with the first call in it; ours with the clock's multiples, as providers'
  do. Where the first call comes at such a multiple they are the same, call by call.
- It counts what it refuses in a fixed window, too, which changes nothing: the window is full.
- It follows the wall clock wherever that steps. What ours does then is in the other laws.
"""

import random
from collections import Counter
from datetime import timedelta

import limits as peer
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from limits.storage import memory
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from trio.testing import MockClock

from daemon.decide.limits import PERCENT_MIN
from daemon.limiter import NAP_S_MAX, WAIT_S_MAX
from events.codec import decode
from events.limits import LimitAdapted, LimitHeld, Scope, Span, WindowKind
from events.terms import FailureClass
from projections import allowance, window
from projections import world as worlds
from projections.allowance import PERCENT_MAX
from projections.window import Moment, Window
from projections.world import World
from tests.conversations.haste import Prompt
from tests.fakes.limited import SUBJECTS, Host, aligned, sliding
from tests.policy.transcript import NOON, PROVIDER

pytestmark = pytest.mark.requirement("E3")
SECOND = timedelta(seconds=1)
EVERY_S_MAX = 5.0 * 300  # how long calls are made again and again
EVEN = timedelta(milliseconds=1)  # what two readings of one instant may differ by


# -- the daemon's own: a real limiter and journal, on a disk that outlives its lives ---------------

scopes = st.sampled_from(Scope)
calls = st.tuples(
    st.just("call"),
    st.sampled_from(SUBJECTS),
    st.booleans(),
    st.integers(1, 10),
    st.sampled_from([0, 0, 0.5, 40]),
)
many = st.tuples(st.just("many"), st.sampled_from(SUBJECTS), st.integers(1, 30))
every = st.tuples(
    st.just("every"), st.sampled_from([0.05, 0.3, 0.7, 1.1, 5.0]), st.integers(1, 300)
)
sleeps = st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.2, 0.9, 1.7, 14.0, 31.0, 59.5, 200.0]))
crashes = st.tuples(st.just("crash"), st.sampled_from([0.0, 0.5, 30.0]))
answers = st.tuples(
    st.just("answer"),
    st.sampled_from(SUBJECTS),
    st.sampled_from([None, FailureClass.SERVER, FailureClass.RATE_LIMITED]),
    st.sampled_from([None, None, None, 3 * SECOND, 45 * SECOND]),
)


def lives(steps):
    stepping = st.tuples(st.just("step"), steps)
    return st.lists(
        st.one_of(calls, calls, many, every, sleeps, sleeps, stepping, crashes, answers),
        max_size=25,
    )


def policies(make, lengths):
    one = st.builds(
        make,
        st.sampled_from([1, 2, 3, 5, 10, 30, 60, 100]),
        st.sampled_from(lengths),
        scopes,
        reads_only=st.booleans(),
    )
    return st.lists(one, min_size=1, max_size=3)


class Life:
    """One host, and what it is told to do."""

    def __init__(self, allowed, dice):
        self.host = Host(*allowed, dice=dice)
        self.strayed = timedelta()
        self.stepped = False
        self.lives = 0

    async def live(self, told):
        """Do it all, one life after another; nobody waits for longer than the most."""
        steps = iter(told)
        ended = False
        while not ended:
            self.lives, self.stepped = self.lives + 1, False
            async with self.host.life() as nursery:
                ended, down_s = True, 0.0
                for step in steps:
                    if step[0] == "crash":
                        ended, down_s = False, step[1]
                        break
                    await self.do(nursery, *step)
                if ended:
                    await trio.sleep(EVERY_S_MAX + 2 * WAIT_S_MAX + 60)
                    assert self.host.limiter._lanes == {}
                elif self.stepped:  # a step is seen within a nap; of one that was not nobody knows
                    await trio.sleep(NAP_S_MAX + 2)
            await trio.sleep(down_s)

    async def do(self, nursery, what, *how):
        host = self.host
        match what, *how:
            case "call", subject, reads, priority, lasts_s:
                more = {"reads": reads, "priority": priority, "lasts_s": lasts_s}
                name = (self.lives, subject, reads, priority, host.after)
                nursery.start_soon(lambda: host.call(subject, name=name, **more))
            case "many", subject, count:
                for _ in range(count):
                    nursery.start_soon(host.call, subject)
            case "every", seconds, count:
                nursery.start_soon(self.again_and_again, nursery, seconds, count)
            case "sleep", seconds:
                await trio.sleep(seconds)
            case "step", to:
                host.clock.step(to - self.strayed)
                self.strayed, self.stepped = to, True
            case "answer", subject, cause, hint:
                host.limiter.answered(subject, cause=cause, retry_after=hint)
                assert self.held_for(subject) >= (hint or timedelta()), "no hint is shortened"

    async def again_and_again(self, nursery, seconds, count):
        for _ in range(count):
            nursery.start_soon(self.host.call, SUBJECTS[0])
            await trio.sleep(seconds)

    def held_for(self, subject):
        world = self.host.journal.world
        moment = Moment(wall=self.host.clock.now(), ahead=world.fleet.ahead)
        slices = world.providers[PROVIDER], world.connections[subject]
        return max(allowance.held_for(each.allowance, moment) for each in slices)


def lived(allowed, told, dice):
    life = Life.__new__(Life)

    async def scene():
        life.__init__(allowed, dice)
        await life.live(told)

    trio.run(scene, clock=MockClock(autojump_threshold=0))
    return life.host


def check_windows(host):
    for policy in host.policies:
        per_s = policy.span.per.total_seconds()
        for left in host.counted(policy).values():
            if policy.span.kind is WindowKind.ALIGNED:
                fullest = max(Counter(each.wall // per_s for each in left).values(), default=0)
            else:
                times = sorted(each.after for each in left)
                fullest = max((_within(times, at, per_s) for at in times), default=0)
            assert fullest <= policy.calls, policy


def _within(times, last, per_s):
    """How many lie in the window of that length that ends with this one."""
    return sum(last - per_s + 1e-6 < each <= last for each in times)


def check_holds(host):
    """No call leaves while it is held, however the wall clock steps."""
    for row in host.disk.rows:
        recorded = decode(row)
        event = recorded.event
        if isinstance(event, LimitHeld):
            begun, end = recorded.at - event.ahead - NOON, event.until - event.ahead - NOON
            for each in host.left:
                after = timedelta(seconds=each.after)
                if recorded.subject in (PROVIDER, each.subject):
                    assert not begun + EVEN < after < end - EVEN, event


def check_factor(host):
    percents = [each.percent for each in host.events(LimitAdapted)]
    assert all(PERCENT_MIN <= each <= PERCENT_MAX for each in percents)


def check_replay(host):
    world = World()
    for row in host.disk.rows:
        worlds.fold(world, decode(row))
    assert world == host.journal.world


def check_order(host):
    """Of calls alike, none leaves while a better one waits that came before it left."""
    named = [each for each in host.left if each.name]
    for worse in named:
        for better in named:
            *whose, priority, asked = worse.name
            *others, first, before = better.name
            alike = whose == others and (first, before) < (priority, asked)
            if alike and before < round(worse.after, 3):
                assert better.after <= worse.after, (better, worse)


def check(host):
    check_windows(host)
    check_holds(host)
    check_factor(host)
    check_replay(host)


STRAYS = st.sampled_from([timedelta(seconds=seconds) for seconds in (-20, 0, 20)])
LEAPS = st.sampled_from(
    [timedelta(seconds=seconds) for seconds in (-90_000, -5, -0.7, 0, 5, 90_000)]
)
slow_disks = st.builds(random.Random, st.integers(0, 9))
quick_disks = st.builds(Prompt)
disks = st.one_of(quick_disks, slow_disks)


@settings(max_examples=150)
@given(policies(sliding, [1, 10, 58, 60, 900]), lives(LEAPS), disks)
def test_a_sliding_window_holds_no_more_than_its_limit_whatever_the_wall_clock_does(
    allowed, told, dice
):
    check(lived(allowed, told, dice))


@settings(max_examples=150)
@given(policies(aligned, [60, 100, 900]), lives(STRAYS), disks)
def test_an_aligned_window_holds_no_more_than_its_limit_by_the_wall_clock(allowed, told, dice):
    check(lived(allowed, told, dice))


@settings(max_examples=100)
@given(
    policies(sliding, [10, 58]), policies(aligned, [60, 900]), lives(st.just(timedelta())), disks
)
def test_windows_of_all_kinds_hold_together(some, others, told, dice):
    check(lived([*some, *others], told, dice))


@settings(max_examples=100)
@given(policies(aligned, [60, 100]), lives(st.just(timedelta())), quick_disks)
def test_what_is_over_the_limit_goes_in_order_of_priority(allowed, told, dice):
    check_order(lived(allowed, told, dice))


# -- the peer -------------------------------------------------------------------------------------

BUCKET_S = 10
gaps = st.lists(st.integers(0, 40_000), min_size=1, max_size=150)  # milliseconds


def admits(ours, limit, now):
    return not window.wait(ours, limit, Moment(wall=now))


@given(st.integers(1, 12), gaps)
def test_a_sliding_window_never_admits_what_the_peer_refuses_and_opens_soon_after_it(
    at, limit, waits
):
    per_s = 58 * BUCKET_S
    ours = Window(span=Span(per=per_s * SECOND))
    exact, longer = (
        peer.RateLimitItemPerSecond(limit, length) for length in (per_s, per_s + 2 * BUCKET_S)
    )
    theirs = MovingWindowRateLimiter(memory.MemoryStorage())
    at.now = NOON
    for wait_ms in waits:
        at.now += wait_ms * timedelta(milliseconds=1)
        admitted = admits(ours, limit, at.now)
        assert admitted or not theirs.test(longer, "longer")
        if admitted:
            ours = window.take(ours, 1, Moment(wall=at.now))
            assert theirs.hit(exact, "exact")
            theirs.hit(longer, "longer")


@given(
    st.integers(1, 12),
    st.lists(
        st.tuples(st.integers(1, 3), st.lists(st.integers(0, 59_999), max_size=20)), max_size=12
    ),
)
def test_an_aligned_window_is_the_peers_fixed_one_where_that_begins_with_it(at, limit, minutes):
    ours = Window(span=Span(per=60 * SECOND, kind=WindowKind.ALIGNED))
    item = peer.RateLimitItemPerMinute(limit)
    theirs = FixedWindowRateLimiter(memory.MemoryStorage())
    begun = NOON
    for later, offsets in minutes:
        begun += later * 60 * SECOND
        for offset_ms in (0, *sorted(offsets)):
            at.now = begun + offset_ms * timedelta(milliseconds=1)
            admitted = admits(ours, limit, at.now)
            assert admitted == theirs.hit(item)
            if admitted:
                ours = window.take(ours, 1, Moment(wall=at.now))


@given(st.integers(1, 12), st.lists(st.integers(1, 9), max_size=60), gaps)
def test_blocks_of_any_size_fit_as_many_single_calls_do(limit, sizes, waits):
    """What is said to fit later fits then, and not before."""
    ours, now = Window(span=Span(per=58 * BUCKET_S * SECOND)), NOON
    for wait_ms, size in zip(waits, sizes, strict=False):
        now += wait_ms * timedelta(milliseconds=1)
        wait = window.wait(ours, limit, Moment(wall=now))
        assert (window.count(ours, Moment(wall=now)) >= limit) == bool(wait)
        if wait:
            before = Moment(wall=now + wait - timedelta(microseconds=1))
            assert window.count(ours, before) >= limit
            assert window.count(ours, Moment(wall=now + wait)) < limit
        else:
            fits = limit - window.count(ours, Moment(wall=now))
            ours = window.take(ours, min(size, fits), Moment(wall=now))
