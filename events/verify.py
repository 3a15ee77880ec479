"""Is the log what was written: every number, every byte, every block?"""

import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path

from msgspec import Struct

from events import chain, mark
from events.codec import Row

FETCH_ROWS = 65536  # more than a block usually has; a damaged one may ask for any number

LOWEST = -(2**63)  # a damaged log may hold an event of any number

Block = tuple[int, bytes, list[Row]]
"""(number of its last event, hash, rows)"""


class Verdict(Struct, frozen=True, kw_only=True):
    """How far the log is sound. `fault` is None where all of it is; `hash` is the last block's."""

    events: int
    blocks: int
    hash: str
    fault: str | None = None


class Broken(Exception):
    """The first thing in a log that is not as it was written, as a sentence."""


class TailLost(Broken):
    """What is there is sound, and something was written after it."""


def blocks(
    connection: sqlite3.Connection, noted: mark.Mark | None = None, since: int = 0
) -> Generator[Block, None, None]:
    """Go through all blocks in order, or from the one on that holds event `since`; each checked.

    `noted` is a head noted elsewhere (seq, hash in hexadecimal): the log must contain it. What a
    running daemon appends meanwhile is not looked at. Raises Broken with a sentence at the first
    thing that is not as it was written. What lies before `since` is taken at its word.
    """
    connection.execute("BEGIN")
    try:
        yield from _chained(connection, noted if noted and noted.seq else None, since)
    except sqlite3.DatabaseError as error:
        raise Broken(f"SQLite cannot read it to the end ({error})") from error
    finally:
        connection.rollback()


def verify(connection: sqlite3.Connection, noted: mark.Mark | None = None) -> Iterator[Verdict]:
    """Check the whole log, yielding a verdict after each block; the last one is the answer."""
    verdict = Verdict(events=0, blocks=0, hash=chain.GENESIS.hex())
    try:
        for count, (last, hash_, _) in enumerate(blocks(connection, noted), 1):
            verdict = Verdict(events=last, blocks=count, hash=hash_.hex())
            yield verdict
    except Broken as broken:
        yield Verdict(
            events=verdict.events, blocks=verdict.blocks, hash=verdict.hash, fault=str(broken)
        )
        return
    if not verdict.blocks:
        yield verdict


def read_mark(directory: Path) -> mark.Mark | None:
    return mark.read(directory / "log.mark")


def _chained(
    connection: sqlite3.Connection, noted: mark.Mark | None, since: int
) -> Generator[Block, None, None]:
    head, previous = _before(connection, since)
    if noted and 0 < noted.seq <= head:
        _look_up(connection, noted)
    lowest = head + 1 if head else LOWEST
    events = connection.execute(
        "SELECT seq, at, subject, CAST(body AS BLOB) FROM event WHERE seq >= ? ORDER BY seq",
        (lowest,),
    )
    for first, last, stored in connection.execute(
        "SELECT first, last, hash FROM block WHERE last >= ? ORDER BY last", (lowest,)
    ):
        if first != head + 1 or last < first:
            raise Broken(f"the block that follows event {head} is missing, or is another one")
        rows = _take(events, first, last)
        previous = _link(previous, rows)
        if previous != stored:
            raise Broken(f"the block of events {first} to {last} is not what was written")
        if noted and head < noted.seq <= last:
            _compare(noted, last, previous)
        yield last, previous, rows
        head = last
    if extra := events.fetchone():
        raise Broken(f"event {extra[0]} stands in no block")
    if noted and noted.seq > head:
        raise TailLost(f"events {head + 1} to {noted.seq} were written once and are gone")


def _before(connection: sqlite3.Connection, since: int) -> tuple[int, bytes]:
    """The head and hash of the block before the one that holds that event."""
    found = connection.execute(
        "SELECT last, hash FROM block WHERE last < ? ORDER BY last DESC LIMIT 1", (since,)
    ).fetchone()
    return found or (0, chain.GENESIS)


def _look_up(connection: sqlite3.Connection, noted: mark.Mark) -> None:
    """Compare a head that was noted before the first block that is gone through."""
    last, block = connection.execute(
        "SELECT last, hash FROM block WHERE last >= ? ORDER BY last LIMIT 1", (noted.seq,)
    ).fetchone()
    _compare(noted, last, block)


def _take(events: sqlite3.Cursor, first: int, last: int) -> list[Row]:
    """Fetch one block's events. They are ordered: both ends in place means all in place."""
    rows: list[Row] = []
    while len(rows) <= last - first:
        page = events.fetchmany(min(last - first + 1 - len(rows), FETCH_ROWS))
        if not page:
            break
        rows += page
    if len(rows) == last - first + 1 and rows[0][0] == first and rows[-1][0] == last:
        return rows
    if rows and rows[0][0] < first:
        raise Broken(f"event {rows[0][0]} stands in no block")
    present = {row[0] for row in rows}
    missing = next(number for number in range(first, last + 1) if number not in present)
    raise Broken(f"event {missing} is missing")


def _link(previous: bytes, rows: list[Row]) -> bytes:
    try:
        return chain.link(previous, rows)
    except TypeError:  # a damaged row can hold a value of any type
        return b""


def _compare(noted: mark.Mark, last: int, block: bytes) -> None:
    if last != noted.seq:
        raise Broken(
            f"no block ends at event {noted.seq}, where a head was noted: the log was rewritten"
        )
    if block.hex() != noted.hash:
        raise Broken(f"the head noted for event {last} is another one: the log was rewritten")
