"""How near does the store come to bare SQLite, and what does it cost to ask what differs?

The limit of writing is what one would do by hand: an upsert of the same JSON by its key, a commit a
page. That keeps no earlier version, checks nothing and removes nothing. The peers of a
difference read all rows of both versions: a query, and a loop over two dicts.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from daemon.store import differences
from daemon.store.core import Store
from events.terms import Mode
from tests.benchmarks.figure import Figure, compare, rate

ROWS = 200_000
LARGE = 1_000_000
DIFFER = 1_000
PAGE = 1_000
TURNS = 3


def figures(
    rows: int = ROWS, large: int = LARGE, differ: int = DIFFER, turns: int = TURNS
) -> Iterator[Figure]:
    yield compare(
        f"store write of {rows:,} rows, against an upsert",
        "rows/s",
        lambda: _ours(rows, again=False),
        [lambda: _bare(rows, again=False)],
        turns,
    )
    yield compare(
        f"unchanged re-sync of {rows:,} rows, against an upsert",
        "rows/s",
        lambda: _ours(rows, again=True),
        [lambda: _bare(rows, again=True)],
        turns,
    )
    with tempfile.TemporaryDirectory() as name, closing(Store(Path(name) / "data")) as store:
        _capture(store, 10, large, Mode.FULL)
        _capture(store, 20, differ, Mode.INCREMENTAL, value=1)
        yield compare(
            f"difference of {differ:,} rows in {large:,}, against a query over all",
            "rows of the stream/s",
            lambda: rate(large, lambda: _between(store, differ)),
            [
                lambda: rate(large, lambda: _queried(store, differ)),
                lambda: rate(large, lambda: _scanned(store, differ)),
            ],
            turns,
        )


def _pages(rows: int, value: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, rows, PAGE):
        yield [
            {"id": n, "station": f"st-{n % 97}", "value": n * 0.25 + value, "unit": "mm"}
            for n in range(start, min(start + PAGE, rows))
        ]


def _capture(store: Store, version: int, rows: int, mode: Mode, value: int = 0) -> None:
    draft = store.begin(
        1, "bench", "rows", version=version, mode=mode, primary_key=("id",), secret=b"bench"
    )
    for page in _pages(rows, value):
        store.stage(draft, page)
    store.compare(draft, None)
    store.accept(draft)


def _ours(rows: int, *, again: bool) -> float:
    with tempfile.TemporaryDirectory() as name, closing(Store(Path(name) / "data")) as store:
        if again:
            _capture(store, 10, rows, Mode.FULL)
        return rate(rows, lambda: _capture(store, 20, rows, Mode.FULL))


def _bare(rows: int, *, again: bool) -> float:
    with (
        tempfile.TemporaryDirectory() as name,
        closing(sqlite3.connect(Path(name) / "bare")) as db,
    ):
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE rows (key TEXT PRIMARY KEY, body TEXT NOT NULL)")
        if again:
            _upsert(db, rows)
        return rate(rows, lambda: _upsert(db, rows))


def _upsert(db: sqlite3.Connection, rows: int) -> None:
    for page in _pages(rows, 0):
        with db:
            db.executemany(
                "INSERT INTO rows VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET body = excluded.body",
                [(str(each["id"]), msgspec.json.encode(each).decode()) for each in page],
            )


def _between(store: Store, differ: int) -> None:
    question = partial(
        differences.between, subject=1, stream="rows", provider="bench", first=10, second=20
    )
    found = store.ask(partial(question, after=None, limit=differ + 1))
    assert found is not None
    assert len(found.changes) == differ


def _queried(store: Store, differ: int) -> None:
    """What one would write by hand over the rows of both versions, without our indexes."""
    found = store._connection.execute(_BY_HAND).fetchall()
    assert len(found) == differ


def _scanned(store: Store, differ: int) -> None:
    """The same in Python: one version as a dict, the other beside it."""
    first, second = (
        dict(store._connection.execute(_THEN, (version, version))) for version in (10, 20)
    )
    found = [key for key, body in second.items() if first.pop(key, None) != body]
    assert len(found) + len(first) == differ


_THEN = """
    SELECT key, body FROM record NOT INDEXED
    WHERE stream = 1 AND since <= ? AND (until IS NULL OR until > ?)
"""

_BY_HAND = """
    WITH
    a AS (SELECT key, body FROM record NOT INDEXED
          WHERE stream = 1 AND since <= 10 AND (until IS NULL OR until > 10)),
    b AS (SELECT key, body FROM record NOT INDEXED
          WHERE stream = 1 AND since <= 20 AND (until IS NULL OR until > 20))
    SELECT a.key, a.body, b.body FROM a LEFT JOIN b ON a.key = b.key
    WHERE b.body IS NULL OR a.body <> b.body
    UNION ALL
    SELECT b.key, NULL, b.body FROM b LEFT JOIN a ON a.key = b.key WHERE a.key IS NULL
"""
