"""Where do snapshots lie, and which of them may be believed?

Each is a file of its own, named for the event that it was made at, and knows nothing of what its
pieces mean:

    pieces, deflated … │ contents (JSON): stamp, places, checksums │ their length, SHA-256 │ mark

It is written beside, synced, renamed, and its directory is synced: one that bears its name is
whole, and what is damaged later shows by its checksums. All of them may be deleted at any time.
"""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from events import directory

MARK = b"rounds-snapshot1"
"""How a file ends, and in which form it is."""
TAIL = struct.Struct(f"<Q32s{len(MARK)}s")
CONTENTS_BYTES_MAX = 64 * 1024**2  # of some 200 bytes a piece: far more than a fleet has
LEVEL = 1  # the fastest: a sixth of the size for as long as the encoding took
PARTIAL = ".partial"
SEQ_MAX = 2**63 - 1  # of an event: SQLite counts no further

Piece = tuple[str, int, int, bytes]
"""(kind, first key, last key, bytes)"""


class SnapshotDamaged(Exception):
    """It is not what was written, or was written in another form."""


class Stamp(Struct, frozen=True, kw_only=True):
    """What a snapshot was made of: of the events up to `seq`, folded by code of that `version`.

    `at` is when that event was recorded, `block` the hash, in hexadecimal, of the block of the log
    that holds it.
    """

    version: str
    seq: int
    at: datetime
    block: str


class Place(Struct, frozen=True, kw_only=True):
    """Where a piece lies in its file, and what it must be."""

    kind: str
    first: int
    last: int
    offset: int
    size: int
    sha256: str


class Contents(Struct, frozen=True, kw_only=True):
    stamp: Stamp
    places: tuple[Place, ...]


class Snapshot:
    """One that is open for reading, whose contents are as they were written."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises SnapshotDamaged."""
        self._file = file
        self._contents = _contents(file)
        self.stamp = self._contents.stamp

    def pieces(self, kinds: Collection[str] = (), key: int | None = None) -> Iterator[Piece]:
        """All of it, or what may hold that key in one of these kinds. Raises SnapshotDamaged."""
        for place in self._contents.places:
            if key is None or (place.kind in kinds and place.first <= key <= place.last):
                yield place.kind, place.first, place.last, self._read(place)

    def close(self) -> None:
        self._file.close()

    def _read(self, place: Place) -> bytes:
        try:
            self._file.seek(place.offset)
            packed = self._file.read(place.size)
            if hashlib.sha256(packed).hexdigest() != place.sha256:
                raise SnapshotDamaged(f"its {place.kind} are not what was written")
            return zlib.decompress(packed)
        except (OSError, ValueError, OverflowError, zlib.error) as error:
            raise SnapshotDamaged(f"its {place.kind} cannot be read ({error})") from error


class Draft:
    """One that is being written; nobody sees it before it is `finished`. Raises OSError."""

    def __init__(self, file: BinaryIO, path: Path | None, into: dict[str, bytes]) -> None:
        self._file = file
        self._path = path
        self._into = into
        self._places: list[Place] = []
        self._offset = 0

    def add(self, piece: Piece) -> None:
        kind, first, last, body = piece
        packed = zlib.compress(body, LEVEL)
        place = Place(
            kind=kind,
            first=first,
            last=last,
            offset=self._offset,
            size=len(packed),
            sha256=hashlib.sha256(packed).hexdigest(),
        )
        self._file.write(packed)
        self._places.append(place)
        self._offset += len(packed)

    def finish(self, stamp: Stamp) -> None:
        """Let it be seen, once all of it is on the disk."""
        contents = msgspec.json.encode(Contents(stamp=stamp, places=tuple(self._places)))
        self._file.write(contents)
        self._file.write(TAIL.pack(len(contents), hashlib.sha256(contents).digest(), MARK))
        self._file.flush()
        if self._path is None:
            assert isinstance(self._file, io.BytesIO), "without a directory it lies in memory"
            self._into[_name(stamp.seq)] = self._file.getvalue()
            return
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.rename(self._path.with_name(_name(stamp.seq)))
        directory.sync(self._path.parent)

    def drop(self) -> None:
        """Leave nothing of it, if it was not finished. Safe to call after it was."""
        with suppress(OSError):  # what did not fit on the disk does not fit now
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class Snapshots:
    """All that are kept: files in a directory, or, without one, in memory."""

    def __init__(self, directory: Path | None, version: str) -> None:
        """`version` is that of the code that folds: the snapshots of another one mean nothing."""
        self._directory = directory
        self.version = version
        self._memory: dict[str, bytes] = {}

    def sweep(self) -> None:
        """Clear away what a death left half written. For the one who writes. Raises OSError."""
        if self._directory is not None:
            for left in self._directory.glob(f"*{PARTIAL}"):
                left.unlink(missing_ok=True)

    def numbers(self, upto: int | None = None) -> list[int]:
        """The events that there are snapshots of, whatever these are worth; the newest first."""
        last = SEQ_MAX if upto is None else min(upto, SEQ_MAX)
        found = [int(name) for name in self._names() if len(name) == WIDTH and name.isdecimal()]
        return sorted((each for each in found if each <= last), reverse=True)

    def open(self, seq: int) -> Snapshot:
        """Raises SnapshotDamaged, FileNotFoundError."""
        if self._directory is None:
            return Snapshot(io.BytesIO(self._remembered(seq)))
        try:
            file = (self._directory / _name(seq)).open("rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SnapshotDamaged(f"it cannot be opened ({error.strerror})") from error
        try:
            return Snapshot(file)
        except SnapshotDamaged:
            file.close()
            raise

    def size(self, seq: int) -> int:
        """How many bytes it has. Raises FileNotFoundError."""
        if self._directory is None:
            return len(self._remembered(seq))
        return (self._directory / _name(seq)).stat().st_size

    def begin(self, seq: int) -> Draft:
        """Begin to write one. Raises OSError."""
        if self._directory is None:
            return Draft(io.BytesIO(), None, self._memory)
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._directory / f"{_name(seq)}{PARTIAL}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        return Draft(os.fdopen(descriptor, "wb"), path, self._memory)

    def drop(self, numbers: Sequence[int]) -> None:
        """Delete these. Raises OSError."""
        for seq in numbers:
            self._memory.pop(_name(seq), None)
            if self._directory is not None:
                (self._directory / _name(seq)).unlink(missing_ok=True)

    def _remembered(self, seq: int) -> bytes:
        try:
            return self._memory[_name(seq)]
        except KeyError:
            raise FileNotFoundError from None

    def _names(self) -> list[str]:
        if self._directory is None:
            return list(self._memory)
        try:
            return [each.name for each in self._directory.iterdir() if each.is_file()]
        except OSError:
            return []


WIDTH = 20


def _name(seq: int) -> str:
    return f"{seq:0{WIDTH}d}"


def _contents(file: BinaryIO) -> Contents:
    try:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - TAIL.size, 0))
        length, digest, mark = TAIL.unpack(file.read(TAIL.size))
        if mark != MARK or length > min(end - TAIL.size, CONTENTS_BYTES_MAX):
            raise SnapshotDamaged("it is cut short, or of another form")
        file.seek(end - TAIL.size - length)
        packed = file.read(length)
        if hashlib.sha256(packed).digest() != digest:
            raise SnapshotDamaged("its contents are not what was written")
        return msgspec.json.decode(packed, type=Contents)
    except (OSError, struct.error, msgspec.DecodeError) as error:
        raise SnapshotDamaged(f"it cannot be read ({error})") from error
