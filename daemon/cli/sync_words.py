"""What does an event about a sync's beginning or end say, in one plain line?"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never

from daemon.cli import times
from events.schema import (
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncCancelled,
    SyncDeferred,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import (
    HoldReason,
    InterruptReason,
    Kind,
    RetriesEnd,
    RunOptions,
    SkipReason,
    StreamFailure,
)

Start: TypeAlias = SyncRequested | SyncSkipped | SyncDeferred | SyncStarted
Again: TypeAlias = RetryScheduled | RetryMoved | RetriesEnded
Ending: TypeAlias = SyncSucceeded | SyncFailed | SyncCancelled | SyncInterrupted

SKIPS = {
    SkipReason.MISSED: "its time passed while nothing could start",
    SkipReason.PAUSED: "the connection is paused",
    SkipReason.REMOVED: "the connection was removed",
    SkipReason.RELINKED: "the connection moved to another provider",
    SkipReason.NOT_AUTHORISED: "the connection waits to be authorised",
    SkipReason.BREAKER: "a breaker is open until somebody closes it",
}
HOLDS = {
    HoldReason.QUIET_HOURS: "quiet hours",
    HoldReason.DISABLED: "syncs are switched off",
}
ENDS = {
    RetriesEnd.USED_UP: "all retries are used up",
    RetriesEnd.BUDGET: "its provider has had its share of retries for this hour",
    RetriesEnd.CANCELLED: "the retry was taken back",
    RetriesEnd.SETTINGS: "settings allow it no longer",
    RetriesEnd.ROLLED_BACK: "none was pending then",
}
INTERRUPTS = {
    InterruptReason.SHUTDOWN: "rounds was stopped",
    InterruptReason.DIED: "rounds died",
    InterruptReason.DISK_FULL: "the disk is full",
}


def start(event: Start, seq: int, by: str, names: Mapping[int, str]) -> str:
    """`by` says who, as a clause, where somebody did it; `names` whom a failover stands in for."""
    match event:
        case SyncRequested(kind=Kind.FAILOVER, origin=origin):
            other = names.get(origin or 0, "another connection")
            return f"sync requested: it stands in for {other}"
        case SyncRequested(options=options, kind=kind):
            what = "retry" if kind is Kind.RETRY else "sync"
            forced = ", whatever breakers and limits say" if event.forced else ""
            return f"{what}{_of(options)} requested{by}{forced}"
        case SyncSkipped(reason=reason, count=number):
            stream = f" of {event.stream}" if event.stream else ""
            return f"{times.count(number, 'sync')}{stream} skipped: {SKIPS[reason]}"
        case SyncDeferred(reason=reason, until=until):
            waits = f"waits until {times.local(until)}" if until else "waits"
            return f"sync {waits}: {HOLDS[reason]}"
        case SyncStarted(priority=priority, options=options):
            tries = _tries(event)
            quiet = ", inside quiet hours" if event.quiet else ""
            of = f" of {', '.join(event.streams)}" if event.streams else ""
            said = f"{tries}, priority {priority}{quiet}"
            return f"sync {seq}{of}{_of(options)} started ({said})"
        case _:
            assert_never(event)


def _tries(event: SyncStarted) -> str:
    """Why it runs: `scheduled`, `retry 2`, `manual, as retry 2`."""
    if not event.attempt:
        return event.kind
    which = f"retry {event.attempt}"
    return which if event.kind is Kind.RETRY else f"{event.kind}, as {which}"


def again(event: Again, by: str) -> str:
    """What is said of retries."""
    match event:
        case RetryScheduled(attempt=attempt, due=due):
            of = f" of {', '.join(event.streams)}" if event.streams else ""
            asked = event.hint is not None and event.hint >= event.delay
            hint = "; the provider asked to wait" if asked else ""
            return f"retry {attempt}{of} at {times.local(due)} (priority {event.priority}){hint}"
        case RetryMoved(due=due):
            return f"retry at {times.local(due)} (the clock jumped, or the provider asked to wait)"
        case RetriesEnded(reason=reason):
            return f"not tried again before its next turn: {ENDS[reason]}{by}"
        case _:
            assert_never(event)


def ending(event: Ending, by: str) -> str:
    """`by` says who, as a clause, where somebody did it."""
    match event:
        case SyncSucceeded(sync=sync, records=records, duration_ms=duration_ms):
            took = times.milliseconds(duration_ms)
            part = f"sync {sync} succeeded: {times.count(records, 'record')} in {took}"
            return part + "".join(f"; but {each}" for each in _lost(event.failures))
        case SyncFailed(sync=sync, message=message, duration_ms=duration_ms):
            took = times.milliseconds(duration_ms)
            others = [each for each in event.failures if each.message != message or given_up(each)]
            words = [f"sync {sync} failed after {took}: {message}", *_lost(others)]
            return "; ".join(words)
        case SyncCancelled(replaced=True):
            return f"requested sync replaced by another one{by}"
        case SyncCancelled(sync=sync):
            return f"{f'sync {sync}' if sync else 'requested sync'} cancelled{by}"
        case SyncInterrupted(sync=sync, reason=reason):
            return f"sync {sync} interrupted: {INTERRUPTS[reason]}; it starts again by itself"
        case _:
            assert_never(event)


def _of(options: RunOptions | None) -> str:
    """What holds for this run alone."""
    if options is None:
        return ""
    if options.failed_days:
        return " of the days that failed"
    if options.first is not None and options.last is not None:
        return f" of {options.first} to {options.last}"
    return f" of {times.count(options.days, 'day')}" if options.days is not None else ""


def _lost(failures: Sequence[StreamFailure]) -> list[str]:
    """A clause for each stream and cause; days that failed alike are said together."""
    alike: dict[tuple[str, str, str], list[StreamFailure]] = {}
    for each in failures:
        alike.setdefault((each.stream, each.message, given_up(each)), []).append(each)
    clauses = []
    for (stream, message, over), same in alike.items():
        days = times.spans({each.day for each in same if each.day})
        of = f" of {days}" if days else ""
        clauses.append(f"{stream or 'the sync'}{of} failed: {message}{over}")
    return clauses


def given_up(lost: StreamFailure) -> str:
    """What is said of a day that is asked for no more, once its window has moved on."""
    if lost.day is None or lost.owed:
        return ""
    return " (no longer owed: `rounds backfill` asks for it again)"
