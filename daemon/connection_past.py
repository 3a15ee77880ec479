"""What was true of one connection at an event, and which event was the last one by a time?

Its own events alone are read, some at a time, so that its past costs nobody else anything.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import TypeAlias

import trio

from events.log import Log
from events.schema import BackfillRequested, ConnectionAdded
from projections import connection
from projections.connection import Connection

PAGE_EVENTS = 256  # folded between two turns of the loop

ConnectionAt: TypeAlias = Callable[[int, int], Awaitable[Connection | None]]
"""The connection of that subject once that event was recorded; None where it was not known."""


async def connection_at(log: Log, subject: int, seq: int) -> Connection | None:
    known: Connection | None = None
    after = 0
    while True:
        page = log.read(after, subject=subject, limit=PAGE_EVENTS)
        for recorded in page:
            if recorded.seq > seq:
                return known
            after = recorded.seq
            if known is not None:
                known = connection.evolve(known, recorded)
            elif isinstance(recorded.event, ConnectionAdded):
                known = connection.added(recorded.event)
        await trio.lowlevel.checkpoint()
        if len(page) < PAGE_EVENTS:
            return known


Spans: TypeAlias = list[tuple[date, date]]
"""First and last day of each."""


async def backfilled(log: Log, subject: int, after: int) -> Spans:
    """Which days of the past were asked for since that event."""
    found: Spans = []
    while True:
        page = log.read(after, subject=subject, limit=PAGE_EVENTS)
        for recorded in page:
            if isinstance(recorded.event, BackfillRequested):
                found.append((recorded.event.first, recorded.event.last))
        await trio.lowlevel.checkpoint()
        if len(page) < PAGE_EVENTS:
            return found
        after = page[-1].seq


def last_by(log: Log, head: int, at: datetime) -> int:
    """The number of the last event that was recorded by then, 0 before the first one."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        if log.read(middle - 1, limit=1)[0].at <= at:
            low = middle
        else:
            high = middle - 1
    return low
