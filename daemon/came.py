"""What came to a connection's streams since some moment, wherever that is kept?

The read model has it for weeks, and is asked beside the loop. Where that does not reach far enough,
is behind or being made anew, the connection's own events say the same, page by page.
"""

from datetime import datetime
from functools import partial

import trio
from msgspec import Struct

from daemon import log_pages
from daemon.journal import Journal
from daemon.past import NoSuchMoment, Past
from daemon.read_model import traces as kept
from daemon.read_model.opening import ReadModelUnusable
from daemon.read_model.reading import Reading
from projections import traces
from projections.arrivals import Came, Gathering

EVENTS_MAX = 200_000  # of one connection: syncs every two minutes for ten weeks, and more memory
DURABLE_WAIT_S = 1.0  # what is not on disk by then is not told of


class TooMany(Exception):
    """More events happened to it in that time than are read at once."""


class Place(Struct, frozen=True, kw_only=True):
    """Where it is looked for; without `reading`, as the past is, in the log alone."""

    journal: Journal
    past: Past
    reading: Reading | None = None


async def came(place: Place, subject: int, since: datetime) -> Came:
    """Raises TooMany, and PastUnavailable."""
    last, until = place.journal.world.seq, place.journal.clock.now()
    if place.reading is not None:
        await _durable(place.journal, last)
        last = min(last, place.journal.head.seq)
    after = await begin(place.past, since)
    asked = kept.Asked(connection=subject, after=after, last=last, since=since, until=until)
    found = await _kept(place.reading, asked) if place.reading is not None else None
    return await logged(place.journal, asked) if found is None else found


async def begin(past: Past, since: datetime) -> int:
    """The number of the last event by then. Raises PastUnavailable."""
    try:
        return await past.seq_at(since)
    except NoSuchMoment:
        return 0


async def logged(journal: Journal, asked: kept.Asked) -> Came:
    """By the connection's own events. Raises TooMany."""
    gathering, read = Gathering(asked.since), 0
    after, last, subject = asked.after, asked.last, asked.connection
    most = EVENTS_MAX + 1
    async for page in log_pages.pages(journal.log, after, last, subject=subject, most=most):
        for recorded in page:
            if (found := traces.trace(recorded)) is not None:
                gathering.add(found)
        read += len(page)
    if read > EVENTS_MAX:
        raise TooMany(
            f"more than {EVENTS_MAX:,} events happened to it in that time: ask for fewer days"
        )
    return gathering.came(asked.until)


async def _kept(reading: Reading, asked: kept.Asked) -> Came | None:
    try:
        return await reading.ask_fresh(partial(kept.came, asked))
    except ReadModelUnusable:
        return None


async def _durable(journal: Journal, last: int) -> None:
    """Wait for what is to be read, but not for a full disk. Of then, all of it is durable."""
    journal.log.hurry()
    with trio.move_on_after(DURABLE_WAIT_S):
        await journal.head.beyond(last - 1)
