"""What is held beside the version in force, and why? In the caller's transaction.

    compared ──► hold ──► held rows, a header ──► stage again, as another version ──► accept, drop
                                     └──► drop

One version a stream is held at most; a newer one takes its place. Nothing of it lies among the
records. Of an answer that was refused, or held, the names of fields that were not as before are
kept beside it, of the last such answer alone: they are the provider's words.
"""

import sqlite3
from typing import Any

import msgspec
from msgspec import Struct

from daemon.store.profiles import Broken

EXAMPLES_MAX = 5  # records of each kind that are shown
EXAMPLES_BYTES_MAX = 1024 * 1024  # of them together; what goes beyond is left out


class Offer(Struct, frozen=True, kw_only=True):
    """What taking over a version changes, as it was compared; `days` are those that came whole."""

    fetched: int
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    rows: int
    digest: str
    days: tuple[str, ...] = ()
    broken: Broken = Broken()


class Examples(Struct, frozen=True, kw_only=True):
    """Some of the records that differ: before and after, where both are."""

    added: list[dict[str, Any]] = []
    changed: list[tuple[dict[str, Any], dict[str, Any]]] = []
    removed: list[dict[str, Any]] = []


class Found(Struct, frozen=True, kw_only=True):
    """A version that is held, as it lies there; `head` is the one in force."""

    stream: int
    version: int
    base: int
    head: int
    offer: Offer


class Shown(Struct, frozen=True, kw_only=True):
    """What people see of it."""

    version: int
    base: int
    offer: Offer
    examples: Examples


class Doubted(Struct, frozen=True, kw_only=True):
    """The last answer of a stream that was doubted, and how its fields differed."""

    version: int
    broken: Broken


def hold(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Move what was compared as `version` to where it is held, in place of what was."""
    drop(connection, stream)
    for statement in _HOLD:
        connection.execute(statement, {"stream": stream, "version": version})


def note(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Keep how the fields of what was compared as `version` differ, where they do."""
    connection.execute(_NOTE, {"stream": stream, "version": version})


def find(connection: sqlite3.Connection, whose: int, stream: str, provider: str) -> Found | None:
    """What is held of a connection's stream."""
    row = connection.execute(_FIND, (whose, stream, provider)).fetchone()
    if row is None:
        return None
    offer = msgspec.json.decode(row[4], type=Offer)
    return Found(stream=row[0], version=row[1], base=row[2], head=row[3], offer=offer)


def show(connection: sqlite3.Connection, whose: int, stream: str, provider: str) -> Shown | None:
    """The same for people, with some of its records, while what it was compared with is in force.

    Later that one's rows may be gone.
    """
    found = find(connection, whose, stream, provider)
    if found is None:
        return None
    some = examples(connection, found.stream) if found.base == found.head else Examples()
    return Shown(version=found.version, base=found.base, offer=found.offer, examples=some)


def doubted(
    connection: sqlite3.Connection, whose: int, stream: str, provider: str
) -> Doubted | None:
    """How the last answer that was doubted differed."""
    row = connection.execute(_DOUBTED, (whose, stream, provider)).fetchone()
    if row is None:
        return None
    return Doubted(version=row[0], broken=msgspec.json.decode(row[1], type=Offer).broken)


def stage(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Stage what is held once more, as another version; it stays held."""
    for statement in _STAGE:
        connection.execute(statement, {"stream": stream, "version": version})


def drop(connection: sqlite3.Connection, stream: int, version: int | None = None) -> None:
    """Forget what is held: that version, or any."""
    for statement in _DROP:
        connection.execute(statement, {"stream": stream, "version": version})


def examples(connection: sqlite3.Connection, stream: int) -> Examples:
    """Some records that taking it over would add, change and remove, by key."""
    found: list[list[list[dict[str, Any]]]] = []
    size = 0
    for statement in (_ADDED, _CHANGED, _REMOVED):
        several = []
        for bodies in connection.execute(statement, (stream, EXAMPLES_MAX)):
            size += sum(map(len, bodies))
            if size > EXAMPLES_BYTES_MAX:
                break
            several.append([msgspec.json.decode(each) for each in bodies])
        found.append(several)
    added, changed, removed = found
    return Examples(
        added=[each for (each,) in added],
        changed=[(before, after) for before, after in changed],
        removed=[each for (each,) in removed],
    )


_FIND = """
    SELECT stream.id, quarantine.version, base, head, offer
    FROM quarantine JOIN stream ON stream.id = quarantine.stream
    WHERE connection = ? AND name = ? AND provider = ?
"""

_DOUBTED = """
    SELECT doubted.version, offer FROM doubted JOIN stream ON stream.id = doubted.stream
    WHERE connection = ? AND name = ? AND provider = ?
"""

_HOLD = (
    """
    INSERT INTO held (stream, version, key, digest, replaces, body, day)
    SELECT stream, version, key, digest, replaces, body, day FROM staged
    WHERE stream = :stream AND version = :version
    """,
    """
    INSERT INTO heldmove (stream, version, record, day)
    SELECT stream, version, record, day FROM moved
    WHERE stream = :stream AND version = :version
    """,
    """
    INSERT INTO besideheld (stream, version, key, day)
    SELECT stream, version, key, day FROM besidestaged
    WHERE stream = :stream AND version = :version
    """,
    """
    INSERT INTO quarantine (
        stream, version, base, rows, digest, cursor, types, profile, told, offer, fields, measures
    )
    SELECT stream, version, head, rows, digest, cursor, types, profile, told, offer, fields,
        measures
    FROM version JOIN stream ON stream.id = version.stream
    WHERE stream = :stream AND version = :version
    """,
)

_NOTE = """
    INSERT OR REPLACE INTO doubted (stream, version, offer)
    SELECT stream, version, offer FROM version WHERE stream = :stream AND version = :version
"""

_STAGE = (
    """
    INSERT INTO staged (stream, version, key, digest, replaces, body, day)
    SELECT stream, :version, key, digest, replaces, body, day FROM held WHERE stream = :stream
    """,
    """
    INSERT INTO moved (stream, version, record, day)
    SELECT stream, :version, record, day FROM heldmove WHERE stream = :stream
    """,
    """
    INSERT INTO besidestaged (stream, version, key, day)
    SELECT stream, :version, key, day FROM besideheld WHERE stream = :stream
    """,
    """
    INSERT INTO version (
        stream, version, rows, digest, cursor, types, profile, told, offer, fields, measures
    )
    SELECT stream, :version, rows, digest, cursor, types, profile, told, offer, fields, measures
    FROM quarantine WHERE stream = :stream
    """,
)

_DROP = (
    "DELETE FROM held WHERE stream = :stream AND version = coalesce(:version, version)",
    "DELETE FROM heldmove WHERE stream = :stream AND version = coalesce(:version, version)",
    "DELETE FROM besideheld WHERE stream = :stream AND version = coalesce(:version, version)",
    "DELETE FROM quarantine WHERE stream = :stream AND version = coalesce(:version, version)",
)

_ADDED = "SELECT body FROM held WHERE stream = ? AND replaces IS NULL ORDER BY key LIMIT ?"

_CHANGED = """
    SELECT record.body, held.body FROM held JOIN record ON record.id = held.replaces
    WHERE held.stream = ? AND held.body IS NOT NULL ORDER BY held.key LIMIT ?
"""

_REMOVED = """
    SELECT record.body FROM held JOIN record ON record.id = held.replaces
    WHERE held.stream = ? AND held.body IS NULL ORDER BY held.key LIMIT ?
"""
