"""How does a part of the log become a file that is checked elsewhere, with nothing but the file?

    header   {"format": …, "first": 5, "last": 12, "previous": hash, "filter": null or the filter}
    events   {"seq": 5, "at": microseconds since 1970, "subject": 3, "event": body, byte for byte}
    block    {"first": 5, "last": 7, "hash": …, "left_out": 0}                   behind its events

`previous` is the hash that the first block is chained to. Blocks are whole, so a range is widened
to where they end; only a filter leaves events out, and what is left out is missing from what a
block's hash is over: such a file is proven against the log alone. A `name` stands beside what is
hashed, never in it.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from events import verify
from events.codec import Row, to_microseconds
from events.verify import Broken, Kind

FORMAT = "rounds-log-export"
VERSION = 1


class Filter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which events are exported; what is None is not asked of them."""

    first: int | None = None
    last: int | None = None
    subjects: list[int] | None = None
    types: list[str] | None = None


class Header(Struct, frozen=True, kw_only=True):
    format: str
    version: int
    first: int
    last: int
    previous: str
    filter: Filter | None


class EventLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    seq: int
    at: int
    subject: int
    event: msgspec.Raw
    name: str | None = None


class BlockLine(Struct, frozen=True, kw_only=True):
    first: int
    last: int
    hash: str
    left_out: int


class Range(Struct, frozen=True, kw_only=True):
    """Whole blocks. `after` is the event before the first."""

    after: int
    last: int


class _Tag(Struct):
    type: str


_encoder = msgspec.json.Encoder()
_tags = msgspec.json.Decoder(_Tag)


def bound(connection: sqlite3.Connection, moment: int | datetime, *, first: bool) -> int:
    """The number of the first, or last, event that a moment lets in: 0 where there is none.

    The host's clock may have stepped back: all that lies between two moments is let in.
    """
    if isinstance(moment, int):
        return moment
    statement = _FIRST_SINCE if first else _LAST_UNTIL
    found = connection.execute(statement, (to_microseconds(moment),)).fetchone()
    return int(found[0]) if found else 0


def whole(connection: sqlite3.Connection, first: int, last: int | None) -> Range | None:
    """The blocks that hold events `first` to `last`, by default all; None where none does."""
    end = connection.execute("SELECT max(last) FROM block").fetchone()[0] or 0
    end = end if last is None else min(last, end)
    if not 0 < first <= end:
        return None
    upto = connection.execute("SELECT min(last) FROM block WHERE last >= ?", (end,)).fetchone()
    return Range(after=verify.before(connection, first), last=upto[0])


def tenants(connection: sqlite3.Connection, tenant: int) -> set[int]:
    """The subjects that belong to a tenant: its own, and all connections that it ever had."""
    return {tenant, *(row[0] for row in connection.execute(_OF_TENANT, (tenant,)))}


def tenant_of(connection: sqlite3.Connection, subject: int) -> int | None:
    found = connection.execute(_TENANT_OF, (subject,)).fetchone()
    return int(found[0]) if found else None


def lines(
    connection: sqlite3.Connection,
    range_: Range,
    filter_: Filter | None,
    names: Mapping[int, str],
) -> Iterator[bytes]:
    """The file, a line at a time, each checked on the way. Raises Broken."""
    previous = verify.chained_to(connection, range_.after)
    yield as_line(
        Header(
            format=FORMAT,
            version=VERSION,
            first=range_.after + 1,
            last=range_.last,
            previous=previous.hex(),
            filter=filter_,
        )
    )
    first = range_.after + 1
    for last, hash_, rows in verify.blocks(connection, after=range_.after, upto=range_.last):
        wanted = rows if filter_ is None else [row for row in rows if passes(row, filter_)]
        for row in wanted:
            yield as_line(_event(row, names))
        yield as_line(
            BlockLine(first=first, last=last, hash=hash_.hex(), left_out=len(rows) - len(wanted))
        )
        first = last + 1


def _event(row: Row, names: Mapping[int, str]) -> EventLine:
    seq, at, subject, body = row
    if not (body.startswith(b"{") and body.endswith(b"}")) or b"\n" in body:
        raise Broken(f"event {seq} is not one JSON object, and cannot be exported", Kind.CHANGED)
    return EventLine(
        seq=seq, at=at, subject=subject, event=msgspec.Raw(body), name=names.get(subject)
    )


def passes(row: Row, filter_: Filter) -> bool:
    seq, _, subject, _ = row
    return (
        (filter_.first is None or seq >= filter_.first)
        and (filter_.last is None or seq <= filter_.last)
        and (filter_.subjects is None or subject in filter_.subjects)
        and (filter_.types is None or _type(row) in filter_.types)
    )


def _type(row: Row) -> str:
    try:
        return _tags.decode(row[3]).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Broken(f"event {row[0]} is no event ({error})", Kind.CHANGED) from error


def as_line(what: Struct) -> bytes:
    """A line as it stands in the file."""
    return _encoder.encode(what) + b"\n"


_FIRST_SINCE = "SELECT seq FROM event WHERE at >= ? ORDER BY seq LIMIT 1"
_LAST_UNTIL = "SELECT seq FROM event WHERE at <= ? ORDER BY seq DESC LIMIT 1"
_OF_TENANT = """
    SELECT subject FROM event
    WHERE type = 'connection-added' AND json_extract(body, '$.tenant') = ?
"""
_TENANT_OF = """
    SELECT json_extract(body, '$.tenant') FROM event
    WHERE subject = ? AND type = 'connection-added' ORDER BY seq DESC LIMIT 1
"""
