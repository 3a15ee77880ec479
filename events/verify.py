"""Is the log what was written: every number, every byte, every block?"""

import sqlite3
from collections.abc import Generator, Iterator
from enum import Enum
from pathlib import Path

from msgspec import Struct

from events import chain, mark
from events.codec import Row
from events.pages import BEFORE_ALL, Events

Block = tuple[int, bytes, list[Row]]
"""(number of its last event, hash, rows)"""

BEHIND_ALL = 2**63 - 1

COUNT = "SELECT (SELECT count(*) FROM event NOT INDEXED), (SELECT max(last) FROM block)"
BLOCKS = "SELECT first, last, hash FROM block WHERE last > ? AND last <= ? ORDER BY last"


class Verdict(Struct, frozen=True, kw_only=True):
    """How far the log is sound. `fault` is None where all of it is; `hash` is the last block's."""

    events: int
    blocks: int
    hash: str
    fault: str | None = None


class Kind(Enum):
    """What was found, in a word that scripts may rely on."""

    CHANGED = "changed"
    MISSING_EVENT = "missing-event"
    MISSING_BLOCK = "missing-block"
    UNACCOUNTED = "unaccounted"
    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    TORN = "torn"
    OLD_COPY = "old-copy"
    REWRITTEN = "rewritten"
    REORDERED = "reordered"
    FOREIGN = "foreign"
    DAMAGED_INDEX = "damaged-index"
    DAMAGED_MARK = "damaged-mark"


class Broken(Exception):
    """The first thing in a log that is not as it was written, as a sentence."""

    def __init__(self, sentence: str, kind: Kind) -> None:
        super().__init__(sentence)
        self.kind = kind


class TailLost(Broken):
    """What is there is sound, and something was written after it."""


def blocks(
    connection: sqlite3.Connection,
    noted: mark.Mark | None = None,
    *,
    after: int = 0,
    upto: int | None = None,
) -> Generator[Block, None, None]:
    """Go through all blocks in order, each checked.

    `noted` is a head noted elsewhere (seq, hash in hexadecimal): the log must contain it. What a
    running daemon appends meanwhile is not looked at. With `after`, the last event of a block, what
    comes behind it is checked, and that block's hash is believed; with `upto`, what stands up to
    there. Raises Broken with a sentence at the first thing that is not as it was written.
    """
    connection.execute("BEGIN")
    try:
        yield from _chained(connection, noted if noted and noted.seq else None, after, upto)
    except sqlite3.DatabaseError as error:
        raise _unreadable(error) from error
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


def before(connection: sqlite3.Connection, seq: int) -> int:
    """Where the block ends that comes before the one which holds that event; 0 for none."""
    (last,) = connection.execute("SELECT max(last) FROM block WHERE last < ?", (seq,)).fetchone()
    return last or 0


def block_at(connection: sqlite3.Connection, last: int) -> bytes | None:
    """The hash of the block that ends at that event, as it stands there; None where none does."""
    found = connection.execute("SELECT hash FROM block WHERE last = ?", (last,)).fetchone()
    return found[0] if found and isinstance(found[0], bytes) else None


def chained_to(connection: sqlite3.Connection, after: int) -> bytes:
    """What the block behind event `after` is chained to. Raises Broken."""
    if not after:
        return chain.GENESIS
    if (found := block_at(connection, after)) is None:
        raise Broken(f"no block ends at event {after}", Kind.MISSING_BLOCK)
    return found


def count(connection: sqlite3.Connection) -> None:
    """Raise Broken where there are more rows than the blocks name.

    A damaged page can hide some from whoever looks for numbers.
    """
    try:
        rows, last = connection.execute(COUNT).fetchone()
    except sqlite3.DatabaseError as error:
        raise _unreadable(error) from error
    if rows != (last or 0):
        raise Broken(
            f"the file holds {rows:,} events where its blocks name {last or 0:,}", Kind.UNACCOUNTED
        )


def read_mark(directory: Path) -> mark.Mark | None:
    """What log.mark notes; None where there is none. Raises Broken where it is damaged."""
    try:
        return mark.read(directory / "log.mark")
    except mark.Damaged as damaged:
        raise Broken(
            f"log.mark, which notes how far the log had come, is damaged: {damaged}; so what it "
            "may have lost at its end cannot be told",
            Kind.DAMAGED_MARK,
        ) from damaged


def _chained(
    connection: sqlite3.Connection, noted: mark.Mark | None, after: int, upto: int | None
) -> Generator[Block, None, None]:
    head, previous = after, chained_to(connection, after)
    if noted and noted.seq <= after:
        _look_up(connection, noted)
    events = Events(connection, after)
    bounds = (after or BEFORE_ALL, BEHIND_ALL if upto is None else upto)
    for first, last, stored in connection.execute(BLOCKS, bounds):
        if first != head + 1 or last < first:
            raise Broken(
                f"the block that follows event {head} is missing, or is another one",
                Kind.MISSING_BLOCK,
            )
        rows = _take(events, first, last)
        previous = _link(previous, rows)
        if previous != stored:
            raise Broken(
                f"the block of events {first} to {last} is not what was written", Kind.CHANGED
            )
        if noted and head < noted.seq <= last:
            _compare(noted, last, previous)
        yield last, previous, rows
        head = last
    if upto is not None:
        return
    if extra := events.take(1):
        raise Broken(f"event {extra[0][0]} stands in no block", Kind.UNACCOUNTED)
    if not after:
        count(connection)
    if noted and noted.seq > head:
        raise TailLost(gone(head + 1, noted.seq), Kind.TRUNCATED)


def gone(first: int, last: int) -> str:
    """Of events that were there."""
    if first == last:
        return f"event {first} was written once and is gone"
    return f"events {first} to {last} were written once and are gone"


def _look_up(connection: sqlite3.Connection, noted: mark.Mark) -> None:
    """Compare a head that was noted before the first block that is gone through."""
    last, block = connection.execute(
        "SELECT last, hash FROM block WHERE last >= ? ORDER BY last LIMIT 1", (noted.seq,)
    ).fetchone()
    _compare(noted, last, block)


def _unreadable(error: sqlite3.DatabaseError) -> Broken:
    return Broken(f"SQLite cannot read it to the end ({error})", Kind.UNREADABLE)


def _take(events: Events, first: int, last: int) -> list[Row]:
    """One block's events. They are ordered: both ends in place means all in place."""
    rows = events.take(last - first + 1)
    if len(rows) == last - first + 1 and rows[0][0] == first and rows[-1][0] == last:
        return rows
    if rows and rows[0][0] < first:
        raise Broken(f"event {rows[0][0]} stands in no block", Kind.UNACCOUNTED)
    present = {row[0] for row in rows}
    missing = next(number for number in range(first, last + 1) if number not in present)
    raise Broken(f"event {missing} is missing", Kind.MISSING_EVENT)


def _link(previous: bytes, rows: list[Row]) -> bytes:
    try:
        return chain.link(previous, rows)
    except TypeError:  # a damaged row has no body, see events/pages.py
        return b""


def _compare(noted: mark.Mark, last: int, block: object) -> None:
    if last != noted.seq:
        raise Broken(
            f"no block ends at event {noted.seq}, where a head was noted: the log was rewritten",
            Kind.REWRITTEN,
        )
    if not isinstance(block, bytes) or block.hex() != noted.hash:
        raise Broken(
            f"the head noted for event {last} is another one: the log was rewritten",
            Kind.REWRITTEN,
        )
