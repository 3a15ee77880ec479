"""Does Retry-After mean what its sender meant, in every dialect, and never more than we bear?"""

from datetime import UTC, datetime, timedelta

import pytest

from daemon import failures

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 120\t", timedelta(minutes=2)),
        ("007", timedelta(seconds=7)),
        ("Sat, 21 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Saturday, 21-Nov-26 12:01:00 GMT", timedelta(minutes=1)),
        ("Sat Nov 21 12:01:00 2026", timedelta(minutes=1)),
        (str(UNIX + 60), timedelta(minutes=1)),
        (str((UNIX + 60) * 1000), timedelta(minutes=1)),
        ("99999999", failures.RETRY_AFTER_MAX),
        ("Fri, 31 Dec 9999 23:59:59 GMT", failures.RETRY_AFTER_MAX),
        ("999999999999999", failures.RETRY_AFTER_MAX),
    ],
)
def test_a_hint_in_any_dialect_is_a_bounded_wait(value, wait):
    assert failures.retry_after({"retry-after": value}, NOW) == wait


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "-5",
        "+5",
        "1.5",
        "1_000",
        "1e3",
        "soon",
        "١٢",
        "²",
        "9" * 5000,
        "12, 12",
        "Sat, 21 Nov 2026 11:59:00 GMT",
        "Sat, 99 Nov 2026 12:01:00 GMT",
        "Mon, 01 Jan 0000 00:00:00 GMT",
        str(UNIX),
        str(UNIX - 1),
    ],
)
def test_what_says_nothing_about_the_future_is_no_hint(value):
    assert failures.retry_after({"retry-after": value}, NOW) is None


def test_no_header_is_no_hint():
    assert failures.retry_after({}, NOW) is None


@pytest.mark.parametrize("status", [*range(100, 200), *range(300, 600), 999])
def test_every_status_outside_2xx_has_a_sentence_with_its_number(status):
    assert str(status) in failures.by_status(status)[1]
