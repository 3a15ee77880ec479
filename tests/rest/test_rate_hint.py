"""Does a provider's own dialect of limits become the wait that it means, and nonsense none?"""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import rate_hint
from daemon.exchange import CallLost
from daemon.provider_file import Limits
from daemon.rate_file import Rate, RateHeaders
from tests.rest.provider import NOW, http, request, serving, way

UNIX = int(NOW.timestamp())  # noon: twelve hours to midnight, none to the quarter
HINT_MAX = rate_hint.HINT_MAX
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

PAIRS = {"limit": "X-Limit", "used": "X-Used"}
STRAVA = [
    {"calls": 200, "per_s": 900, "kind": "aligned"},
    {"calls": 2000, "per_s": 86400, "kind": "aligned"},
]


def wait(values, *headers, windows=(), now=NOW, **more):
    rate = msgspec.convert({"headers": headers, "windows": windows}, Rate)
    named = {name.lower().replace("_", "-"): value for name, value in values.items()}
    return rate_hint.wait(named, rate, now, **more)


def until(value, reset_as="seconds", **values):
    return wait({"x_reset": value, **values}, {"reset": "X-Reset", "reset_as": reset_as})


@pytest.mark.parametrize(
    ("value", "reset_as", "expected"),
    [
        ("60", "seconds", MINUTE),
        (" 007 ", "seconds", timedelta(seconds=7)),
        (str(UNIX + 60), "unix", MINUTE),
        (str((UNIX + 60) * 1000), "unix_ms", MINUTE),
        ("Sat, 21 Nov 2026 13:00:00 GMT", "date", HOUR),
        ("Sat Nov 21 13:00:00 2026", "date", HOUR),
        ("Sat, 21 Nov 2026 13:00:00 +0100", "date", None),
    ],
)
def test_when_calls_are_allowed_again_is_read_in_the_files_dialect(value, reset_as, expected):
    assert until(value, reset_as) == expected


@pytest.mark.parametrize("reset_as", ["seconds", "unix", "unix_ms", "date"])
@pytest.mark.parametrize(
    "value",
    ["", "0", "-60", "+60", "60.5", "1e3", "1_000", "soon", "60, 60", "60;w=1", "١٢", "9" * 99],
)
def test_nonsense_is_no_hint(value, reset_as):
    assert until(value, reset_as) is None


@pytest.mark.parametrize(
    ("value", "reset_as"),
    [
        (str(UNIX), "unix"),
        (str(UNIX - 60), "unix"),
        (str(UNIX * 1000 - 1), "unix_ms"),
        ("60", "unix"),
        ("60", "unix_ms"),
        ("Sat, 21 Nov 2026 12:00:00 GMT", "date"),
        ("Sat, 21 Nov 2025 12:00:00 GMT", "date"),
        ("Mon, 01 Jan 0001 00:00:00 +2359", "date"),
    ],
)
def test_the_past_is_no_hint(value, reset_as):
    assert until(value, reset_as) is None


@pytest.mark.parametrize(
    ("value", "reset_as"),
    [
        (str(UNIX + 10**9), "unix"),
        ("9" * 12, "unix"),
        ("9" * 14, "unix"),
        ("9" * 15, "unix"),
        ("9" * 15, "unix_ms"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "date"),
        ("Fri, 31 Dec 9999 23:59:59 -2359", "date"),
    ],
)
def test_a_hint_is_bounded(value, reset_as):
    assert until(value, reset_as) == HINT_MAX


@pytest.mark.parametrize("value", [str(UNIX + 60), "2678400", "9" * 15])
def test_seconds_that_nobody_waits_are_no_seconds(value):
    assert until(value) is None


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        ("0", MINUTE),
        ("00", MINUTE),
        ("1", None),
        ("4999", None),
        ("-1", MINUTE),
        ("none", MINUTE),
        ("١٢", MINUTE),
    ],
)
def test_a_limit_of_which_something_remains_is_not_the_one_that_was_hit(remaining, expected):
    told = {"reset": "X-Reset", "remaining": "X-Remaining"}
    assert wait({"x_reset": "60", "x_remaining": remaining}, told) == expected
    assert wait({"x_reset": "60"}, told) == MINUTE


def test_the_longest_of_several_limits_holds():
    short = {"reset": "A-Reset", "remaining": "A-Left"}
    long = {"reset": "B-Reset", "remaining": "B-Left"}
    both = {"a_reset": "60", "b_reset": "3600"}
    assert wait(both, short, long) == HOUR
    assert wait({**both, "b_left": "1"}, short, long) == MINUTE
    assert wait({**both, "a_left": "1", "b_left": "1"}, short, long) is None
    assert wait({"a_reset": "60", "b_reset": "soon"}, short, long) == MINUTE


@pytest.mark.parametrize(
    ("used", "now", "expected"),
    [
        ("199,1999", (12, 7), None),
        ("200,800", (12, 7), timedelta(minutes=8)),
        ("201, 800", (12, 14, 59), timedelta(seconds=1)),
        ("200,800", (12, 15), timedelta(minutes=15)),
        ("200,800", (23, 59, 59), timedelta(seconds=1)),
        ("100,2000", (12, 7), timedelta(hours=11, minutes=53)),
        ("200,2000", (12, 7), timedelta(hours=11, minutes=53)),
        ("0,2000", (0, 0), timedelta(days=1)),
    ],
)
def test_an_aligned_window_ends_at_its_quarter_or_at_midnight_in_utc(used, now, expected):
    at = datetime(2026, 11, 21, *now, tzinfo=UTC)
    values = {"x_limit": "200,2000", "x_used": used}
    assert wait(values, PAIRS, windows=STRAVA, now=at) == expected


def test_a_sliding_window_is_waited_for_whole():
    sliding = [{"calls": 100, "per_s": 60}]
    assert wait({"x_limit": "100", "x_used": "100"}, PAIRS, windows=sliding) == MINUTE
    assert wait({"x_limit": "100", "x_used": "99"}, PAIRS, windows=sliding) is None


def test_reads_have_windows_of_their_own():
    windows = [*STRAVA, {"calls": 100, "per_s": 3600, "kind": "aligned", "only": "reads"}]
    reads = {"limit": "R-Limit", "used": "R-Used", "only": "reads"}
    values = {"x_limit": "200,2000", "x_used": "1,1", "r_limit": "100", "r_used": "100"}
    assert wait(values, PAIRS, reads, windows=windows) == HOUR
    assert wait({**values, "r_used": "99"}, PAIRS, reads, windows=windows) is None


@pytest.mark.requirement("E10")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"x_reset": "60", "x_remaining": "0"}, MINUTE),
        ({"x_reset": "60", "x_remaining": "1"}, None),
        ({"x_reset": "60", "x_remaining": "none"}, None),
        ({"x_reset": "60"}, None),  # every answer says when the window ends
    ],
)
def test_a_good_answer_is_a_hint_only_where_it_says_that_it_was_the_last(values, expected):
    told = {"reset": "X-Reset", "remaining": "X-Remaining"}
    assert wait(values, told, refused=False) == expected


@pytest.mark.requirement("E10")
def test_a_good_answer_says_by_two_numbers_that_an_aligned_window_is_used_up():
    last = {"x_limit": "200,2000", "x_used": "200,1"}
    assert wait(last, PAIRS, windows=STRAVA, refused=False) == 15 * MINUTE
    sliding = [{"calls": 100, "per_s": 60}]
    assert wait({"x_limit": "100", "x_used": "100"}, PAIRS, windows=sliding, refused=False) is None


@pytest.mark.parametrize(
    ("limit", "used"),
    [
        ("", ""),
        ("200,2000", ""),
        ("", "200,2000"),
        ("200,many", "200,2000"),
        ("200,2000", "200,"),
        ("200;2000", "٢٠٠,2000"),
        ("-1,-1", "0,0"),
        ("9" * 99, "9" * 99),
    ],
)
def test_a_list_that_is_none_is_no_hint(limit, used):
    assert wait({"x_limit": limit, "x_used": used}, PAIRS, windows=STRAVA) is None


def test_what_describes_a_number_is_not_one():
    values = {"x_limit": "200;window=900, 2000;window=86400", "x_used": "200;w=900,1"}
    assert wait(values, PAIRS, windows=STRAVA) == timedelta(minutes=15)


@given(
    st.text(), st.sampled_from(["seconds", "unix", "unix_ms", "date"]), st.datetimes(), st.text()
)
def test_no_header_whatever_is_more_than_a_bounded_wait(value, reset_as, now, remaining):
    told = {"reset": "X-Reset", "reset_as": reset_as, "remaining": "X-Left"}
    values = {"x_reset": value, "x_left": remaining, "x_limit": value, "x_used": remaining}
    now = now.replace(tzinfo=UTC)
    hint = wait(values, told, PAIRS, windows=STRAVA, now=now)
    assert hint is None or timedelta(0) < hint <= HINT_MAX


@given(st.integers(0, 10**15 - 1), st.sampled_from(["seconds", "unix", "unix_ms"]), st.datetimes())
def test_no_number_is_more_than_a_bounded_wait(number, reset_as, now):
    told = {"reset": "X-Reset", "reset_as": reset_as}
    hint = wait({"x_reset": str(number)}, told, now=now.replace(tzinfo=UTC))
    assert hint is None or timedelta(0) < hint <= HINT_MAX


@pytest.mark.requirement("E10")
@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"x_reset": "60"}, MINUTE),
        (429, {"x_reset": "60", "retry_after": "3600"}, HOUR),
        (429, {"x_reset": "3600", "retry_after": "60"}, HOUR),
        (429, {"x_reset": "0", "retry_after": "60"}, MINUTE),
        (503, {"x_reset": "60"}, MINUTE),
        (429, {}, None),
        (401, {"x_reset": "60"}, None),
        (404, {"x_reset": "60", "retry_after": "60"}, None),
    ],
)
async def test_the_longer_hint_comes_with_the_refusal_and_is_never_shortened(
    status, headers, expected
):
    rate = Rate(headers=(RateHeaders(reset="X-Reset"),))
    async with (
        serving(http(b"", status=status, **headers)) as server,
        way(Limits(), rate=rate) as wire,
    ):
        try:
            await wire.send(request(server.url))
        except CallLost as lost:
            found = lost
    assert found.retry_after == expected
