"""Where does what a program wrote lie until its provider has it?

A row is committed before the event that speaks of it, and goes once the event is durable that says
it is over. What neither stands in the log nor is over any more is dropped at the next start.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec import Struct

PATH_SHOWN_MAX = 200  # characters in a list; `show` has the whole


class Letter(Struct, frozen=True, kw_only=True):
    """A write, as its program gave it; `path` goes on from the provider's base URL."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    kind: str
    key: str | None

    def __repr__(self) -> str:
        return f"Letter({self.method}, {self.kind})"  # the rest is somebody's


def put(connection: sqlite3.Connection, subject: int, letter: Letter) -> int:
    """Keep it. The number of its row, which is never given again."""
    row = connection.execute(
        "INSERT INTO outbox (connection, method, path, headers, body, kind, key) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            subject,
            letter.method,
            letter.path,
            msgspec.json.encode(letter.headers).decode(),
            letter.body,
            letter.kind,
            letter.key,
        ),
    ).lastrowid
    assert row is not None, "what was inserted has a number"
    return row


def get(connection: sqlite3.Connection, subject: int, row: int) -> Letter | None:
    found = connection.execute(
        "SELECT method, path, headers, body, kind, key FROM outbox WHERE id = ? AND connection = ?",
        (row, subject),
    ).fetchone()
    if found is None:
        return None
    method, path, headers, body, kind, key = found
    return Letter(
        method=method,
        path=path,
        headers=msgspec.json.decode(headers, type=dict[str, str]),
        body=body,
        kind=kind,
        key=key,
    )


def paths(connection: sqlite3.Connection, rows: Iterable[int]) -> dict[int, str]:
    """Where these go, by row, as much of it as is shown in a list; all in one question."""
    return dict(
        connection.execute(
            "SELECT id, substr(path, 1, ?) FROM outbox "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (PATH_SHOWN_MAX, msgspec.json.encode([*rows]).decode()),
        )
    )


def discard(connection: sqlite3.Connection, rows: Iterable[int]) -> None:
    connection.executemany("DELETE FROM outbox WHERE id = ?", [(row,) for row in rows])


def reconcile(connection: sqlite3.Connection, waiting: Mapping[int, int]) -> Collection[int]:
    """Drop what does not wait by the log, which gives row → connection; which rows are missing."""
    there: dict[int, int] = dict(connection.execute("SELECT id, connection FROM outbox"))
    discard(connection, [row for row, subject in there.items() if waiting.get(row) != subject])
    return [row for row, subject in waiting.items() if there.get(row) != subject]
