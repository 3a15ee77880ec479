"""How much of the time was a connection up (requirement A6)?"""

from datetime import timedelta

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from projections import health
from projections.health import Health
from tests.policy.transcript import ADDED, HOUR, MINUTE, NOON, ONE, failed, given, lost, succeeded

A_DAY = timedelta(days=1)


def after(*attempts):
    """Attempts that ended: `+` or `-`, each with how long after noon it did."""
    past = [(ONE, ADDED)]
    for sign, ended in attempts:
        event = succeeded(0) if sign == "+" else failed(0, lost())
        past.append((ONE, event, NOON + ended))
    return given(*past).world.connections[ONE].health


def uptime(now, *attempts):
    return health.uptime_percentage(after(*attempts), NOON + now)


@pytest.mark.requirement("A6")
def test_before_the_first_sync_has_ended_there_is_no_uptime():
    assert health.uptime_percentage(Health(), NOON) is None


@pytest.mark.requirement("A6")
def test_it_is_up_while_the_last_sync_is_one_that_succeeded():
    life = [("+", 0 * HOUR), ("-", 6 * HOUR), ("+", 8 * HOUR)]
    assert uptime(6 * HOUR, life[0]) == 100
    assert uptime(8 * HOUR, *life[:2]) == 75
    assert uptime(10 * HOUR, *life) == 80


@pytest.mark.requirement("A6")
def test_time_counts_and_not_how_often_it_was_tried():
    tries = [("-", each * MINUTE) for each in range(60, 120)]
    assert uptime(4 * HOUR, ("+", 0 * HOUR), *tries, ("+", 2 * HOUR)) == 75


@pytest.mark.requirement("A6")
def test_before_the_first_sync_ended_no_time_counts():
    assert uptime(10 * HOUR, ("-", 6 * HOUR), ("+", 8 * HOUR)) == 50


@pytest.mark.requirement("A6")
def test_only_what_was_never_down_has_all_of_it():
    attempts = [("+", 0 * HOUR), ("-", HOUR), ("+", HOUR + timedelta(milliseconds=1))]
    assert uptime(1000 * A_DAY, *attempts) == 99.99


@pytest.mark.requirement("A6")
def test_at_the_very_moment_of_the_first_end_it_is_up_or_down():
    assert uptime(0 * HOUR, ("+", 0 * HOUR)) == 100
    assert uptime(0 * HOUR, ("-", 0 * HOUR)) == 0


@pytest.mark.requirement("A6")
@forall(
    st.lists(st.tuples(st.sampled_from("+-"), st.timedeltas(-A_DAY, 30 * A_DAY)), min_size=1),
    st.timedeltas(-A_DAY, 30 * A_DAY),
)
def test_however_the_clock_steps_it_is_a_share(steps, rest):
    """The clock may go back between two syncs, or after the last one."""
    at, attempts = timedelta(), []
    for sign, step in steps:
        at += step
        attempts.append((sign, at))
    share = uptime(at + rest, *attempts)
    assert share is not None
    assert 0 <= share <= 100


@pytest.mark.requirement("A6")
@forall(
    st.lists(st.tuples(st.sampled_from("+-"), st.integers(1, 1000)), min_size=1),
    st.integers(1, 1000),
)
def test_it_is_what_counting_every_minute_would_give(steps, rest):
    minutes, at, attempts, sign = [], 0, [], None
    for following, step in steps:
        minutes += [sign] * step if sign else []
        at, sign = at + step, following
        attempts.append((sign, at * MINUTE))
    minutes += [sign] * rest
    share = uptime((at + rest) * MINUTE, *attempts)
    assert share == 10_000 * minutes.count("+") // len(minutes) / 100


@pytest.mark.requirement("A6")
def test_the_counters_say_how_many_and_when():
    found = after(("+", HOUR), ("-", 2 * HOUR), ("-", 3 * HOUR))
    assert (found.total, found.successful, found.failed) == (3, 1, 2)
    assert (found.last_success, found.last_failure) == (NOON + HOUR, NOON + 3 * HOUR)
    assert found.consecutive_failures == 2
    assert health.average_duration_ms(found) == 1200


@pytest.mark.requirement("A5")
def test_a_score_is_its_rate_less_its_penalties():
    found, now = after(("+", HOUR), ("-", 2 * HOUR)), NOON + 8 * A_DAY
    parts = (health.failure_penalty(found), health.stale_penalty(found, now))
    assert (health.success_rate(found), *parts, health.score(found, now)) == (50, 10, 20, 20)
    assert health.success_rate(Health()) is None
