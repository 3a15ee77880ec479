"""How does a stream become again what it was in an earlier version?

As `git revert` does it: what differs between the version in force and the earlier one is staged as
a new version, with the earlier one's cursor and types. What was written since then and is in force
is replaced by what it was, or removed; what was replaced or removed since then, and has no
successor in force, comes back. So the work is that of the difference, however large the stream.

    begin ─► stage, some rows at a time ─► conclude ─► RolledBack durable ─► accept

In which of its days a row of a window lies is part of a version, and goes back with it: the next
sync would else remove it where that day comes without it. What is noted beside a row stays (see
daemon/store/windows.py): it is never seen, and the next sync puts it right.
"""

import sqlite3
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from daemon.store import drafts, heads, measures, rows, versions
from daemon.store.drafts import Draft
from daemon.store.heads import Head
from daemon.store.versions import NotKept

STEP_ROWS = 5000  # looked at in one transaction: others get the store in between
NOTHING = 0
"""The version before the first: it has no rows and no cursor."""


class NotTheSame(Exception):
    """What was put together is not what the version was: nothing of it may come into force."""


class Place(Struct, frozen=True, kw_only=True):
    """How far it has come: through what is in force, or what was replaced; the last row seen."""

    replaced: bool = False
    version: int
    row: int = 0


class Restored(Struct, frozen=True, kw_only=True):
    """What accepting the draft changes; `rows` and `digest` (hexadecimal) are of the whole."""

    rows: int
    digest: str
    added: int
    changed: int
    removed: int


def start(of: int) -> Place:
    return Place(version=of)


def stage(connection: sqlite3.Connection, draft: Draft, of: int, place: Place) -> Place | None:
    """Stage some of the way back to version `of`; where to go on, None at the end.

    The version in force is looked at as it is: nothing may come into force in between.
    """
    found = _some(connection, draft.stream, place)
    names = {
        "stream": draft.stream,
        "version": draft.version,
        "of": of,
        "ids": msgspec.json.encode([row for _, row in found]).decode(),
    }
    for statement in _BACK if place.replaced else _GONE:
        connection.execute(statement, names)
    if len(found) == STEP_ROWS:
        version, row = found[-1]
        return Place(replaced=place.replaced, version=version, row=row)
    return None if place.replaced else Place(replaced=True, version=of)


def conclude(connection: sqlite3.Connection, draft: Draft, of: int) -> Restored:
    """Keep beside the draft what was kept with version `of`, its cursor too; say what it changes.

    Raises NotTheSame where its rows are not those that the version had, and NotKept.
    """
    names = {"stream": draft.stream, "version": draft.version}
    before, was = heads.current(connection, draft.stream), _of(connection, draft.stream, of)
    added, changed, removed = connection.execute(drafts.COUNT, names).fetchone()
    total = before.count + added - removed
    digest = rows.combine(
        before.digest,
        _hashed(connection, draft),
        (row for (row,) in connection.execute(drafts.DIGESTS_OUT, names)),
    )
    if (total, digest) != (was.count, was.digest):
        raise NotTheSame(
            f"version {of} had {was.count} rows, and {total} were put together, or others than then"
        )
    heads.put(connection, draft.stream, draft.version, was)
    measures.went_back(connection, names, of)
    return Restored(rows=total, digest=digest.hex(), added=added, changed=changed, removed=removed)


def head(
    connection: sqlite3.Connection, subject: int, stream: str, provider: str, version: int
) -> Head:
    """What was kept with that version; of -1, the one in force. Raises NotKept."""
    found = versions.find(connection, subject, stream, provider)
    if found is None:
        return Head()
    return _of(connection, found[0], found[1] if version < 0 else version)


def _some(connection: sqlite3.Connection, stream: int, place: Place) -> list[tuple[int, int]]:
    """The next rows (version that wrote or replaced them, id), so many at most.

    In two steps, so that going on in the middle of a large version begins right there.
    """
    names = {"stream": stream, "version": place.version, "row": place.row, "limit": STEP_ROWS}
    found: list[tuple[int, int]] = []
    for statement in _REPLACED if place.replaced else _WRITTEN:
        names["limit"] = STEP_ROWS - len(found)
        found += connection.execute(statement, names).fetchall()
    return found


def _of(connection: sqlite3.Connection, stream: int, version: int) -> Head:
    """What was kept with a version. Raises NotKept."""
    if version == NOTHING:
        return Head()
    kept = heads.of(connection, stream, version)
    if kept is None:
        raise NotKept(version, versions.oldest_kept(connection, stream))
    return kept


def _hashed(connection: sqlite3.Connection, draft: Draft) -> Iterator[bytes]:
    """The digest of each row that comes back, from its text and not as it was noted."""
    staged = connection.execute(
        "SELECT body FROM staged WHERE stream = ? AND version = ? AND body IS NOT NULL",
        (draft.stream, draft.version),
    )
    for (body,) in staged:
        yield rows.digest_of(body.encode(), draft.secret)


# A row in force that was written in the very version (`:version`) that a step begins with is one of
# those after it (`:row`): at the start none is, since that version is the one gone back to.

_WRITTEN = (
    """
    SELECT since, id FROM record INDEXED BY written
    WHERE stream = :stream AND since = :version AND id > :row AND :row > 0 ORDER BY id LIMIT :limit
    """,
    """
    SELECT since, id FROM record INDEXED BY written
    WHERE stream = :stream AND since > :version ORDER BY since, id LIMIT :limit
    """,
)

_REPLACED = (
    """
    SELECT until, id FROM record INDEXED BY replaced
    WHERE stream = :stream AND until = :version AND id > :row AND :row > 0 ORDER BY id LIMIT :limit
    """,
    """
    SELECT until, id FROM record INDEXED BY replaced
    WHERE stream = :stream AND until > :version ORDER BY until, id LIMIT :limit
    """,
)

_THEN = """
    FROM json_each(:ids) CROSS JOIN record AS gone ON gone.id = json_each.value
    LEFT JOIN record AS back INDEXED BY former
    ON back.stream = :stream AND back.key = gone.key
    AND back.until IS NOT NULL AND back.until > :of AND back.since <= :of
    WHERE gone.until IS NULL
"""
"""What is in force, with what it was then, if it was there."""

_GONE = (
    f"""
    INSERT INTO staged (stream, version, key, digest, replaces, body, day)
    SELECT :stream, :version, gone.key, coalesce(back.digest, gone.digest), gone.id, back.body,
        back.day
    {_THEN} AND (back.id IS NULL OR back.digest <> gone.digest)
    """,
    f"""
    INSERT INTO moved (stream, version, record, day)
    SELECT :stream, :version, gone.id, coalesce(back.day, '')
    {_THEN} AND back.digest = gone.digest AND back.day IS NOT gone.day
    """,
)

_BACK = (
    """
    INSERT INTO staged (stream, version, key, digest, body, day)
    SELECT :stream, :version, back.key, back.digest, back.body, back.day
    FROM json_each(:ids) CROSS JOIN record AS back ON back.id = json_each.value
    WHERE back.since <= :of AND NOT EXISTS (
        SELECT 1 FROM record AS gone INDEXED BY record_current
        WHERE gone.stream = :stream AND gone.key = back.key AND gone.until IS NULL
    )
    """,
)
