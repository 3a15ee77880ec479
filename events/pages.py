"""How are the rows of many events read at once, as they lie there?

A step of an SQLite statement costs Python as much as all else about a row. An aggregate function
is called row by row inside one step, so that a page of rows costs one. Whatever is not in order in
a page is read once more by a plain statement, which shows it as it is.
"""

import sqlite3
from operator import itemgetter
from typing import Any

from events.codec import Row

PAGE_ROWS = 2048  # some half a megabyte: what is read stays in the processor's cache
BEFORE_ALL = -(2**63)  # the least number that SQLite knows; a damaged log may hold any

BODY = "CASE typeof(body) WHEN 'text' THEN CAST(body AS BLOB) END"
WHOLE = """
    CASE WHEN typeof(at) = 'integer' AND typeof(subject) = 'integer' AND typeof(body) = 'text'
    THEN CAST(body AS BLOB) END
"""
"""A body, or NULL where a value of a damaged row is of another type: that is no row to hash."""

EARLY = "SELECT 1 FROM event WHERE seq <= 0 LIMIT 1"
PAGE = f"SELECT gathered(seq, at, subject, {BODY}) FROM event NOT INDEXED WHERE seq BETWEEN ? AND ?"
PLAIN = f"SELECT seq, at, subject, {WHOLE} FROM event NOT INDEXED WHERE seq > ? ORDER BY seq"


_at, _subject = itemgetter(1), itemgetter(2)


class Events:
    """The events behind a number, in order, as many at a time as somebody asks for."""

    def __init__(self, connection: sqlite3.Connection, after: int) -> None:
        """`after` is 0 for all of them, also those whose numbers no event has."""
        self._connection = connection
        self._gathered = _Gathered()
        self._read: list[Row] = []
        self._next = 0  # where in what was read that begins which was not taken
        self._head = after
        self._plain: sqlite3.Cursor | None = None
        connection.create_aggregate("gathered", 4, lambda: self._gathered)
        if not after and connection.execute(EARLY).fetchone():
            self._plain = connection.execute(PLAIN, (BEFORE_ALL,))

    def take(self, size: int) -> list[Row]:
        """The next ones; fewer where the log ends."""
        while len(self._read) - self._next < size:
            page = self._page()
            if not page:
                break
            del self._read[: self._next]
            self._read += page
            self._next = 0
        rows = self._read[self._next : self._next + size]
        self._next += len(rows)
        return rows

    def _page(self) -> list[Row]:
        if self._plain is None:
            first, last = self._head + 1, self._head + PAGE_ROWS
            self._gathered = _Gathered()
            self._connection.execute(PAGE, (first, last)).fetchone()
            rows = self._gathered.rows
            if [row[0] for row in rows] == [*range(first, last + 1)] and _are_integers(rows):
                self._head = last
                return rows
            self._plain = self._connection.execute(PLAIN, (self._head or BEFORE_ALL,))
        return self._plain.fetchmany(PAGE_ROWS)


def _are_integers(rows: list[Row]) -> bool:
    """Of times and subjects: a sum with a real in it is one, and there is none with a text."""
    try:
        return type(sum(map(_at, rows)) + sum(map(_subject, rows))) is int
    except TypeError:
        return False


class _Gathered:
    """The aggregate function: it keeps what it is called with, and counts it."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def step(self, *row: Any) -> None:
        self.rows.append(row)

    def finalize(self) -> int:
        return len(self.rows)
