"""Which moment of the past does somebody mean?"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.cli import when
from daemon.cli.ending import Ended, Exit

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)  # 13:30 in Madrid


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1204", 1204),
        (" 1204 ", 1204),
        ("now", NOW),
        ("-2h", NOW - timedelta(hours=2)),
        ("-90s", NOW - timedelta(seconds=90)),
        ("-7d", NOW - timedelta(days=7)),
        ("2026-11-20 14:00", datetime(2026, 11, 20, 13, 0, tzinfo=UTC)),
        ("2026-11-20T14:00:05", datetime(2026, 11, 20, 13, 0, 5, tzinfo=UTC)),
        ("2026-11-20 14:00:05.25", datetime(2026, 11, 20, 13, 0, 5, 250_000, tzinfo=UTC)),
        ("2026-07-20 14:00", datetime(2026, 7, 20, 12, 0, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 19, 23, 0, tzinfo=UTC)),
        ("2026-11-20T14:00Z", datetime(2026, 11, 20, 14, 0, tzinfo=UTC)),
        ("2026-11-20 14:00+02:00", datetime(2026, 11, 20, 12, 0, tzinfo=UTC)),
        ("13:00", datetime(2026, 11, 21, 12, 0, tzinfo=UTC)),
        ("13:30:01", datetime(2026, 11, 20, 12, 30, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_understood_as_people_write_it(typed, meant):
    assert when.moment(typed, NOW, MADRID) == meant


@pytest.mark.parametrize("typed", ["02:30", "2026-10-25 02:30"])
def test_of_an_hour_that_comes_twice_the_last_one_that_was_is_meant(typed):
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert when.moment(typed, second + timedelta(minutes=15), MADRID) == second
    assert when.moment(typed, second - timedelta(minutes=15), MADRID) == first
    assert when.moment("2026-10-25 02:30+02:00", NOW, MADRID) == first
    assert when.moment("2026-10-25 02:30", NOW, MADRID) == second


@pytest.mark.parametrize("typed", ["02:30", "2026-03-29 02:30"])
def test_a_time_that_never_was_is_said_to_be_none(typed):
    with pytest.raises(Ended, match="02:30 never was on 2026-03-29: clocks were put forward"):
        when.moment(typed, datetime(2026, 3, 29, 12, 0, tzinfo=UTC), MADRID)


def test_a_date_alone_is_its_first_instant_also_where_clocks_are_put_forward_or_back_at_midnight():
    beirut, havana = ZoneInfo("Asia/Beirut"), ZoneInfo("America/Havana")
    assert when.moment("2026-03-29", NOW, beirut) == datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    assert when.moment("2026-11-01", NOW, havana) == datetime(2026, 11, 1, 4, 0, tzinfo=UTC)


def test_without_a_zone_the_time_is_the_hosts():
    here = datetime(2026, 11, 20, 14, 0).astimezone()
    assert when.moment("2026-11-20 14:00", NOW) == here


def test_what_is_sent_has_an_offset_or_is_a_number():
    assert when.sent("1204", NOW, MADRID) == "1204"
    assert when.sent("2026-11-20 14:00", NOW, MADRID) == "2026-11-20T13:00:00+00:00"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "9" * 19,
        "soon",
        "-2",
        "-2w",
        "25:00",
        "2026-13-01",
        "2026-11-20 24:61",
        "0001-01-01",
    ],
)
def test_what_is_no_moment_is_said_with_how_to_write_one(typed):
    with pytest.raises(Ended) as ended:
        when.moment(typed, NOW, ZoneInfo("Asia/Tokyo"))
    assert ended.value.exit is Exit.USAGE
    assert "-2h" in ended.value.message
