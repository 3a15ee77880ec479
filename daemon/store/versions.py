"""Which versions does a stream have, and which records did it hold in each?

A row lives from the version that wrote it (`since`) to the one that replaced or removed it
(`until`), so a version is read from the same rows as the current one, whatever comes later. What
was in force *when* is for the log to say: a version's number is that of the event that opened it,
which came before the one that brought it into force.
"""

import sqlite3
from typing import Any

import msgspec
from msgspec import Struct

PAGE_BYTES_MAX = 8 * 1024 * 1024  # of records shown at once; one record may be larger
SCAN_ROWS_MAX = 20_000  # rows, of whatever version, that one page looks at


class NotKept(Exception):
    """The stream has no such version, or has it no more: `oldest` is the oldest that is kept."""

    def __init__(self, version: int, oldest: int) -> None:
        super().__init__(f"version {version} is not kept; the oldest one that is: {oldest}")
        self.version = version
        self.oldest = oldest


class Page(Struct, frozen=True, kw_only=True):
    """Some records of one version, by key; `after` is where the next page goes on.

    A page may be empty and yet not be the last one, where it has looked at enough other rows. The
    version in force is `current`.
    """

    version: int
    current: int
    rows: int
    records: list[dict[str, Any]]
    after: str | None


class Kept(Struct, frozen=True, kw_only=True):
    """A version that was accepted: whose, how many rows it has, and the digest of them all."""

    provider: str
    version: int
    rows: int
    digest: str
    current: bool


def find(
    connection: sqlite3.Connection, subject: int, stream: str, provider: str | None
) -> tuple[int, int] | None:
    """(id, version in force): of that provider's stream, or whichever was captured last."""
    row: tuple[int, int] | None = connection.execute(
        "SELECT id, head FROM stream WHERE connection = ? AND name = ? "
        "AND (? IS NULL OR provider = ?) ORDER BY head DESC LIMIT 1",
        (subject, stream, provider, provider),
    ).fetchone()
    return row


def oldest_kept(connection: sqlite3.Connection, stream: int) -> int:
    """The oldest version whose records are all there; 0 where there is none yet."""
    (version,) = connection.execute(
        "SELECT coalesce(min(version), 0) FROM version WHERE stream = ?", (stream,)
    ).fetchone()
    return int(version)


def oldest(connection: sqlite3.Connection, subject: int, stream: str, provider: str | None) -> int:
    """The oldest version that is kept: of that provider's stream, or of any of that name."""
    found = connection.execute(
        "SELECT id FROM stream WHERE connection = ? AND name = ? AND (? IS NULL OR provider = ?)",
        (subject, stream, provider, provider),
    ).fetchall()
    kept = [oldest_kept(connection, id_) for (id_,) in found]
    return min((each for each in kept if each), default=0)


def listed(
    connection: sqlite3.Connection,
    subject: int,
    stream: str,
    *,
    provider: str | None,
    last: int,
    limit: int,
) -> list[Kept]:
    """The newest versions that are kept and not newer than `last`, the newest first.

    Of that provider's stream, or of all that were ever of that name.
    """
    rows = connection.execute(
        "SELECT stream.id, provider, version, rows, lower(hex(digest)), version = head FROM stream "
        "JOIN version ON version.stream = stream.id "
        "WHERE connection = ? AND name = ? AND (? IS NULL OR provider = ?) "
        "AND version <= head AND version <= ? ORDER BY version DESC LIMIT ?",
        (subject, stream, provider, provider, last, limit),
    ).fetchall()
    oldest = {each: oldest_kept(connection, each) for each in {row[0] for row in rows}}
    return [
        Kept(provider=whose, version=version, rows=count, digest=digest, current=bool(current))
        for id_, whose, version, count, digest, current in rows
        if version >= oldest[id_]
    ]


def show(
    connection: sqlite3.Connection,
    subject: int,
    stream: str,
    *,
    after: str | None,
    limit: int,
    provider: str | None = None,
    version: int | None = None,
    scan: int = SCAN_ROWS_MAX,
) -> Page | None:
    """Some records of a version, or the current ones; None where there is no such stream.

    Raises NotKept.
    """
    found = find(connection, subject, stream, provider)
    if found is None:
        return None
    id_, head = found
    number = head if version is None else version
    rows = count(connection, id_, head, number) if number else 0
    if number == head:
        bound, statement = None, _CURRENT
    else:
        bound = _bound(connection, id_, after or "", scan)
        statement = _THEN.format(bound="" if bound is None else "AND key <= :bound")
    names = {
        "stream": id_,
        "version": number,
        "after": after or "",
        "bound": bound,
        "limit": limit,
    }
    records, last, size = [], None, 0
    for key, body in connection.execute(statement, names):
        records.append(msgspec.json.decode(body))
        last, size = key, size + len(body)
        if size >= PAGE_BYTES_MAX:
            break
    cut = size >= PAGE_BYTES_MAX or len(records) == limit
    return Page(
        version=number, current=head, rows=rows, records=records, after=last if cut else bound
    )


def count(connection: sqlite3.Connection, stream: int, head: int, version: int) -> int:
    """How many rows a version has. Raises NotKept."""
    row = connection.execute(
        "SELECT rows FROM version WHERE stream = ? AND version = ?", (stream, version)
    ).fetchone()
    oldest = oldest_kept(connection, stream)
    if row is None or not oldest <= version <= head:
        raise NotKept(version, oldest)
    return int(row[0])


def _bound(connection: sqlite3.Connection, stream: int, after: str, scan: int) -> str | None:
    """Up to which key a page may look; None: to the end."""
    names = {"stream": stream, "after": after, "skip": scan - 1}
    found = [connection.execute(each, names).fetchone() for each in _AHEAD]
    return min((row[0] for row in found if row), default=None)


_AHEAD = (
    """
    SELECT key FROM record INDEXED BY record_current
    WHERE stream = :stream AND until IS NULL AND key > :after ORDER BY key LIMIT 1 OFFSET :skip
    """,
    """
    SELECT key FROM record INDEXED BY former
    WHERE stream = :stream AND until IS NOT NULL AND key > :after
    ORDER BY key LIMIT 1 OFFSET :skip
    """,
)

_CURRENT = """
    SELECT key, body FROM record
    WHERE stream = :stream AND until IS NULL AND key > :after ORDER BY key LIMIT :limit
"""

_THEN = """
    SELECT key, body FROM record INDEXED BY record_current
    WHERE stream = :stream AND until IS NULL AND since <= :version AND key > :after {bound}
    UNION ALL
    SELECT key, body FROM record INDEXED BY former
    WHERE stream = :stream AND until IS NOT NULL AND until > :version AND since <= :version
    AND key > :after {bound}
    ORDER BY key LIMIT :limit
"""
