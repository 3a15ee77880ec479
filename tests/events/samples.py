"""Which events does a test take that does not care which?"""

from datetime import UTC, datetime, timedelta

from events import schema
from events.codec import Row, encode
from events.envelope import Recorded

SOME_TIME = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)


def started(seq: int, subject: int = 0, version: str = "1") -> Recorded:
    event = schema.DaemonStarted(version=version)
    return Recorded(seq=seq, at=SOME_TIME + timedelta(seconds=seq), subject=subject, event=event)


def rows(first: int, last: int, subject: int = 0) -> list[Row]:
    return [encode(started(seq, subject)) for seq in range(first, last + 1)]
