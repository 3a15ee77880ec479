"""Which days of the past did somebody ask for since an event?"""

from datetime import date
from typing import TypeAlias

import trio

from events.log import Log
from events.schema import BackfillRequested

PAGE_EVENTS = 256  # of one connection, read between two turns of the loop

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
