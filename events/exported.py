"""Is an export what the log held, and how much of that does the file alone show?"""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import BinaryIO

import msgspec
from msgspec import Struct

from events import chain, verify
from events.audit import Noted, differs
from events.codec import Row
from events.export import FORMAT, VERSION, BlockLine, EventLine, Header, as_line, passes
from events.verify import Block, Broken, Kind

GZIP = b"\x1f\x8b"
NO_LINE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
LINE_BYTES_MAX = 64 * 1024 * 1024  # far beyond any event; what is longer is no line of an export


NOT_SO = "it is not as `rounds log export` writes it; were the ends of lines converted?"


class Line(Struct, frozen=True, kw_only=True):
    """What is looked for in lines that come later: an event's number, or a block's first."""

    seq: int | None = None
    first: int | None = None


class Found(Struct, frozen=True, kw_only=True):
    """How far a file is sound: `last` is its last whole block's end."""

    header: Header
    events: int
    blocks: int
    left_out: int
    last: int
    hash: str
    confirmed: int
    fault: Broken | None = None


_lines = msgspec.json.Decoder(Line)
_event_lines = msgspec.json.Decoder(EventLine)
_block_lines = msgspec.json.Decoder(BlockLine)


def check(
    text: Iterator[bytes],
    noted: Sequence[Noted],
    log: sqlite3.Connection | None = None,
) -> Found:
    """Go through a file, against `log` where there is one.

    Raises Broken where it is no export at all; what else is wrong is the answer's `fault`.
    """
    header = _header(next(text, b""))
    check_ = _Check(header, noted, log)
    fault = None
    try:
        for block in _blocks(header, text):
            check_.block(*block)
    except Broken as broken:
        fault = broken
    finally:
        check_.close()
    return Found(
        header=header,
        events=check_.events,
        blocks=check_.blocks,
        left_out=check_.left_out,
        last=check_.last,
        hash=check_.previous.hex(),
        confirmed=check_.confirmed,
        fault=fault,
    )


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; a longer one than any export has comes in pieces that are none."""
    return iter(lambda: file.readline(LINE_BYTES_MAX), b"")


def _header(line: bytes) -> Header:
    if line.startswith(GZIP):
        raise Broken("it is compressed: decompress it first (gunzip)", Kind.FOREIGN)
    try:
        header = msgspec.json.decode(line, type=Header)
    except NO_LINE:
        raise Broken(
            "its first line is not the header that `rounds log export` begins with", Kind.FOREIGN
        ) from None
    if header.format != FORMAT or header.version != VERSION:
        raise Broken(
            f"it is in the form {header.format} {header.version}, and this version of rounds "
            f"knows {FORMAT} {VERSION}: check it with the version that made it",
            Kind.FOREIGN,
        )
    if as_line(header) != line:
        raise Broken(f"its header was changed: {NOT_SO}", Kind.CHANGED)
    if not 0 < header.first <= header.last < verify.BEHIND_ALL or _bytes(header.previous) is None:
        raise Broken("its header was changed: it names no range of events", Kind.CHANGED)
    if header.first == 1 and header.previous != chain.GENESIS.hex():
        raise Broken("its header was changed: nothing comes before event 1", Kind.CHANGED)
    return header


def _blocks(
    header: Header, lines: Iterator[bytes]
) -> Generator[tuple[BlockLine, list[Row]], None, None]:
    """Each block's line with its events, the numbers checked."""
    after, rows = header.first - 1, list[Row]()
    numbered = enumerate(lines, 2)
    for number, text in numbered:
        line = _read(number, text)
        if after == header.last:
            raise Broken(f"line {number} stands behind the end of the export", Kind.UNACCOUNTED)
        rest = (each for _, each in numbered)
        if isinstance(line, EventLine):
            due = rows[-1][0] + 1 if rows else after + 1
            if not due <= line.seq <= header.last or (line.seq > due and header.filter is None):
                raise _out_of_order(number, line.seq, due, rest)
            rows.append((line.seq, line.at, line.subject, bytes(line.event)))
            continue
        _fits(number, line, (after, rows), header, rest)
        yield line, rows
        after, rows = line.last, []
    if after != header.last:
        raise Broken(
            f"it was cut off: its last whole block ends at event {after}, and its header names "
            f"events {header.first} to {header.last}",
            Kind.TRUNCATED,
        )


def _read(number: int, text: bytes) -> EventLine | BlockLine:
    if not text.endswith(b"\n"):
        raise Broken(
            f"it was cut off in the middle of line {number}: what the header names is not all "
            "there",
            Kind.TRUNCATED,
        )
    decoder = _event_lines if text.startswith(b'{"seq":') else _block_lines
    try:
        line: EventLine | BlockLine = decoder.decode(text)
    except NO_LINE:
        raise Broken(
            f"line {number} was changed: it is neither event nor block", Kind.CHANGED
        ) from None
    if as_line(line) != text:
        raise Broken(f"line {number} was changed: {NOT_SO}", Kind.CHANGED)
    return line


def _fits(
    number: int,
    block: BlockLine,
    above: tuple[int, list[Row]],
    header: Header,
    rest: Iterator[bytes],
) -> None:
    """Does a block follow the one before, and are its events those above it?"""
    after, rows = above
    here = rows[-1][0] if rows else after
    if block.first != after + 1 or not block.first <= block.last <= header.last:
        if block.first > after + 1 and not _comes(rest, lambda line: line.first == after + 1):
            raise Broken(
                f"the block that begins with event {after + 1} is missing (line {number})",
                Kind.MISSING_BLOCK,
            )
        raise Broken(
            f"line {number} is the block of events {block.first} to {block.last}, and the one that "
            f"begins with event {after + 1} was due: lines were moved, doubled or changed",
            Kind.REORDERED,
        )
    if here > block.last:
        raise Broken(
            f"event {here} stands before the end of the block of events {block.first} to "
            f"{block.last} (line {number}): lines were moved",
            Kind.REORDERED,
        )
    size = block.last - block.first + 1
    if header.filter is None and (here < block.last or block.left_out):
        raise _out_of_order(number, block.last, here + 1, rest)
    if len(rows) + block.left_out != size:
        raise Broken(
            f"the block of events {block.first} to {block.last} (line {number}) names "
            f"{block.left_out:,} events that were left out, and {size - len(rows):,} are not there",
            Kind.MISSING_EVENT,
        )


def _out_of_order(number: int, seq: int, due: int, rest: Iterator[bytes]) -> Broken:
    if seq >= due and not _comes(rest, lambda line: line.seq == due):
        return Broken(f"event {due} is missing (line {number})", Kind.MISSING_EVENT)
    return Broken(
        f"line {number} comes where event {due} was due: lines were moved or doubled",
        Kind.REORDERED,
    )


def _comes(rest: Iterator[bytes], wanted: Callable[[Line], bool]) -> bool:
    for text in rest:
        try:
            if wanted(_lines.decode(text)):
                return True
        except NO_LINE:
            continue
    return False


class _Check:
    """The chain over a file's blocks, beside the log's where there is one."""

    def __init__(
        self, header: Header, noted: Sequence[Noted], log: sqlite3.Connection | None
    ) -> None:
        self._filter = header.filter
        self._heads = sorted(
            (head for head in noted if header.first <= head.seq <= header.last),
            key=lambda head: head.seq,
            reverse=True,
        )
        self._log: Generator[Block, None, None] | None = None
        if log is not None:
            self._log = verify.blocks(log, after=header.first - 1, upto=header.last)
        self.last = header.first - 1
        self.previous = _bytes(header.previous) or b""
        self.events = self.blocks = self.left_out = self.confirmed = 0

    def block(self, block: BlockLine, rows: list[Row]) -> None:
        """Raises Broken."""
        hash_ = _bytes(block.hash) or b""
        if not hash_ or (self._filter is None and chain.link(self.previous, rows) != hash_):
            raise Broken(
                f"the block of events {block.first} to {block.last} is not what was written: "
                "one of its lines, or of those before it, was changed",
                Kind.CHANGED,
            )
        if self._log is not None:
            self._agree(self._beside(), block, hash_, rows)
        while self._heads and self._heads[-1].seq <= block.last:
            head = self._heads.pop()
            if sentence := differs(head, hash_ if head.seq == block.last else None):
                raise Broken(sentence, Kind.REWRITTEN)
            self.confirmed += 1
        self.previous, self.last = hash_, block.last
        self.events += len(rows)
        self.blocks += 1
        self.left_out += block.left_out

    def close(self) -> None:
        if self._log is not None:
            self._log.close()

    def _beside(self) -> Block | None:
        assert self._log is not None
        try:
            return next(self._log, None)
        except Broken as broken:
            raise Broken(f"the log that it is compared with: {broken}", broken.kind) from broken

    def _agree(self, beside: Block | None, block: BlockLine, hash_: bytes, rows: list[Row]) -> None:
        """Is it the log's block, byte for byte?"""
        if beside is None:
            raise Broken(f"the log ends before event {block.last}", Kind.TRUNCATED)
        last, stored, held = beside
        not_its = Broken(
            f"the block of events {block.first} to {block.last} is not the log's", Kind.CHANGED
        )
        if last != block.last:
            raise not_its
        asked = self._filter
        wanted = held if asked is None else [row for row in held if passes(row, asked)]
        there, due = {row[0]: row for row in rows}, {row[0]: row for row in wanted}
        for seq in sorted(there | due):
            if seq not in there:
                raise Broken(
                    f"event {seq} is asked for and in the log, and not here", Kind.MISSING_EVENT
                )
            if there[seq] != due.get(seq):
                raise Broken(f"event {seq} is not what the log holds", Kind.CHANGED)
        if stored != hash_:
            raise not_its


def _bytes(hash_: str) -> bytes | None:
    try:
        found = bytes.fromhex(hash_)
    except ValueError:
        return None
    return found if len(found) == len(chain.GENESIS) and found.hex() == hash_ else None
