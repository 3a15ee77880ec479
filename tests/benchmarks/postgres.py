"""How is a tenant's past asked of PostgreSQL, built as document D would have it?

`pgserver` starts a server of one's own on a Unix socket; the tables are filled by COPY with what
the log holds. Whoever lacks `pgserver` or `psycopg` is told so in words. PostgreSQL refuses root,
so that `pgserver` makes itself a user where root starts it, and opens all folders on the way to
what that one needs: where this would open more than our own, it is not started.
"""

import importlib.util
import os
import stat
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from events import schema
from events.codec import EPOCH, MICROSECOND, to_microseconds
from events.envelope import Recorded
from tests.benchmarks.questions import (
    A_DAY,
    STREAM,
    WEEKS,
    Cause,
    Day,
    Drift,
    Issue,
    Source,
    Waiting,
    first_day,
)

HERE = Path(__file__).parent
MISSING = "PostgreSQL is left out: for it, pip install 'pgserver' and 'psycopg[binary]'"
SHARED_BUFFERS = "1GB"  # of the index pages that are asked for, none is read twice
COPY = """
COPY sync_events (
    id, user_id, source, at, kind, stream, cause, duration_ms, records, added, refreshes, bytes,
    attempt, due
) FROM STDIN
"""
STATUS = "SELECT * FROM get_sync_health_status(%s)"
HISTORY = "SELECT * FROM get_sync_health_history(%s, %s)"
CAUSES = "SELECT * FROM get_sync_failures_by_cause(%s, %s)"
ISSUES = "SELECT * FROM detect_sync_issues(%s, %s, %s, %s)"
DRIFT = "SELECT * FROM calculate_data_drift(%s, %s, %s, %s)"
QUEUE = "SELECT * FROM get_queue_health_metrics(%s)"

Open: TypeAlias = Any
"""A connection of psycopg's, which not everybody has."""


def why_not() -> str | None:
    """Why none can be started here, as a sentence."""
    found = importlib.util.find_spec("pgserver")
    if found is None or found.origin is None or importlib.util.find_spec("psycopg") is None:
        return MISSING
    ways = (Path(found.origin), Path(tempfile.gettempdir()) / "any")
    closed = [each for way in ways for each in way.resolve().parents if not _is_open(each)]
    if os.geteuid() == 0 and closed:
        return f"PostgreSQL is left out: as root, pgserver would open {closed[0]} to everybody"
    return None


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


@contextmanager
def server() -> Iterator[Open]:
    """A server of our own, and a connection to it; both end here, and its data with them."""
    pgserver, psycopg = _imported()
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        directory = Path(name) / "server"
        _settle(pgserver, psycopg, directory)
        running = pgserver.get_server(directory, cleanup_mode="delete")
        try:
            uri = running.get_uri()
            with psycopg.connect(uri, autocommit=True, prepare_threshold=0) as connection:
                connection.execute("SET timezone = 'UTC'")
                yield connection
        finally:
            running.cleanup()


def _imported() -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set, it says so
        import pgserver
        import psycopg
    return pgserver, psycopg


def _settle(pgserver: Any, psycopg: Any, directory: Path) -> None:
    """Set what a server reads when it starts, and let that one end."""
    first = pgserver.get_server(directory, cleanup_mode="stop")
    try:
        with psycopg.connect(first.get_uri(), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")
            connection.execute("ALTER SYSTEM SET jit = off")  # takes longer than these questions
            connection.execute("ALTER SYSTEM SET random_page_cost = 1.1")  # no disk turns here
            connection.execute("ALTER SYSTEM SET maintenance_work_mem = '512MB'")
            connection.execute("ALTER SYSTEM SET fsync = off")  # it is but a copy of the log
    finally:
        first.cleanup()


def fill(connection: Open, facts: Iterable[Recorded]) -> int:
    """Make the tables, copy all events of connections in, and index them: how many there are."""
    connection.execute((HERE / "sync_health.sql").read_text(), prepare=False)
    owners: dict[int, int] = {}
    count = 0
    with connection.cursor().copy(COPY) as copy:
        for recorded in facts:
            if isinstance(recorded.event, schema.ConnectionAdded):
                owners[recorded.subject] = recorded.event.tenant
            if owner := owners.get(recorded.subject):
                copy.write_row(_row(recorded, owner))
                count += 1
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO connections (source, user_id) VALUES (%s, %s)", [*owners.items()]
        )
    connection.execute((HERE / "sync_health_filled.sql").read_text(), prepare=False)
    connection.execute("VACUUM ANALYZE", prepare=False)
    return count


def _row(recorded: Recorded, owner: int) -> tuple[Any, ...]:
    event: Any = recorded.event
    cause = getattr(event, "cause", None)
    return (
        recorded.seq,
        owner,
        recorded.subject,
        recorded.at,
        event.__struct_config__.tag,
        getattr(event, "stream", None),
        cause.value if cause else None,
        getattr(event, "duration_ms", None),
        getattr(event, "records", None),
        getattr(event, "added", None),
        getattr(event, "refreshes", None),
        getattr(event, "bytes", None),
        getattr(event, "attempt", None),
        getattr(event, "due", None),
    )


def status(connection: Open, tenant: int) -> list[Source]:
    rows = connection.execute(STATUS, (tenant,)).fetchall()
    return [
        Source(*counted, _moment(success), _moment(failure)) for *counted, success, failure in rows
    ]


def history(connection: Open, tenant: int, now: int, days: int) -> list[Day]:
    rows = connection.execute(HISTORY, (tenant, _midnight(first_day(now, days)))).fetchall()
    return [Day(_day(day), *(int(each) for each in rest)) for day, *rest in rows]


def causes(connection: Open, tenant: int, now: int, days: int) -> list[Cause]:
    rows = connection.execute(CAUSES, (tenant, _midnight(first_day(now, days)))).fetchall()
    return [Cause(_day(day), cause, failed) for day, cause, failed in rows]


def issues(connection: Open, tenant: int, now: int, hours: int) -> list[Issue]:
    since, moment = _midnight(first_day(now, 7 * WEEKS)), EPOCH + now * MICROSECOND
    rows = connection.execute(ISSUES, (tenant, hours, since, moment)).fetchall()
    return sorted(
        Issue(source, kind, _day(since) if kind == "gap" else to_microseconds(since))
        for source, kind, since in rows
    )


def drift(connection: Open, tenant: int, source: int, now: int) -> Drift:
    last = _midnight(now // A_DAY - 1)
    asked = (tenant, source, STREAM, last)
    _, actual, expected = connection.execute(DRIFT, asked).fetchone()
    return Drift(source, int(actual), float(expected))


def queue(connection: Open, tenant: int) -> list[Waiting]:
    rows = connection.execute(QUEUE, (tenant,)).fetchall()
    return [Waiting(source, _moment(due) or 0, _moment(retry)) for source, due, retry in rows]


def unindexed(connection: Open, tenant: int, now: int) -> list[str]:
    """Which questions read events by anything but an index, as the server would answer them."""
    since, moment = _midnight(first_day(now, 30)), EPOCH + now * MICROSECOND
    asked = {
        STATUS: (tenant,),
        HISTORY: (tenant, since),
        CAUSES: (tenant, since),
        ISSUES: (tenant, 24, since, moment),
        DRIFT: (tenant, 0, STREAM, since),
        QUEUE: (tenant,),
    }
    plans = {
        statement: connection.execute(f"EXPLAIN {statement}", arguments).fetchall()
        for statement, arguments in asked.items()
    }
    return [
        f"{statement}: {line}"
        for statement, lines in plans.items()
        for (line,) in lines
        if "on sync_events" in line and "Index Only Scan" not in line
    ]


def _midnight(day: int) -> datetime:
    return EPOCH + day * A_DAY * MICROSECOND


def _day(midnight: datetime) -> int:
    return to_microseconds(midnight.astimezone(UTC)) // A_DAY


def _moment(at: datetime | None) -> int | None:
    return to_microseconds(at) if at else None
