"""At which version does each stream of this connection stand, and how has it done since?"""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import (
    RecordsCaptured,
    RecordsRefused,
    SyncFailed,
    SyncSucceeded,
)
from events.terms import FailureClass, Guard, StreamFailure
from events.versions import (
    QuarantineAccepted,
    QuarantineDropped,
    RecordsQuarantined,
    RolledBack,
    StateRestored,
    StreamRestored,
    VersionsPruned,
)

FAILED_DAYS_MAX = 366  # a year of them is not a failure any more but a gap to backfill


class Held(Struct, frozen=True, kw_only=True):
    """A version that a guard doubted, and that is held beside the one in force.

    It was compared with the version `base`, of so many `rows`, and can be taken over while that one
    is in force. A `regular` run fetched it. The other fields are as those of what recorded it.
    """

    version: int
    guard: Guard
    at: datetime
    offered: int
    base: int = 0
    rows: int = 0
    fetched: int = 0
    share: float | None = None
    limit: float | None = None
    fields: int = 0
    declared: int | None = None
    day: date | None = None
    owed: tuple[date, ...] = ()
    regular: bool = True


class Stream(Struct, frozen=True, kw_only=True):
    """The last good version (0: none), its rows and digest, and what went wrong since.

    Its content has been the same since `changed_at`, as far as that was seen.
    `newest_day` is the newest that came with a whole window; `failed_days` are those still owed,
    oldest first, and `owed_until` says how long those of them are that were refused. So many syncs
    in a row brought it nothing (`failures`): the last one was the sync `failed_in`, or one that
    came to no stream at all. `failed_at` is when last anything of it failed, and `empty` says that
    it was refused as empty, and no data has returned. `doubt` is the guard that the last answer, or
    a day of it, was refused or held for, if it was. `held` waits for a person's word; of the
    versions before `pruned_before` nothing is kept any more, as event `pruned_in` says.
    """

    version: int = 0
    rows: int = 0
    digest: str = ""
    captured_at: datetime | None = None
    changed_at: datetime | None = None
    failure: StreamFailure | None = None
    newest_day: date | None = None
    failed_days: tuple[date, ...] = ()
    owed_until: Mapping[date, datetime] = {}
    failures: int = 0
    failed_in: int = 0
    failed_at: datetime | None = None
    empty: bool = False
    doubt: Guard | None = None
    held: Held | None = None
    pruned_before: int = 0
    pruned_in: int = 0


NEW = Stream()
Streams = Mapping[str, Stream]


def evolve(streams: Streams, recorded: Recorded, *, regular: bool | None = None) -> Streams:
    """`regular` says that the run asked for all days of its window, and not for some alone.

    None: nothing runs. What is taken over then was held, by a run that did or did not.
    """
    match recorded.event:
        case RecordsCaptured(stream=name) as event:
            before = streams.get(name, NEW)
            owed = _with(_without(before.failed_days, event.days), event.owed)
            return {
                **streams,
                name: Stream(
                    version=event.version,
                    rows=event.rows,
                    digest=event.digest,
                    captured_at=recorded.at,
                    changed_at=_changed_at(before, event, recorded.at),
                    newest_day=_newest(before, event.days, regular=regular),
                    failed_days=owed,
                    owed_until=_only(before.owed_until, owed),
                    failed_at=before.failed_at,
                    doubt=before.doubt if before.failed_in == event.version else None,
                    held=before.held,
                    pruned_before=before.pruned_before,
                    pruned_in=before.pruned_in,
                ),
            }
        case RecordsRefused(stream=name, version=version, cause=FailureClass() as cause, day=day):
            failure = StreamFailure(stream=name, cause=cause, message="", day=day)
            lost = _lost(streams.get(name, NEW), failure, version, recorded.at)
            empty = lost.empty if day else cause is FailureClass.EMPTY
            return {**streams, name: replace(lost, doubt=recorded.event.guard, empty=empty)}
        case RecordsQuarantined(stream=name, version=version) as event:
            failure = StreamFailure(stream=name, cause=event.cause, message="")
            lost = _lost(streams.get(name, NEW), failure, version, recorded.at)
            held = _held(event, recorded.at, base=lost.version, regular=regular is not False)
            empty = event.cause is FailureClass.EMPTY
            return {**streams, name: replace(lost, doubt=event.guard, empty=empty, held=held)}
        case QuarantineDropped(stream=name) | QuarantineAccepted(stream=name):
            return {**streams, name: replace(streams.get(name, NEW), held=None)}
        case VersionsPruned(stream=name, before=before):
            known = streams.get(name, NEW)
            pruned = replace(known, pruned_before=before, pruned_in=recorded.seq)
            return {**streams, name: pruned}
        case RolledBack() as event:
            return _restored(streams, event)
        case _:
            return streams


def ended(streams: Streams, recorded: Recorded, ran: Collection[str]) -> Streams:
    """The same streams after a sync of those that `ran` (empty for all), with what failed in it.

    A failure that names no stream kept the sync from all of them that had brought nothing before.
    """
    match recorded.event:
        case SyncSucceeded(sync=sync, failures=failures) if failures:
            return failed(streams, failures, sync, recorded.at)
        case SyncFailed(sync=sync, failures=failures) if any(each.stream for each in failures):
            return failed(streams, failures, sync, recorded.at)
        case SyncFailed(sync=sync):
            return {
                name: replace(stream, failures=stream.failures + 1, failed_at=recorded.at)
                if stream.version != sync and (not ran or name in ran)
                else stream
                for name, stream in streams.items()
            }
        case _:
            return streams


def failed(
    streams: Streams, failures: tuple[StreamFailure, ...], sync: int, at: datetime
) -> Streams:
    """The same streams, with how each of these, or which of its days, ended badly in that sync."""
    after = {**streams}
    for failure in failures:
        if not failure.stream:
            continue  # what failed before there was a stream to speak of
        before = after.get(failure.stream, NEW)
        days, until = before.failed_days, before.owed_until
        if failure.day:
            lost = (failure.day,)
            days = _with(days, lost) if failure.owed else _without(days, lost)
            if failure.owed_until:
                until = {**until, failure.day: failure.owed_until}
        after[failure.stream] = replace(
            _lost(before, failure, sync, at), failed_days=days, owed_until=_only(until, days)
        )
    return after


def may_come(stream: Stream) -> tuple[date, ...]:
    """The days owed that were not refused: trying them again soon may help."""
    return _without(stream.failed_days, stream.owed_until)


def oldest_kept(stream: Stream) -> int:
    """The oldest version that can still be shown, compared and gone back to; 0: all can."""
    return stream.pruned_before


def is_kept(stream: Stream, version: int) -> bool:
    """Whether that one can. Before the first one (0) there was nothing, which needs no keeping."""
    return version == 0 or version >= oldest_kept(stream)


def checked_at(stream: Stream) -> datetime | None:
    """When a sync last came to it, well or not."""
    return max((at for at in (stream.captured_at, stream.failed_at) if at), default=None)


def _lost(before: Stream, failure: StreamFailure, sync: int, at: datetime) -> Stream:
    """It counts once a sync, and only where the sync brought nothing of the stream."""
    if before.version == sync:
        return replace(before, failure=failure, failed_at=at)
    return replace(
        before,
        failure=failure,
        failures=before.failures + (before.failed_in != sync),
        failed_in=sync,
        failed_at=at,
        empty=before.empty or failure.cause is FailureClass.EMPTY,
        doubt=before.doubt if before.failed_in == sync else None,
    )


def _held(event: RecordsQuarantined, at: datetime, *, base: int, regular: bool) -> Held:
    return Held(
        version=event.version,
        guard=event.guard,
        at=at,
        offered=event.offered,
        base=base,
        rows=event.rows,
        fetched=event.fetched,
        share=event.share,
        limit=event.limit,
        fields=event.fields,
        declared=event.declared,
        day=event.day,
        owed=event.owed,
        regular=regular,
    )


def _restored(streams: Streams, event: RolledBack) -> Streams:
    after = {**streams}
    for each in event.streams:
        after[each.stream] = _data_restored(after.get(each.stream, NEW), event.started, each)
    return _states_restored(after, event.state) if event.state else after


def _data_restored(before: Stream, version: int, was: StreamRestored) -> Stream:
    return replace(
        before,
        version=version,
        rows=was.rows,
        digest=was.digest,
        captured_at=was.captured_at,
        changed_at=None,
        newest_day=was.newest_day,
        failed_days=was.failed_days,
        owed_until={},
    )


def _states_restored(streams: Streams, was: StateRestored) -> Streams:
    restored = {
        each.stream: replace(
            streams.get(each.stream, NEW),
            failures=each.failures,
            failed_in=each.failed_in,
            failed_at=each.failed_at,
            failure=each.failure,
            empty=each.empty,
            doubt=each.doubt,
        )
        for each in was.streams
    }
    return {**streams, **restored}


def _changed_at(before: Stream, event: RecordsCaptured, at: datetime) -> datetime:
    """The same digest is the same content."""
    same = event.digest == before.digest
    return before.changed_at if same and before.changed_at else at


def _newest(before: Stream, came: tuple[date, ...], *, regular: bool | None) -> date | None:
    if regular is None:
        regular = before.held is None or before.held.regular
    known = (before.newest_day,) if before.newest_day else ()
    return max((*known, *came)) if came and regular else before.newest_day


def _without(owed: tuple[date, ...], came: Collection[date]) -> tuple[date, ...]:
    return tuple(day for day in owed if day not in came) if owed else owed


def _with(owed: tuple[date, ...], lost: tuple[date, ...]) -> tuple[date, ...]:
    """Some more; past the bound the oldest are given up."""
    return tuple(sorted({*owed, *lost}))[-FAILED_DAYS_MAX:] if lost else owed


def _only(until: Mapping[date, datetime], owed: tuple[date, ...]) -> Mapping[date, datetime]:
    return {day: at for day, at in until.items() if day in owed} if until else until
