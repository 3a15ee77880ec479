"""When is a snapshot worth its making, and which old ones are kept?

Kept are the newest ones, and going back one an hour, one a day, one a month, by the time of their
event. Of the others as many as there is room for, those first that lie far from the next: how long
it takes to tell what was true depends on how many events lie after the last snapshot before it.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

EVENTS = 10_000  # replayed in a tenth of a second
EVERY = timedelta(hours=1)  # sooner, where fewer events came
EVENTS_MIN = 100  # below that, nobody would notice the time saved
NEWEST = 3  # should the last one be damaged, there is another near it
HOURS, DAYS = 24, 30
BYTES_MAX = 256 * 1024**2  # of all, where those that are kept for their age do not take more


class Made(NamedTuple):
    """A snapshot: its event's number, when that was recorded, and its size."""

    seq: int
    at: datetime
    bytes: int


def enough(slices: int) -> int:
    """After how many events one is due: making it costs what there are slices of."""
    return max(EVENTS, slices)


def kept(made: Sequence[Made], now: datetime, bytes_max: int = BYTES_MAX) -> frozenset[int]:
    """Which of these snapshots are kept, by their numbers."""
    found = sorted(made)
    needed = _for_their_age(found, now)
    return frozenset(each.seq for each in found).difference(_too_many(found, needed, bytes_max))


def _for_their_age(found: Sequence[Made], now: datetime) -> frozenset[int]:
    numbers = {each.seq for each in found[-NEWEST:]}
    taken: set[str] = set()
    for each in reversed(found):  # the newest of each span stands for it
        spans = set(_spans(each.at.astimezone(UTC), now))
        if not spans <= taken:
            numbers.add(each.seq)
            taken |= spans
    return frozenset(numbers)


def _spans(at: datetime, now: datetime) -> Iterator[str]:
    """Which spans of time it could stand for; what lies ahead of a clock set back is of now."""
    age = now - at
    if age < timedelta(hours=HOURS):
        yield f"{at:%Y-%m-%d %H}"
    if age < timedelta(days=DAYS):
        yield f"{at:%Y-%m-%d}"
    yield f"{at:%Y-%m}"


def _too_many(found: Sequence[Made], needed: frozenset[int], bytes_max: int) -> Iterator[int]:
    """Without which the rest has room: those first whose neighbours lie close together."""
    over = sum(each.bytes for each in found) - bytes_max
    before = {after.seq: each.seq for each, after in pairwise(found)}
    after = {late: early for early, late in before.items()}
    sizes = {each.seq: each.bytes for each in found if each.seq not in needed}

    def gap(seq: int) -> int:
        return after[seq] - before.get(seq, 0)  # the newest one is needed: there is one after

    line = [(gap(seq), seq) for seq in sizes]
    heapq.heapify(line)
    while over > 0 and line:
        width, seq = heapq.heappop(line)
        if width != gap(seq):  # a neighbour has gone meanwhile
            heapq.heappush(line, (gap(seq), seq))
            continue
        earlier, later = before.get(seq, 0), after[seq]
        before[later], after[earlier] = earlier, later
        over -= sizes[seq]
        yield seq
