"""How does a person write how long something takes?"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

NAMED_INTERVALS = {
    "hourly": timedelta(hours=1),
    "every_6_hours": timedelta(hours=6),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Duration = Annotated[
    str,
    Meta(pattern=r"^([1-9][0-9]{0,6}[smh]|[1-9][0-9]{0,3}d|hourly|every_6_hours|daily|weekly)\Z"),
]
"""`90s`, `15m`, `6h`, `7d`, or one of the named intervals: each ends inside the calendar."""


def duration(text: str) -> timedelta:
    """Read what the type `Duration` lets through."""
    named = NAMED_INTERVALS.get(text)
    return named or timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def rounded_up(span: timedelta) -> timedelta:
    """To whole seconds, or whole minutes where there are two or more: never less than it was."""
    unit = timedelta(minutes=1) if span >= timedelta(minutes=2) else timedelta(seconds=1)
    return -(-span // unit) * unit


def text(span: timedelta) -> str:
    """Write it so that it can be read again: `90s`, `15m`, `6h`, `7d`; `100ms` below a second."""
    seconds = span // timedelta(seconds=1)
    if span != timedelta(seconds=seconds):
        return f"{span // timedelta(milliseconds=1)}ms"
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds}s" if seconds else "0"
