"""Days lie end to end in every time zone, times are read as they were written, and what failed is
owed until it comes."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from daemon import windows
from daemon.stream_file import Window
from daemon.windows import MISSED_MAX, OWED_MAX
from events import schema
from events.envelope import Recorded
from events.terms import FailureClass, RunOptions, StreamFailure
from projections import streams
from projections.streams import FAILED_DAYS_MAX, Stream

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

UNITS = {
    "datetime": SECOND,
    "unix": SECOND,
    "unix_ms": timedelta(milliseconds=1),
    "unix_ns": MOMENT,
}
"""The formats that say an instant, and what they cannot tell apart."""

ODD = [
    ("Europe/Madrid", date(2026, 3, 29)),  # 23 hours
    ("Europe/Madrid", date(2026, 10, 25)),  # 25 hours
    ("America/Sao_Paulo", date(2018, 11, 4)),  # begins at one o'clock
    ("America/Sao_Paulo", date(2018, 2, 17)),  # ends with its last hour twice
    ("America/Havana", date(2025, 11, 2)),  # begins with its first hour twice
    ("America/St_Johns", date(2010, 11, 7)),  # has one minute, then is the day before again
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour more
    ("Antarctica/Troll", date(2026, 3, 29)),  # two hours less
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Asia/Kathmandu", date(1986, 1, 1)),  # a quarter of an hour less
    ("Pacific/Apia", date(2011, 12, 31)),  # after a day that never was
    ("Pacific/Kiritimati", date(2026, 1, 1)),
    ("America/Los_Angeles", date(2026, 3, 8)),
]

zones = st.sampled_from(sorted(available_timezones()))
dates = st.dates(date(1971, 1, 1), date(2037, 12, 30))


@cache
def odd_days(zone, year):
    """The days of that year on which the clocks change there."""
    first = datetime(year, 1, 1, tzinfo=ZoneInfo(zone))
    offsets = [(first + count * DAY).utcoffset() for count in range(367)]
    return [
        first.date() + place * DAY for place in range(366) if offsets[place] != offsets[place + 1]
    ]


@st.composite
def places(draw):
    """A time zone and a day there, an odd one as often as not."""
    zone, day = draw(zones), draw(dates)
    odd = odd_days(zone, day.year)
    return zone, draw(st.sampled_from([*odd, day])) if odd else day


def odd_examples(test):
    for zone, day in ODD:
        test = example((zone, day))(test)
    return test


def bound(zone, day, which, format_="datetime", end="exclusive"):
    window = Window(timezone=zone, format=format_, end=end)
    return windows.bounds(window, day)[which]


def instant(zone, day, which):
    return datetime.fromisoformat(bound(zone, day, which))


def length(zone, day):
    return instant(zone, day, "end") - instant(zone, day, "start")


# -- bounds ---------------------------------------------------------------------------------------


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("format_", [*UNITS, "date", "civil_date", "local_datetime"])
@odd_examples
@given(places())
def test_an_exclusive_end_is_where_the_next_day_begins(format_, place):
    """So that nothing is fetched twice, and nothing is left out."""
    zone, day = place
    end = bound(zone, day, "end", format_)
    assert end == bound(zone, day + DAY, "start", format_)


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("format_", ["unix", "unix_ms", "unix_ns"])
@odd_examples
@given(places())
def test_an_inclusive_end_is_one_less_than_where_the_next_day_begins(format_, place):
    zone, day = place
    end = bound(zone, day, "end", format_, "inclusive")
    assert end + 1 == bound(zone, day + DAY, "start", format_)


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("format_", ["datetime", "local_datetime"])
@odd_examples
@given(places())
def test_an_inclusive_end_is_a_second_before_the_next_day_begins(format_, place):
    zone, day = place
    assume(length(zone, day) and length(zone, day + DAY))
    end = datetime.fromisoformat(bound(zone, day, "end", format_, "inclusive"))
    assert end + SECOND == datetime.fromisoformat(bound(zone, day + DAY, "start", format_))


@pytest.mark.requirement("C4")
@odd_examples
@given(places())
def test_an_inclusive_end_in_days_is_the_day_itself(place):
    """Also of a day with 23 hours: 24 hours before its end lies the day before."""
    zone, day = place
    civil = {"year": day.year, "month": day.month, "day": day.day}
    assert bound(zone, day, "start", "date") == day.isoformat()
    assert bound(zone, day, "start", "civil_date") == civil
    assert bound(zone, day, "end", "date", "inclusive") == day.isoformat()
    assert bound(zone, day, "end", "civil_date", "inclusive") == civil


@pytest.mark.requirement("C4")
@odd_examples
@given(places())
def test_a_day_is_what_people_there_call_that_day(place):
    zone, day = place
    assume(length(zone, day))
    start, end = instant(zone, day, "start"), instant(zone, day, "end")
    there = ZoneInfo(zone)
    assert start.astimezone(there).date() == day
    assert (end - MOMENT).astimezone(there).date() == day
    assert (start - MOMENT).astimezone(there).date() < day
    assert end.astimezone(there).date() > day
    assert bound(zone, day, "day") == day.isoformat()


def test_a_day_that_never_was_is_empty():
    """Samoa went from the 29th to the 31st, over the date line."""
    assert length("Pacific/Apia", date(2011, 12, 30)) == timedelta()


@odd_examples
@given(places())
def test_all_formats_speak_of_the_same_instants(place):
    zone, day = place
    for which in ("start", "end"):
        at = instant(zone, day, which)
        for format_, unit in UNITS.items():
            if format_ != "datetime":
                number = bound(zone, day, which, format_)
                per_unit = 1000 if format_ == "unix_ns" else 1
                assert EPOCH + number // per_unit * unit == at


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("UTC", date(2026, 5, 4), "2026-05-04T00:00:00Z", "2026-05-05T00:00:00Z"),
        ("Europe/Madrid", date(2026, 3, 29), "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("Europe/Madrid", date(2026, 10, 25), "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("America/Los_Angeles", date(2026, 3, 8), "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
        ("Asia/Kathmandu", date(2026, 5, 4), "2026-05-03T18:15:00Z", "2026-05-04T18:15:00Z"),
    ],
)
def test_days_as_people_there_know_them(zone, day, start, end):
    assert bound(zone, day, "start") == start
    assert bound(zone, day, "end") == end


# -- which days -----------------------------------------------------------------------------------

instants = st.datetimes(datetime(1972, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC))
owed_days = st.lists(dates, max_size=2 * OWED_MAX, unique=True).map(
    lambda days: tuple(sorted(days))
)
counts = st.integers(1, 366)


def wanted(window, now, owed=(), newest=None, **options):
    return windows.wanted(window, now, owed, RunOptions(**options) if options else None, newest)


@pytest.mark.requirement("C4")
@given(zones, instants, counts, owed_days)
def test_a_run_fetches_the_last_days_to_today_there_and_the_newest_owed(zone, now, count, owed):
    window = Window(timezone=zone, days=count)
    days = wanted(window, now, owed)
    today = now.astimezone(ZoneInfo(zone)).date()
    assert days == sorted({*days}), "oldest first, and none twice"
    assert {*days} == {today - back * DAY for back in range(count)} | {*owed[-OWED_MAX:]}
    assert today.isoformat() in {bound(zone, day, "day") for day in days}


@pytest.mark.requirement("C4")
@given(zones, instants, counts, st.integers(-3, 400))
def test_a_run_reaches_back_to_the_newest_day_that_ever_came(zone, now, count, ago):
    today = now.astimezone(ZoneInfo(zone)).date()
    days = wanted(Window(timezone=zone, days=count), now, newest=today - ago * DAY)
    back = max(count - 1, min(ago + count - 1, MISSED_MAX)) if ago > 1 else count - 1
    assert days == [today - each * DAY for each in range(back, -1, -1)]
    alone = wanted(Window(timezone=zone), now, newest=today - ago * DAY, days=count)
    assert alone == [today - each * DAY for each in range(count - 1, -1, -1)], "as was asked for"


@pytest.mark.requirement("C7")
@given(zones, instants, counts, counts, owed_days)
def test_so_many_days_can_be_asked_for_one_run(zone, now, count, asked, owed):
    window = Window(timezone=zone, days=count)
    assert wanted(window, now, owed, days=asked) == wanted(
        Window(timezone=zone, days=asked), now, owed
    )


@pytest.mark.requirement("C7")
@given(zones, instants, dates, st.integers(0, 40), owed_days)
def test_a_span_of_the_past_is_fetched_alone_newest_first_and_never_beyond_today(
    zone, now, first, more, owed
):
    today, last = now.astimezone(ZoneInfo(zone)).date(), first + more * DAY
    days = wanted(Window(timezone=zone), now, owed, first=first, last=last)
    span = [first + count * DAY for count in range(more + 1)]
    assert days[::-1] == [day for day in span if day <= today]


@pytest.mark.requirement("C4")
@given(zones, instants, owed_days)
def test_what_is_owed_can_be_fetched_alone_and_whole(zone, now, owed):
    assert wanted(Window(timezone=zone), now, owed, failed_days=True) == list(owed)


@pytest.mark.requirement("C7")
@given(instants, owed_days)
def test_options_that_say_nothing_of_days_change_none(now, owed):
    window = Window(days=3)
    assert wanted(window, now, owed, threshold=HOUR) == wanted(window, now, owed)
    assert wanted(window, now, owed, first=date(2026, 1, 1)) == wanted(window, now, owed)


@pytest.mark.parametrize(
    ("zone", "today"),
    [("Pacific/Kiritimati", 5), ("UTC", 4), ("America/Los_Angeles", 4), ("Pacific/Pago_Pago", 3)],
)
def test_today_is_todays_date_there(zone, today):
    now = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
    assert wanted(Window(timezone=zone, days=1), now) == [date(2026, 5, today)]


# -- times as providers write them ----------------------------------------------------------------

whole = instants.map(lambda at: at.replace(microsecond=0))
backs = st.integers(1, 366 * 86_400).map(lambda seconds: seconds * SECOND)
formats = st.sampled_from(sorted(UNITS))


@given(instants, formats)
def test_a_time_reads_back_as_it_was_to_the_unit_of_its_format(at, format_):
    text = windows.written(at, format_)
    floor = EPOCH + (at - EPOCH) // UNITS[format_] * UNITS[format_]
    assert windows.earlier(text, timedelta(), format_, "unix_ns") == windows.written(
        floor, "unix_ns"
    )


@given(instants, zones)
def test_a_local_time_reads_back_as_the_clocks_there_showed_it(at, zone):
    there = at.astimezone(ZoneInfo(zone))
    text = windows.written(there, "local_datetime")
    assert datetime.fromisoformat(text) == there.replace(tzinfo=None, microsecond=0)
    assert windows.written(there, "date") == text[:10]


@given(whole, backs, formats, formats)
def test_a_look_back_is_exactly_that_much_earlier(at, by, format_, sent_as):
    value = windows.written(at, format_)
    assert windows.earlier(value, by, format_, sent_as) == windows.written(at - by, sent_as)


@given(instants, backs, formats)
def test_a_look_back_is_never_less_than_asked_for(at, by, format_):
    """What a format cannot tell is looked back over, too."""
    value = windows.written(at, format_)
    found = windows.earlier(value, by, format_, "unix_ns")
    exact = (at - by - EPOCH) // MOMENT * 1000
    assert exact - UNITS[format_] // MOMENT * 1000 < found <= exact


@given(st.integers(10**18, 2 * 10**18), backs)
def test_a_look_back_over_nanoseconds_is_never_less_than_asked_for(value, by):
    """They are more digits than a float holds."""
    exact = value - by // SECOND * 10**9
    assert exact - 1000 < windows.earlier(value, by, "unix_ns", "unix_ns") <= exact
    assert windows.earlier(str(value), by, "unix_ns", "unix_ns") <= exact


@given(st.dates(date(1972, 1, 1)), st.integers(1, 366))
def test_a_look_back_over_days_is_so_many_days(day, count):
    found = windows.earlier(day.isoformat(), count * DAY, "date", "date")
    assert found == (day - count * DAY).isoformat()


@given(whole, backs, st.timedeltas(-14 * HOUR, 14 * HOUR))
def test_an_offset_in_a_time_is_heeded(at, by, offset):
    offset = offset // (60 * SECOND) * 60 * SECOND
    text = (at + offset).replace(tzinfo=None).isoformat()
    minutes = abs(offset) // (60 * SECOND)
    sign = "-" if offset < timedelta() else "+"
    value = f"{text}{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert windows.earlier(value, by, "datetime", "datetime") == windows.written(
        at - by, "datetime"
    )


@pytest.mark.parametrize(
    ("value", "format_", "sent_as", "found"),
    [
        ("2026-05-04T12:00:00Z", "datetime", "datetime", "2026-05-04T11:00:00Z"),
        ("2026-05-04T12:00:00", "datetime", "unix", 1777892400),
        ("2026-05-04T14:00:00.250+02:00", "datetime", "datetime", "2026-05-04T11:00:00Z"),
        ("2026-05-04T14:00:00+02:00", "local_datetime", "local_datetime", "2026-05-04T13:00:00"),
        ("2026-05-04T12:00:00", "local_datetime", "local_datetime", "2026-05-04T11:00:00"),
        ("2026-05-04", "date", "date", "2026-05-03"),
        (1777896000, "unix", "unix", 1777892400),
        ("1777896000", "unix", "datetime", "2026-05-04T11:00:00Z"),
        (1777896000.5, "unix", "unix", 1777892400),
        (1777896000123, "unix_ms", "unix_ms", 1777892400123),
        (1777896000123456000, "unix_ns", "unix_ns", 1777892400123456000),
        (60, "unix", "unix", -3540),
    ],
)
def test_an_hour_earlier_as_providers_write_it(value, format_, sent_as, found):
    assert windows.earlier(value, HOUR, format_, sent_as) == found


@pytest.mark.parametrize("format_", [*UNITS, "date", "local_datetime"])
@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", 1e300, None, [], {}, "0001-01-01"])
def test_what_is_no_time_has_none_before(value, format_):
    assert windows.earlier(value, HOUR, format_, format_) is None


# -- what is owed ---------------------------------------------------------------------------------

fates = st.sampled_from(["came", "came", "came", "failed", "failed", "hopeless", "not reached"])
syncs = st.lists(
    st.tuples(st.integers(0, 3), st.lists(fates, min_size=3, max_size=40), st.booleans()),
    min_size=1,
    max_size=30,
)


def after_sync(known, came, failed, *, owed=True):
    """The stream once a sync has captured these days, and could not have those."""
    if came:
        event = schema.RecordsCaptured(
            stream="days", version=1, digest="00", days=tuple(came), **dict.fromkeys(COUNTS, 1)
        )
        known = streams.evolve(known, Recorded(seq=1, at=EPOCH, subject=3, event=event))
    failures = tuple(
        StreamFailure(
            stream="days",
            cause=FailureClass.SERVER if owed else FailureClass.NOT_FOUND,
            message="it was down",
            day=day,
            owed=owed,
        )
        for day in failed
    )
    return streams.failed(known, failures, 1, EPOCH)


COUNTS = ("fetched", "added", "changed", "removed", "unchanged", "duplicates", "rows", "pages")


@pytest.mark.requirement("C4")
@given(st.integers(1, 30), syncs)
def test_a_day_that_failed_is_asked_for_until_it_comes(count, life):
    """However the window moves on meanwhile, and whatever else comes or fails; or until it is given
    up."""
    window, now = Window(days=count), datetime(2026, 5, 4, 12, tzinfo=UTC)
    known, owed = {}, set()
    for days_later, pattern, only_failed in life:
        now += days_later * DAY
        before = known.get("days", Stream()).failed_days
        days = wanted(window, now, before, **({"failed_days": True} if only_failed else {}))
        assert {*(before if only_failed else before[-OWED_MAX:])} <= {*days}
        fate = {day: pattern[place % len(pattern)] for place, day in enumerate(days)}
        came = [day for day in days if fate[day] == "came"]
        failed = [day for day in days if fate[day] == "failed"]
        hopeless = [day for day in days if fate[day] == "hopeless"]
        known = after_sync(known, came, failed)
        known = after_sync(known, [], hopeless, owed=False)
        owed = (owed | {*failed}) - {*came} - {*hopeless}
        assert known.get("days", Stream()).failed_days == tuple(sorted(owed))


@pytest.mark.requirement("C4")
@given(st.lists(st.lists(dates, max_size=200, unique=True), min_size=1, max_size=6))
def test_the_days_that_are_owed_have_a_bound_and_the_newest_are_kept(life):
    known, owed = {}, []
    for failed in life:
        known = after_sync(known, [], failed)
        owed = sorted({*owed, *failed})[-FAILED_DAYS_MAX:]
        assert known.get("days", Stream()).failed_days == tuple(owed)


def test_a_year_of_failures_stays_within_the_bound():
    first = date(2020, 1, 1)
    failed = [first + count * DAY for count in range(3 * FAILED_DAYS_MAX)]
    found = after_sync({}, [], failed)["days"].failed_days
    assert found == tuple(failed[-FAILED_DAYS_MAX:])
