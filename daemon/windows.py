"""Which days does a window stream fetch, and between which instants does each of them lie?"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.placeholders import Value
from daemon.stream_file import TimeFormat, Window, WindowFormat
from events.terms import RunOptions

ONE_DAY = timedelta(days=1)
OWED_MAX = 31  # days that are owed and fetched beside the window's; `--failed-days` takes them all
MISSED_MAX = 31  # days without a good sync that the next one catches up with; a backfill takes more
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

UNITS: dict[WindowFormat, timedelta] = {
    "date": ONE_DAY,
    "civil_date": ONE_DAY,
    "datetime": timedelta(seconds=1),
    "local_datetime": timedelta(seconds=1),
    "unix": timedelta(seconds=1),
    "unix_ms": timedelta(milliseconds=1),
    "unix_ns": MICROSECOND,
}
"""The last unit of each format: by how much an inclusive end lies before the next day."""

NANOSECOND_OF_END = 999  # what a microsecond less leaves of the last nanoseconds of a day


def wanted(
    window: Window,
    now: datetime,
    owed: Iterable[date],
    options: RunOptions | None,
    newest: date | None = None,
) -> list[date]:
    """Return the days of one run, oldest first: the window's, and those that are still owed.

    Where the `newest` day that came is no longer yesterday's, the window reaches back as far as it
    did then: that day was not over, nor was what arrives late for those before it.

    What holds for the run alone goes before: so many days, only what failed, a span of the past,
    of which the newest comes first: where such a run is cut, the next one goes on.
    """
    today = now.astimezone(ZoneInfo(window.timezone)).date()
    if options is not None and options.failed_days:
        return sorted(owed)
    if options is not None and options.first is not None and options.last is not None:
        return _span(options.first, min(options.last, today))[::-1]
    if options is not None and options.days is not None:
        first = today - (options.days - 1) * ONE_DAY
    else:
        first = today - (window.days - 1) * ONE_DAY
        if newest is not None and newest < today - ONE_DAY:
            then = newest - (window.days - 1) * ONE_DAY
            first = min(first, max(then, today - MISSED_MAX * ONE_DAY))
    return sorted({*_span(first, today), *sorted(owed)[-OWED_MAX:]})


def bounds(window: Window, day: date) -> dict[str, Value]:
    """Return what stands for {start}, {end} and {day}. A day may have 23 hours, or 25."""
    zone = ZoneInfo(window.timezone)
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + ONE_DAY, time(), zone)
    return {
        "day": day.isoformat(),
        "start": _bound(start, window.format),
        "end": _end(end, window),
    }


def written(at: datetime, format_: TimeFormat) -> str | int:
    """Write an instant as a provider reads it."""
    match format_:
        case "date":
            return at.date().isoformat()
        case "datetime":
            return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "local_datetime":
            return at.strftime("%Y-%m-%dT%H:%M:%S")
        case "unix":
            return (at - EPOCH) // timedelta(seconds=1)
        case "unix_ms":
            return (at - EPOCH) // timedelta(milliseconds=1)
        case "unix_ns":
            return (at - EPOCH) // MICROSECOND * 1000


def earlier(
    value: str | float, by: timedelta, format_: TimeFormat, sent_as: TimeFormat
) -> str | int | None:
    """Return a time as it was `by` before; None where `value` is none in that format."""
    try:
        return written(_read(value, format_) - by, sent_as)
    except (ValueError, OverflowError, TypeError):
        return None


def _read(value: str | float, format_: TimeFormat) -> datetime:
    if format_ in ("date", "datetime", "local_datetime"):
        at = datetime.fromisoformat(str(value))
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if format_ == "unix_ns":
        return EPOCH + timedelta(microseconds=int(value) // 1000)  # a float would lose the last
    number = float(value)
    return EPOCH + timedelta(seconds=number / 1000 if format_ == "unix_ms" else number)


def _bound(at: datetime, format_: WindowFormat) -> Value:
    if format_ == "civil_date":
        return {"year": at.year, "month": at.month, "day": at.day}
    return written(at, format_)


def _end(next_day: datetime, window: Window) -> Value:
    if window.end == "exclusive":
        return _bound(next_day, window.format)
    if window.format in ("date", "civil_date"):
        return _bound(next_day - ONE_DAY, window.format)  # by the calendar: a day may have 23 hours
    last = next_day.astimezone(UTC) - UNITS[window.format]
    end = _bound(last.astimezone(next_day.tzinfo), window.format)
    if window.format == "unix_ns" and isinstance(end, int):
        return end + NANOSECOND_OF_END
    return end


def _span(first: date, last: date) -> list[date]:
    return [first + count * ONE_DAY for count in range((last - first).days + 1)]
