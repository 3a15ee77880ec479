"""What does it cost to take a stream of a million rows back, against bare sqlite3 doing the same?

The limit is what one would write by hand, on a table of the same rows that keeps no versions: the
rows of then are known, and one UPDATE a row, in one transaction, puts them back. Ours finds out
what differs, stages it, hashes it anew against the digest of then, and makes it visible. Each turn
goes back and forth once, so that every one does the same. What a thousand rows take against a
hundred thousand says whether the time is that of the difference, and not of the stream.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from daemon.store import restoring
from daemon.store.core import Store
from daemon.store.drafts import Draft
from daemon.store.restoring import Place
from events.terms import Mode
from tests.benchmarks.figure import Figure, compare, rate

ROWS = 1_000_000
DIFFERENCES = (1_000, 100_000)
TURNS = 3
PAGE = 10_000


def figures(
    rows: int = ROWS, differences: tuple[int, ...] = DIFFERENCES, turns: int = TURNS
) -> Iterator[Figure]:
    found = []
    for differs in differences:
        with tempfile.TemporaryDirectory() as name:
            ours, limit = _Ours(Path(name), rows, differs), _Bare(Path(name), rows, differs)
            with closing(ours.store), closing(limit.db):
                found.append(
                    compare(
                        f"rollback of {differs:,} of {rows:,} rows",
                        "rows/s",
                        lambda ours=ours, differs=differs: rate(2 * differs, ours.back_and_forth),
                        [
                            lambda bare=limit, differs=differs: rate(
                                2 * differs, bare.back_and_forth
                            )
                        ],
                        turns,
                    )
                )
        yield found[-1]
    few, many = found[0], found[-1]
    yield Figure(
        figure=f"rows/s of {differences[-1]:,} that differ, to those of {differences[0]:,}",
        value=many.value,
        limit=few.value,
        ratio=round(many.value / few.value, 3),
        unit="rows/s",
    )


class _Ours:
    def __init__(self, directory: Path, rows: int, differs: int) -> None:
        self.store = Store(directory / "data")
        self.version = 1
        self.store.name_all({1: ("bench", "bench/readings")})
        self._capture(rows, lambda n: _record(n, 0))
        self._capture(differs, lambda n: _record(n, 1), Mode.INCREMENTAL)
        self.heads = [1, 2]

    def back_and_forth(self) -> None:
        for _ in range(2):
            of = self.heads[0]
            self.version += 1
            draft = self._begun(Mode.FULL)
            place: Place | None = restoring.start(of)
            while place is not None:
                step = partial(restoring.stage, draft=draft, of=of, place=place)
                place = self.store.change(step)
            self.store.change(partial(restoring.conclude, draft=draft, of=of))
            self.store.accept(draft)
            self.heads = [self.heads[1], self.version]

    def _capture(self, count: int, record: Any, mode: Mode = Mode.FULL) -> None:
        draft = self._begun(mode)
        for start in range(0, count, PAGE):
            self.store.stage(draft, [record(n) for n in range(start, min(count, start + PAGE))])
        self.store.compare(draft, None)
        self.store.accept(draft)
        self.version += 1 if mode is Mode.FULL else 0

    def _begun(self, mode: Mode) -> Draft:
        return self.store.begin(
            1,
            "readings",
            "all",
            version=self.version,
            mode=mode,
            primary_key=("id",),
            secret=b"of the tenant",
        )


class _Bare:
    def __init__(self, directory: Path, rows: int, differs: int) -> None:
        self.db = sqlite3.connect(directory / "bare", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute(
            "CREATE TABLE readings (id INTEGER PRIMARY KEY, key TEXT, value, unit, good)"
        )
        self.db.execute("CREATE UNIQUE INDEX by_key ON readings (key)")
        self.db.execute("BEGIN")
        self.db.executemany(
            "INSERT INTO readings (key, value, unit, good) VALUES (?, ?, ?, ?)",
            ((str(n), *_values(n, 0)) for n in range(rows)),
        )
        self.db.execute("COMMIT")
        self.then = [[(*_values(n, turn), str(n)) for n in range(differs)] for turn in (1, 0)]

    def back_and_forth(self) -> None:
        for rows in self.then:
            self.db.execute("BEGIN")
            self.db.executemany(
                "UPDATE readings SET value = ?, unit = ?, good = ? WHERE key = ?", rows
            )
            self.db.execute("COMMIT")


def _values(n: int, turn: int) -> tuple[float, str, int]:
    return n * 0.25 + turn, "mm", n % 2


def _record(n: int, turn: int) -> dict[str, Any]:
    value, unit, good = _values(n, turn)
    return {"id": n, "value": value, "unit": unit, "good": good}
