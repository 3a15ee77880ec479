"""Is the end of the write-ahead log damaged, which SQLite itself passes over in silence?

Each frame continues a checksum over all frames before it; the first one where that does not hold
ends what SQLite reads. A frame of an earlier round has other salts, and is no damage; nor is one
that is half there because somebody is writing it.
Layout: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from pathlib import Path

HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoints, two salts, two sums
FRAME = struct.Struct(">6I")  # page, size at a commit, two salts, two sums
MAGIC = 0x377F0682  # the lowest bit says whether sums are over big-endian words
WORD = 0xFFFFFFFF


def torn(log: Path) -> int | None:
    """The number, from 1, of the first frame that was written and is not whole; else None.

    None as well where somebody writes to the file while it is read.
    """
    path = log.with_name(f"{log.name}-wal")
    try:
        before = path.stat()
        data = memoryview(path.read_bytes())
        frame, after = _torn(data), path.stat()
    except OSError:
        return None
    still = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    return frame if still else None


def _torn(data: memoryview) -> int | None:
    if len(data) < HEADER.size:
        return None
    magic, _, size, _, *salts, first, second = HEADER.unpack_from(data)
    if magic & ~1 != MAGIC:
        return None
    order = ">" if magic & 1 else "<"
    sums = first, second
    step = FRAME.size + size
    for number, start in enumerate(range(HEADER.size, len(data), step), 1):
        frame = data[start : start + step]
        if len(frame) < FRAME.size or [*FRAME.unpack_from(frame)[2:4]] != salts:
            return None
        sums = _sum(_sum(sums, frame[:8], order), frame[FRAME.size :], order)
        if len(frame) < step or FRAME.unpack_from(frame)[4:] != sums:
            return number
    return None


def _sum(sums: tuple[int, int], data: memoryview, order: str) -> tuple[int, int]:
    one, two = sums
    for low, high in struct.iter_unpack(f"{order}2I", data[: len(data) // 8 * 8]):
        one = (one + low + two) & WORD
        two = (two + high + one) & WORD
    return one, two
