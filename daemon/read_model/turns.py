"""Which row does a sync make that starts, or is skipped, and what of it is a detail?"""

import sqlite3
from collections.abc import Collection
from typing import Any

import msgspec

from daemon.read_model.rows import Member, Rows
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import SyncSkipped, SyncStarted

STATUS, ENDED, OUTCOME = 5, 8, slice(11, 16)
"""Where in a row stands how it ended."""

CONNECTION, RECORDS = 1, 12
RECORDS_ENDED = 3
"""The same of a row of those that end one that is written already; last is its connection."""


def started(recorded: Recorded, event: SyncStarted, member: Member, at: str) -> list[Any]:
    row: list[Any] = [recorded.seq, recorded.subject, member.tenant, member.provider]
    row += [event.kind.value, "running", iso(event.due), at, None, event.attempt, event.priority]
    return [*row, None, None, None, None, None]


def skipped(recorded: Recorded, event: SyncSkipped, member: Member, at: str) -> list[Any]:
    kind = "scheduled" if event.request is None else "manual"
    row: list[Any] = [recorded.seq, recorded.subject, member.tenant, member.provider]
    row += [kind, "skipped", iso(event.due), None, at, 0, None, None, None, None, None]
    return [*row, event.reason.value]


def forget_records(rows: Rows, connections: Collection[int]) -> None:
    """Of what is not written yet."""
    for row in rows.turns.values():
        if row[CONNECTION] in connections:
            row[RECORDS] = None
    rows.turns_ended = [
        (*row[:RECORDS_ENDED], None, *row[RECORDS_ENDED + 1 :]) if row[-1] in connections else row
        for row in rows.turns_ended
    ]


def forget_written(connection: sqlite3.Connection, tenants: Collection[int]) -> None:
    """The same of what is. At once: while a file is filled, each look goes through all of it."""
    sql = (
        "UPDATE turn SET records = NULL WHERE records IS NOT NULL "
        "AND tenant IN (SELECT value FROM json_each(?))"
    )
    connection.execute(sql, (msgspec.json.encode([*tenants]).decode(),))
