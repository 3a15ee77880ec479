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
from events.terms import RunOptions
from projections.backfill import Backfill


class Request(Struct, frozen=True, kw_only=True):
    """Somebody's wish for a sync: the number of its event, and when it was made."""

    seq: int
    at: datetime
    options: RunOptions | None = None


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
        case SyncRequested(options=options):
            asked = Request(seq=recorded.seq, at=recorded.at, options=options)
            return replace(schedule, request=asked)
        case SyncSkipped(request=int()) | SyncCancelled(sync=None):
            return replace(schedule, request=None)
        case SyncInterrupted(request=int(seq), options=options):
            asked = Request(seq=seq, at=recorded.at, options=options)
            return replace(schedule, request=asked)
        case ActorCrashed(until=until):
            return replace(schedule, rest_until=until)
        case _:
            return schedule


def next_start(schedule: Schedule, backfill: Backfill | None = None) -> datetime | None:
    """The earliest instant at which a sync may start; a request absorbs a later due time."""
    wishes = [schedule.request.at] if schedule.request else []
    if schedule.due is not None:
        wishes.append(schedule.due)
    if backfill is not None:
        wishes.append(backfill.due)
    if not wishes:
        return None
    earliest = min(wishes)
    return max(earliest, schedule.rest_until) if schedule.rest_until else earliest
