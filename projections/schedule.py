"""When may this connection's next sync start, and what asked for it?

ConnectionAdded ──► SyncScheduled(due) ──► SyncStarted ──► … ──► SyncScheduled(next due)
                    SyncRequested ───────────┘ (a request is served by the next start)
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import (
    ActorCrashed,
    SyncCancelled,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
)


class Request(Struct, frozen=True, kw_only=True):
    """Somebody's wish for a sync: the number of its event, and when it was made."""

    seq: int
    at: datetime


class Schedule(Struct, frozen=True, kw_only=True):
    """`due` is the next scheduled start; before `rest_until` our own crashes keep everything back.

    A new due time ends a rest that was decided before it.
    """

    due: datetime | None = None
    request: Request | None = None
    rest_until: datetime | None = None


def evolve(schedule: Schedule, recorded: Recorded) -> Schedule:
    match recorded.event:
        case SyncScheduled(due=due):
            return replace(schedule, due=due, rest_until=None)
        case SyncStarted():
            return Schedule(due=schedule.due)
        case SyncRequested():
            return replace(schedule, request=Request(seq=recorded.seq, at=recorded.at))
        case SyncSkipped(request=int()) | SyncCancelled(sync=None):
            return replace(schedule, request=None)
        case SyncInterrupted(request=int(seq)):
            return replace(schedule, request=Request(seq=seq, at=recorded.at))
        case ActorCrashed(until=until):
            return replace(schedule, rest_until=until)
        case _:
            return schedule


def next_start(schedule: Schedule) -> datetime | None:
    """The earliest instant at which a sync may start; a request absorbs a later due time."""
    wishes = [schedule.request.at] if schedule.request else []
    if schedule.due is not None:
        wishes.append(schedule.due)
    if not wishes:
        return None
    earliest = min(wishes)
    return max(earliest, schedule.rest_until) if schedule.rest_until else earliest
