"""When is the newest data later than usual?"""

import pytest

from projections import freshness
from projections.arrivals import Capture
from projections.baseline import Season
from projections.drift import Rule
from tests.policy.arriving import HOUR, MONDAY

pytestmark = pytest.mark.requirement("D5")
RULE = Rule()


def captures(*hours, new=1):
    return [Capture(at=MONDAY + HOUR * each, stream="days", new=new, fetched=1) for each in hours]


def daily(days, at=6.0):
    return captures(*(24 * n + at for n in range(days)))


def of(found, hour, rule=RULE):
    return freshness.of(found, MONDAY + HOUR * hour, rule)


def test_of_what_never_came_nothing_can_be_said():
    assert of([], 9) is None
    assert of(captures(1, new=0), 9) is None, "it brought nothing new"
    assert of([Capture(at=MONDAY, stream="days", new=5, fetched=5, load=True)], 9) is None


def test_with_too_little_behind_it_nothing_is_late():
    found = of(daily(10), 24 * 30)
    assert (found.late, found.expected_s, found.age_s) == (False, None, (24 * 21 - 6) * 3600)
    assert of(daily(10), 24 * 10).expected_s is None
    assert of(captures(0, 1), 24 * 40).expected_s is None, "two arrivals tell of one wait"


def test_after_two_weeks_it_is_likened_to_the_same_hour_of_other_days():
    found = of(daily(20), 24 * 19 + 12)
    assert (found.season, found.moments) == (Season.HOUR, 19)
    assert (found.age_s, found.expected_s, found.spread_s) == (6 * 3600, 6 * 3600, 0)
    assert not found.late


def test_it_is_late_one_usual_wait_after_the_usual_age():
    at_noon = of(daily(20), 24 * 20 + 12)
    assert (at_noon.age_s, at_noon.limit_s) == (30 * 3600, 30 * 3600)
    assert not at_noon.late, "to the second"
    assert of(daily(20), 24 * 20 + 13).late is False, "an hour later it is usually older, too"
    assert of(daily(20), 24 * 21 + 12).late


def test_what_stays_away_for_long_does_not_become_usual():
    for days in (22, 40, 100, 400):
        found = of(daily(20), 24 * days + 12)
        assert (found.late, found.expected_s) == (True, 6 * 3600)


def test_a_sync_that_runs_later_than_yesterday_makes_nothing_late():
    assert not of([*daily(30), *captures(24 * 30 + 11)], 24 * 30 + 10.9).late


def test_what_pauses_at_weekends_is_not_late_on_a_monday_morning():
    work = [24 * n + 9 for n in range(60) if n % 7 < 5]
    monday = of(captures(*work[:40]), 24 * 56 + 8)
    assert (monday.season, monday.moments) == (Season.WEEKDAY_HOUR, 7)
    assert monday.expected_s == monday.age_s == (2 * 24 + 23) * 3600
    assert not monday.late
    assert of(captures(*work[:39]), 24 * 56 + 8 + 3).late, "Friday brought nothing"


def test_what_comes_at_odd_times_is_late_later():
    odd = captures(*(24 * n + (n * 7) % 20 for n in range(40)))
    wide, narrow = of(odd, 24 * 42), of(odd, 24 * 42, Rule(threshold=1))
    assert wide.spread_s > 0
    assert wide.limit_s > narrow.limit_s
    assert wide.limit_s == wide.expected_s + RULE.threshold * 1.4826 * wide.spread_s


def test_what_came_later_is_not_looked_at():
    at = 24 * 35 + 12
    assert of(daily(60), at) == of(daily(36), at)
