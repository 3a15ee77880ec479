"""How is much of the log read in the loop, so that nobody else waits for it?

A page at a time, and between two of them everybody else has a turn. Of many connections together
the index alone is looked through first: no event is decoded that is not handed on.
"""

from collections.abc import AsyncIterator, Sequence

import trio

from events.envelope import Recorded
from events.log import Log

PAGE_EVENTS = 250  # some 2 ms of decoding, between two of which others go on
PAGE_NUMBERS = 8000  # some 2 ms of stepping through an index
PAGE_SUBJECTS = 100  # some 1 ms of looking into it, where it has little of each


async def pages(
    log: Log, after: int, upto: int, *, subject: int | None = None, most: int
) -> AsyncIterator[list[Recorded]]:
    """The first durable events after a number up to another one: of one subject, or all."""
    while after < upto and most > 0:
        limit = min(PAGE_EVENTS, upto - after, most)
        found = log.read(after, subject=subject, limit=limit)
        page = [each for each in found if each.seq <= upto]
        if page:
            yield page
        if len(page) < limit:
            return
        after, most = page[-1].seq, most - len(page)
        await trio.lowlevel.checkpoint()


async def some(
    log: Log, subjects: Sequence[int] | None, *, after: int | None, upto: int, most: int
) -> list[Recorded]:
    """The first `most` of their events after a number, or without one the last, up to `upto`.

    None are everybody's.
    """
    if subjects is None:
        begin = max(0, upto - most) if after is None else after
        return [each async for page in pages(log, begin, upto, most=most) for each in page]
    return await picked(log, await _numbers(log, subjects, after, upto, most))


async def picked(log: Log, numbers: Sequence[int]) -> list[Recorded]:
    """The durable events of these numbers."""
    found: list[Recorded] = []
    for at in range(0, len(numbers), PAGE_EVENTS):
        found += log.pick(numbers[at : at + PAGE_EVENTS])
        await trio.lowlevel.checkpoint()
    return found


async def _numbers(
    log: Log, subjects: Sequence[int], after: int | None, upto: int, most: int
) -> list[int]:
    """Where those found are as many as are wanted, of the others only what comes between counts."""
    latest, begin = after is None, after or 0
    found: list[int] = []
    step = max(1, min(PAGE_SUBJECTS, PAGE_NUMBERS // most))
    for at in range(0, len(subjects), step):
        for each in subjects[at : at + step]:
            found += log.numbers(each, after=begin, upto=upto, limit=most, latest=latest)
        found.sort()
        if latest:
            found = found[-most:]
            begin = found[0] if len(found) == most else begin
        else:
            found = found[:most]
            upto = found[-1] if len(found) == most else upto
        await trio.lowlevel.checkpoint()
    return found
