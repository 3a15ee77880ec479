"""How is a time written in SQL, so that its order as text is its order in time?"""

from datetime import datetime, timedelta

from events.codec import EPOCH

SECOND = timedelta(seconds=1)


def iso(at: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond: what `strftime('%Y-%m-%dT%H:%M:%fZ')` writes, too."""
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


def maybe(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def seconds(at: datetime) -> int:
    """Whole seconds since 1970, UTC."""
    return (at - EPOCH) // SECOND
