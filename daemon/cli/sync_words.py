"""What does an event about a sync's beginning or end say, in one plain line?"""

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from daemon.cli import times
from events.schema import (
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import InterruptReason, RunOptions, SkipReason, StreamFailure

Start: TypeAlias = SyncRequested | SyncSkipped | SyncStarted
Ending: TypeAlias = SyncSucceeded | SyncFailed | SyncCancelled | SyncInterrupted

SKIPS = {
    SkipReason.MISSED: "its time passed while nothing could start",
    SkipReason.PAUSED: "the connection is paused",
    SkipReason.REMOVED: "the connection was removed",
    SkipReason.NOT_AUTHORISED: "the connection waits to be authorised",
}
INTERRUPTS = {
    InterruptReason.SHUTDOWN: "rounds was stopped",
    InterruptReason.DIED: "rounds died",
    InterruptReason.DISK_FULL: "the disk is full",
}


def start(event: Start, seq: int, by: str) -> str:
    """`by` says who, as a clause, where somebody did it."""
    match event:
        case SyncRequested(options=options):
            return f"sync{_of(options)} requested{by}"
        case SyncSkipped(reason=reason, count=number):
            return f"{times.count(number, 'sync')} skipped: {SKIPS[reason]}"
        case SyncStarted(kind=kind, priority=priority, options=options):
            return f"sync {seq}{_of(options)} started ({kind}, priority {priority})"
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
            others = [each for each in event.failures[1:] if each.message != message]
            words = [f"sync {sync} failed after {took}: {message}", *_lost(others)]
            return "; ".join(words)
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
    alike: dict[tuple[str, str], list[StreamFailure]] = {}
    for each in failures:
        alike.setdefault((each.stream, each.message), []).append(each)
    clauses = []
    for (stream, message), same in alike.items():
        days = times.spans({each.day for each in same if each.day})
        of = f" of {days}" if days else ""
        clauses.append(f"{stream or 'the sync'}{of} failed: {message}")
    return clauses
