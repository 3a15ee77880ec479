"""Which event was the last one by a given time, where a clock may have been set back?

Within a life, and between two steps of its clock (of more than a minute), times rise. So the log
falls into stretches. Each is begun by a DaemonStarted, by a ClockStepped, or, where a clock was set
back, by what was recorded before that was noticed or the life ended: the first event whose time
lies before the one before it. The answer lies in the last stretch that had begun by then: of an
hour that was lived through twice, what happened the second time counts. Where a clock is slewed by
less, it is right to that minute.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from events.envelope import Recorded
from events.schema import FLEET, ClockStepped, DaemonStarted

PAGE = 1000
LOOK_BACK = 32  # events: as many as most hosts record within that, and soon read
STEP_MIN = timedelta(minutes=1)  # by less a clock is slewed
NOTICED_WITHIN = timedelta(minutes=2)  # a scheduler naps for a minute at most

NOTED = (DaemonStarted, ClockStepped)


class Reads(Protocol):
    """Who can read what is durable in a log."""

    def read(self, after: int, *, subject: int | None = None, limit: int) -> list[Recorded]: ...

    def block_of(self, seq: int) -> bytes | None: ...


def last_by(log: Reads, head: int, time: datetime) -> int:
    """The number of the last event up to `head` that was recorded by then, or 0."""
    begun, end = 1, head
    for boundary in _boundaries(log, head):
        if boundary.at <= time:
            begun, end = boundary.seq, head
        elif end == head:
            end = boundary.seq - 1
    low, high = begun - 1, end
    while low < high:
        middle = (low + high + 1) // 2
        if _at(log, middle) <= time:
            low = middle
        else:
            high = middle - 1
    return low


def _boundaries(log: Reads, head: int) -> Iterator[Recorded]:
    after = 0
    while page := log.read(after, subject=FLEET, limit=PAGE):
        for recorded in page:
            if recorded.seq <= head and isinstance(recorded.event, NOTED):
                yield from _unnoticed(log, recorded)
                yield recorded
        after = page[-1].seq
    if head:
        yield from _unnoticed(log, log.read(head - 1, limit=1)[0])


def _unnoticed(log: Reads, later: Recorded) -> Iterator[Recorded]:
    """Where the clock was set back shortly before that, and nobody had noticed yet."""
    since = None
    while page := log.read(max(0, later.seq - 1 - LOOK_BACK), limit=min(LOOK_BACK, later.seq - 1)):
        for recorded in reversed(page):
            if recorded.at - later.at > STEP_MIN:
                yield later
                return
            since = since or recorded.at - NOTICED_WITHIN
            if recorded.at < since or isinstance(recorded.event, NOTED):
                return
            later = recorded


def _at(log: Reads, seq: int) -> datetime:
    return log.read(seq - 1, limit=1)[0].at
