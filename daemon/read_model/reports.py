"""Which hours do reports of sources outside add up to, and whose are those?

A report counts in the hour of its own time, whenever it comes. Sums, the deepest queue and the
oldest item in it come out the same in whatever order that is.
"""

import sqlite3
from collections.abc import Container, Iterable, Mapping
from typing import Any

from daemon.read_model.keeping import HOUR_S
from daemon.read_model.rows import Rows
from daemon.read_model.timestamps import maybe, seconds
from events.sources import ReportReceived

TENANT, RECORDS, DEPTH, OLDEST = 0, 3, 7, 8
"""Where in an hour's figures these stand, of which `records` are a tenant's details."""


def count(rows: Rows, source: int, tenant: int, event: ReportReceived, *, details: bool) -> None:
    """Add one report of a tenant's source."""
    told = event.figures
    key = (source, seconds(event.reported) // HOUR_S * HOUR_S)
    found = rows.reports.setdefault(key, [tenant, 0, 0, 0, 0, 0, 0, None, None])
    records = told.records if details else 0
    more = (1, told.syncs, records, told.errors, told.duration_ms, told.bytes)
    for place, figure in enumerate(more, TENANT + 1):
        found[place] += figure or 0
    found[DEPTH] = max(_known(found[DEPTH], told.queue_depth), default=None)
    found[OLDEST] = min(_known(found[OLDEST], maybe(told.oldest)), default=None)


def forget_details(rows: Rows, tenants: Container[int]) -> None:
    """Of what is not written yet."""
    for figures in rows.reports.values():
        if figures[TENANT] in tenants:
            figures[RECORDS] = 0


def forget_written(connection: sqlite3.Connection, tenants: Iterable[int]) -> None:
    """The same of what is."""
    sql = "UPDATE report_hour SET records = 0 WHERE tenant = ?"
    connection.executemany(sql, ((each,) for each in tenants))


def add(
    connection: sqlite3.Connection,
    reporters: Mapping[int, int],
    reports: Mapping[tuple[int, int], list[Any]],
) -> None:
    """Add a batch's. Part of the caller's transaction."""
    connection.executemany("INSERT OR REPLACE INTO reporter VALUES (?, ?)", reporters.items())
    connection.executemany(_ADD, ((*key, *figures) for key, figures in reports.items()))


def _known(*values: Any) -> list[Any]:
    return [each for each in values if each is not None]


_ADD = """
INSERT INTO report_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, start) DO UPDATE SET
    reports = reports + excluded.reports,
    syncs = syncs + excluded.syncs,
    records = records + excluded.records,
    errors = errors + excluded.errors,
    duration_ms = duration_ms + excluded.duration_ms,
    bytes = bytes + excluded.bytes,
    queue_depth_max = max(
        coalesce(queue_depth_max, excluded.queue_depth_max),
        coalesce(excluded.queue_depth_max, queue_depth_max)),
    oldest = min(coalesce(oldest, excluded.oldest), coalesce(excluded.oldest, oldest))
"""
