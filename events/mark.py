"""How far had the log come, noted outside it, so that a log that lost its tail is noticed?

SQLite drops a damaged tail of its WAL without a word. The mark is one line, `seq hash`, written
after each commit and before anybody is told of it; it may be behind the log, never ahead of it.
"""

import os
from pathlib import Path
from typing import NamedTuple

WIDTH = 20 + 1 + 64 + 1


class Mark(NamedTuple):
    seq: int
    hash: str


class MarkFile:
    """The open file. It takes its space when it is opened: a full disk must not stop a mark."""

    def __init__(self, path: Path) -> None:
        path.touch(0o600)
        self._file = path.open("r+b", buffering=0)
        os.posix_fallocate(self._file.fileno(), 0, WIDTH)

    def write(self, seq: int, block: bytes) -> None:
        os.pwrite(self._file.fileno(), f"{seq:020d} {block.hex()}\n".encode(), 0)

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        self._file.close()


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
