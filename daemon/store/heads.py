"""Which version is visible, and how does a draft become it? In the caller's transaction."""

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from daemon.store import measures, profiles, rows, told, views, windows
from daemon.store.quarantine import Offer
from daemon.store.told import Told


class Head(Struct, frozen=True, kw_only=True):
    """What is kept with a version: so many rows, their digest, where the next fetch goes on."""

    count: int = 0
    digest: bytes = rows.NOTHING
    cursor: str | None = None
    types: str | None = None
    profile: profiles.Known | None = None
    told: Told | None = None


def current(connection: sqlite3.Connection, stream: int) -> Head:
    """Of the version that is visible."""
    (head,) = connection.execute("SELECT head FROM stream WHERE id = ?", (stream,)).fetchone()
    return of(connection, stream, head) or Head()


def of(connection: sqlite3.Connection, stream: int, version: int) -> Head | None:
    """Of that version; None where it is not kept."""
    row = connection.execute(
        "SELECT rows, digest, cursor, types, profile, told FROM version "
        "WHERE stream = ? AND version = ?",
        (stream, version),
    ).fetchone()
    if row is None:
        return None
    return Head(
        count=row[0],
        digest=row[1],
        cursor=row[2],
        types=row[3],
        profile=profiles.read(row[4]),
        told=told.read(row[5]),
    )


def put(
    connection: sqlite3.Connection,
    stream: int,
    version: int,
    kept: Head,
    *,
    offer: Offer | None = None,
    fields: Iterable[str] = (),
) -> None:
    """Keep it of a version, and of one that was compared what accepting that changes.

    `fields` are those that its view has no columns for yet.
    """
    connection.execute(
        "INSERT INTO version "
        "(stream, version, rows, digest, cursor, types, profile, told, offer, fields) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stream,
            version,
            kept.count,
            kept.digest,
            kept.cursor,
            kept.types,
            profiles.written(kept.profile),
            told.written(kept.told),
            msgspec.json.encode(offer).decode() if offer else None,
            msgspec.json.encode([*fields]).decode() if fields else None,
        ),
    )


def knows(connection: sqlite3.Connection, stream: int, version: int) -> bool:
    """Whether a version was compared, so that it can be accepted."""
    found = connection.execute(
        "SELECT 1 FROM version WHERE stream = ? AND version = ?", (stream, version)
    )
    return found.fetchone() is not None


def behind(
    connection: sqlite3.Connection, captured: Mapping[tuple[int, str, str], int]
) -> list[int]:
    """The connections of which an older version is visible than was captured."""
    visible = {
        (whose, provider, name): head
        for whose, provider, name, head in connection.execute(
            "SELECT connection, provider, name, head FROM stream"
        )
    }
    return sorted({key[0] for key, version in captured.items() if visible.get(key, 0) < version})


def newest_days(connection: sqlite3.Connection, whose: int) -> list[str]:
    """The newest day (ISO date) of each window stream of a connection that has records."""
    found = connection.execute(
        "SELECT max(day) FROM record JOIN stream ON stream.id = record.stream "
        "WHERE connection = ? AND until IS NULL AND day IS NOT NULL GROUP BY stream.id",
        (whose,),
    )
    return [day for (day,) in found]


def accept(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Bring into force what was compared as `version`, and make its view show its fields."""
    names = {"stream": stream, "version": version}
    for statement in _REPLACE:
        connection.execute(statement, names)
    windows.settled(connection, stream, version)
    provider, name, fields = connection.execute(_FIELDS, names).fetchone()
    views.note_fields(connection, provider, name, msgspec.json.decode(fields or "[]"))
    views.refresh(connection, provider, name)
    measures.keep(connection, stream, version)
    for statement in _ACCEPT:
        connection.execute(statement, names)


def drop(connection: sqlite3.Connection, stream: int) -> None:
    """Forget all that was staged or compared, and not accepted."""
    for statement in _DROP:
        connection.execute(statement, {"stream": stream})


_REPLACE = (
    """
    UPDATE record SET until = :version WHERE id IN (
        SELECT replaces FROM staged WHERE stream = :stream AND version = :version
    )
    """,
    """
    UPDATE record SET until = :version WHERE id IN (
        SELECT record FROM moved WHERE stream = :stream AND version = :version
    )
    """,
    """
    INSERT INTO record (stream, key, digest, since, body, day)
    SELECT stream, key, digest, version, body, day FROM staged
    WHERE stream = :stream AND version = :version AND body IS NOT NULL
    """,
    """
    INSERT INTO record (stream, key, digest, since, body, day)
    SELECT record.stream, key, digest, :version, body, nullif(moved.day, '')
    FROM moved JOIN record ON record.id = moved.record
    WHERE moved.stream = :stream AND moved.version = :version
    """,
)

_FIELDS = """
    SELECT provider, name, fields FROM version JOIN stream ON stream.id = version.stream
    WHERE version.stream = :stream AND version = :version
"""

_ACCEPT = (
    "UPDATE stream SET head = :version WHERE id = :stream",
    "DELETE FROM staged WHERE stream = :stream AND version = :version",
    "DELETE FROM moved WHERE stream = :stream AND version = :version",
    """
    UPDATE version SET offer = NULL, fields = NULL, measures = NULL
    WHERE stream = :stream AND version = :version
    """,
)

_DROP = (
    "DELETE FROM staged WHERE stream = :stream",
    "DELETE FROM moved WHERE stream = :stream",
    "DELETE FROM besidestaged WHERE stream = :stream",
    "DELETE FROM seen WHERE stream = :stream",
    "DELETE FROM kept WHERE stream = :stream",
    """
    DELETE FROM version
    WHERE stream = :stream AND version > (SELECT head FROM stream WHERE id = :stream)
    """,
)
