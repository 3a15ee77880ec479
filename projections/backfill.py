"""Which days of the past does somebody still want, and when does it go on with them?"""

from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import BackfillAdvanced, BackfillEnded, BackfillRequested


class Backfill(Struct, frozen=True, kw_only=True):
    """The days from `first` to `last` are left, `batch` of them a sync; it goes on at `due`."""

    request: int
    first: date
    last: date
    batch: int
    due: datetime
    threshold: timedelta | None = None


def evolve(backfill: Backfill | None, recorded: Recorded) -> Backfill | None:
    match recorded.event:
        case BackfillRequested() as event:
            return Backfill(
                request=recorded.seq,
                first=event.first,
                last=event.last,
                batch=event.batch,
                due=recorded.at,
                threshold=event.threshold,
            )
        case BackfillAdvanced(last=last, due=due) if backfill:
            return replace(backfill, last=last, due=due)
        case BackfillEnded():
            return None
        case _:
            return backfill
