"""When is a snapshot made, and which old ones are kept?"""

import itertools
from datetime import timedelta

import pytest

from daemon.decide import snapshots
from daemon.decide.snapshots import Made
from tests.policy.transcript import HOUR, MINUTE, NOON

DAY = timedelta(days=1)
NO_ROOM = 0  # for more than what is kept for its age


def kept(*ages):
    """Which are kept of snapshots of these ages, by their ages; the newest has the last number."""
    made = [
        Made(number, NOON - age, 100) for number, age in enumerate(sorted(ages, reverse=True), 1)
    ]
    numbers = snapshots.kept(made, NOON, NO_ROOM)
    return [NOON - each.at for each in reversed(made) if each.seq in numbers]


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
    made = [Made(-number, NOON - number * step, 100) for number in range(2000)]
    now = snapshots.kept(made, NOON, NO_ROOM)
    assert len(now) <= snapshots.NEWEST + 25 + 31 + 12 * 20
    for wait in (MINUTE, HOUR, DAY, 40 * DAY):
        assert snapshots.kept(made, NOON + wait, NO_ROOM) <= now


def test_one_that_lies_ahead_of_a_clock_set_back_is_of_now():
    assert kept(-DAY, HOUR, 2 * HOUR, 3 * HOUR) == [-DAY, HOUR, 2 * HOUR, 3 * HOUR]


def test_a_large_fleet_pays_for_one_with_as_many_events():
    assert snapshots.enough(10) == snapshots.EVENTS
    assert snapshots.enough(100_000) == 100_000


def old(*numbers, size=100):
    """Snapshots of these events, all of one month that is long over."""
    return [Made(number, NOON - 100 * DAY + number * MINUTE, size) for number in numbers]


def test_as_many_others_are_kept_as_there_is_room_for():
    made = old(*range(10, 120, 10))
    assert len(snapshots.kept(made, NOON)) == len(made)
    assert len(snapshots.kept(made, NOON, 650)) == 6


def test_those_stay_that_lie_far_from_the_next():
    """Whoever asks for what was true has never many events to wait for."""
    made = old(10, 11, 12, 500, 501, 1000, 1001, 1002, 1003)
    assert max(spread(snapshots.kept(made, NOON, 600))) <= 500


def test_of_many_that_are_alike_every_so_many_stay():
    numbers = range(1, 257)
    found = snapshots.kept(old(*numbers), NOON, 6400)
    assert len(found) == 64
    assert max(spread(found)) <= 8


def spread(numbers):
    found = sorted(numbers)
    return [after - before for before, after in itertools.pairwise([0, *found])]
