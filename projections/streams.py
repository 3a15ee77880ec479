"""At which version does each stream of this connection stand?"""

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import RecordsCaptured, RecordsRefused
from events.terms import FailureClass, StreamFailure

FAILED_DAYS_MAX = 366  # a year of them is not a failure any more but a gap to backfill


class Stream(Struct, frozen=True, kw_only=True):
    """The last good version (0: none), its rows and digest, and what went wrong since.

    `newest_day` is the newest that came with a whole window; `failed_days` are those still owed,
    oldest first.
    """

    version: int = 0
    rows: int = 0
    digest: str = ""
    captured_at: datetime | None = None
    failure: StreamFailure | None = None
    newest_day: date | None = None
    failed_days: tuple[date, ...] = ()


Streams = Mapping[str, Stream]


def evolve(streams: Streams, recorded: Recorded, *, regular: bool = True) -> Streams:
    """`regular` says that the run asked for all days of its window, and not for some alone."""
    match recorded.event:
        case RecordsCaptured(stream=name) as event:
            before = streams.get(name, Stream())
            return {
                **streams,
                name: Stream(
                    version=event.version,
                    rows=event.rows,
                    digest=event.digest,
                    captured_at=recorded.at,
                    newest_day=_newest(before.newest_day, event.days if regular else ()),
                    failed_days=_without(before.failed_days, event.days),
                ),
            }
        case RecordsRefused(stream=name, cause=FailureClass() as cause, day=day):
            failure = StreamFailure(stream=name, cause=cause, message="", day=day)
            return {**streams, name: replace(streams.get(name, Stream()), failure=failure)}
        case _:
            return streams


def failed(streams: Streams, failures: tuple[StreamFailure, ...]) -> Streams:
    """The same streams, with how each of these, or which of its days, ended badly."""
    after = {**streams}
    for failure in failures:
        if not failure.stream:
            continue  # what failed before there was a stream to speak of
        before = after.get(failure.stream, Stream())
        days = before.failed_days
        if failure.day:
            days = _with(days, failure.day) if failure.owed else _without(days, (failure.day,))
        after[failure.stream] = replace(before, failure=failure, failed_days=days)
    return after


def _newest(before: date | None, came: tuple[date, ...]) -> date | None:
    if not came:
        return before
    return max(came) if before is None else max(before, *came)


def _without(owed: tuple[date, ...], came: tuple[date, ...]) -> tuple[date, ...]:
    return tuple(day for day in owed if day not in came) if owed else owed


def _with(owed: tuple[date, ...], day: date) -> tuple[date, ...]:
    """One more; past the bound the oldest is given up."""
    return tuple(sorted({*owed, day}))[-FAILED_DAYS_MAX:]
