"""What did this sync fetch, and how does it differ from what is in force?"""

import sqlite3
from typing import Any

from msgspec import Struct

from daemon.store import rows, views
from events.terms import Mode

SHAPES_MAX = 1000  # sets of field names; past this only the body holds what is new
CHUNK_ROWS = 100  # rows a statement; one long statement releases the GIL once


class Draft(Struct, kw_only=True):
    """One stream's records on their way in. `stream` is the store's own id of it."""

    stream: int
    version: int
    mode: Mode
    provider: str
    name: str
    primary_key: tuple[str, ...]
    secret: bytes
    fetched: int = 0
    shapes: dict[tuple[str, ...], None] = {}


class Difference(Struct, frozen=True, kw_only=True):
    """What accepting a draft changes; `rows` and `digest` (hexadecimal) are of the whole stream."""

    fetched: int
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    rows: int
    digest: str


def stage(connection: sqlite3.Connection, draft: Draft, records: list[dict[str, Any]]) -> None:
    """Stage one page of records. A key that comes again replaces what came before it."""
    page = {}
    for record in records:
        prepared = rows.prepare(record, draft.primary_key, draft.secret)
        page[prepared[0]] = prepared
        if len(draft.shapes) < SHAPES_MAX:
            draft.shapes[tuple(record)] = None
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        _fill_page(connection, list(page.values()))
        for statement in _STAGE:
            connection.execute(statement, {"stream": draft.stream, "version": draft.version})
    draft.fetched += len(records)


def compare(connection: sqlite3.Connection, draft: Draft, cursor: str | None) -> Difference:
    """Say what the draft changes, and keep its cursor beside it.

    Called only once everything has been fetched: then absence removes, where a stream is full.
    """
    names = {"stream": draft.stream, "version": draft.version}
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        before = _head(connection, draft.stream)
        if draft.mode is Mode.FULL:
            connection.execute(_REMOVE, names)
        fields = dict.fromkeys(name for shape in draft.shapes for name in shape)
        views.note_fields(connection, draft.provider, draft.name, fields)
        added, changed, removed = connection.execute(_COUNT, names).fetchone()
        (touched,) = connection.execute(_SEEN, names).fetchone()
        digest = rows.combine(
            before[1],
            (row for (row,) in connection.execute(_DIGESTS_IN, names)),
            (row for (row,) in connection.execute(_DIGESTS_OUT, names)),
        )
        total = before[0] + added - removed
        connection.execute(
            "INSERT INTO version (stream, version, rows, digest, cursor) VALUES (?, ?, ?, ?, ?)",
            (draft.stream, draft.version, total, digest, cursor or before[2]),
        )
    return Difference(
        fetched=draft.fetched,
        added=added,
        changed=changed,
        removed=removed,
        unchanged=touched - changed,
        duplicates=draft.fetched - added - touched,
        rows=total,
        digest=digest.hex(),
    )


def _head(connection: sqlite3.Connection, stream: int) -> tuple[int, bytes, str | None]:
    """(rows, digest, cursor) of the version in force."""
    row = connection.execute(
        "SELECT rows, digest, cursor FROM stream JOIN version "
        "ON version.stream = stream.id AND version.version = stream.head WHERE stream.id = ?",
        (stream,),
    ).fetchone()
    return row or (0, rows.NOTHING, None)


def _fill_page(connection: sqlite3.Connection, page: list[rows.Prepared]) -> None:
    connection.execute("DELETE FROM page")
    for start in range(0, len(page), CHUNK_ROWS):
        chunk = page[start : start + CHUNK_ROWS]
        values = ", ".join(["(?, ?, ?)"] * len(chunk))
        connection.execute(
            f"INSERT INTO page (key, digest, body) VALUES {values}",
            [value for row in chunk for value in row],
        )


_STAGE = (
    "DELETE FROM staged WHERE stream = :stream AND key IN (SELECT key FROM page)",
    """
    INSERT OR IGNORE INTO seen (stream, record)
    SELECT :stream, record.id FROM page CROSS JOIN record
    ON record.stream = :stream AND record.key = page.key AND record.until IS NULL
    """,
    """
    INSERT INTO staged (stream, version, key, digest, replaces, body)
    SELECT :stream, :version, page.key, page.digest, record.id, page.body
    FROM page LEFT JOIN record
    ON record.stream = :stream AND record.key = page.key AND record.until IS NULL
    WHERE record.id IS NULL OR record.digest <> page.digest
    """,
)

_REMOVE = """
    INSERT INTO staged (stream, version, key, digest, replaces)
    SELECT :stream, :version, key, digest, id FROM record
    WHERE stream = :stream AND until IS NULL
    AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.stream = :stream AND seen.record = record.id)
"""

_COUNT = """
    SELECT
        count(*) FILTER (WHERE replaces IS NULL),
        count(*) FILTER (WHERE replaces IS NOT NULL AND body IS NOT NULL),
        count(*) FILTER (WHERE body IS NULL)
    FROM staged WHERE stream = :stream AND version = :version
"""

_SEEN = "SELECT count(*) FROM seen WHERE stream = :stream"

_DIGESTS_IN = """
    SELECT digest FROM staged WHERE stream = :stream AND version = :version AND body IS NOT NULL
"""

_DIGESTS_OUT = """
    SELECT record.digest FROM staged JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream AND staged.version = :version
"""
