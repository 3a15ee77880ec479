"""What does a day's window say of the records that lie in it?

A record lies in one day, and stays there until that day came whole without it: then it lies in the
day that it came in last, or is gone. So an answer that ignores which day it was asked for takes
nothing out of the days that were not. What comes in another day while its own does not come is
noted beside it (`beside`): where it really moved, it is not lost once its own day is fetched again.

| its own day    | it came in         | it lies in               | beside it stay            |
|----------------|--------------------|--------------------------|---------------------------|
| came           | its own day, too   | its own day              | days that did not come    |
| came           | other days alone   | the last of them         | days that did not come    |
| came           | none               | the newest beside it, or | days that did not come    |
|                |                    | is gone where none is    |                           |
| did not come   | other days         | its own day              | days that did not come,   |
|                |                    |                          | and the last that it did  |
| did not come   | none               | its own day              | days that did not come    |
| has none yet   | some               | the last of them         | days that did not come    |

Where a record lies is part of a version: an unchanged one that moves is written anew. What is
beside it is no part, and never seen: it does no more than keep a record from being removed. So a
rollback leaves it: it is what it was once the days that came in vain have come again.

While a draft is filled, `staged` holds what each of its days brought, unchanged records too
(without a body), so that a day can be forgotten again. Settling leaves of each key what came last,
and of that only what differs from what is in force, as the other modes stage it.
"""

import sqlite3
from collections.abc import Collection, Mapping

import msgspec

BESIDE_MAX = 8  # days that are kept beside a record's own, the newest: one is usual, two are rare


def settle(connection: sqlite3.Connection, names: Mapping[str, int], days: Collection[str]) -> None:
    """Make one difference of all days; what lay in them and came in none is moved or removed."""
    known = {**names, "days": _listed(days)}
    for statement in (*_SETTLE, _MOVE, _REMOVE):
        connection.execute(statement, known)


def settled(connection: sqlite3.Connection, stream: int, version: int) -> None:
    """Note of a version that comes into force what came in another day than its own."""
    names = {"stream": stream, "version": version, "most": BESIDE_MAX}
    for statement in _SETTLED:
        connection.execute(statement, names)


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
    """The days of which all that was staged lies in others, unchanged, and is not beside them."""
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
    INSERT OR IGNORE INTO kept (stream, record)
    SELECT :stream, record.id FROM staged JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream AND (
        record.day = staged.day OR record.day NOT IN (SELECT value FROM json_each(:days))
    )
    """,
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
    INSERT INTO besidestaged (stream, version, key, day)
    SELECT :stream, :version, staged.key, staged.day
    FROM staged JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream
    AND record.day NOT IN (SELECT value FROM json_each(:days))
    """,
    """
    UPDATE staged SET day = record.day FROM record
    WHERE staged.stream = :stream AND record.id = staged.replaces
    AND record.id IN (SELECT record FROM kept WHERE stream = :stream)
    """,
    """
    INSERT INTO moved (stream, version, record, day)
    SELECT :stream, :version, record.id, staged.day
    FROM staged JOIN record ON record.id = staged.replaces
    WHERE staged.stream = :stream AND staged.body IS NULL AND record.day IS NOT staged.day
    """,
    "DELETE FROM staged WHERE stream = :stream AND body IS NULL",
)

_MOVE = """
    INSERT INTO moved (stream, version, record, day)
    SELECT :stream, :version, record.id, max(beside.day)
    FROM record CROSS JOIN beside ON beside.stream = :stream AND beside.key = record.key
    WHERE record.stream = :stream AND until IS NULL
    AND record.day IN (SELECT value FROM json_each(:days))
    AND beside.day NOT IN (SELECT value FROM json_each(:days))
    AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.stream = :stream AND seen.record = record.id)
    GROUP BY record.id
"""

_REMOVE = """
    INSERT INTO staged (stream, version, key, digest, replaces)
    SELECT :stream, :version, key, digest, id FROM record
    WHERE stream = :stream AND until IS NULL AND day IN (SELECT value FROM json_each(:days))
    AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.stream = :stream AND seen.record = record.id)
    AND NOT EXISTS (SELECT 1 FROM moved WHERE moved.stream = :stream AND moved.record = record.id)
"""

_CAME = """
    SELECT json_each.value FROM version, json_each(version.offer, '$.days')
    WHERE version.stream = :stream AND version.version = :version
"""

_SETTLED = (
    f"DELETE FROM beside WHERE stream = :stream AND day IN ({_CAME})",
    """
    DELETE FROM beside WHERE stream = :stream AND key IN (
        SELECT key FROM staged WHERE stream = :stream AND version = :version AND body IS NULL
    )
    """,
    """
    INSERT OR IGNORE INTO beside (stream, key, day)
    SELECT stream, key, day FROM besidestaged WHERE stream = :stream AND version = :version
    """,
    """
    DELETE FROM beside WHERE stream = :stream AND (key, day) IN (
        SELECT key, day FROM (
            SELECT key, day, row_number() OVER (PARTITION BY key ORDER BY day DESC) AS place
            FROM beside WHERE stream = :stream AND key IN (
                SELECT key FROM besidestaged WHERE stream = :stream AND version = :version
            )
        ) WHERE place > :most
    )
    """,
    "DELETE FROM besidestaged WHERE stream = :stream AND version = :version",
)

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
    HAVING count(*) = count(*) FILTER (
        WHERE staged.body IS NULL AND record.day <> staged.day AND NOT EXISTS (
            SELECT 1 FROM beside
            WHERE beside.stream = :stream AND beside.key = staged.key AND beside.day = staged.day
        )
    )
"""
