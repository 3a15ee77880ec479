"""How does a log of millions of events get onto the disk, as the daemon's writer would leave it?

It goes through the real writer, some bursts ahead of the disk and no more: memory does not grow
with the log.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from events import reading
from events.codec import decode, encode
from events.envelope import Recorded
from events.log import SqliteLog
from events.writer import BATCH_ROWS
from tests.benchmarks.appending import Acknowledged

IN_FLIGHT = 4  # bursts that may wait for the disk
READ = "SELECT seq, at, subject, CAST(body AS BLOB) FROM event ORDER BY seq"


def write(directory: Path, facts: Iterable[Recorded]) -> int:
    """Write a new log in that directory: how many events it has."""
    acknowledged, seq, durable = Acknowledged(), 0, 0
    heads, facts = acknowledged.heads, iter(facts)
    with closing(SqliteLog(directory)) as log:
        for _ in log.replay():
            raise AssertionError("the log is new")
        log.start(acknowledged)
        while burst := [encode(each) for each in itertools.islice(facts, BATCH_ROWS)]:
            log.append(burst)
            seq = burst[-1][0]
            while durable < seq - IN_FLIGHT * BATCH_ROWS:
                durable = heads.get()
        log.hurry()
        while durable < seq:
            durable = heads.get()
    assert durable == seq, "the writer came to its end"
    return seq


def read(directory: Path) -> Iterator[Recorded]:
    """All events of a log that nobody writes, one after the other."""
    with closing(reading.open_for_reading(directory / "log")) as connection:
        for row in connection.execute(READ):
            yield decode(row)
