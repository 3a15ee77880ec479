"""Did a log keep every promise? It reads the log alone, as an auditor would."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from events.envelope import Recorded
from events.schema import (
    ConnectionAdded,
    DaemonStarted,
    PolicySet,
    RecordsCaptured,
    RecordsRefused,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import ScheduleReason, SkipReason


def complaints(events: Sequence[Recorded], *, concurrency: int) -> list[str]:
    """Everything that is wrong with this story, as sentences; none is the right answer."""
    return [
        *_gaps(events),
        *_endings(events, concurrency),
        *_due_times(events),
    ]


def _gaps(events: Sequence[Recorded]) -> list[str]:
    wrong = [each.seq for number, each in enumerate(events, 1) if each.seq != number]
    return [f"event {wrong[0]} is out of its place"] if wrong else []


def _endings(events: Sequence[Recorded], concurrency: int) -> list[str]:
    """Every sync ends once, before its connection starts another, and never too many at once."""
    found: list[str] = []
    open_: dict[int, int] = {}
    for each in events:
        match each.event:
            case SyncStarted():
                if each.subject in open_:
                    found.append(f"sync {each.seq} began while {open_[each.subject]} ran")
                open_[each.subject] = each.seq
                if len(open_) > concurrency:
                    found.append(f"at event {each.seq} more than {concurrency} ran")
            case SyncSucceeded(sync=sync) | SyncFailed(sync=sync) | SyncInterrupted(sync=sync):
                if open_.pop(each.subject, None) != sync:
                    found.append(f"event {each.seq} ends sync {sync}, which did not run")
            case SyncCancelled(sync=int(sync)):
                if open_.pop(each.subject, None) != sync:
                    found.append(f"event {each.seq} cancels sync {sync}, which did not run")
            case RecordsCaptured(version=version) | RecordsRefused(version=version):
                if open_.get(each.subject) != version:
                    found.append(f"event {each.seq} speaks for sync {version}, which did not run")
            case DaemonStarted() if open_:
                found.append(f"life {each.seq} began with {open_} still open")
            case _:
                pass
    return found + [f"sync {sync} of {subject} never ended" for subject, sync in open_.items()]


def _due_times(events: Sequence[Recorded]) -> list[str]:
    """Each due time is one interval after the last one; what lies between was skipped, counted."""
    found = []
    intervals: dict[int, timedelta] = {}
    due = {}
    usual = timedelta()
    missed: Counter[int] = Counter()
    for each in events:
        match each.event:
            case PolicySet(interval=interval):
                usual = interval
            case ConnectionAdded(interval=interval):
                intervals[each.subject] = interval or usual
            case SyncSkipped(reason=SkipReason.MISSED, count=count):
                missed[each.subject] += count
            case SyncScheduled(due=next_, reason=ScheduleReason.INTERVAL):
                steps = (next_ - due[each.subject]) / intervals[each.subject]
                if steps != 1 + missed.pop(each.subject, 0):
                    found.append(f"event {each.seq} skips due times without a word")
                due[each.subject] = next_
            case SyncScheduled(due=next_):
                due[each.subject] = next_
            case _:
                pass
    return found
