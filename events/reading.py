"""How is a log opened by those who only read it, without what it takes to write one?"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from events import codec
from events.codec import EPOCH, MICROSECOND, decode, to_microseconds
from events.envelope import Recorded

OpenLog: TypeAlias = sqlite3.Connection
"""A log that is open, for those who have no business with SQLite itself."""

Share: TypeAlias = tuple[int, int]
"""Which one, counted from 0, of how many that all subjects are divided into."""

READ_EVENTS = 1000
"""How many events one read returns at most."""


class LogUnusable(Exception):
    """The log cannot be opened as it lies there; the sentence says why and what to do."""


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a log that this process, or another one, may be writing."""
    if not path.exists():
        raise LogUnusable(f"there is no log at {path}; start roundsd once, or name another state")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        connection.execute("SELECT 1 FROM block LIMIT 1")
    except sqlite3.Error as error:
        raise LogUnusable(f"the log {path} cannot be read ({error})") from error
    return connection


class Reader:
    """What is durable in a log, found by number, by subject, and by block."""

    def __init__(self, path: Path) -> None:
        """Raises LogUnusable."""
        self.connection = open_for_reading(path)

    def read(self, after: int, *, subject: int | None = None, limit: int) -> list[Recorded]:
        if subject is None:
            rows = self.connection.execute(_READ_ALL, (after, limit))
        else:
            rows = self.connection.execute(_READ_SUBJECT, (subject, after, limit))
        return [decode(row) for row in rows]

    def share(
        self,
        after: int,
        upto: int,
        share: Share,
        *,
        also: Sequence[str],
        without: Sequence[str],
        limit: int,
    ) -> tuple[list[Recorded], int]:
        """Of `limit` events after a number, up to another one, those of this share of all subjects.

        And those that have one of the tags `also`, whose ever they are; but none `without`, which
        costs no decoding. Beside them stands the last number that was looked at.
        """
        others = " OR ".join("body GLOB ?" for _ in also)
        globs = [f"{codec.opening(tag).decode()}*" for tag in also]
        sql = _READ_SHARE.format(others=others)
        bound = (after, upto, share[1], share[0], *globs, limit)
        rows = self.connection.execute(sql, bound).fetchall()
        passed = tuple(codec.opening(tag) for tag in without)
        found = [decode(row) for row in rows if not row[3].startswith(passed)]
        return found, rows[-1][0] if len(rows) == limit else upto

    def latest(self, upto: int) -> datetime | None:
        """The latest time of all events up to that one."""
        (at,) = self.connection.execute(_LATEST, (upto,)).fetchone()
        return None if at is None else EPOCH + at * MICROSECOND

    def first_since(self, at: datetime, upto: int) -> int:
        """The first event of that time or a later one; the one after `upto` where there is none."""
        found = self.connection.execute(_FIRST_SINCE, (to_microseconds(at), upto)).fetchone()
        return found[0] if found else upto + 1

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        rows = self.connection.execute(_PICK, (json.dumps([*numbers]),))
        return [decode(row) for row in rows]

    def numbers(
        self, subject: int, *, after: int, upto: int, limit: int, latest: bool
    ) -> list[int]:
        """By the index alone."""
        sql = _LATEST_NUMBERS if latest else _FIRST_NUMBERS
        found = [seq for (seq,) in self.connection.execute(sql, (subject, after, upto, limit))]
        return found[::-1] if latest else found

    def block_of(self, seq: int) -> bytes | None:
        """The hash of the block that holds that event, or None where it cannot be found."""
        try:
            found = self.connection.execute(_BLOCK_OF, (seq,)).fetchone()
        except sqlite3.DatabaseError:
            return None  # whoever goes on to read the log hears what is wrong with it
        return found[1] if found and found[0] <= seq else None

    def close(self) -> None:
        """Let go. Safe to call twice."""
        self.connection.close()


_READ = "SELECT seq, at, subject, CAST(body AS BLOB) FROM event"
_READ_ALL = f"{_READ} WHERE seq > ? ORDER BY seq LIMIT ?"
_READ_SUBJECT = f"{_READ} WHERE subject = ? AND seq > ? ORDER BY seq LIMIT ?"
_READ_SHARE = (
    f"{_READ} WHERE seq > ? AND seq <= ? AND (subject % ? = ? OR {{others}}) ORDER BY seq LIMIT ?"
)
_LATEST = "SELECT max(at) FROM event WHERE seq <= ?"
_FIRST_SINCE = "SELECT seq FROM event WHERE at >= ? AND seq <= ? ORDER BY seq LIMIT 1"
_PICK = f"{_READ} WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"
_NUMBERS = "SELECT seq FROM event WHERE subject = ? AND seq > ? AND seq <= ?"
_FIRST_NUMBERS = f"{_NUMBERS} ORDER BY seq LIMIT ?"
_LATEST_NUMBERS = f"{_NUMBERS} ORDER BY seq DESC LIMIT ?"
_BLOCK_OF = "SELECT first, hash FROM block WHERE last >= ? ORDER BY last LIMIT 1"


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say it of the log, where SQLite cannot read what is asked for."""
    try:
        yield
    except sqlite3.Error as error:
        raise LogUnusable(
            f"the log {path} cannot be read to its end ({error}); run `rounds log verify`"
        ) from error
