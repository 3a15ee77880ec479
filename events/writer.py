"""Who puts events on disk: one thread, one connection, one fsync for all that waited.

            rows                commit
  (idle) ─────────► (writing) ─────────► (idle)
                      │    ▲
            disk full │    │ room again: the same batch, then the ballast
                      ▼    │
                    (starved)          any other error ──► (broken), for good

After a failed fsync SQLite would accept the next commit on pages that never reached the disk, so any
error but a full disk ends the writer: the process exits, and the next one replays.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from events import chain, mark
from events.ballast import Ballast
from events.codec import Row

BATCH_ROWS = 4096  # a commit's bound: past this size a larger batch is no faster
CHUNK_ROWS = 64  # rows a statement; one long statement releases the GIL once, not 64 times
CHECKPOINT_ROWS = 8192  # some 2 MB of WAL
RETRY_S = 0.5  # how often a full disk is tried again


class Listener(Protocol):
    """Whom the writer tells, on its own thread."""

    def committed(self, seq: int, block: bytes) -> None:
        """Everything up to `seq` is on disk."""

    def starved(self) -> None:
        """The disk is full. What was handed in is kept and tried again."""

    def fed(self) -> None:
        """There is room again, ballast included."""

    def broken(self, error: Exception) -> None:
        """Nothing more will be written by this writer."""


class Writer:
    def __init__(
        self, connection: sqlite3.Connection, directory: Path, head: int, block: bytes
    ) -> None:
        self._connection = connection
        self._ballast = Ballast(directory / "ballast")
        self._mark = mark.MarkFile(directory / "log.mark")
        self._head = head
        self._block = block
        self._groups: deque[Sequence[Row]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._starved = False
        self._since_checkpoint = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        self._listener = listener
        self._starved = not self._ballast.take()
        if self._starved:
            listener.starved()
        self._thread.start()

    def put(self, rows: Sequence[Row]) -> None:
        """Hand in the rows of one decision; they share a commit. Returns at once."""
        with self._wake:
            self._groups.append(rows)
            self._wake.notify()

    def close(self) -> None:
        """Write what can be written, then let go of the files. Safe to call twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()
        self._mark.close()

    def _run(self) -> None:
        assert self._listener is not None
        try:
            while self._wait():
                if self._groups:
                    self._commit(self._gather())
                if self._starved and self._ballast.take():
                    self._starved = False
                    self._listener.fed()
            if not self._starved:
                self._checkpoint()
        except Exception as error:  # noqa: BLE001 - the one place where a writer's life ends
            self._listener.broken(error)

    def _wait(self) -> bool:
        """Wait for work. False when closing and nothing is left that could be written."""
        with self._wake:
            if not self._groups and not self._closing:
                self._wake.wait(RETRY_S if self._starved else None)
            return not self._closing or (bool(self._groups) and not self._starved)

    def _gather(self) -> list[Row]:
        batch: list[Row] = []
        with self._wake:
            while self._groups and len(batch) < BATCH_ROWS:
                batch += self._groups.popleft()
        return batch

    def _commit(self, batch: list[Row]) -> None:
        """Write one batch, and the same one again as long as the disk is full."""
        assert self._listener is not None
        block = chain.link(self._block, batch)
        while True:
            try:
                self._write(batch, block)
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                if self._connection.in_transaction:
                    self._connection.rollback()
                if not self._starved:
                    self._starved = True
                    self._ballast.release()
                    self._listener.starved()
                    continue
                with self._wake:
                    if self._closing:
                        return
                    self._wake.wait(RETRY_S)
        self._head, self._block = batch[-1][0], block
        self._mark.write(self._head, block)
        self._listener.committed(self._head, block)
        self._since_checkpoint += len(batch) + 16
        if self._since_checkpoint >= CHECKPOINT_ROWS:
            self._checkpoint()

    def _write(self, batch: list[Row], block: bytes) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        last = execute("SELECT seq FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        assert (last[0] if last else 0) + 1 == batch[0][0], "the log's numbers have no gaps"
        for start in range(0, len(batch), CHUNK_ROWS):
            chunk = batch[start : start + CHUNK_ROWS]
            execute(_INSERT[len(chunk)], [value for row in chunk for value in row])
        execute(
            "INSERT INTO block (last, first, hash) VALUES (?, ?, ?)",
            (batch[-1][0], batch[0][0], block),
        )
        execute("COMMIT")

    def _checkpoint(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
        self._since_checkpoint = 0


_INSERT = [
    f"INSERT INTO event (seq, at, subject, body) VALUES {', '.join(['(?, ?, ?, ?)'] * rows)}"
    for rows in range(CHUNK_ROWS + 1)
]
