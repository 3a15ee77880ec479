"""How does a stream lose what only versions that are not kept any more hold?

First the versions themselves, the oldest first, then their rows, some at a time: nobody is shown a
version of which rows are gone. A row that a kept version needs was not replaced before that one.
"""

import sqlite3

from daemon.store import versions

STEP_ROWS = 500  # deleted in one transaction: others get the store in between


def older(
    connection: sqlite3.Connection,
    subject: int,
    stream: str,
    provider: str,
    *,
    kept: int,
    most: int,
) -> tuple[list[int], int]:
    """Its versions but for the last `kept`, the oldest first, so many at most; and how many more.

    The one that follows those is listed too, where there are any.
    """
    found = versions.find(connection, subject, stream, provider)
    if found is None:
        return [], 0
    names = {"stream": found[0], "head": found[1], "kept": kept, "most": most + 1}
    (count,) = connection.execute(_COUNT, names).fetchone()
    if count <= kept:
        return [], count
    listed = [row[0] for row in connection.execute(_OLDEST, names)][: count - kept + 1]
    return listed, count - len(listed)


def some(
    connection: sqlite3.Connection, subject: int, stream: str, provider: str, before: int
) -> int:
    """Delete some of what only versions before that one held; 0 where nothing is left of them."""
    found = versions.find(connection, subject, stream, provider)
    if found is None:
        return 0
    names = {"stream": found[0], "head": found[1], "before": before, "limit": STEP_ROWS}
    return next((gone for each in _STEPS if (gone := connection.execute(each, names).rowcount)), 0)


_COUNT = "SELECT count(*) FROM version WHERE stream = :stream AND version <= :head"

_OLDEST = """
    SELECT version FROM version WHERE stream = :stream AND version <= :head
    ORDER BY version LIMIT :most
"""

_STEPS = (
    """
    DELETE FROM version WHERE rowid IN (
        SELECT rowid FROM version
        WHERE stream = :stream AND version < :before AND version <> :head
        ORDER BY version LIMIT :limit
    )
    """,
    """
    DELETE FROM record WHERE id IN (
        SELECT id FROM record INDEXED BY replaced
        WHERE stream = :stream AND until <= :before LIMIT :limit
    )
    """,
)
