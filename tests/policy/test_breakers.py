"""When does a breaker open, and for how long?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import breaker as decide_breaker
from events import schema
from events.breakers import BreakerReason
from events.schema import (
    BreakerClosed,
    BreakerProbed,
)
from events.terms import FailureClass
from projections.breaker import Phase
from projections.fleet import DEFAULT_POLICY
from tests.policy.breaking import (
    LATER,
    MANY,
    OPEN,
    SILENT,
    Life,
    by_syncs,
    opened,
    settings,
    waited,
)
from tests.policy.transcript import (
    HOUR,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    SECOND,
)

# -- calls ----------------------------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_five_failed_calls_within_ten_seconds_open_it_for_thirty():
    life = Life()
    life.start()
    for second in range(4):
        assert life.call(now=NOON + second * SECOND) == []
    last = NOON + 9 * SECOND
    assert life.call(now=last) == [(ONE, opened(now=last))]
    assert life.phase(now=last + 30 * SECOND - timedelta(microseconds=1)) is Phase.OPEN
    assert life.phase(now=last + 30 * SECOND) is Phase.HALF_OPEN


@pytest.mark.requirement("E1")
def test_failed_calls_outside_the_window_do_not_open_it():
    life = Life()
    life.start()
    for second in range(0, 100, 3):  # four of them in any ten seconds
        assert life.call(now=NOON + second * SECOND) == []


@pytest.mark.requirement("E1")
def test_threshold_window_and_open_time_are_settings():
    life = Life(
        settings(breaker_failures=2, breaker_window=MINUTE),
        settings(ONE, breaker_open=5 * MINUTE),
    )
    life.start()
    life.call()
    late = NOON + 59 * SECOND
    assert life.call(now=late) == [(ONE, opened(failures=2, wait=5 * MINUTE, now=late))]


def test_calls_that_the_clock_will_see_do_not_count():
    """It stepped back: they lie ahead, and outside the window."""
    life = Life()
    life.start()
    for _ in range(4):
        life.call(now=NOON + HOUR)
    assert life.call() == []


@pytest.mark.parametrize("cause", SILENT)
def test_a_call_that_is_not_the_providers_failure_counts_for_nothing(cause):
    life = Life()
    life.start()
    for _ in range(20):
        assert life.call(cause) == []
    for _ in range(4):
        assert life.call() == []
    assert len(life.call()) == 1


def test_a_success_forgets_the_calls_that_failed():
    life = Life(settings(breaker_syncs_in_a_row=20))
    life.start()
    for _ in range(4):
        life.call()
    life.end()
    life.start()
    assert life.call() == []


def test_calls_that_fail_while_it_is_open_change_nothing():
    life = Life()
    life.start()
    for _ in range(5):
        life.call()
    assert [life.call() for _ in range(20)] == [[]] * 20


# -- syncs ----------------------------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_five_failed_syncs_in_a_row_open_it():
    life = Life()
    assert life.sync_each("----") == []
    assert life.sync_each("-") == [by_syncs(5)]


@pytest.mark.parametrize("word", ["----", "-+" * 4, "+" * 6 + "----+-", "-" + "+" * 20 + "----"])
def test_fewer_in_a_row_or_of_the_last_twenty_do_not(word):
    assert Life().sync_each(word) == []


def test_half_of_the_last_twenty_open_it_where_they_are_at_least_five():
    life = Life()
    assert life.sync_each("+-" * 4) == []
    assert life.sync_each("+-") == [by_syncs(5)]
    assert Life().sync_each("+" * 10 + "----+----+--") == [by_syncs(10)]


def test_the_share_is_of_the_last_twenty_and_no_more():
    """Ten of the last twenty-one failed, but nine of the last twenty."""
    life = Life(settings(breaker_syncs_in_a_row=20))
    life.sync_each("-" + "+" * 11)
    assert life.sync_each("----+----") == []


def test_row_and_share_are_settings():
    assert Life(settings(breaker_syncs_in_a_row=2)).sync_each("--") == [by_syncs(2)]
    few = settings(breaker_syncs_in_a_row=20, breaker_syncs_share=0.1)
    assert Life(few).sync_each("+" * 10 + "-----") == [by_syncs(5)]


@pytest.mark.parametrize("cause", SILENT)
def test_what_says_nothing_of_the_provider_neither_counts_nor_breaks_a_row(cause):
    life = Life()
    assert life.sync_each("----") == []
    for _ in range(5):
        assert life.sync(cause) == []
    assert life.sync_each("-") == [by_syncs(5)]


def test_a_sync_counts_if_any_of_its_failures_is_the_providers():
    """The first of them is not, here: it is remembered all the same."""
    life = Life()
    both = (FailureClass.AUTH, FailureClass.TIMEOUT)
    for _ in range(4):
        assert life.sync(*both) == []
    assert life.sync(*both) == [by_syncs(5, cause=FailureClass.TIMEOUT)]


def test_a_crash_of_ours_counts_for_nothing():
    life = Life()
    life.sync_each("----")
    life.start()
    life.at.fold(ONE, schema.SyncFailed(sync=1, duration_ms=1, cause="internal", message=""))
    assert life.phase() is Phase.CLOSED
    assert life.sync_each("-") == [by_syncs(5)]


# -- a provider's ---------------------------------------------------------------------------------


def test_a_providers_breaker_wants_several_connections_failing():
    """Else one bad account would stop all."""
    life = Life(connections=MANY)
    for _ in range(3):
        for each in (ONE, OTHER):
            assert [s for s, _ in life.sync(FailureClass.SERVER, subject=each)] in ([], [each])
    assert life.sync(FailureClass.SERVER, subject=5) == [(PROVIDER, opened(BreakerReason.SYNCS, 7))]


def test_a_providers_breaker_counts_the_calls_of_all_its_connections():
    life = Life(connections=MANY)
    for each in MANY:
        life.start(each)
    for each in (ONE, OTHER, ONE, OTHER):
        assert life.call(subject=each) == []
    assert life.call(subject=5) == [(PROVIDER, OPEN)]


def test_how_many_connections_must_fail_is_the_providers_setting():
    one = settings(PROVIDER, breaker_connections=1, breaker_failures=2)
    life = Life(one)
    life.start()
    life.call()
    assert life.call() == [(ONE, opened(failures=2)), (PROVIDER, opened(failures=2))]


def test_a_providers_probes_close_it():
    life = Life((PROVIDER, OPEN), connections=MANY)
    assert life.sync(subject=5, now=LATER) == [(PROVIDER, BreakerProbed(successes=1))]
    assert life.sync(subject=6, now=LATER) == [(PROVIDER, BreakerClosed(successes=2))]


# -- how long it stays open -----------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_the_open_time_is_constant():
    life, now = waited(), LATER
    for _ in range(5):
        assert life.sync(FailureClass.SERVER, now=now) == [
            (ONE, opened(BreakerReason.PROBE, 1, now=now))
        ]
        now += 30 * SECOND


@pytest.mark.requirement("E1")
def test_the_open_time_doubles_where_that_is_set_up_to_its_greatest():
    life = waited(settings(breaker_doubling=True, breaker_open_max=3 * MINUTE))
    now = LATER
    for seconds in (60, 120, 180, 180):
        wait = seconds * SECOND
        assert life.sync(FailureClass.SERVER, now=now) == [
            (ONE, opened(BreakerReason.PROBE, 1, wait, now=now))
        ]
        now += wait
    life.sync(now=now)
    life.sync(now=now)
    assert life.sync_each("-----", now=now) == [by_syncs(5, now=now)]


@pytest.mark.parametrize(
    ("first", "most", "times", "wait"),
    [
        (timedelta(hours=9_999_999), timedelta(hours=9_999_999), 10_000, None),
        (MINUTE, SECOND, 0, MINUTE),
        (timedelta(0), HOUR, 40, timedelta(0)),
        (SECOND, HOUR, 11, 2048 * SECOND),
        (SECOND, HOUR, 12, HOUR),
    ],
)
def test_doubling_stays_within_its_bounds(first, most, times, wait):
    policy = replace(
        DEFAULT_POLICY, breaker_open=first, breaker_open_max=most, breaker_doubling=True
    )
    assert decide_breaker._open_time(policy, times) == (wait if wait is not None else most)
