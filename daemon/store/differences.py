"""Which records differ between two versions, found from what was written between them alone?

Each row that was written after the one version and lives in the other was added or changed; each
that was replaced in between, and has no successor there, was removed. So the work is that of the
difference, however large the stream. They come in the order in which they were written.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from daemon.store import versions

Kind = Literal["added", "changed", "removed"]
OPPOSITE: dict[Kind, Kind] = {"added": "removed", "changed": "changed", "removed": "added"}
Bodies = tuple[str | None, str | None]
"""One record in two versions, as JSON."""

NOTHING = 0
"""The version before the first: it has no rows."""


class Change(Struct, frozen=True, kw_only=True):
    """How one record differs; `version` is the one in which it came to, `key` is JSON."""

    kind: Kind
    key: str
    version: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Changes(Struct, frozen=True, kw_only=True):
    """Some of a difference. Counts are of these; `after` is where the next ones go on.

    They lie in those `days` (ISO dates), where the stream has windows.
    """

    added: int
    changed: int
    removed: int
    changes: list[Change]
    after: str | None
    days: frozenset[str] = frozenset()


class Place(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How far it has come: written rows, or those that were removed; up to a version and a row."""

    removed: bool = False
    version: int = 0
    row: int = 0


class Touched(Struct, frozen=True):
    """A row that was written, or replaced, between two versions.

    It `counts` where it was written and lives in the later one, or was replaced and lived in the
    earlier one; what came and went in between is no part of the difference.
    """

    row: int
    number: int  # the version that did it
    key: str
    digest: bytes
    counts: int
    day: str | None  # of the window that it came in
    body: str | None  # where it counts, and is wanted


def between(
    connection: sqlite3.Connection,
    subject: int,
    stream: str,
    *,
    provider: str,
    first: int,
    second: int,
    after: str | None,
    limit: int,
    counted: bool = False,
    scan: int = versions.SCAN_ROWS_MAX,
) -> Changes | None:
    """Some of what differs from the first version to the second; None where there is no stream.

    What is only `counted` has no changes, and no limit but that on the rows that are looked at.
    Raises NotKept, and ValueError where `after` is none of ours.
    """
    found = versions.find(connection, subject, stream, provider)
    if found is None:
        return None
    id_, head = found
    for version in (first, second):
        if version != NOTHING:
            versions.count(connection, id_, head, version)
    ends = min(first, second), max(first, second)
    counts: dict[Kind, int] = {"added": 0, "changed": 0, "removed": 0}
    changes: list[Change] = []
    days: set[str] = set()
    looked = size = 0
    place = _place(after)
    for touched, removed in _touched(connection, id_, *ends, place, counted=counted):
        if looked >= scan or size >= versions.PAGE_BYTES_MAX or len(changes) >= limit:
            break
        looked += 1
        place = Place(removed, touched.number, touched.row)
        pair = _pair(connection, id_, *ends, touched, removed=removed) if touched.counts else None
        if pair is None:
            continue
        kind, bodies = pair
        if first > second:
            kind, bodies = OPPOSITE[kind], (bodies[1], bodies[0])
        counts[kind] += 1
        days |= {touched.day} if touched.day else set()
        if not counted:
            size += sum(len(body) for body in bodies if body)
            changes.append(_change(kind, touched, bodies))
    else:
        return Changes(**counts, changes=changes, after=None, days=frozenset(days))
    on = msgspec.json.encode(place).decode()
    return Changes(**counts, changes=changes, after=on, days=frozenset(days))


def _place(after: str | None) -> Place:
    try:
        return msgspec.json.decode(after, type=Place) if after else Place()
    except msgspec.DecodeError as error:
        raise ValueError(after) from error


def _touched(
    connection: sqlite3.Connection, stream: int, low: int, high: int, place: Place, *, counted: bool
) -> Iterator[tuple[Touched, bool]]:
    """What was written between the two and lives in the later, then what it replaced."""
    for removed, steps in ((False, _WRITTEN), (True, _REPLACED)):
        if place.removed and not removed:
            continue
        at = place if place.removed is removed else Place(removed)
        names = {
            "stream": stream,
            "low": low,
            "high": high,
            "at": at.version,
            "row": at.row,
            "from": max(low, at.version),
            "counted": counted,
        }
        for statement in steps:
            for row in connection.execute(statement, names):
                yield Touched(*row), removed


def _pair(
    connection: sqlite3.Connection,
    stream: int,
    low: int,
    high: int,
    touched: Touched,
    *,
    removed: bool,
) -> tuple[Kind, Bodies] | None:
    """How a touched row's record differs, and what it was in the earlier and the later version."""
    names = {"stream": stream, "key": touched.key, "low": low, "high": high}
    if removed:
        gone = connection.execute(_LATER, names).fetchone() is None
        return ("removed", (touched.body, None)) if gone else None
    before = connection.execute(_EARLIER, names).fetchone()
    if before is None:
        return "added", (None, touched.body)
    return ("changed", (before[1], touched.body)) if before[0] != touched.digest else None


def _change(kind: Kind, touched: Touched, bodies: Bodies) -> Change:
    before, after = (msgspec.json.decode(body) if body else None for body in bodies)
    return Change(kind=kind, key=touched.key, version=touched.number, before=before, after=after)


# Each in two steps, so that going on in the middle of a version begins right there.

_WRITTEN = tuple(
    f"""
    SELECT id, since, key, digest, until IS NULL OR until > :high, day,
        CASE WHEN NOT :counted AND (until IS NULL OR until > :high) THEN body END
    FROM record INDEXED BY written
    WHERE stream = :stream AND {lies} ORDER BY since, id
    """
    for lies in (
        "since = :at AND id > :row AND :at > :low AND :at <= :high",
        "since > :from AND since <= :high",
    )
)

_REPLACED = tuple(
    f"""
    SELECT id, until, key, digest, since <= :low, day,
        CASE WHEN NOT :counted AND since <= :low THEN body END
    FROM record INDEXED BY replaced
    WHERE stream = :stream AND until IS NOT NULL AND {lies} ORDER BY until, id
    """
    for lies in (
        "until = :at AND id > :row AND :at > :low AND :at <= :high",
        "until > :from AND until <= :high",
    )
)

_EARLIER = """
    SELECT digest, body FROM record INDEXED BY former
    WHERE stream = :stream AND key = :key AND until IS NOT NULL AND until > :low AND until <= :high
    AND since <= :low
"""

_LATER = """
    SELECT 1 FROM record INDEXED BY record_current
    WHERE stream = :stream AND key = :key AND until IS NULL AND since <= :high
    UNION ALL
    SELECT 1 FROM record INDEXED BY former
    WHERE stream = :stream AND key = :key AND until IS NOT NULL AND until > :high AND since <= :high
"""
