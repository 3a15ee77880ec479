"""How far had the log come, noted outside it, so that a log that lost its tail is noticed?

SQLite drops a damaged tail of its WAL without a word. The mark is one line, `seq hash`, written after
each commit and before anybody is told of it; it may be behind the log, never ahead of it.
"""

import os
from pathlib import Path
from typing import NamedTuple

WIDTH = 20 + 1 + 64 + 1


class Mark(NamedTuple):
    seq: int
    hash: str


class MarkFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, seq: int, block: bytes) -> None:
        os.pwrite(self._fd, f"{seq:020d} {block.hex()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._fd)


def read(path: Path) -> Mark | None:
    """The last mark, or None where none was made (a new log, or one whose loss was accepted)."""
    try:
        text = path.read_text("ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    seq, _, block = text.strip().partition(" ")
    if len(text) != WIDTH or not seq.isdecimal():
        return None
    return Mark(int(seq), block)
