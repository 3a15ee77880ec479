"""At which times of the day does something new usually come?"""

from datetime import timedelta

import pytest
from hypothesis import given as law
from hypothesis import strategies as st

from projections import usual
from projections.rhythm import Arrival
from tests.policy.rhythms import DAY, MIDNIGHT
from tests.policy.transcript import HOUR, MINUTE

pytestmark = pytest.mark.requirement("A17")

LOOKED = MIDNIGHT + 20 * DAY
NEVER = (0.0,) * usual.BINS


def arrival(day, after, found):
    """On that day, between these hours."""
    start = MIDNIGHT + day * DAY
    return Arrival(after=start + after * HOUR, found=start + found * HOUR, looks=1)


def each_day(after, found, days=range(20)):
    return [arrival(day, after, found) for day in days]


def peaks(*hours, of=0.5):
    """So much in each of the half hours that begin then."""
    return tuple(of if at / 2 in hours else 0.0 for at in range(usual.BINS))


def at(hour, day=0):
    return MIDNIGHT + day * DAY + hour * HOUR


def test_where_nothing_came_nothing_is_usual():
    assert usual.rates([], LOOKED) == NEVER
    assert usual.comes(NEVER, LOOKED) is None


def test_what_comes_once_a_day_adds_up_to_one_in_the_hours_that_all_of_it_fits():
    """Six hours to look in, and one day that was looked at closely: all fits there."""
    rates = usual.rates([*each_day(0, 6), arrival(20, 5, 5.5)], LOOKED + 6 * HOUR)
    assert sum(rates) == pytest.approx(1, abs=0.15)
    assert rates[10] > 0.7
    assert sum(rates[12:]) == 0


def test_days_that_were_not_looked_into_say_nothing_of_the_time():
    rates = usual.rates(each_day(-18, 6), LOOKED)
    assert rates == pytest.approx([rates[0]] * usual.BINS)
    assert sum(rates) == pytest.approx(1, abs=0.15)


def test_newer_ones_count_more():
    rates = usual.rates([*each_day(5, 6, range(10)), *each_day(17, 18, range(10, 20))], LOOKED)
    assert sum(rates[34:36]) > 3 * sum(rates[10:12]) > 0


@pytest.mark.parametrize("years", [1, 15, 73])
def test_one_that_was_found_while_a_clock_was_ahead_counts_like_the_newest(years):
    usually = each_day(5, 6)
    odd = arrival(365 * years, 17, 18)
    rates = usual.rates([*usually[:19], odd, usually[19]], LOOKED)
    assert sum(rates[10:12]) > 3 * sum(rates[34:36]) > 0


def test_a_minute_is_the_least_that_is_told_apart():
    minute = Arrival(after=at(6), found=at(6), looks=1)
    assert usual.overlap(minute) == [(12, 1)]
    assert usual.placed(minute, NEVER)[0][0] == at(6) - timedelta(seconds=0.625)


def test_a_stretch_over_midnight_lies_in_both_days():
    assert usual.overlap(arrival(1, -0.5, 0.25)) == [(47, 30), (0, 15)]


def test_it_has_come_when_most_of_the_usual_hours_are_over():
    stretch = usual.comes(peaks(5.5, 6), at(0))
    assert (stretch.since, stretch.until) == (at(5.5), at(6.5))
    assert stretch.due == at(6.3)


def test_what_is_left_of_them_is_not_enough_once_they_are_half_over():
    """From then on it is the next day's that is waited for."""
    assert usual.comes(peaks(5.5, 6), at(6.25)).due == at(6.3, day=1)


def test_of_two_each_day_the_next_one_is_waited_for():
    assert usual.comes(peaks(6, 18, of=1.0), at(7)).due == at(18.4)


def test_what_comes_at_any_time_has_come_when_it_is_likelier_than_not():
    """Four a day: one each six hours, and one half of one in three."""
    stretch = usual.comes((4 / usual.BINS,) * usual.BINS, at(0) + 10 * MINUTE)
    assert stretch == usual.Stretch(due=at(3) + 10 * MINUTE)


def test_most_of_a_peak_can_lie_before_its_last_half_hour():
    rates = tuple({12: 0.8, 13: 0.1}.get(each, 0.0) for each in range(usual.BINS))
    stretch = usual.comes(rates, at(0))
    assert at(6) < stretch.due < at(6.5)
    assert stretch.until == at(7)


def test_what_comes_more_seldom_than_once_in_two_weeks_is_not_foretold():
    assert usual.comes((0.06 / usual.BINS,) * usual.BINS, at(0)) is None


def test_it_may_have_come_when_it_usually_does():
    placed = usual.placed(arrival(0, 0, 24), peaks(5.5, 6))
    assert [each for each, _ in placed] == [at(6.25), at(5.75)]
    assert [part for _, part in placed] == [0.5, 0.5]


hours = st.floats(0, 40 * 24)


@law(st.lists(st.tuples(hours, st.floats(0.02, 100)), max_size=35), hours)
def test_whatever_was_seen_something_is_foretold_for_later_or_nothing_is(seen, since):
    found = sorted(at(when) for when, _ in seen)
    arrivals = [
        Arrival(after=each - width * HOUR, found=each, looks=1)
        for each, (_, width) in zip(found, seen, strict=True)
    ]
    rates = usual.rates(arrivals, max(found, default=LOOKED))
    assert all(each >= 0 for each in rates)
    stretch = usual.comes(rates, at(since))
    if stretch is not None:
        assert at(since) <= stretch.due <= at(since) + 7 * DAY + HOUR
        if stretch.since:
            assert stretch.due <= stretch.until
    for each in arrivals:
        placed = usual.placed(each, rates)
        assert sum(part for _, part in placed) == pytest.approx(1, abs=0.05)
