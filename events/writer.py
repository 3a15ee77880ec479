"""Who puts events on disk: one thread, one connection, one fsync for all that waited.

          rows                 hurried                 commit
  (idle) ──────► (gathering) ────────────────► (writing) ──────► (idle)
                                or LINGER_S      │    ▲
                                       disk full │    │ room again: the same batch, the ballast
                                                 ▼    │
                                               (starved)     any other error ──► (broken), for good

So what nobody waits for does not have an fsync of its own.

After a failed fsync SQLite would accept the next commit on pages that never reached the disk, so
any error but a full disk ends the writer: the process exits, and the next one replays. That one
cannot tell either what of the WAL it read is on the disk, so it checkpoints before it writes
anything: all of it is written once more, and waited for.
"""

import itertools
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
COMMIT_ROWS = 16  # what a commit costs in WAL beside its rows: at least one page a table
LINGER_S = 0.02  # what is not hurried is that much later on disk: few commits, not one for each
RETRY_S = 0.5  # how often a full disk is tried again
FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}  # SHMSIZE: the WAL's index cannot grow


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
        self,
        connection: sqlite3.Connection,
        directory: Path,
        head: int,
        block: bytes,
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        self._connection = connection
        self._linger_s = linger_s
        self._ballast = Ballast(directory / "ballast")
        self._mark = mark.MarkFile(directory / "log.mark")
        self._head = head
        self._block = block
        self._groups: deque[Sequence[Row]] = deque()
        self._batch: list[Row] = []  # taken from the groups, and not on disk yet
        self._wake = threading.Condition()
        self._rows = 0  # in the groups
        self._hurried = False
        self._closing = False
        self._starved = False
        self._broken = False
        self._since_checkpoint = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._listener: Listener | None = None

    def start(self, listener: Listener) -> None:
        """Begin to write. Raises sqlite3.Error where what is there cannot be put on the disk."""
        self._listener = listener
        self._broken = True  # until this has gone well
        self._checkpoint()
        self._mark.write(self._head, self._block)
        self._broken = False
        self._starved = not self._ballast.take()
        if self._starved:
            listener.starved()
        self._thread.start()

    def put(self, rows: Sequence[Row]) -> None:
        """Hand in the rows of one decision; they share a commit. Returns at once."""
        if not rows:
            return
        with self._wake:
            self._groups.append(rows)
            self._rows += len(rows)
            if len(self._groups) == 1 or self._rows >= BATCH_ROWS:
                self._wake.notify()

    def hurry(self) -> None:
        """Have what was handed in written without delay. Returns at once."""
        with self._wake:
            if self._groups and not self._hurried:
                self._hurried = True
                self._wake.notify()

    def finish(self) -> bool:
        """Write what can be written, then stop. True if the connection may still be trusted."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._mark.close()
        return not self._broken

    def _run(self) -> None:
        assert self._listener is not None
        try:
            while self._wait():
                self._batch = self._batch or self._gather()
                if self._batch and self._commit(self._batch):
                    self._batch = []
                if self._starved and not self._batch and self._ballast.take():
                    self._starved = False
                    self._listener.fed()
            self._checkpoint()
        except Exception as error:  # noqa: BLE001 - the one place where a writer's life ends
            self._broken = True
            self._listener.broken(error)

    def _wait(self) -> bool:
        """Wait for work, or for room. False when closing and no more can be written."""
        with self._wake:
            if not self._closing and (self._batch or not self._groups):
                self._wake.wait(RETRY_S if self._starved else None)
            if self._groups and not self._batch:
                self._wake.wait_for(self._is_due, self._linger_s)
            return not self._closing or (bool(self._groups) and not self._batch)

    def _is_due(self) -> bool:
        return self._hurried or self._closing or self._rows >= BATCH_ROWS

    def _gather(self) -> list[Row]:
        batch: list[Row] = []
        with self._wake:
            while self._groups and len(batch) < BATCH_ROWS:
                batch += self._groups.popleft()
            self._rows -= len(batch)
            self._hurried = self._hurried and bool(self._groups)
        return batch

    def _commit(self, batch: list[Row]) -> bool:
        """Write one batch whole. False where the disk is too full for it, even without ballast."""
        assert self._listener is not None
        block = chain.link(self._block, batch)
        try:
            self._write(batch, block)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in FULL:
                raise
            if self._connection.in_transaction:
                self._connection.rollback()
            if self._starved:
                return False
            self._starved = True
            self._ballast.release()
            self._listener.starved()
            return self._commit(batch)
        self._head, self._block = batch[-1][0], block
        self._mark.write(self._head, block)
        self._listener.committed(self._head, block)
        self._since_checkpoint += len(batch) + COMMIT_ROWS
        if self._since_checkpoint >= CHECKPOINT_ROWS:
            self._checkpoint()
        return True

    def _write(self, batch: list[Row], block: bytes) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        last = execute("SELECT seq FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        assert (last[0] if last else 0) + 1 == batch[0][0], "the log's numbers have no gaps"
        for start in range(0, len(batch), CHUNK_ROWS):
            chunk = batch[start : start + CHUNK_ROWS]
            execute(_INSERT[len(chunk)], [*itertools.chain.from_iterable(chunk)])
        execute(
            "INSERT INTO block (last, first, hash) VALUES (?, ?, ?)",
            (batch[-1][0], batch[0][0], block),
        )
        execute("COMMIT")

    def _checkpoint(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in FULL:
                raise
        self._since_checkpoint = 0


_VALUES = "(?, ?, ?, CAST(? AS TEXT))"
_INSERT = [
    f"INSERT INTO event (seq, at, subject, body) VALUES {', '.join([_VALUES] * rows)}"
    for rows in range(CHUNK_ROWS + 1)
]
