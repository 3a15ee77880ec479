"""How do kept answers lie on disk? One SQLite file, which may be deleted at any time.

Synchronous, one call at a time.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlite_utils
from msgspec import Struct
from sqlite_utils import Migrations

from daemon.decide.caching import Lifetime

migrations = Migrations("rounds-cache")

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Label(Struct, frozen=True, kw_only=True):
    """What is known of a kept answer without its body.

    `at` is when the provider last said that it is good, by the steady time, see `Moment`;
    `doubted` ones may have been changed since. The `path` is without its query, and unquoted.
    `size` is its body's, in bytes.
    """

    key: bytes
    tenant: int
    connection: int
    endpoint: str
    path: str
    at: datetime
    lifetime: Lifetime
    size: int
    etag: str | None = None
    last_modified: str | None = None
    doubted: bool = False


class Kept(Struct, frozen=True, kw_only=True):
    """A kept answer: its headers, names in lower case, and its body."""

    headers: dict[str, str]
    body: bytes


class ShelfUnusable(Exception):
    """The file cannot be read or written, for now or for good; what is kept may be lost."""


class Shelf:
    """Raises ShelfUnusable out of everything."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, in memory where `path` is None; one that is damaged is made anew."""
        with _guarded():
            try:
                self._connection = _open(path)
            except sqlite3.DatabaseError as error:
                if path is None or error.sqlite_errorcode not in DAMAGED:
                    raise
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                self._connection = _open(path)

    def close(self) -> None:
        self._connection.close()

    def labels(self) -> list[Label]:
        """All there are, those first that were good the longest ago."""
        with _guarded():
            rows = self._connection.execute(f"SELECT {', '.join(_LABEL)} FROM answer ORDER BY at")
            return [_label(dict(zip(_LABEL, row, strict=True))) for row in rows]

    def read(self, key: bytes) -> Kept | None:
        """None also for one that is not what was put there: disks rot."""
        with _guarded():
            row = self._connection.execute(
                "SELECT headers, body, digest FROM answer WHERE key = ?", (key,)
            ).fetchone()
        if row is None or row[2] != _digest(key, row[0], row[1]):
            return None
        return Kept(headers=msgspec.json.decode(row[0]), body=row[1])

    def write(
        self,
        put: Sequence[tuple[Label, Kept]],
        labels: Sequence[Label],
        dropped: Iterable[bytes],
    ) -> None:
        """Put answers, write labels anew, and drop answers; all of it or nothing."""
        with _guarded(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "DELETE FROM answer WHERE key = ?", [(key,) for key in dropped]
            )
            self._connection.executemany(_PUT, [_row(label, kept) for label, kept in put])
            self._connection.executemany(_RELABEL, [_columns(label) for label in labels])


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ShelfUnusable(str(error)) from error


def _open(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        if path is not None:
            path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a doubt is on disk before its write goes
        migrations.apply(sqlite_utils.Database(connection))
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@migrations()
def create_shelf(db: sqlite_utils.Database) -> None:
    db.execute(
        """
        CREATE TABLE answer (
            key           BLOB PRIMARY KEY,  -- of all that makes two calls the same, see call.py
            tenant        INTEGER NOT NULL,
            connection    INTEGER NOT NULL,
            endpoint      TEXT NOT NULL,
            path          TEXT NOT NULL,     -- without its query
            at            INTEGER NOT NULL,  -- microseconds since 1970: when it was last good
            lifetime      TEXT NOT NULL,     -- JSON
            size          INTEGER NOT NULL,
            etag          TEXT,
            last_modified TEXT,
            doubted       INTEGER NOT NULL,
            headers       TEXT NOT NULL,     -- JSON
            body          BLOB NOT NULL,
            digest        BLOB NOT NULL      -- of key, headers and body
        ) STRICT
        """
    )


_LABEL = Label.__struct_fields__
_ALL = (*_LABEL, "headers", "body", "digest")
_PUT = (
    f"INSERT OR REPLACE INTO answer ({', '.join(_ALL)}) "
    f"VALUES ({', '.join(f':{name}' for name in _ALL)})"
)
_RELABEL = (
    f"UPDATE answer SET {', '.join(f'{name} = :{name}' for name in _LABEL if name != 'key')} "
    "WHERE key = :key"
)


def _columns(label: Label) -> dict[str, Any]:
    row = msgspec.structs.asdict(label)
    row["at"] = (label.at - EPOCH) // MICROSECOND
    row["lifetime"] = msgspec.json.encode(label.lifetime).decode()
    return row


def _row(label: Label, kept: Kept) -> dict[str, Any]:
    headers = msgspec.json.encode(kept.headers).decode()
    digest = _digest(label.key, headers, kept.body)
    return {**_columns(label), "headers": headers, "body": kept.body, "digest": digest}


def _digest(key: bytes, headers: str, body: bytes) -> bytes:
    return hashlib.blake2b(headers.encode() + b"\0" + body, digest_size=16, salt=key).digest()


def _label(row: dict[str, Any]) -> Label:
    row["at"] = EPOCH + row["at"] * MICROSECOND
    row["lifetime"] = msgspec.json.decode(row["lifetime"], type=Lifetime)
    row["doubted"] = bool(row["doubted"])
    return Label(**row)
