"""How fast is a log of a million events verified, against what it is made of?

Ours is `rounds log verify`'s audit, with as many processes as it takes. One limit hashes the same
bytes with `hashlib` in one go, the other reads the same rows in SQLite; nobody could do less than
both. The second figure has a block for every three events, as a quiet fleet writes them. `replay
alone`, of `replaying`, shows what checking costs a start.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from events import reading
from events.audit import audit
from events.codec import encode
from tests.benchmarks.figure import Figure, compare, rate
from tests.benchmarks.history import history
from tests.events.logs import write

EVENTS = 1_000_000
SIZES = (4096, 3)  # events a block: of a fleet in a hurry, and of a quiet one
TURNS = 5
PIECE = 1 << 20
SELECT = "SELECT seq, at, subject, CAST(body AS BLOB) FROM event ORDER BY seq"


def figures() -> Iterator[Figure]:
    rows = [encode(recorded) for recorded in history(2_000, EVENTS)]
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "log"
            write(path.parent, [rows[start : start + size] for start in range(0, EVENTS, size)])
            for limit, work in (("hashlib", _hash), ("SELECT", _select), ("both", _both)):
                yield compare(
                    f"verify, {size} events a block, against {limit}",
                    "events/s",
                    lambda path=path: rate(EVENTS, lambda: _verify(path)),  # type: ignore[misc]
                    [lambda path=path, work=work: rate(EVENTS, lambda: work(path))],  # type: ignore[misc]
                    TURNS,
                )


def _verify(path: Path) -> None:
    found = audit(path, [], len(os.sched_getaffinity(0)))
    assert found.finding is None
    assert found.events == EVENTS


def _hash(path: Path) -> None:
    """As many bytes as the lines of all events have, from memory."""
    piece = bytes(PIECE)
    whole = hashlib.sha256()
    for _ in range(_bytes(path) // PIECE):
        whole.update(piece)


def _select(path: Path) -> None:
    with closing(reading.open_for_reading(path)) as connection:
        for _ in connection.execute(SELECT):
            pass


def _both(path: Path) -> None:
    _hash(path)
    _select(path)


def _bytes(path: Path) -> int:
    if path not in _sizes:
        with closing(reading.open_for_reading(path)) as connection:
            (_sizes[path],) = connection.execute(
                "SELECT sum(length(seq) + length(at) + length(subject) "
                "+ length(CAST(body AS BLOB)) + 4) FROM event"
            ).fetchone()
    return _sizes[path]


_sizes: dict[Path, int] = {}
