"""Which streams are left out of a sync, since what they wait for is not healthy?"""

import pytest
from msgspec.structs import replace

from daemon.decide.waiting import waits
from events import schema
from events.terms import FailureClass
from tests.policy.transcript import (
    KNOWN,
    ONE,
    RUNNING,
    SYNC,
    captured,
    failed,
    given,
    lost,
    succeeded,
)

pytestmark = pytest.mark.requirement("B13")

GOOD = (*RUNNING, (ONE, captured(SYNC)), (ONE, succeeded(SYNC)))
"""Events 1 to 6: the days were captured, and the sync succeeded."""
BAD = (*GOOD, (ONE, failed(SYNC, lost("days"))))
REFUSED = schema.RecordsRefused(
    stream="days", version=SYNC, cause=FailureClass.EMPTY, fetched=0, rows=5
)


def wait(past, on, came=(), went_wrong=()):
    return waits(given(*past).world.connections[ONE], on, came, went_wrong)


def test_a_stream_that_waits_for_nothing_does_not_wait():
    assert not wait(BAD, None, (), ("days",))


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (KNOWN, True),
        (GOOD, False),
        (BAD, True),
        ((*BAD, (ONE, captured(9))), False),
        ((*GOOD, (ONE, REFUSED)), True),
        ((*GOOD, (ONE, succeeded(SYNC, failures=(lost("alerts"),)))), False),
        ((*GOOD, (ONE, succeeded(SYNC, failures=(lost("days"),)))), True),
    ],
    ids=["never", "captured", "failed", "again", "refused", "another failed", "beside another"],
)
def test_it_waits_for_a_stream_that_has_no_data_or_went_wrong_since(past, expected):
    assert wait(past, "days") is expected


def test_how_it_went_in_this_very_sync_says_more_than_what_was_before():
    assert not wait(BAD, "days", came=("days",))
    assert wait(GOOD, "days", went_wrong=("days",))
    assert wait(GOOD, "days", came=("days",), went_wrong=("days",)), "one of its days failed"
    assert not wait(GOOD, "days", came=("alerts",), went_wrong=("alerts",))


@pytest.mark.parametrize(
    ("past", "expected"),
    [(KNOWN, True), (GOOD, False), (BAD, True), ((*BAD, (ONE, succeeded(9))), False)],
    ids=["never synced", "succeeded", "failed", "again"],
)
def test_it_waits_for_its_connection_while_the_last_finished_sync_did_not_succeed(past, expected):
    assert wait(past, "connection") is expected


def test_how_other_streams_went_says_nothing_of_its_connection_yet():
    assert not wait(GOOD, "connection", went_wrong=("days",))
    assert wait(BAD, "connection", came=("days",))


def test_a_sync_says_which_streams_it_left_out():
    ending = replace(succeeded(SYNC), waiting=("alerts",))
    after = given(*RUNNING, (ONE, captured(SYNC)), (ONE, ending)).world.connections[ONE]
    assert "alerts" not in after.streams
    assert after.health.successful == 1
