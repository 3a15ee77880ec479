"""Where does lie, sealed, what providers said when calls failed?

A row is written once the event that refers to it is durable, and goes by itself: with its age, with
newer ones, with its connection or its tenant's consent. The reference is a keyed digest of what was
said, so that the same words lie there once, whichever of a connection's events refer to them.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

KEPT_MAX = 50  # of a connection: a person looks at the last ones, and there may be many connections
STEP = 500  # deleted in one transaction: others get the store in between


Address: TypeAlias = tuple[int, str]
"""Where an excerpt lies: under which connection and reference."""


class Row(Struct, frozen=True, kw_only=True):
    """One excerpt: of which connection, referred to by which event, noted when (s since 1970)."""

    connection: int
    reference: str
    event: int
    at: int
    nonce: bytes
    sealed: bytes


def put(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Keep these, and of each one's connection no more than KEPT_MAX: the newest."""
    for row in rows:
        connection.execute(
            "INSERT INTO excerpt (connection, reference, event, at, nonce, sealed) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (connection, reference) DO UPDATE "
            "SET event = excluded.event, at = excluded.at",
            (row.connection, row.reference, row.event, row.at, row.nonce, row.sealed),
        )
        connection.execute(
            "DELETE FROM excerpt WHERE connection = ? AND event < ("
            "SELECT event FROM excerpt WHERE connection = ? ORDER BY event DESC LIMIT 1 OFFSET ?)",
            (row.connection, row.connection, KEPT_MAX - 1),
        )


def kept(connection: sqlite3.Connection, asked: Iterable[Address]) -> set[Address]:
    """Those of them that are there."""
    there = "SELECT 1 FROM excerpt WHERE connection = ? AND reference = ?"
    return {each for each in asked if connection.execute(there, each).fetchone()}


def find(
    connection: sqlite3.Connection, subject: int, references: Collection[str]
) -> dict[str, tuple[bytes, bytes]]:
    """Those of them that are kept: nonce and sealed text by reference."""
    asked = "SELECT nonce, sealed FROM excerpt WHERE connection = ? AND reference = ?"
    found = {each: connection.execute(asked, (subject, each)).fetchone() for each in references}
    return {each: row for each, row in found.items() if row is not None}


def holders(connection: sqlite3.Connection) -> list[int]:
    """Of which connections there are any."""
    return [each for (each,) in connection.execute("SELECT DISTINCT connection FROM excerpt")]


def forget(connection: sqlite3.Connection, subjects: Sequence[int]) -> None:
    """Keep nothing of what was said to these connections."""
    connection.executemany(
        "DELETE FROM excerpt WHERE connection = ?", [(each,) for each in subjects]
    )


def drop_some(connection: sqlite3.Connection, before: int, last: int) -> int:
    """Drop some of what was noted before then, or refers to no event up to the log's `last`."""
    return connection.execute(
        "DELETE FROM excerpt WHERE rowid IN "
        "(SELECT rowid FROM excerpt WHERE at < ? OR event > ? LIMIT ?)",
        (before, last, STEP),
    ).rowcount
