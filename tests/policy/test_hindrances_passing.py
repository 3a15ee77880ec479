"""What does a sync wait for that is due, or whose calls may not leave yet?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import hindrance
from daemon.decide.hindrance import Held, Hindrance
from daemon.decide.turn import turn_of
from events.breakers import BreakerOpened, BreakerReason
from events.limits import HoldReason, LimitHeld, StepsSummed
from events.policy import Settings, SettingsSet
from events.schema import FLEET, RetryScheduled, SyncDeferred
from events.terms import FailureClass, Kind
from events.terms import HoldReason as Deferred
from projections import policy
from tests.policy.holding import held, start
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    REQUESTED,
    SECOND,
    TENANT,
    given,
    scheduled,
    setting,
    started,
)

SECOND_PROVIDER = 9
ELSEWHERE = (
    (SECOND_PROVIDER, replace(DECLARED, name="tides")),
    (OTHER, replace(ADDED, provider=SECOND_PROVIDER)),
    (OTHER, scheduled(NOON)),
    (OTHER, started()),
)
BESIDE = ((OTHER, ADDED), (OTHER, scheduled(NOON)), (OTHER, started()))
"""A neighbour at the same provider that runs."""

FORCED = (ONE, replace(REQUESTED, forced=True))
ONE_AT_ONCE = (FLEET, setting(concurrency=1))
ONE_AT_THE_PROVIDER = (PROVIDER, setting(provider_concurrency=1))
UNTIL = NOON + 5 * MINUTE
ASKED = LimitHeld(until=UNTIL, reason=HoldReason.HINT)
LEFT_ALONE = Held(why=Hindrance.ASKED_TO_WAIT, until=UNTIL)


# -- places ---------------------------------------------------------------------------------------


@pytest.mark.requirement("A10")
def test_what_is_due_waits_for_a_place_of_the_fleet_and_is_due_still():
    full = (*ELSEWHERE, ONE_AT_ONCE)
    assert held(*full) == Held(why=Hindrance.FLEET_FULL)
    assert start(*full) == NOON
    assert held(*ELSEWHERE) is None
    assert held(*full, FORCED) == Held(why=Hindrance.FLEET_FULL)
    assert held(*full, (ONE, scheduled(NOON + HOUR))) is None  # by then there may be one


@pytest.mark.requirement("C5")
def test_it_waits_for_a_place_at_its_provider_unless_it_is_forced():
    full = (*BESIDE, ONE_AT_THE_PROVIDER)
    assert held(*full) == Held(why=Hindrance.PROVIDER_FULL)
    assert start(*full) == NOON
    assert held(*full, FORCED) is None
    assert held(*BESIDE) is None
    assert held(*ELSEWHERE, ONE_AT_THE_PROVIDER) is None


@pytest.mark.requirement("C5")
def test_it_waits_for_the_pause_after_a_batch():
    past = (*BESIDE, (PROVIDER, setting(batch_size=1, batch_pause=MINUTE)))
    assert held(*past) == Held(why=Hindrance.BATCH_PAUSE, until=NOON + MINUTE)
    assert start(*past) == NOON


@pytest.mark.requirement("E1")
def test_it_waits_for_the_probe_that_a_half_open_breaker_lets_through():
    shut = BreakerOpened(reason=BreakerReason.CALLS, until=NOON + MINUTE, failures=5)
    past = ((PROVIDER, shut), *BESIDE)
    assert held(*past, now=NOON + MINUTE) == Held(why=Hindrance.PROBE)


@pytest.mark.requirement("A8")
def test_a_retry_waits_for_others_where_only_so_many_run_at_once():
    retry = RetryScheduled(due=NOON, attempt=1, cause=FailureClass.SERVER, priority=5, delay=MINUTE)
    one = (FLEET, setting(retries_at_once=1))
    again = (*ELSEWHERE[:3], (OTHER, started(kind=Kind.RETRY, attempt=1)), one)
    later = (ONE, scheduled(NOON + HOUR))
    assert held(*again, later, (ONE, retry)) == Held(why=Hindrance.RETRIES_FULL)
    assert held(*again, (ONE, retry)) is None  # its turn has come


# -- what a provider asked for --------------------------------------------------------------------


@pytest.mark.requirement("E10")
def test_what_runs_waits_for_as_long_as_its_provider_asked():
    asked = (PROVIDER, ASKED)
    assert held((ONE, started()), asked) == LEFT_ALONE
    assert held((ONE, started()), (ONE, ASKED)) == LEFT_ALONE
    assert held((ONE, started()), asked, now=UNTIL) is None
    assert held(FORCED, (ONE, started(request=len(KNOWN) + 1)), asked) is None
    assert held((ONE, started()), FORCED, asked) == LEFT_ALONE  # that one comes after it


@pytest.mark.requirement("E10")
def test_what_would_start_before_that_is_told_and_what_starts_after_is_not():
    asked = (PROVIDER, ASKED)
    assert held(asked) == LEFT_ALONE
    assert start(asked) == NOON  # it starts, and its calls wait
    assert held(asked, (ONE, scheduled(UNTIL - SECOND))) == LEFT_ALONE
    assert held(asked, (ONE, scheduled(UNTIL))) is None
    assert held(asked, FORCED) is None
    assert held(asked, (ONE, PAUSED)) == Held(why=Hindrance.PAUSED)


@pytest.mark.requirement("E10")
def test_a_clock_that_jumped_does_not_shorten_it():
    ahead = (FLEET, StepsSummed(ahead=HOUR))
    later = Held(why=Hindrance.ASKED_TO_WAIT, until=UNTIL + HOUR)
    assert held(ahead, (PROVIDER, ASKED)) == later


def test_what_was_never_planned_waits_for_nothing():
    declared, added, _ = KNOWN
    world = given(declared, added, (PROVIDER, ASKED)).world
    assert hindrance.of(world, ONE, NOON) is None


# -- in one word ----------------------------------------------------------------------------------


@pytest.mark.requirement("A4")
def test_what_is_kept_beyond_its_time_is_late_and_what_waits_or_is_set_aside_is_not():
    def late(*past, now=NOON):
        world = given(*KNOWN, *past).world
        return hindrance.is_late(hindrance.of(world, ONE, now), turn_of(world, ONE, now), now)

    off = (TENANT, SettingsSet(settings=Settings(enabled=False)))
    put_off = (ONE, SyncDeferred(due=NOON, reason=Deferred.DISABLED, until=None))
    assert late(off)
    assert late(off, put_off)
    assert not late(off, (ONE, scheduled(NOON + HOUR)))
    assert not late()
    assert not late((ONE, PAUSED))
    assert not late(*ELSEWHERE, ONE_AT_ONCE)


@pytest.mark.requirement("A1")
def test_the_intervals_of_streams_are_told_where_they_are_their_own():
    def own(*past):
        return policy.stream_intervals(given(*KNOWN, *past).world, ONE)

    quick = timedelta(seconds=30)
    assert own() == {}
    assert own((ONE, setting(stream_intervals={"days": quick}))) == {"days": quick}
    assert own((ONE, setting(stream_intervals={"days": quick}, interval=quick))) == {}
