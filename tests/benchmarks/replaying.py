"""How fast is the World rebuilt from the log, against reading and decoding its rows alone?

Ours checks every block's hash, decodes, and folds every event. The limit selects the same rows and
decodes each body. A second figure leaves the fold out, to show what the log itself costs.
"""

import queue
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from daemon.replaying import replay
from events import reading
from events.codec import encode
from events.log import SqliteLog
from events.schema import Event
from tests.benchmarks.appending import Acknowledged
from tests.benchmarks.figure import Figure, compare, rate
from tests.benchmarks.history import history

CONNECTIONS = 2_000
EVENTS = 200_000
BURST = 100
TURNS = 9


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _write(directory)
        yield compare(
            "replay into the world",
            "events/s",
            lambda: rate(EVENTS, lambda: _fold(directory)),
            [lambda: rate(EVENTS, lambda: _decode(directory))],
            TURNS,
        )
        yield compare(
            "replay alone",
            "events/s",
            lambda: rate(EVENTS, lambda: _replay(directory)),
            [lambda: rate(EVENTS, lambda: _decode(directory))],
            TURNS,
        )


def _write(directory: Path) -> None:
    heads: queue.SimpleQueue[int]
    with closing(SqliteLog(directory)) as log:
        for _ in log.replay():
            pass
        acknowledged = Acknowledged()
        log.start(acknowledged)
        recorded = history(CONNECTIONS, EVENTS)
        for start in range(0, EVENTS, BURST):
            log.append([encode(event) for event in recorded[start : start + BURST]])
        heads = acknowledged.heads
        while heads.get() < EVENTS:
            pass


def _fold(directory: Path) -> None:
    with closing(SqliteLog(directory)) as log:
        assert replay(log).seq == EVENTS


def _replay(directory: Path) -> None:
    with closing(SqliteLog(directory)) as log:
        for recorded in log.replay():
            last = recorded.seq
    assert last == EVENTS


def _decode(directory: Path) -> None:
    decode = msgspec.json.Decoder(Event).decode
    with closing(reading.open_for_reading(directory / "log")) as connection:
        for _, _, _, body in connection.execute(
            "SELECT seq, at, subject, body FROM event ORDER BY seq"
        ):
            decode(body)
