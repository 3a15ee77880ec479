"""What did failures cost, by their class, and what did trying again save, or waste?"""

import sqlite3
from datetime import datetime

from msgspec import Struct

from daemon.read_model import opening, sums
from daemon.read_model.timestamps import iso


class Asked(Struct, frozen=True, kw_only=True):
    """Of a tenant, or of one connection of it alone, since then."""

    tenant: int
    connection: int | None
    since: datetime


class Cost(Struct, frozen=True, kw_only=True):
    """Of one class: syncs that failed, how long they took, and streams of others that did alone.

    `first` counts those of both that were part of no retry. Of the retries that followed so many
    succeeded (saved), failed (wasted) and are still open, and so long those took that failed. What
    was saved was so after `recovered_s` on average.
    """

    cause: str
    failed: int = 0
    streams: int = 0
    first: int = 0
    failed_ms: int = 0
    retries: int = 0
    saved: int = 0
    wasted: int = 0
    open: int = 0
    wasted_ms: int = 0
    recovered_s: float | None = None


def read(asked: Asked, connection: sqlite3.Connection) -> tuple[int, list[Cost]]:
    """Up to which event, and every class that there was, the dearest first.

    Of retries that ended long ago the sums of whole hours are left: the first counts as a whole.
    """
    bound = {
        "tenant": asked.tenant,
        "connection": asked.connection,
        "since": iso(asked.since),
        "hour": iso(asked.since.replace(minute=0, second=0, microsecond=0)),
    }
    with opening.at_once(connection) as seq:
        failed = {row[0]: row[1:] for row in connection.execute(_FAILED, bound)}
        retried = {row[0]: row[1:] for row in connection.execute(_RETRIED, bound)}
    found = [
        _cost(cause, failed.get(cause, (0, 0, 0, 0)), retried.get(cause, (0, 0, 0, 0, 0, None)))
        for cause in {**failed, **retried}
    ]
    return seq, sorted(found, key=_dearest_first)


def _dearest_first(cost: Cost) -> tuple[int, int, int, str]:
    return (-cost.failed, -cost.failed_ms, -cost.streams, cost.cause)


_WHOSE = "tenant = :tenant AND (:connection IS NULL OR connection = :connection)"
# By the index of failures, as their list. A stream counts once a sync, whatever of its days failed.
_STREAMS = """
SELECT DISTINCT failure.cause, failure.sync, failure.stream, turn.attempt
FROM failure INDEXED BY failure_tenant JOIN turn ON turn.id = failure.sync
WHERE failure.tenant = :tenant AND (:connection IS NULL OR failure.connection = :connection)
    AND failure.at >= :since AND failure.operation = 'sync' AND turn.due >= :since
    AND (turn.status <> 'failed' OR turn.cause <> failure.cause)
"""
_FAILED = f"""
SELECT cause, sum(failed), sum(NOT failed), sum(attempt = 0), sum(took) FROM (
    SELECT cause, 1 AS failed, attempt, coalesce(duration_ms, 0) AS took FROM turn
    WHERE {_WHOSE} AND status = 'failed' AND due >= :since
    UNION ALL SELECT cause, 0, attempt, 0 FROM ({_STREAMS})
) GROUP BY cause
"""
_RETRIED = f"""
SELECT cause, sum(retries), sum(saved), sum(wasted), sum(open), sum(wasted_ms),
    iif(sum(saved), sum(recovered_ms) / 1000.0 / sum(saved), NULL)
FROM (
    SELECT cause, 1 AS retries, status = 'completed' AS saved, status = 'failed' AS wasted,
        status IN ('pending', 'processing') AS open,
        iif(status = 'failed', duration_ms, 0) AS wasted_ms,
        iif(status = 'completed', {sums.RECOVERED_MS}, 0) AS recovered_ms
    FROM retry WHERE {_WHOSE} AND created >= :since
    UNION ALL SELECT cause, retries, saved, wasted, 0, wasted_ms, recovered_ms
    FROM retry_hour WHERE {_WHOSE} AND start >= :hour
) GROUP BY cause
"""


def _cost(
    cause: str,
    failed: tuple[int, int, int, int],
    retried: tuple[int, int, int, int, int, float | None],
) -> Cost:
    return Cost(
        cause=cause,
        failed=failed[0],
        streams=failed[1],
        first=failed[2],
        failed_ms=failed[3],
        retries=retried[0],
        saved=retried[1],
        wasted=retried[2],
        open=retried[3],
        wasted_ms=retried[4],
        recovered_s=retried[5],
    )
