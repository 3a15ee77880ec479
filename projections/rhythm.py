"""When did something new come for a connection, as far as its syncs have seen?

A sync that finds something new knows this alone: it came after the sync before it, which would have
seen it. So an arrival is a stretch of time, as wide as that look lay back. What a first load, a
backfill or the first sync after a rollback or a move brings was there before, and is none.
"""

import struct
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.schema import Event, SyncSucceeded
from projections.run import Run, is_regular

KEPT = 35  # arrivals: five weeks of one a day, in 280 bytes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTES_A_HOUR = 60
NUMBER_MAX = 2**16 - 1  # minutes are six weeks: an arrival that nobody looked for is kept as that
ROW = struct.Struct(">IHH")  # when it was found, how wide it is, both in minutes; in how many looks


class Arrival(Struct, frozen=True, kw_only=True):
    """Something new came between `after` and `found`; that took so many `looks` since the last."""

    after: datetime
    found: datetime
    looks: int


class Rhythm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last arrivals, in `rows` that `arrivals` reads; `looked` is when a sync last looked.

    It was looked for since `since`, in so many `looks`: syncs that followed another one, fetched
    all there is, and failed in nothing; `empty` of them came since the last arrival. Without
    `looked` nothing is known of when the next one will have come. A look took so many `calls`.
    """

    since: datetime | None = None
    looked: datetime | None = None
    looks: int = 0
    empty: int = 0
    calls: int = 0
    rows: bytes = b""


NOTHING = Rhythm()


def evolve(rhythm: Rhythm, run: Run | None, event: Event) -> Rhythm:
    """Fold the end of a run. Such a one alone looks whose outcome is the whole truth."""
    if run is None or not is_regular(run) or not isinstance(event, SyncSucceeded):
        return rhythm
    part = bool(run.streams or event.failures or event.waiting)
    if part and not run.news:
        return rhythm
    calls = rhythm.calls if part else sum(each.calls for each in event.calls)
    return _looked(replace(rhythm, calls=calls), run.started, news=run.news)


def unsure(rhythm: Rhythm) -> Rhythm:
    """What the next sync finds may have been there before."""
    return replace(rhythm, looked=None) if rhythm.looked else rhythm


def arrivals(rhythm: Rhythm) -> tuple[Arrival, ...]:
    """The oldest first, to the minute."""
    return tuple(
        Arrival(after=_at(found - width), found=_at(found), looks=looks)
        for found, width, looks in ROW.iter_unpack(rhythm.rows)
    )


def last_found(rhythm: Rhythm) -> datetime | None:
    """When the last arrival was found."""
    if not rhythm.rows:
        return None
    found, _, _ = ROW.unpack(rhythm.rows[-ROW.size :])
    return _at(found)


def _looked(rhythm: Rhythm, at: datetime, *, news: bool) -> Rhythm:
    """One more look. What a clock that stepped back makes of it tells nothing."""
    before = rhythm.looked
    if before is None or at <= before:
        return replace(rhythm, since=rhythm.since or at, looked=at)
    looks = rhythm.looks + 1
    if not news:
        return replace(rhythm, looked=at, looks=looks, empty=rhythm.empty + 1)
    rows = _with(rhythm.rows, _minute(before), _minute(at), rhythm.empty + 1)
    return replace(rhythm, looked=at, looks=looks, empty=0, rows=rows)


def _with(rows: bytes, after: int, found: int, looks: int) -> bytes:
    """One more; what comes several times an hour counts once, or what comes always is all there."""
    if rows:
        last, width, before = ROW.unpack(rows[-ROW.size :])
        if last // MINUTES_A_HOUR == found // MINUTES_A_HOUR:
            same = ROW.pack(last, width, min(before + looks, NUMBER_MAX))
            return rows[: -ROW.size] + same
    row = ROW.pack(found, min(found - after, NUMBER_MAX), min(looks, NUMBER_MAX))
    return (rows + row)[-KEPT * ROW.size :]


def _minute(at: datetime) -> int:
    return (at - EPOCH) // MINUTE


def _at(minute: int) -> datetime:
    return EPOCH + minute * MINUTE
