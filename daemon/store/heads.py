"""How does a draft become the version that is visible, or nothing? In the caller's transaction."""

import sqlite3


def knows(connection: sqlite3.Connection, stream: int, version: int) -> bool:
    """Whether a version was compared, so that it can be accepted."""
    found = connection.execute(
        "SELECT 1 FROM version WHERE stream = ? AND version = ?", (stream, version)
    )
    return found.fetchone() is not None


def accept(connection: sqlite3.Connection, stream: int, version: int) -> None:
    for statement in _ACCEPT:
        connection.execute(statement, {"stream": stream, "version": version})


def drop(connection: sqlite3.Connection, stream: int) -> None:
    """Forget all that was staged or compared, and not accepted."""
    for statement in _DROP:
        connection.execute(statement, {"stream": stream})


_ACCEPT = (
    """
    UPDATE record SET until = :version WHERE id IN (
        SELECT replaces FROM staged WHERE stream = :stream AND version = :version
    )
    """,
    """
    INSERT INTO record (stream, key, digest, since, body, day)
    SELECT stream, key, digest, version, body, day FROM staged
    WHERE stream = :stream AND version = :version AND body IS NOT NULL
    """,
    """
    UPDATE record SET day = moved.day FROM moved
    WHERE moved.stream = :stream AND moved.version = :version AND record.id = moved.record
    """,
    "UPDATE stream SET head = :version WHERE id = :stream",
    "DELETE FROM staged WHERE stream = :stream AND version = :version",
    "DELETE FROM moved WHERE stream = :stream AND version = :version",
    "UPDATE version SET offer = NULL WHERE stream = :stream AND version = :version",
)

_DROP = (
    "DELETE FROM staged WHERE stream = :stream",
    "DELETE FROM moved WHERE stream = :stream",
    "DELETE FROM seen WHERE stream = :stream",
    """
    DELETE FROM version
    WHERE stream = :stream AND version > (SELECT head FROM stream WHERE id = :stream)
    """,
)
