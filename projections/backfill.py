"""Which days of the past does somebody still want, and when does it go on with them?"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import BackfillAdvanced, BackfillEnded, BackfillRequested


class Backfill(Struct, frozen=True, kw_only=True):
    """The days from `first` to `last` are left, `batch` of them a sync; it goes on at `due`.

    A stream that `reached` names lacks only those before that day.
    """

    request: int
    first: date
    last: date
    batch: int
    due: datetime
    threshold: timedelta | None = None
    reached: Mapping[str, date] = {}


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
        case BackfillAdvanced(last=last, due=due, reached=reached) if backfill:
            return replace(backfill, last=last, due=due, reached=reached)
        case BackfillEnded():
            return None
        case _:
            return backfill
