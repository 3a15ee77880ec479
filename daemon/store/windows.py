"""What does a day's window say of the records that lie in it?

A record belongs to the one window that it came in last. While a draft is filled, `staged` holds
what each of its days brought, unchanged records too (without a body), so that a day can be
forgotten again. Settling leaves of each key what came last, and of that only what differs from what
is in force, as the other modes stage it. An unchanged record that came in another window moves
there in place: where it lies is no part of a version's content.
"""

import sqlite3
from collections.abc import Collection, Mapping

import msgspec


def settle(connection: sqlite3.Connection, names: Mapping[str, int], days: Collection[str]) -> None:
    """Make one difference of all days; what was in one of `days` and came in none is removed."""
    for statement in _SETTLE:
        connection.execute(statement, names)
    connection.execute(_REMOVE, {**names, "days": _listed(days)})


def drop(connection: sqlite3.Connection, stream: int, day: str) -> None:
    """Forget what one day brought, and nothing of another."""
    connection.execute("DELETE FROM staged WHERE stream = ? AND day = ?", (stream, day))


def count(connection: sqlite3.Connection, stream: int, days: Collection[str]) -> dict[str, int]:
    """How many current records each day has, by day; one that has none is left out."""
    found = connection.execute(_COUNT, {"stream": stream, "days": _listed(days)})
    return dict(found.fetchall())


def different(connection: sqlite3.Connection, stream: int) -> dict[str, int]:
    """How many keys came in each day; one in which none did is left out."""
    return dict(connection.execute(_DIFFERENT, {"stream": stream}).fetchall())


def repeated(connection: sqlite3.Connection, stream: int) -> set[str]:
    """The days of which all that was staged lies in other days, unchanged."""
    return {day for (day,) in connection.execute(_REPEATED, {"stream": stream})}


def _listed(days: Collection[str]) -> str:
    """As JSON, because a statement has room for only so many values."""
    return msgspec.json.encode(list(days)).decode()


STAGE = (
    "DELETE FROM staged WHERE stream = :stream AND day = :day AND key IN (SELECT key FROM page)",
    """
    INSERT INTO staged (stream, version, day, key, digest, replaces, body)
    SELECT :stream, :version, :day, page.key, page.digest, record.id,
        CASE WHEN record.digest = page.digest THEN NULL ELSE page.body END
    FROM page LEFT JOIN record
    ON record.stream = :stream AND record.key = page.key AND record.until IS NULL
    """,
)

_SETTLE = (
    """
    DELETE FROM staged WHERE stream = :stream AND EXISTS (
        SELECT 1 FROM staged AS later
        WHERE later.stream = :stream AND later.key = staged.key AND later.id > staged.id
    )
    """,
    """
    INSERT INTO seen (stream, record)
    SELECT stream, replaces FROM staged WHERE stream = :stream AND replaces IS NOT NULL
    """,
    """
    INSERT INTO moved (stream, version, record, day)
    SELECT :stream, :version, record.id, staged.day
    FROM staged JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream AND staged.body IS NULL AND record.day IS NOT staged.day
    """,
    "DELETE FROM staged WHERE stream = :stream AND body IS NULL",
)

_REMOVE = """
    INSERT INTO staged (stream, version, key, digest, replaces)
    SELECT :stream, :version, key, digest, id FROM record
    WHERE stream = :stream AND until IS NULL AND day IN (SELECT value FROM json_each(:days))
    AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.stream = :stream AND seen.record = record.id)
"""

_COUNT = """
    SELECT day, count(*) FROM record
    WHERE stream = :stream AND until IS NULL AND day IN (SELECT value FROM json_each(:days))
    GROUP BY day
"""

_DIFFERENT = """
    SELECT day, count(*) FROM staged WHERE stream = :stream AND day IS NOT NULL GROUP BY day
"""

_REPEATED = """
    SELECT staged.day FROM staged LEFT JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream AND staged.day IS NOT NULL GROUP BY staged.day
    HAVING count(*) = count(*) FILTER (WHERE staged.body IS NULL AND record.day <> staged.day)
"""
