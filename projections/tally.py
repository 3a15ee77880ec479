"""What have many syncs come to so far, that are summed up together?"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.passes import PassError
from events.schema import (
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncSkipped,
    SyncSucceeded,
)

ERRORS_KEPT = 100  # of a pass: whoever wants all of a large outage reads the log


class Tally(Struct, frozen=True, kw_only=True):
    """Counts since `begun`. A pass has a `number`, and how many are `wanted` once that is known."""

    begun: datetime
    number: int | None = None
    requested: int = 0
    wanted: int | None = None
    successful: int = 0
    failed: int = 0
    others: int = 0
    refreshes: int = 0
    days: int = 0
    records: int = 0
    errors: tuple[PassError, ...] = ()


def evolve(tally: Tally, recorded: Recorded) -> Tally:
    match recorded.event:
        case SyncSucceeded() as event:
            return replace(
                tally,
                successful=tally.successful + 1,
                refreshes=tally.refreshes + event.refreshes,
                days=tally.days + event.days,
                records=tally.records + event.records,
            )
        case SyncFailed() as event:
            error = PassError(connection=recorded.subject, cause=event.cause)
            return replace(
                tally,
                failed=tally.failed + 1,
                refreshes=tally.refreshes + event.refreshes,
                errors=(*tally.errors, error)[:ERRORS_KEPT],
            )
        case SyncCancelled() | SyncSkipped() | SyncInterrupted():
            return replace(tally, others=tally.others + 1)
        case _:
            return tally


def ended(tally: Tally) -> int:
    return tally.successful + tally.failed + tally.others
