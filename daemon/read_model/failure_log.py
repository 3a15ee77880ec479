"""What went wrong with a tenant's connections, one failure after the other, the newest first?"""

import sqlite3
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from daemon.read_model import opening
from daemon.read_model.timestamps import iso


class Place(NamedTuple):
    """Where a failure stands: its event, and which of those that the event tells of."""

    event: int
    part: int


class Asked(Struct, frozen=True, kw_only=True):
    """Of a tenant, or of one connection of it, stream, class or event alone; those `before` one."""

    tenant: int
    connection: int | None
    since: datetime
    limit: int
    stream: str | None = None
    cause: str | None = None
    event: int | None = None
    before: Place | None = None


class Failure(NamedTuple):
    """As the table has it. `kind` and `sync_ms` are of the sync, where it was part of one."""

    event: int
    part: int
    connection: int
    at: str
    operation: str
    sync: int | None
    attempt: int
    stream: str
    day: str | None
    cause: str
    message: str
    status: int | None
    kind: str | None
    sync_ms: int | None


def read(asked: Asked, connection: sqlite3.Connection) -> tuple[int, list[Failure]]:
    """Up to which event, and so many of them."""
    before = asked.before or Place(2**63 - 1, 0)
    bound = {
        "tenant": asked.tenant,
        "connection": asked.connection,
        "since": iso(asked.since),
        "stream": asked.stream,
        "cause": asked.cause,
        "event": asked.event,
        "before": before.event,
        "part": before.part,
        "limit": asked.limit,
    }
    sql = _LISTED if asked.event is None else _OF_EVENT
    with opening.at_once(connection) as seq:
        return seq, [Failure(*row) for row in connection.execute(sql, bound)]


_SELECTED = """
SELECT failure.seq, failure.part, failure.connection, failure.at, failure.operation, failure.sync,
    failure.attempt, failure.stream, failure.day, failure.cause, failure.message, failure.status,
    turn.kind, turn.duration_ms
FROM failure {found} LEFT JOIN turn ON turn.id = failure.sync
WHERE {which} AND failure.at >= :since
    AND (:connection IS NULL OR failure.connection = :connection)
    AND (:stream IS NULL OR failure.stream = :stream)
    AND (:cause IS NULL OR failure.cause = :cause)
    AND (failure.seq, failure.part) < (:before, :part)
ORDER BY failure.seq DESC, failure.part DESC LIMIT :limit
"""
# By the index: what a tenant's failures cost does not depend on how many others have.
_LISTED = _SELECTED.format(found="INDEXED BY failure_tenant", which="failure.tenant = :tenant")
# By the key: the plus keeps SQLite from reading all of the tenant's for one.
_OF_EVENT = _SELECTED.format(found="", which="failure.seq = :event AND +failure.tenant = :tenant")
