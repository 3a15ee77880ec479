"""Which event was the last one by then, where a clock was set back and nobody had noticed yet?"""

from datetime import UTC, datetime, timedelta

import pytest

from events.envelope import Recorded
from events.moment import last_by
from events.schema import ClockStepped, DaemonStarted, DaemonStopped

NINE = datetime(2026, 11, 28, 9, tzinfo=UTC)
STARTED, OTHER = DaemonStarted(version="1"), DaemonStopped()
STEPPED = ClockStepped(step=timedelta(hours=-2))
FLEET, ONE = 0, 5


class Log:
    def __init__(self, *past):
        self.events = [
            Recorded(seq=seq, at=NINE + timedelta(minutes=minute), subject=subject, event=event)
            for seq, (subject, minute, event) in enumerate(past, 1)
        ]

    def read(self, after, *, subject=None, limit):
        found = [each for each in self.events if each.seq > after]
        return [each for each in found if subject in (None, each.subject)][:limit]

    def at(self, minute):
        return last_by(self, len(self.events), NINE + timedelta(minutes=minute))


MORNING = [(FLEET, 0, STARTED), *((ONE, 10 * each, OTHER) for each in range(1, 19))]
"""Nineteen events in three hours; then the clock is set back by two."""

SECOND = [(ONE, 60.1, OTHER), (ONE, 60.2, OTHER), (ONE, 60.3, OTHER)]
MANY = [(ONE, 60 + each / 100, OTHER) for each in range(1, 91)]


@pytest.mark.requirement("X1")
@pytest.mark.parametrize("rest", [[], [(FLEET, 60.5, STEPPED)], [(FLEET, 90, STARTED)]])
def test_what_came_before_a_step_back_was_noticed_is_of_the_second_time(rest):
    log = Log(*MORNING, *SECOND, *rest)
    assert [log.at(each) for each in (60.05, 60.15, 60.25, 60.35)] == [7, 20, 21, 22]
    assert log.at(200) == len(log.events)
    assert log.at(50) == 6


@pytest.mark.requirement("X1")
def test_however_much_was_recorded_meanwhile_the_step_is_found():
    log = Log(*MORNING, *MANY, (FLEET, 60.95, STEPPED), (ONE, 61, OTHER))
    assert [log.at(each) for each in (60.015, 60.905, 60.96, 130)] == [20, 109, 110, 111]


@pytest.mark.requirement("X1")
def test_a_clock_that_is_noticed_at_once_or_merely_slewed_begins_nothing_before():
    noticed = Log(*MORNING, (FLEET, 60.5, STEPPED), (ONE, 61, OTHER))
    assert [noticed.at(each) for each in (60.4, 60.6, 61.5)] == [7, 20, 21]
    slewed = Log(*MORNING, (ONE, 179.9, OTHER), (FLEET, 181, STEPPED))
    assert [slewed.at(each) for each in (120.5, 180.5, 181)] == [13, 20, 21]
    assert Log(*MORNING).at(-1) == last_by(Log(), 0, NINE) == 0
