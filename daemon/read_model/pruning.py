"""What in the read model is older than what is kept, and goes, or is left in sums alone?

By the log's own time, so that it does not matter when it is asked.
"""

import sqlite3
from datetime import datetime, timedelta

from daemon.read_model import keeping, sums
from daemon.read_model.timestamps import iso, seconds


def prune(
    connection: sqlite3.Connection,
    upto: int,
    at: datetime,
    retries_kept: timedelta,
    before: datetime | None = None,
) -> None:
    """All is in it up to that event, and it is `at`. It was pruned `before`. In a transaction."""
    _prune_sums(connection, at, before)
    cut = keeping.happened_from(at)
    if before is None or _is_old(connection, iso(cut)):
        first = _first_kept(connection, iso(cut)) or upto + 1
        for statement in _FORGET:
            connection.execute(statement, (first,))
    _prune_retries(connection, upto, iso(at - retries_kept))
    connection.execute("DELETE FROM retry_hour WHERE start < ?", (iso(cut),))
    connection.execute("DELETE FROM report_hour WHERE start < ?", (seconds(cut),))


def _prune_sums(connection: sqlite3.Connection, at: datetime, before: datetime | None) -> None:
    hours, days = keeping.hours_from(at), keeping.days_from(at)
    row = connection.execute("SELECT 1 FROM hour WHERE start < ? LIMIT 1", (hours,)).fetchone()
    if row is not None:
        sums.fold(connection, hours)
    if row is not None or before is None or keeping.days_from(before) != days:
        sums.forget_days(connection, days)


def _prune_retries(connection: sqlite3.Connection, upto: int, cut: str) -> None:
    """Those that ended before; after a clock was ahead, none that came since it was put right."""
    row = connection.execute("SELECT 1 FROM retry WHERE ended < ? LIMIT 1", (cut,)).fetchone()
    if row is not None:
        bound = (cut, _first_kept(connection, cut) or upto + 1)
        connection.execute(_SUM_RETRIES, bound)
        connection.execute(_FORGET_RETRIES, bound)


def _is_old(connection: sqlite3.Connection, cut: str) -> bool:
    """Whether anything may have to go: without a look at what each connection has."""
    oldest = _oldest(connection)
    return oldest is None or oldest[1] < cut


def _first_kept(connection: sqlite3.Connection, cut: str) -> int | None:
    """The first event from that time on; what lies before it is older, whatever its clock said."""
    oldest = _oldest(connection)
    if oldest is None or oldest[1] >= cut:
        return oldest[0] if oldest else None
    sql = "SELECT seq FROM occurrence WHERE at >= ? ORDER BY seq LIMIT 1"
    found = connection.execute(sql, (cut,)).fetchone()
    return found[0] if found else None


def _oldest(connection: sqlite3.Connection) -> tuple[int, str] | None:
    """The number and the time of the first occurrence that is kept."""
    sql = "SELECT seq, at FROM occurrence ORDER BY seq LIMIT 1"
    row: tuple[int, str] | None = connection.execute(sql).fetchone()
    return row


_FORGET = (
    "DELETE FROM occurrence WHERE seq < ?",
    "DELETE FROM failure WHERE seq < ?",
    "DELETE FROM pass WHERE id < ?",
    "DELETE FROM turn WHERE id < ? AND status <> 'running'",
    "DELETE FROM trace WHERE connection IN (SELECT connection FROM member) AND seq < ?",
)
_HOUR = "strftime('%Y-%m-%dT%H:00:00.000Z', created)"
_SUM_RETRIES = f"""
INSERT INTO retry_hour (tenant, start, connection, cause, retries, saved, wasted, wasted_ms,
    recovered_ms)
SELECT tenant, {_HOUR}, connection, cause, count(*), sum(status = 'completed'),
    sum(status = 'failed'), sum(iif(status = 'failed', duration_ms, 0)),
    sum(iif(status = 'completed', {sums.RECOVERED_MS}, 0))
FROM retry INDEXED BY retry_ended WHERE ended < ? AND id < ? GROUP BY 1, 2, 3, 4
ON CONFLICT (tenant, start, connection, cause) DO UPDATE SET
    {sums.adds(("retries", "saved", "wasted", "wasted_ms", "recovered_ms"))}
"""
_FORGET_RETRIES = "DELETE FROM retry INDEXED BY retry_ended WHERE ended < ? AND id < ?"
