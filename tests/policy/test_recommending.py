"""Which interval would find what is new sooner, or with fewer calls?"""

from datetime import time, timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import recommending
from daemon.decide.recommending import Word
from events import schema
from events.limits import LimitPolicy, Scope, Span
from events.terms import StreamPolicy
from tests.policy.rhythms import DAY, begun, daily
from tests.policy.transcript import ADDED, DECLARED, HOUR, MINUTE, NOON, ONE, lost, setting

pytestmark = pytest.mark.requirement("A17")

STEADY = setting(spread=0.0)


def advised(came, days, *settings, **more):
    life = begun(STEADY, *settings, **more)
    life.until(NOON + days * DAY, came)
    return recommending.advise(life.world, ONE, life.now)


def ways(advice):
    return {each.name: each for each in advice.ways}


def test_what_comes_daily_and_is_looked_for_hourly_is_found_little_later_with_far_fewer_syncs():
    advice = advised(daily(6, 42), 42, setting(interval=HOUR))
    assert advice.word is Word.BETTER
    assert advice.better.name == "adaptive"
    assert advice.better.syncs_a_day < 2
    assert advice.now.syncs_a_day == 24
    assert advice.better.delay <= advice.now.delay + HOUR
    assert advice.arrivals == 35
    assert 34 * 24 < advice.looks < 37 * 24


def test_the_delay_is_the_mean_over_when_it_may_have_come():
    """Found at six each sixth hour, it came somewhere in six hours: three ago, on average."""
    advice = advised(daily(5, 42), 42)
    assert advice.now.delay == pytest.approx(3 * HOUR, abs=10 * MINUTE)
    assert ways(advice)["hourly"].delay == pytest.approx(HOUR / 2, abs=5 * MINUTE)
    assert ways(advice)["weekly"].delay > 3 * DAY
    assert "every_6_hours" not in ways(advice)


def test_what_never_comes_is_best_looked_for_seldom():
    advice = advised([], 42)
    assert (advice.better.name, advice.better.delay) == ("weekly", None)
    assert (advice.arrivals, advice.looks) == (0, 42 * 4 - 1)
    assert "adaptive" not in ways(advice)


def test_what_comes_at_any_time_has_nothing_better():
    came = [NOON + n * 97 * MINUTE for n in range(42 * 15)]
    advice = advised(came, 42)
    assert (advice.word, advice.better) == (Word.NOTHING_BETTER, None)


def test_where_turns_are_adaptive_they_are_counted_and_not_tried():
    advice = advised(daily(6, 42), 42, setting(adaptive=True))
    assert advice.now.syncs_a_day < 2
    assert advice.now.delay < 12 * HOUR
    assert "adaptive" not in ways(advice)
    assert "every_6_hours" in ways(advice)


def test_it_is_told_when_something_new_is_next_expected():
    life = begun(STEADY)
    life.until(NOON + 42 * DAY, daily(5, 42))
    comes = recommending.advise(life.world, ONE, life.now).comes
    assert comes.until - 6.5 * HOUR <= comes.since < comes.until
    assert life.now < comes.until <= life.now + DAY
    assert comes.since.hour <= 5 < comes.until.hour
    assert advised([], 42).comes is None
    assert advised(daily(5, 3), 5).comes is None


# -- what keeps from it ---------------------------------------------------------------------------


def test_before_a_week_and_fourteen_looks_nothing_is_said():
    life = begun(STEADY)
    advice = recommending.advise(life.world, ONE, life.now)
    assert (advice.word, advice.looks_left, advice.arrivals_left) == (Word.NOT_ENOUGH, 14, 5)
    assert (advice.since, advice.known_at) == (NOON, NOON + 7 * DAY)
    life.until(NOON + 6 * DAY, daily(6, 10))
    advice = recommending.advise(life.world, ONE, life.now)
    assert (advice.word, advice.looks_left, advice.arrivals_left) == (Word.NOT_ENOUGH, 0, 0)
    assert advice.known_at == NOON + 7 * DAY


def test_few_arrivals_may_be_chance_until_four_weeks_have_shown_no_more():
    came = [NOON + 3 * DAY, NOON + 5 * DAY]
    advice = advised(came, 14)
    assert (advice.word, advice.arrivals_left) == (Word.NOT_ENOUGH, 3)
    assert advised(came, 29).word is Word.BETTER


def test_nothing_is_known_before_the_first_sync():
    life = begun(STEADY)
    life.fold(4, replace(ADDED, tenant=2))
    advice = recommending.advise(life.world, 4, life.now)
    assert (advice.word, advice.since, advice.known_at) == (Word.NOT_ENOUGH, None, None)


def test_streams_with_intervals_of_their_own_are_left_alone():
    own = (StreamPolicy(name="days"), StreamPolicy(name="alerts", interval=HOUR))
    advice = advised([], 2, declared=replace(DECLARED, streams=own))
    assert advice.word is Word.OWN_INTERVALS


def test_after_going_back_it_is_told_again_once_a_sync_has_looked():
    life = begun(STEADY)
    life.until(NOON + 30 * DAY, daily(6, 31))
    life.fold(ONE, schema.ConnectionRemoved())
    life.fold(ONE, ADDED)
    assert recommending.advise(life.world, ONE, life.now).word is Word.NOT_ENOUGH


# -- what it heeds --------------------------------------------------------------------------------


def calls(count, per=DAY, scope=Scope.CONNECTION):
    return replace(DECLARED, limits=(LimitPolicy(calls=count, span=Span(per=per), scope=scope),))


def test_nothing_is_recommended_that_needs_more_calls_than_the_provider_allows():
    for declared in (calls(24), calls(1, HOUR), calls(24, DAY, Scope.APPLICATION)):
        life = begun(STEADY, declared=declared)
        life.until(NOON + 42 * DAY, daily(6, 42))
        rhythm = replace(life.world.connections[ONE].rhythm, calls=2)
        life.world.connections[ONE] = replace(life.world.connections[ONE], rhythm=rhythm)
        found = ways(recommending.advise(life.world, ONE, life.now))
        assert (found["hourly"].calls_a_day, found["hourly"].beyond) == (48, True)
        assert (found["2h"].calls_a_day, found["2h"].beyond) == (24, False)


def test_no_turn_lies_in_quiet_hours():
    """What comes at six is found at eight at the earliest, however often is asked."""
    quiet = setting(quiet_hours_start=time(1), quiet_hours_end=time(8), interval=HOUR)
    advice = advised(daily(6, 42), 42, quiet)
    assert ways(advice)["15m"].delay > 1.5 * HOUR
    assert advice.better.delay > 1.5 * HOUR


def test_a_gain_in_one_that_costs_the_other_is_none():
    """Twelve hours in place of six would be half the syncs, found later: that is for people."""
    advice = advised(daily(6, 42), 42)
    half = ways(advice)["12h"]
    assert half.syncs_a_day < advice.now.syncs_a_day
    assert half.delay > advice.now.delay
    assert advice.better != half


def test_a_sync_that_fails_is_no_evidence():
    life = begun(STEADY)
    life.until(NOON + 20 * DAY, daily(6, 21))
    before = recommending.advise(life.world, ONE, life.now)
    life.now += timedelta(hours=6)
    life.sync(failures=(lost(),))
    after = recommending.advise(life.world, ONE, life.now)
    assert (after.looks, after.arrivals) == (before.looks, before.arrivals)
