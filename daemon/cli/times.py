"""How are times, spans and numbers written for people?"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

STEPS = (  # a unit is used up to the second number, rounded
    (timedelta(seconds=1), timedelta(seconds=99), "s"),
    (timedelta(minutes=1), timedelta(minutes=99), "min"),
    (timedelta(hours=1), timedelta(hours=47), "h"),
)
UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def local(at: datetime) -> str:
    """Date and time to the second, where the reader is."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(at: datetime, moment: datetime) -> str:
    """The time of day, with the date where it is another day."""
    here, today = at.astimezone(), moment.astimezone().date()
    return here.strftime("%H:%M" if here.date() == today else "%Y-%m-%d %H:%M")


def second(at: datetime, moment: datetime) -> str:
    """The same with seconds."""
    here, today = at.astimezone(), moment.astimezone().date()
    return here.strftime("%H:%M:%S") if here.date() == today else local(at)


def relative(at: datetime, moment: datetime) -> str:
    """`in 58 min`, `2 h ago`, `just now`."""
    gap = at - moment
    if abs(gap) < timedelta(seconds=1):
        return "just now" if gap < timedelta() else "now"
    gap = timedelta(seconds=round(gap.total_seconds()))
    return f"in {about(gap)}" if gap > timedelta() else f"{about(-gap)} ago"


def about(span: timedelta) -> str:
    """One number with one unit: `80 ms`, `1.2 s`, `45 s`, `58 min`, `5 h`, `3 days`."""
    if span < timedelta(seconds=1):
        return f"{round(span / timedelta(milliseconds=1))} ms"
    if span < timedelta(seconds=10) and span.microseconds:
        return f"{span / timedelta(seconds=1):.1f} s"
    for unit, last, name in STEPS:
        if span <= last:
            return f"{round(span / unit)} {name}"
    return f"{round(span / timedelta(days=1))} days"


def milliseconds(number: int) -> str:
    return about(timedelta(milliseconds=number))


def exact(span: timedelta, parts: int = 4) -> str:
    """Every unit that counts: `1 h 30 min`, `7 days`; at most `parts` of them."""
    left, words = int(span.total_seconds()), []
    for name, seconds in UNITS:
        number, left = divmod(left, seconds)
        if number:
            words.append(count(number, name) if name == "day" else f"{number} {name}")
    return " ".join(words[:parts]) or "0 s"


def every(interval: timedelta, of_streams: Mapping[str, timedelta]) -> str:
    """A connection's interval, and those of streams that have another: `6 h; items every 30 s`."""
    own = [f"{name} every {exact(each, 2)}" for name, each in of_streams.items()]
    return "; ".join([exact(interval, 2), *own])


def spans(days: Iterable[date]) -> str:
    """Days in a row as one: `2026-11-02 to 2026-11-05, 2026-11-09`."""
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        f"{run[0]} to {run[-1]}" if len(run) > 1 else run[0].isoformat() for run in runs
    )


def count(number: int, noun: str) -> str:
    """`1 record`, `1,461 records`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size(number: int) -> str:
    """`812 bytes`, `164.7 KB`, `1.2 GB`, in powers of 1,000."""
    if number < 1000:
        return count(number, "byte")
    value = float(number)
    for unit in ("KB", "MB"):
        value /= 1000
        if value < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} GB"
