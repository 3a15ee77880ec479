"""Where do events lie, and how are they appended, read and followed?

`Log` is what everything above knows; `SqliteLog` is its embedded engine, one file in the state
directory. Rows may be appended faster than they become durable; only durable ones can be read.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from events import chain, database, reading, verify
from events.codec import Row, decode
from events.envelope import Recorded
from events.reading import READ_EVENTS, LogUnusable, Reader
from events.writer import Listener, Writer

__all__ = ["READ_EVENTS", "Log", "LogUnusable", "SqliteLog"]


class Log(Protocol):
    """An append-only log whose numbers have no gaps."""

    def start(self, listener: Listener) -> None:
        """Begin to write; `listener` hears of it on a thread of the log's choice."""
        ...

    def append(self, rows: Sequence[Row]) -> None:
        """Hand in one decision's rows, numbered on from the last. Returns at once."""
        ...

    def hurry(self) -> None:
        """Have what was handed in written without delay; else it may linger for a moment."""
        ...

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        """The durable events after a number, in order, at most `limit`: of one subject, or all."""
        ...

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        """The durable events of these numbers, in order."""
        ...

    def numbers(
        self, subject: int, *, after: int, upto: int, limit: int, latest: bool
    ) -> list[int]:
        """Of which numbers a subject's durable events after one up to another are, in order.

        At most `limit`, the `latest` or the first. It decodes nothing.
        """
        ...

    def count_types(self) -> dict[str, int]:
        """How many events of each tag there are. Reads the whole log: not for the loop's thread."""
        ...

    def block_of(self, seq: int) -> bytes | None:
        """The hash of the block that holds a durable event, or None where there is none."""
        ...

    def replay(self, after: int = 0) -> Iterator[Recorded]:
        """Every event after that number, once, before `start`."""
        ...

    def close(self) -> None:
        """Write what was handed in, and let go."""
        ...


class SqliteLog:
    """The log in one SQLite file. Open it, `replay` it once, `start` it, then append."""

    def __init__(self, directory: Path) -> None:
        """Open or make `log` in `directory`. Raises LogUnusable."""
        self._directory = directory
        self.path = directory / "log"
        self._connection = database.open_for_writing(self.path)
        self._reader = Reader(self.path)
        self._writer: Writer | None = None
        self.head, self.block = 0, chain.GENESIS

    def block_of(self, seq: int) -> bytes | None:
        return self._reader.block_of(seq)

    def replay(self, after: int = 0) -> Iterator[Recorded]:
        """Every event after that number, the chain checked from the block on that holds it.

        Whoever knows what came before has compared `block_of` with what was noted then. Raises
        LogUnusable where the log is not what was written, UnreadableEvent where a newer version
        wrote it. Afterwards `head` and `block` are known, and the log can start.
        """
        connection = self._reader.connection
        try:
            noted = verify.read_mark(self._directory)
            begun = verify.before(connection, after)
            with closing(verify.blocks(connection, noted, after=begun)) as blocks:
                for last, block, rows in blocks:
                    for row in rows:
                        if row[0] > after:
                            yield decode(row)
                    self.head, self.block = last, block
        except verify.TailLost as lost:
            raise LogUnusable(
                f"the log {self.path} has lost its tail: {lost}; nothing was changed: restore the "
                "whole state directory from a backup, or move it away to start afresh"
            ) from lost
        except verify.Broken as fault:
            if fault.kind is verify.Kind.DAMAGED_MARK:
                raise LogUnusable(
                    f"{fault}; nothing was changed: ask `rounds log verify --journal`, which knows "
                    "of it from elsewhere; where nothing is gone, remove "
                    f"{self._directory / 'log.mark'} and start again"
                ) from fault
            raise LogUnusable(
                f"the log {self.path} is damaged: {fault}; nothing was changed: "
                "run `rounds log verify`, then restore a backup"
            ) from fault

    def start(self, listener: Listener) -> None:
        """Begin to write, after what `replay` found. Raises LogUnusable."""
        try:
            self._writer = Writer(self._connection, self._directory, self.head, self.block)
            self._writer.start(listener)
        except (sqlite3.Error, OSError) as error:
            raise LogUnusable(f"the log {self.path} cannot be written ({error})") from error

    def append(self, rows: Sequence[Row]) -> None:
        assert self._writer is not None, "a log is started before it is appended to"
        self._writer.put(rows)

    def hurry(self) -> None:
        assert self._writer is not None, "a log is started before it is hurried"
        self._writer.hurry()

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        return self._reader.read(after, subject=subject, limit=limit)

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        return self._reader.pick(numbers)

    def numbers(
        self, subject: int, *, after: int, upto: int, limit: int, latest: bool
    ) -> list[int]:
        return self._reader.numbers(subject, after=after, upto=upto, limit=limit, latest=latest)

    def count_types(self) -> dict[str, int]:
        with closing(reading.open_for_reading(self.path)) as reader:
            return dict(reader.execute("SELECT type, count(*) FROM event GROUP BY type").fetchall())

    def close(self) -> None:
        """Write what was handed in, and let go. Safe to call twice.

        Whoever closes an SQLite file last folds its WAL into it and deletes the WAL. Only a writer
        that ended well may: after a failed fsync, or before a log that was refused, the reader, who
        changes nothing, is the last to go.
        """
        if self._writer is not None and self._writer.finish():
            self._reader.close()
        self._connection.close()
        self._reader.close()
