"""Where do events lie, and how are they appended, read and followed?

`Log` is what everything above knows; `SqliteLog` is its embedded engine, one file in the state
directory. Rows may be appended faster than they become durable; only durable ones can be read.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from events import chain, database, verify
from events.codec import Row, decode
from events.database import LogUnusable
from events.envelope import Recorded
from events.writer import Listener, Writer

READ_EVENTS = 1000
"""How many events one read returns at most."""


class Log(Protocol):
    """An append-only log whose numbers have no gaps."""

    def start(self, listener: Listener) -> None:
        """Begin to write; `listener` hears of it on a thread of the log's choice."""

    def append(self, rows: Sequence[Row]) -> None:
        """Hand in one decision's rows, numbered on from the last. Returns at once."""

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        """The durable events after a number, in order, at most `limit`, of one subject or of all."""

    def close(self) -> None:
        """Write what was handed in, and let go."""


class SqliteLog:
    """The log in one SQLite file. Open it, `replay` it once, `start` it, then append."""

    def __init__(self, directory: Path) -> None:
        """Open or make `log` in `directory`. Raises LogUnusable."""
        self._directory = directory
        self.path = directory / "log"
        self._connection = database.open_for_writing(self.path)
        self._reader = database.open_for_reading(self.path)
        self._writer: Writer | None = None
        self.head, self.block = 0, chain.GENESIS

    def replay(self) -> Iterator[Recorded]:
        """Every event from the first on, the chain checked on the way.

        Raises LogUnusable where the log is not what was written, UnreadableEvent where a newer
        version wrote it. Afterwards `head` and `block` are known, and the log can start.
        """
        noted = verify.read_mark(self._directory)
        try:
            for last, block, rows in verify.blocks(self._reader):
                if noted and noted.seq == last and noted.hash != block.hex():
                    raise LogUnusable(
                        self._damaged(f"the head noted for event {last} is another one")
                    )
                for row in rows:
                    yield decode(row)
                self.head, self.block = last, block
        except (verify.Broken, sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise LogUnusable(self._damaged(str(error))) from error
        if noted and noted.seq > self.head:
            raise LogUnusable(
                f"the log {self.path} ends at event {self.head}, but event {noted.seq} had been written: "
                "its tail is lost; restore a backup, or accept the loss by deleting "
                f"{self._directory / 'log.mark'}"
            )

    def start(self, listener: Listener) -> None:
        self._writer = Writer(self._connection, self._directory, self.head, self.block)
        self._writer.start(listener)

    def append(self, rows: Sequence[Row]) -> None:
        assert self._writer is not None, "a log is started before it is appended to"
        self._writer.put(rows)

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        if subject is None:
            rows = self._reader.execute(_READ, (after, limit))
        else:
            rows = self._reader.execute(_READ_SUBJECT, (subject, after, limit))
        return [decode(row) for row in rows]

    def close(self) -> None:
        self._reader.close()
        if self._writer is not None:
            self._writer.close()
        else:
            self._connection.close()

    def _damaged(self, fault: str) -> str:
        return (
            f"the log {self.path} is damaged: {fault}; nothing was changed: "
            "run `rounds log verify`, then restore a backup"
        )


_READ = "SELECT seq, at, subject, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
_READ_SUBJECT = (
    "SELECT seq, at, subject, body FROM event WHERE subject = ? AND seq > ? ORDER BY seq LIMIT ?"
)
