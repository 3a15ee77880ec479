"""When is a snapshot made, and which old ones are kept?"""

import itertools
from datetime import timedelta

import pytest

from daemon.decide import snapshots
from tests.policy.transcript import HOUR, MINUTE, NOON

DAY = timedelta(days=1)


def kept(*ages):
    """Which are kept of snapshots of these ages, by their ages; the newest has the last number."""
    made = [(number, NOON - age) for number, age in enumerate(sorted(ages, reverse=True), 1)]
    numbers = snapshots.kept(made, NOON)
    return [NOON - at for number, at in reversed(made) if number in numbers]


def test_none_are_none():
    assert kept() == []


def test_the_newest_are_kept_however_close_they_are():
    ages = [number * MINUTE for number in range(1, 9)]
    assert kept(*ages) == ages[: snapshots.NEWEST]


def test_the_last_of_each_hour_is_kept_for_a_day():
    ages = [quarter * 15 * MINUTE + MINUTE for quarter in range(4 * 24)]
    found = kept(*ages)[snapshots.NEWEST :]
    assert len(found) == 23
    assert {after - before for before, after in itertools.pairwise(found)} == {HOUR}


def test_then_the_last_of_each_day_for_a_month_and_the_last_of_each_month_for_good():
    ages = [number * 6 * HOUR for number in range(4 * 400)]
    found = kept(*ages)
    assert len([age for age in found if DAY <= age < 30 * DAY]) == 29
    older = [(NOON - age).month for age in found if age >= 31 * DAY]
    assert older == [3, 2, 1, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3]


@pytest.mark.parametrize("step", [MINUTE, HOUR, 7 * HOUR, 3 * DAY])
def test_however_they_come_their_number_is_bounded_and_none_comes_back(step):
    """What is dropped today would not have been kept tomorrow."""
    made = [(-number, NOON - number * step) for number in range(2000)]
    now = snapshots.kept(made, NOON)
    assert len(now) <= snapshots.NEWEST + 25 + 31 + 12 * 20
    for wait in (MINUTE, HOUR, DAY, 40 * DAY):
        assert snapshots.kept(made, NOON + wait) <= now


def test_one_that_lies_ahead_of_a_clock_set_back_is_of_now():
    assert kept(-DAY, HOUR, 2 * HOUR, 3 * HOUR) == [-DAY, HOUR, 2 * HOUR, 3 * HOUR]


def test_a_large_fleet_pays_for_one_with_as_many_events():
    assert snapshots.enough(10) == snapshots.EVENTS
    assert snapshots.enough(100_000) == 100_000
