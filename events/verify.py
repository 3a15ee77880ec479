"""Is the log what was written: every number, every byte, every block?"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from events import chain, mark
from events.codec import Row

FETCH_ROWS = 4096


class Verdict(Struct, frozen=True, kw_only=True):
    """How far the log is sound. `fault` is None where all of it is; `hash` is the last block's."""

    events: int
    blocks: int
    hash: str
    fault: str | None = None


class Broken(Exception):
    """The first thing in a log that is not as it was written, as a sentence."""


def blocks(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes, list[Row]]]:
    """Go through all blocks in order, each checked: (its last number, its hash, its rows).

    Raises Broken with a sentence at the first thing that is not as it was written.
    """
    rows = _rows(connection)
    previous, expected = chain.GENESIS, 1
    for first, last, stored in connection.execute(
        "SELECT first, last, hash FROM block ORDER BY last"
    ):
        if first != expected:
            raise Broken(f"the block of events {expected} to {first - 1} is missing")
        block: list[Row] = []
        for number in range(first, last + 1):
            row = next(rows, None)
            if row is None or row[0] != number:
                raise Broken(f"event {number} is missing")
            block.append(row)
        previous = chain.link(previous, block)
        if previous != stored:
            raise Broken(f"the block of events {first} to {last} is not what was written")
        yield last, previous, block
        expected = last + 1
    extra = next(rows, None)
    if extra is not None:
        raise Broken(f"event {extra[0]} stands in no block")


def verify(connection: sqlite3.Connection, noted: mark.Mark | None = None) -> Iterator[Verdict]:
    """Check the whole log, yielding a verdict after each block; the last one is the answer.

    `noted` is a head noted elsewhere (seq, hash in hexadecimal): the log must contain it.
    """
    count, events, hash_, met = 0, 0, chain.GENESIS, noted is None or noted.seq == 0
    try:
        for last, block, _ in blocks(connection):
            count, events, hash_ = count + 1, last, block
            if noted is not None and last == noted.seq:
                if block.hex() != noted.hash:
                    raise Broken(
                        f"the head noted for event {last} is another one: the log was rewritten"
                    )
                met = True
            yield Verdict(events=events, blocks=count, hash=hash_.hex())
        if noted is not None and not met:
            raise Broken(_lost(noted, events))
    except (Broken, sqlite3.DatabaseError, UnicodeDecodeError) as error:
        yield Verdict(events=events, blocks=count, hash=hash_.hex(), fault=str(error))
        return
    if count == 0:
        yield Verdict(events=0, blocks=0, hash=hash_.hex())


def _lost(noted: mark.Mark, events: int) -> str:
    if noted.seq > events:
        return f"events {events + 1} to {noted.seq} were written once and are gone"
    return f"no block ends at event {noted.seq}, where a head was noted: the log was rewritten"


def read_mark(directory: Path) -> mark.Mark | None:
    return mark.read(directory / "log.mark")


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    cursor = connection.execute("SELECT seq, at, subject, body FROM event ORDER BY seq")
    cursor.arraysize = FETCH_ROWS
    while rows := cursor.fetchmany():
        yield from rows
