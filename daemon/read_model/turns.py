"""Which row does a sync make that starts, or is skipped?"""

from typing import Any

from daemon.read_model.rows import Member
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import SyncSkipped, SyncStarted

STATUS, ENDED, OUTCOME = 5, 8, slice(11, 16)
"""Where in a row stands how it ended."""


def started(recorded: Recorded, event: SyncStarted, member: Member, at: str) -> list[Any]:
    row: list[Any] = [recorded.seq, recorded.subject, member.tenant, member.provider]
    row += [event.kind.value, "running", iso(event.due), at, None, event.attempt, event.priority]
    return [*row, None, None, None, None, None]


def skipped(recorded: Recorded, event: SyncSkipped, member: Member, at: str) -> list[Any]:
    kind = "scheduled" if event.request is None else "manual"
    row: list[Any] = [recorded.seq, recorded.subject, member.tenant, member.provider]
    row += [kind, "skipped", iso(event.due), None, at, 0, None, None, None, None, None]
    return [*row, event.reason.value]
