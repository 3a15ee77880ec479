"""What counts as new, when, and which days and hours make a series?"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from events import schema, versions
from events.envelope import Recorded
from events.terms import FailureClass, Guard, Kind, RollbackScope
from projections import arrivals, traces
from projections.arrivals import Capture, Pause, Reshaped, Series, Step
from tests.policy.arriving import DAY, HOUR, MONDAY, came
from tests.policy.transcript import ADDED, PAUSED, RESUMED, captured, started

pytestmark = pytest.mark.requirement("D5")


def brought(at, new, stream="days", **more):
    return Capture(at=at, stream=stream, new=new, fetched=3, **more)


def first(sync=1, stream="days"):
    """A first load: all that is in force is new."""
    return captured(sync, stream, added=5, removed=0, rows=5)


def test_the_first_load_of_a_stream_is_told_apart_and_what_is_added_later_is_new():
    _, found = came((first(), MONDAY), (captured(2, added=2, rows=7), MONDAY + HOUR))
    assert found == [
        brought(MONDAY, 5, load=True, event=1),
        brought(MONDAY + HOUR, 2, event=2),
    ]


def gathered(*past, until):
    events = [Recorded(seq=n, at=at, subject=4, event=e) for n, (e, at) in enumerate(past, 1)]
    found = (traces.trace(each) for each in events)
    return arrivals.gathered((each for each in found if each), MONDAY, until)


def test_what_came_is_gathered_with_pauses_that_last_and_answers_that_were_doubted():
    doubted = schema.RecordsRefused(
        stream="days",
        version=3,
        cause=FailureClass.MALFORMED,
        fetched=3,
        rows=5,
        guard=Guard.SCHEMA,
        fields=2,
    )
    found = gathered(
        (ADDED, MONDAY),
        (first(), MONDAY),
        (PAUSED, MONDAY + HOUR),
        (RESUMED, MONDAY + 2 * HOUR),
        (doubted, MONDAY + 3 * HOUR),
        (captured(4, added=2, rows=7), MONDAY - HOUR),
        (PAUSED, MONDAY + 4 * HOUR),
        until=MONDAY + DAY,
    )
    assert [each.event for each in found.captures] == [2], "the clock was set back"
    assert [each.event for each in found.reshaped] == [5]
    assert found.pauses == [
        Pause(since=MONDAY + HOUR, until=MONDAY + 2 * HOUR),
        Pause(since=MONDAY + 4 * HOUR, until=MONDAY + DAY),
    ]
    assert gathered((first(), MONDAY), until=MONDAY + DAY).pauses == []


def test_a_stream_that_was_emptied_and_fills_again_brings_what_is_new():
    _, found = came(
        (first(), MONDAY),
        (captured(2, added=0, removed=5, rows=0), MONDAY + HOUR),
        (captured(3, added=4, removed=0, rows=4), MONDAY + 2 * HOUR),
    )
    assert [(each.new, each.load) for each in found] == [(5, True), (0, False), (4, False)]


def test_what_a_backfill_fetches_is_a_load():
    backfill = started(kind=Kind.BACKFILL)
    _, found = came(
        (first(1), MONDAY, 2), (backfill, MONDAY, 7), (captured(7), MONDAY), (captured(9), MONDAY)
    )
    assert [each.load for each in found] == [True, True, False]


def test_what_comes_again_after_a_rollback_or_a_move_is_a_load():
    back = versions.RolledBack(
        to=1,
        scope=RollbackScope.DATA,
        started=3,
        streams=(versions.StreamRestored(stream="days", of=1, rows=5, digest="00"),),
    )
    moved = schema.ConnectionRelinked(provider=1, before=9)
    for event in (back, moved):
        _, found = came(
            (first(), MONDAY), (event, MONDAY), (captured(4), MONDAY), (captured(5), MONDAY)
        )
        assert [each.load for each in found] == [True, True, False]


def test_a_pause_lasts_from_the_first_to_the_next_resumption():
    later = MONDAY + DAY
    reading, found = came((PAUSED, MONDAY), (PAUSED, MONDAY + HOUR), (RESUMED, later))
    assert found == [Pause(since=MONDAY, until=later)]
    assert reading.paused is None
    assert came((PAUSED, MONDAY))[0].paused == MONDAY
    _, (begun_before,) = came((RESUMED, later))
    assert begun_before == Pause(since=arrivals.LONG_AGO, until=later)


def test_an_answer_of_another_shape_is_told_and_other_events_are_not():
    doubted = {"stream": "days", "version": 3, "cause": FailureClass.MALFORMED}
    refused = schema.RecordsRefused(**doubted, fetched=3, rows=5, guard=Guard.SCHEMA, fields=2)
    held = versions.RecordsQuarantined(
        **doubted, guard=Guard.SCHEMA, fetched=3, added=0, changed=0, removed=0, rows=5, offered=3,
        fields=1,
    )  # fmt: skip
    shrunk = schema.RecordsRefused(**doubted, fetched=3, rows=5, guard=Guard.SHRUNK)
    _, found = came((refused, MONDAY), (held, MONDAY), (shrunk, MONDAY), (started(), MONDAY))
    assert found == [
        Reshaped(at=MONDAY, stream="days", event=1, fields=2),
        Reshaped(at=MONDAY, stream="days", event=2, fields=1),
    ]


# -- series ---------------------------------------------------------------------------------------


def test_a_series_has_every_whole_day_from_the_first_capture_on():
    captures = [
        brought(MONDAY + 30 * HOUR, 2, duplicates=1),
        brought(MONDAY + 5 * HOUR, 3),
        brought(MONDAY + 31 * HOUR, 4),
    ]
    found = arrivals.series(captures, [], Step.DAY, "UTC", MONDAY + 3.5 * DAY)
    assert [(each.at, each.new, each.syncs) for each in found.points] == [
        (MONDAY, 3, 1),
        (MONDAY + DAY, 6, 2),
        (MONDAY + 2 * DAY, 0, 0),
    ]
    assert (found.points[1].fetched, found.points[1].duplicates) == (6, 1)


def test_of_what_never_came_there_is_no_series():
    assert arrivals.series([], [], Step.DAY, "UTC", MONDAY) == Series(step=Step.DAY, points=())


def test_a_day_with_a_load_or_in_a_pause_is_set_aside():
    captures = [brought(MONDAY, 9, load=True), brought(MONDAY + DAY, 3), brought(MONDAY, 2)]
    pauses = [Pause(since=MONDAY + 2.5 * DAY, until=MONDAY + 3.5 * DAY)]
    found = arrivals.series(captures, pauses, Step.DAY, "UTC", MONDAY + 5 * DAY)
    assert [each.aside for each in found.points] == [True, False, True, True, False]
    assert (found.points[0].new, found.points[0].syncs) == (2, 2)


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Santiago", "Asia/Kolkata"])
def test_days_begin_at_midnight_of_the_zone_also_where_clocks_change(zone):
    where = ZoneInfo(zone)
    begun = datetime(2026, 1, 1, 9, tzinfo=where)
    captures = [brought(begun, 1)]
    found = arrivals.series(captures, [], Step.DAY, zone, begun + timedelta(days=365))
    dates = [each.at.astimezone(where).date() for each in found.points]
    assert dates == [begun.date() + timedelta(days=n) for n in range(365)]


def test_hours_are_hours():
    captures = [brought(MONDAY + HOUR * 1.5, 1), brought(MONDAY + HOUR * 2.9, 1)]
    found = arrivals.series(captures, [], Step.HOUR, "Europe/Madrid", MONDAY + HOUR * 4.2)
    assert [(each.at, each.new) for each in found.points] == [
        (MONDAY + HOUR, 1),
        (MONDAY + 2 * HOUR, 1),
        (MONDAY + 3 * HOUR, 0),
    ]


def test_a_stream_is_judged_by_the_hour_where_nearly_every_hour_has_a_sync():
    hours = [brought(MONDAY + HOUR * n, 1) for n in range(arrivals.HOURLY_ENOUGH)]
    end = hours[-1].at + HOUR
    assert arrivals.step_of(hours, end) is Step.HOUR
    assert arrivals.step_of(hours[1:], end) is Step.DAY, "too few"
    assert arrivals.step_of(hours, end + 5 * DAY) is Step.DAY, "it stopped being so"
