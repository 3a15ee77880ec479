"""How is a tenant's past asked for by `GROUP BY` over the log itself, as its file lies there?

In a copy, with the columns and indexes that a good engineer would add: partial, by tenant and time,
with the fields that are asked for. The log's own file gets none.
"""

import re
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from events import reading
from events.codec import to_microseconds
from tests.benchmarks.questions import (
    A_DAY,
    AN_HOUR,
    CHRONIC,
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

FINISHED = "type IN ('sync-succeeded', 'sync-failed')"
RETRIED = """
(type IN ('retry-scheduled', 'retries-ended') OR (type = 'sync-started' AND attempt > 0))
"""
FIELDS = {
    "tenant": "INTEGER",
    "duration_ms": "INTEGER",
    "records": "INTEGER",
    "refreshes": "INTEGER",
    "added": "INTEGER",
    "attempt": "INTEGER",
    "cause": "TEXT",
    "stream": "TEXT",
    "due": "TEXT",
}
"""What of a body is asked for: a virtual column each, which an index can hold as any other."""

INDEXES = (
    "CREATE INDEX of_tenant ON event (tenant, subject) WHERE type = 'connection-added'",
    f"""
    CREATE INDEX finished ON event (subject, at, type, duration_ms, records, refreshes, cause)
    WHERE {FINISHED}
    """,
    """
    CREATE INDEX captured ON event (subject, stream, at, added) WHERE type = 'records-captured'
    """,
    "CREATE INDEX planned ON event (subject, seq, due) WHERE type = 'sync-scheduled'",
    f"CREATE INDEX retried ON event (subject, seq, type, due) WHERE {RETRIED}",
)
MINE = """
WITH mine AS (SELECT subject FROM event WHERE type = 'connection-added' AND tenant = :tenant)
"""
STATUS = f"""
{MINE}, summed AS (
    SELECT subject, count(*) AS total, sum(type = 'sync-succeeded') AS good,
           sum(duration_ms) AS lasted,
           max(iif(type = 'sync-succeeded', at, NULL)) AS success,
           max(iif(type = 'sync-failed', at, NULL)) AS failure
    FROM event WHERE {FINISHED} AND subject IN mine GROUP BY subject
)
SELECT subject, coalesce(total, 0), coalesce(good, 0), coalesce(total - good, 0),
       (SELECT count(*) FROM event WHERE {FINISHED} AND type = 'sync-failed'
        AND subject = mine.subject AND at > coalesce(success, 0)),
       coalesce(lasted, 0), success, failure
FROM mine LEFT JOIN summed USING (subject) ORDER BY subject
"""
HISTORY = f"""
{MINE}
SELECT at / {A_DAY} AS day, sum(type = 'sync-succeeded'), sum(type = 'sync-failed'),
       coalesce(sum(records), 0), sum(duration_ms),
       sum(refreshes)
FROM event WHERE {FINISHED} AND subject IN mine AND at >= :since
GROUP BY day ORDER BY day
"""
CAUSES = f"""
{MINE}
SELECT at / {A_DAY} AS day, cause AS cause, count(*)
FROM event WHERE {FINISHED} AND type = 'sync-failed' AND subject IN mine AND at >= :since
GROUP BY day, cause ORDER BY day, cause
"""
DAYS = f"""
{MINE}
SELECT DISTINCT subject, at / {A_DAY} AS day
FROM event WHERE {FINISHED} AND type = 'sync-succeeded' AND subject IN mine AND at >= :since
ORDER BY subject, day
"""
GAPS = f"""
SELECT subject, before + 1 FROM (
    SELECT subject, day, lag(day) OVER (PARTITION BY subject ORDER BY day) AS before FROM ({DAYS})
) WHERE day > before + 1
"""
DRIFT = f"""
WITH volume AS (
    SELECT at / {A_DAY} AS day, sum(added) AS added
    FROM event
    WHERE type = 'records-captured' AND stream = '{STREAM}'
      AND subject = :source AND at >= :since AND at < :until
    GROUP BY day
), usual AS (
    SELECT added, row_number() OVER (ORDER BY added) AS place, count(*) OVER () AS many
    FROM volume WHERE day < :last AND (:last - day) % 7 = 0
)
SELECT subject,
       coalesce((SELECT added FROM volume WHERE day = :last), 0),
       coalesce((SELECT avg(added) FROM usual WHERE place IN ((many + 1) / 2, (many + 2) / 2)), 0.0)
FROM event WHERE type = 'connection-added' AND tenant = :tenant AND subject = :source
"""
QUEUE = f"""
{MINE}
SELECT subject,
       (SELECT due FROM event WHERE type = 'sync-scheduled'
        AND subject = mine.subject ORDER BY seq DESC LIMIT 1),
       (SELECT iif(type = 'retry-scheduled', due, NULL) FROM event
        WHERE {RETRIED} AND subject = mine.subject ORDER BY seq DESC LIMIT 1)
FROM mine ORDER BY subject
"""


def index(log: Path, copy: Path) -> sqlite3.Connection:
    """Copy the log, which nobody writes, and index the copy."""
    with closing(reading.open_for_reading(log)) as source:
        connection = sqlite3.connect(copy, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        source.backup(connection)
    for name, kind in FIELDS.items():
        column = f"{name} {kind} AS (json_extract(body, '$.{name}')) VIRTUAL"
        connection.execute(f"ALTER TABLE event ADD COLUMN {column}")
    for statement in INDEXES:
        connection.execute(statement)
    connection.execute("ANALYZE")
    return connection


def status(connection: sqlite3.Connection, tenant: int) -> list[Source]:
    return [Source(*row) for row in connection.execute(STATUS, {"tenant": tenant})]


def history(connection: sqlite3.Connection, tenant: int, now: int, days: int) -> list[Day]:
    since = first_day(now, days) * A_DAY
    rows = connection.execute(HISTORY, {"tenant": tenant, "since": since})
    return [Day(*row) for row in rows]


def causes(connection: sqlite3.Connection, tenant: int, now: int, days: int) -> list[Cause]:
    since = first_day(now, days) * A_DAY
    rows = connection.execute(CAUSES, {"tenant": tenant, "since": since})
    return [Cause(*row) for row in rows]


def issues(connection: sqlite3.Connection, tenant: int, now: int, hours: int) -> list[Issue]:
    found = []
    for each in status(connection, tenant):
        if each.last_success is not None and now - each.last_success > hours * AN_HOUR:
            found.append(Issue(each.subject, "stale", each.last_success))
        if each.in_a_row >= CHRONIC and each.last_failure is not None:
            found.append(Issue(each.subject, "failing", each.last_failure))
    since = first_day(now, 7 * WEEKS) * A_DAY
    rows = connection.execute(GAPS, {"tenant": tenant, "since": since})
    return sorted([*found, *(Issue(subject, "gap", day) for subject, day in rows)])


def drift(connection: sqlite3.Connection, tenant: int, source: int, now: int) -> Drift:
    last = now // A_DAY - 1
    span = {"since": (last - 7 * WEEKS) * A_DAY, "until": (last + 1) * A_DAY}
    asked = {"tenant": tenant, "source": source, "last": last, **span}
    return Drift(*connection.execute(DRIFT, asked).fetchone())


def queue(connection: sqlite3.Connection, tenant: int) -> list[Waiting]:
    rows = connection.execute(QUEUE, {"tenant": tenant})
    return [Waiting(subject, _moment(due), _moment(retry)) for subject, due, retry in rows]


def _moment(text: str | None) -> int | None:
    return to_microseconds(datetime.fromisoformat(text)) if text else None


def unindexed(connection: sqlite3.Connection) -> list[str]:
    """Which statements read events by anything but an index of ours.

    None is called a covering one: SQLite before 3.41 opens the row of a virtual column's body.
    """
    names = dict.fromkeys(("tenant", "source", "since", "until", "last"), 0)
    statements = (STATUS, HISTORY, CAUSES, GAPS, DRIFT, QUEUE)
    plans = {
        statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", names)]
        for statement in statements
    }
    return [
        f"{statement}: {line}"
        for statement, lines in plans.items()
        for line in lines
        if re.search(r"\b(SCAN|SEARCH) event\b(?! USING (COVERING )?INDEX)", line)
    ]
