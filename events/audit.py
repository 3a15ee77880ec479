"""Does a whole log agree with itself, with its mark, and with heads that were noted elsewhere?

A block is chained to the stored hash of the one before it, so parts of a log can be checked at the
same time, by as many processes: where each part is sound, all of it is.
"""

import multiprocessing.pool
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from events import by_subject, chain, mark, verify, wal
from events.codec import EPOCH, MICROSECOND
from events.reading import open_for_reading
from events.verify import Broken, Kind

PART_EVENTS = 50_000  # some tenth of a second of one processor
PARTS_MIN = 4  # fewer are done before another process has begun

Tell = Callable[[int], None]
"""Hears how many events have been checked."""


class Noted(Struct, frozen=True, kw_only=True):
    """A head that was noted outside the log: where, and when if that is known."""

    seq: int
    hash: str
    where: str
    at: datetime | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """What is not as it was written."""

    kind: Kind
    sentence: str
    good: int
    """All up to this event is."""


class Audit(Struct, frozen=True, kw_only=True):
    """What an audit came to. `events`, `blocks` and `hash` are of the part that hangs together.

    `marked` is the event that log.mark notes, None where it notes none, `good` the last one that
    nothing is held against, `good_at` when it happened; `confirmed` counts the heads that agree.
    """

    events: int
    blocks: int
    hash: str
    good: int
    good_at: datetime | None
    confirmed: int
    marked: int | None
    finding: Finding | None


class Reached(NamedTuple):
    """How far parts of a log are sound, and whether its index is."""

    events: int = 0
    blocks: int = 0
    hash: bytes = chain.GENESIS
    indexed: bool = False


class Outside(NamedTuple):
    """What is noted outside the database: elsewhere, in log.mark, or why there is no reading it."""

    heads: Sequence[Noted]
    marked: mark.Mark | None
    illegible: Broken | None


def audit(
    path: Path, noted: Sequence[Noted], processes: int = 1, tell: Tell = lambda _: None
) -> Audit:
    """Check the log at `path` and compare it with `noted`. Raises LogUnusable, OSError.

    The mark is read before any block: what a running daemon appends meanwhile is then not missing.
    """
    outside = _outside(path, noted)
    known, blocks, hash_, indexed = _parts_reached(path, processes, tell)
    events, broken = known, None
    with closing(open_for_reading(path)) as connection:
        try:
            for last, block, _ in verify.blocks(connection, after=known):
                events, hash_, blocks = last, block, blocks + 1
                tell(events)
            verify.count(connection)
        except Broken as found:
            broken = found
        finding, confirmed = _compare(connection, path, outside, events, broken)
        if finding is None and not indexed:
            finding = _misled(connection, events)
        good = finding.good if finding else events
        return Audit(
            events=events,
            blocks=blocks,
            hash=hash_.hex(),
            good=good,
            good_at=time_of(connection, good),
            confirmed=confirmed,
            marked=outside.marked.seq if outside.marked else None,
            finding=finding,
        )


def time_of(connection: sqlite3.Connection, seq: int) -> datetime | None:
    """When an event happened, where the log can still tell."""
    try:
        found = connection.execute("SELECT at FROM event WHERE seq = ?", (seq,)).fetchone()
        return EPOCH + found[0] * MICROSECOND if found else None
    except (sqlite3.DatabaseError, TypeError, OverflowError):
        return None


# -- many processes -------------------------------------------------------------------------------


def _parts_reached(path: Path, processes: int, tell: Tell) -> Reached:
    """How far the log is sound, as far as parts of it were checked at the same time.

    Whatever is wrong, is only found here, and named by whoever goes on from there.
    """
    if processes < 2:
        return Reached()
    cuts = _cuts(path)
    if len(cuts) <= PARTS_MIN:
        return Reached()
    parts = [(path, after, upto) for after, upto in zip([0, *cuts], cuts, strict=False)]
    events, blocks, hash_, _ = Reached()
    with _pool(processes) as pool:
        index = pool.apply_async(_is_indexed, (path,))
        for part, found in zip(parts, pool.imap(_part, parts), strict=True):
            if found is None:
                return Reached(events, blocks, hash_)
            events, blocks, hash_ = part[2], blocks + found[0], found[1]
            tell(events)
        return Reached(events, blocks, hash_, index.get())


@contextmanager
def _pool(processes: int) -> Iterator[multiprocessing.pool.Pool]:
    pool = multiprocessing.get_context("spawn").Pool(
        processes, signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()


def _cuts(path: Path) -> list[int]:
    """At which blocks' ends the log is divided. A damaged one is divided somehow, or not at all."""
    cuts = [0]
    try:
        with closing(open_for_reading(path)) as connection:
            while found := connection.execute(_CUT, (cuts[-1] + PART_EVENTS,)).fetchone():
                cuts.append(int(found[0]))
    except (sqlite3.DatabaseError, TypeError, ValueError, OverflowError):
        return []
    return cuts[1:]


def _part(part: tuple[Path, int, int]) -> tuple[int, bytes] | None:
    """How many blocks a part has, and its last one's hash; None where it is not sound."""
    path, after, upto = part
    count, hash_, last = 0, b"", after
    try:
        with closing(open_for_reading(path)) as connection:
            for last, hash_, _ in verify.blocks(connection, after=after, upto=upto):  # noqa: B007
                count += 1
    except Broken:
        return None
    return (count, hash_) if last == upto else None


def _is_indexed(path: Path) -> bool:
    with closing(open_for_reading(path)) as connection:
        return _misled(connection, 0) is None


_CUT = "SELECT last FROM block WHERE last >= ? ORDER BY last LIMIT 1"


# -- what was noted elsewhere ---------------------------------------------------------------------


def _compare(
    connection: sqlite3.Connection,
    path: Path,
    outside: Outside,
    events: int,
    broken: Broken | None,
) -> tuple[Finding | None, int]:
    """The first thing that is wrong, by the numbers of events, and how many heads agree."""
    marked = outside.marked
    heads = sorted(outside.heads, key=lambda head: head.seq)
    confirmed = good = 0
    for head in [each for each in heads if 0 < each.seq <= events]:
        if sentence := differs(head, _block(connection, head.seq)):
            return Finding(kind=Kind.REWRITTEN, sentence=sentence, good=good), confirmed
        confirmed, good = confirmed + 1, head.seq
    if marked and 0 < marked.seq <= events:
        head = Noted(seq=marked.seq, hash=marked.hash, where="log.mark")
        if sentence := differs(head, _block(connection, head.seq)):
            return Finding(kind=Kind.REWRITTEN, sentence=sentence, good=good), confirmed
    if broken is not None:
        return _as_finding(broken, events), confirmed
    return _lost(path, heads, outside, events), confirmed


def differs(head: Noted, block: bytes | None) -> str | None:
    """What speaks against a head, given the hash of the block that ends where it was noted."""
    if block is None:
        return (
            f"no block ends at event {head.seq}, where a head was noted ({origin(head)}): "
            "the log was rewritten"
        )
    if block.hex() != head.hash:
        return (
            f"the head noted for event {head.seq} is another one ({origin(head)}): "
            "the log was rewritten"
        )
    return None


def origin(head: Noted) -> str:
    when = f", {head.at:%Y-%m-%d %H:%M:%S} UTC" if head.at else ""
    return f"{head.where}{when}"


def _outside(path: Path, heads: Sequence[Noted]) -> Outside:
    try:
        return Outside(heads, verify.read_mark(path.parent), None)
    except Broken as illegible:
        return Outside(heads, None, illegible)


def _block(connection: sqlite3.Connection, last: int) -> bytes | None:
    try:
        return verify.block_at(connection, last)
    except sqlite3.DatabaseError:
        return None


def _lost(path: Path, heads: Sequence[Noted], outside: Outside, events: int) -> Finding | None:
    """What stood behind a log's end, by what is noted of it."""
    marked, illegible = outside.marked, outside.illegible
    beyond = [head for head in heads if head.seq > events]
    if marked and marked.seq > events:
        gone = f"{verify.gone(events + 1, marked.seq)}: "
        if frame := wal.torn(path):
            cause = f"log-wal is damaged from its frame {frame} on, and SQLite drops what follows"
            return Finding(kind=Kind.TORN, sentence=gone + cause, good=events)
        cause = (
            "log.mark, beside the log, notes the last of them; the log was cut off, or an older "
            "copy of it was put there"
        )
        return Finding(kind=Kind.TRUNCATED, sentence=gone + cause, good=events)
    if not beyond:
        return _as_finding(illegible, events) if illegible else None
    ends = (
        "log and log.mark both end"
        if marked
        else f"{'log.mark is damaged' if illegible else 'there is no log.mark'}, and the log ends"
    )
    return Finding(
        kind=Kind.OLD_COPY,
        sentence=f"{verify.gone(events + 1, beyond[-1].seq)}: a head "
        f"was noted for event {beyond[-1].seq} ({origin(beyond[-1])}), and {ends} at event "
        f"{events}; an older copy was restored, or the log was cut back",
        good=events,
    )


# -- what no hash covers --------------------------------------------------------------------------


def _misled(connection: sqlite3.Connection, events: int) -> Finding | None:
    """What is wrong with the index, where the events themselves are sound."""
    try:
        by_subject.check(connection)
    except Broken as broken:
        return _as_finding(broken, events)
    return None


def _as_finding(broken: Broken, events: int) -> Finding:
    return Finding(kind=broken.kind, sentence=str(broken), good=events)
