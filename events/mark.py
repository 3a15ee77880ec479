"""How far had the log come, noted outside it, so that a log that lost its tail is noticed?

SQLite drops a damaged tail of its WAL without a word. The mark is one line, `seq hash`, written
after each commit and before anybody is told of it; it may be behind the log, never ahead of it.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

WIDTH = 20 + 1 + 64 + 1
FORM = re.compile(rb"([0-9]{20}) ([0-9a-f]{64})\n")
LOOKS = 20  # whoever reads while it is written may see half of each; never for long


class Damaged(Exception):
    """There is a mark, and it is none that was ever written: it is, whole, in one sector."""


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
    """The last mark, or None where none was made (a new log, or one whose loss was accepted).

    Its space alone, all zeros, is none yet. Raises Damaged, PermissionError.
    """
    try:
        text = _settled(path)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except OSError as error:
        raise Damaged(f"it cannot be read ({error.strerror or error})") from error
    if not text.strip(b"\0"):
        return None
    found = FORM.fullmatch(text)
    if found is None:
        raise Damaged("it is not one line with a number and a hash")
    return Mark(int(found[1]), found[2].decode())


def _settled(path: Path) -> bytes:
    """What two looks in a row agree on, if it can be had."""
    text = path.read_bytes()
    for _ in range(LOOKS):
        before, text = text, path.read_bytes()
        if text == before:
            break
    return text
