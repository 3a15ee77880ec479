"""How long does a provider ask to be left alone, in the dialect that its file names?"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from daemon import http_date
from daemon.rate_file import Rate, RateHeaders, RateWindow

HINT_MAX = timedelta(days=31)  # a monthly quota is the longest that providers count by
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"[0-9]{1,15}")


def wait(
    headers: Mapping[str, str], rate: Rate, now: datetime, *, refused: bool = True
) -> timedelta | None:
    """Return how long the next call should rest; None where the headers do not say.

    What lies in the past, or makes no sense, is no hint. A good answer tells the same where it is
    the last one of its window; it must say so, and of a sliding window our own count knows more.
    """
    waits = [_wait(headers, each, rate.windows, now, refused=refused) for each in rate.headers]
    known = [each for each in waits if each is not None and each > timedelta(0)]
    return min(max(known), HINT_MAX) if known else None


def _wait(
    headers: Mapping[str, str],
    dialect: RateHeaders,
    windows: tuple[RateWindow, ...],
    now: datetime,
    *,
    refused: bool,
) -> timedelta | None:
    if dialect.reset is not None:
        remaining = headers.get((dialect.remaining or "").lower(), "").strip()
        left = int(remaining) if re.fullmatch(NUMBER, remaining) else int(not refused)
        if left > 0:
            return None  # this limit is not the one that was hit
        return _until(headers.get(dialect.reset.lower(), "").strip(), dialect, now)
    used = _numbers(headers.get((dialect.used or "").lower(), ""))
    limits = _numbers(headers.get((dialect.limit or "").lower(), ""))
    counted = [window for window in windows if window.only == dialect.only]
    ends = [
        _left(window, now)
        for window, so_far, limit in zip(counted, used, limits, strict=False)
        if so_far >= limit and (refused or window.kind == "aligned")
    ]
    return max(ends, default=None)


def _until(value: str, dialect: RateHeaders, now: datetime) -> timedelta | None:
    if dialect.reset_as == "date":
        moment = http_date.read(value)
        return None if moment is None else moment - now
    if not re.fullmatch(NUMBER, value):
        return None
    number = int(value)
    match dialect.reset_as:
        case "seconds":
            return timedelta(seconds=number) if number < HINT_MAX.total_seconds() else None
        case "unix":
            left = number - now.timestamp()
        case "unix_ms":
            left = number / 1000 - now.timestamp()
    return timedelta(seconds=min(left, HINT_MAX.total_seconds()))  # else it could overflow


def _numbers(value: str) -> list[int]:
    """Read a list, `200,2000`; what follows a semicolon describes a number and is none."""
    parts = [part.split(";", maxsplit=1)[0].strip() for part in value.split(",")]
    return [int(part) for part in parts] if all(map(NUMBER.fullmatch, parts)) else []


def _left(window: RateWindow, now: datetime) -> timedelta:
    """Return the rest of an aligned window, all of a sliding one."""
    whole = timedelta(seconds=window.per_s)
    return whole - (now - EPOCH) % whole if window.kind == "aligned" else whole
