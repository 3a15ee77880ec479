"""How fast does a decision become durable, against SQLite writing the same rows?

Ours counts everything between a list of `Recorded` and its acknowledgement: encoding, the chain,
the block's row, the mark, the writer's thread and both hand-overs. The limit begins with finished
rows, and does nothing but insert and commit, checkpointing as often as ours.
"""

import queue
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from events import database
from events.codec import Row, encode
from events.envelope import Recorded
from events.log import SqliteLog
from events.writer import CHECKPOINT_ROWS
from tests.benchmarks.figure import Figure, Turn, compare, rate
from tests.benchmarks.history import history

SINGLES = 2_000
BURST = 100
BURSTS = 400
IN_FLIGHT = 4
TURNS = 9
CHUNK = 64
INSERT = "INSERT INTO event (seq, at, subject, body) VALUES "

Write = Callable[[sqlite3.Connection, list[tuple[object, ...]]], None]


def figures() -> Iterator[Figure]:
    singles = history(200, SINGLES)
    yield compare(
        "appends, one at a time",
        "events/s",
        ours(singles, 1, 1),
        [raw(singles, 1, by_executemany)],
        TURNS,
    )
    bursts = history(500, BURSTS * BURST)
    limits = [raw(bursts, BURST, by_executemany), raw(bursts, BURST, by_chunks)]
    yield compare(f"appends, bursts of {BURST}", "events/s", ours(bursts, BURST, 1), limits, TURNS)
    yield compare(
        f"appends, bursts of {BURST}, {IN_FLIGHT} in flight",
        "events/s",
        ours(bursts, BURST, IN_FLIGHT),
        limits,
        TURNS,
    )


class Acknowledged:
    """A listener that passes on each head, and lets an error stop the benchmark."""

    def __init__(self) -> None:
        self.heads: queue.SimpleQueue[int] = queue.SimpleQueue()

    def committed(self, seq: int, block: bytes) -> None:
        self.heads.put(seq)

    def starved(self) -> None:
        raise AssertionError("a benchmark needs room on the disk")

    def fed(self) -> None: ...

    def broken(self, error: Exception) -> None:
        self.heads.put(2**63)


def ours(recorded: list[Recorded], burst: int, in_flight: int) -> Turn:
    bursts = [recorded[start : start + burst] for start in range(0, len(recorded), burst)]

    def append(log: SqliteLog, heads: "queue.SimpleQueue[int]") -> None:
        durable = 0
        for decision in bursts:
            log.append([encode(event) for event in decision])
            log.hurry()
            while durable <= decision[-1].seq - in_flight * burst:
                durable = heads.get()
        while durable < recorded[-1].seq:
            durable = heads.get()
        assert durable == recorded[-1].seq

    def turn() -> float:
        with tempfile.TemporaryDirectory() as name, closing(SqliteLog(Path(name))) as log:
            acknowledged = Acknowledged()
            for _ in log.replay():
                pass
            log.start(acknowledged)
            return rate(len(recorded), lambda: append(log, acknowledged.heads))

    return turn


def raw(recorded: list[Recorded], burst: int, write: Write) -> Turn:
    rows = [_text(encode(event)) for event in recorded]
    bursts = [rows[start : start + burst] for start in range(0, len(rows), burst)]

    def append(connection: sqlite3.Connection) -> None:
        since = 0
        for decision in bursts:
            connection.execute("BEGIN IMMEDIATE")
            write(connection, decision)
            connection.execute("COMMIT")
            since += burst + 16
            if since >= CHECKPOINT_ROWS:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                since = 0

    def turn() -> float:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "log"
            with closing(database.open_for_writing(path)) as connection:
                return rate(len(rows), lambda: append(connection))

    return turn


def by_executemany(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    connection.executemany(f"{INSERT} (?, ?, ?, ?)", rows)


def by_chunks(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        values = ", ".join(["(?, ?, ?, ?)"] * len(chunk))
        connection.execute(f"{INSERT} {values}", [value for row in chunk for value in row])


def _text(row: Row) -> tuple[object, ...]:
    return (*row[:3], row[3].decode())
