"""What does an event add to the figures of its connection's hour, or day?

Figures only add up: an hour is the sum of its events, a day the sum of its hours, a tenant the sum
of its connections. So they come out the same in whatever portions, and by whom, they are counted.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from events.fact import Fact
from events.gateway import CallMade
from events.limits import LimitHeld
from events.schema import (
    CallFailed,
    RecordsCaptured,
    RecordsRefused,
    RefreshFailed,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncSkipped,
    SyncSucceeded,
    TokenRefreshed,
)
from events.terms import CallTotal, FailureClass
from events.versions import RecordsQuarantined

Figures: TypeAlias = list[int]
"""Of an hour, in the order of FIGURES, or of STREAM_FIGURES where they are a stream's."""

CLASSES = tuple(f"failed_{each.value.replace('-', '_')}" for each in FailureClass)
"""How many syncs failed of each class."""

FIGURES = (
    "succeeded",
    "failed",
    "cancelled",
    "interrupted",
    "skipped",
    *CLASSES,
    "retries",
    "retries_succeeded",
    "retries_ms",
    "sync_ms",
    "records",
    "added",
    "changed",
    "removed",
    "refused",
    "calls",
    "calls_failed",
    "call_ms",
    "bytes",
    "refreshes",
    "refreshes_failed",
    "limit_waits",
    "limit_wait_s",
    "up_change",
    "up_weight_s",
    "known_change",
    "known_weight_s",
)
"""What is counted of a connection, and above: of its tenant, its provider, the fleet."""

STREAM_FIGURES = ("captures", "refusals", "records", "added", "changed", "removed", "duplicates")
"""What is counted of a stream."""

AT = {name: place for place, name in enumerate(FIGURES)}
CLASS_AT = {each: AT[name] for each, name in zip(FailureClass, CLASSES, strict=True)}
HOUR_S = 3600

SUCCEEDED, FAILED, CANCELLED = AT["succeeded"], AT["failed"], AT["cancelled"]
INTERRUPTED, SKIPPED = AT["interrupted"], AT["skipped"]
RETRIES, RETRIES_SUCCEEDED, RETRIES_MS = (
    AT["retries"],
    AT["retries_succeeded"],
    AT["retries_ms"],
)
SYNC_MS, RECORDS, ADDED = AT["sync_ms"], AT["records"], AT["added"]
CHANGED, REMOVED, REFUSED = AT["changed"], AT["removed"], AT["refused"]
CALLS, CALLS_FAILED, CALL_MS, BYTES = AT["calls"], AT["calls_failed"], AT["call_ms"], AT["bytes"]
REFRESHES, REFRESHES_FAILED = AT["refreshes"], AT["refreshes_failed"]
WAITS, WAIT_S = AT["limit_waits"], AT["limit_wait_s"]
UP, UP_WEIGHT, KNOWN, KNOWN_WEIGHT = (
    AT["up_change"],
    AT["up_weight_s"],
    AT["known_change"],
    AT["known_weight_s"],
)


def nothing() -> Figures:
    return [0] * len(FIGURES)


def add_retry(to: Figures, event: SyncSucceeded | SyncFailed) -> None:
    """Add what it was as a retry: what it saved, or wasted."""
    to[RETRIES] += 1
    to[RETRIES_SUCCEEDED] += isinstance(event, SyncSucceeded)
    to[RETRIES_MS] += event.duration_ms


def add_turn(to: Figures, left_s: int, *, up: int, known: int) -> None:
    """Add that so many more connections are up, and known to be up or down.

    They are from then on: for `left_s` seconds of the hour, or day. A weight is how many seconds of
    it that makes. With the sum of all changes before it, it says for how long how many were up in
    it: see `uptime`.
    """
    to[UP] += up
    to[UP_WEIGHT] += up * left_s
    to[KNOWN] += known
    to[KNOWN_WEIGHT] += known * left_s


OF_STREAM = frozenset({RecordsCaptured, RecordsRefused, RecordsQuarantined})
"""What adds to the hour of one stream, too."""


def of_stream(event: Fact) -> tuple[str, Figures] | None:
    """What it adds to the hour of one stream: the stream, and its figures in their order."""
    match event:
        case RecordsCaptured() as came:
            more = [came.fetched, came.added, came.changed, came.removed, came.duplicates]
            return came.stream, [1, 0, *more]
        case RecordsRefused() | RecordsQuarantined():
            return event.stream, [0, 1, event.fetched, 0, 0, 0, 0]
        case _:
            return None


def _succeeded(to: Figures, event: SyncSucceeded, _: datetime) -> None:
    to[SUCCEEDED] += 1
    to[SYNC_MS] += event.duration_ms
    to[RECORDS] += event.records
    _add_calls(to, event.calls)


def _failed(to: Figures, event: SyncFailed, _: datetime) -> None:
    of_class = CLASS_AT[event.cause]
    to[FAILED] += 1
    to[of_class] += 1
    to[SYNC_MS] += event.duration_ms
    _add_calls(to, event.calls)


def _add_calls(to: Figures, calls: tuple[CallTotal, ...]) -> None:
    for each in calls:
        to[CALLS] += each.calls
        to[CALL_MS] += each.duration_ms
        to[BYTES] += each.bytes


def _cancelled(to: Figures, event: SyncCancelled, _: datetime) -> None:
    to[CANCELLED] += not event.replaced


def _interrupted(to: Figures, _event: SyncInterrupted, _: datetime) -> None:
    to[INTERRUPTED] += 1


def _skipped(to: Figures, event: SyncSkipped, _: datetime) -> None:
    to[SKIPPED] += event.count


def _captured(to: Figures, event: RecordsCaptured, _: datetime) -> None:
    added, changed, removed = event.added, event.changed, event.removed
    to[ADDED] += added
    to[CHANGED] += changed
    to[REMOVED] += removed


def _refused(to: Figures, _event: Fact, _: datetime) -> None:
    to[REFUSED] += 1


def _call_failed(to: Figures, event: CallFailed, _: datetime) -> None:
    to[CALLS_FAILED] += 1
    to[CALL_MS] += event.duration_ms
    to[BYTES] += event.bytes


def _call_made(to: Figures, event: CallMade, _: datetime) -> None:
    place = CALLS if event.cause is None else CALLS_FAILED
    to[place] += 1
    to[CALL_MS] += event.duration_ms
    to[BYTES] += event.bytes


def _refreshed(to: Figures, _event: TokenRefreshed, _: datetime) -> None:
    to[REFRESHES] += 1


def _refresh_failed(to: Figures, _event: RefreshFailed, _: datetime) -> None:
    to[REFRESHES_FAILED] += 1


def _held(to: Figures, event: LimitHeld, at: datetime) -> None:
    waited = max(0, (event.until - at) // timedelta(seconds=1))
    to[WAITS] += 1
    to[WAIT_S] += waited


ADDS: Mapping[type[Fact], Callable[[Figures, Any, datetime], None]] = {
    SyncSucceeded: _succeeded,
    SyncFailed: _failed,
    SyncCancelled: _cancelled,
    SyncInterrupted: _interrupted,
    SyncSkipped: _skipped,
    RecordsCaptured: _captured,
    RecordsRefused: _refused,
    RecordsQuarantined: _refused,
    CallFailed: _call_failed,
    CallMade: _call_made,
    TokenRefreshed: _refreshed,
    RefreshFailed: _refresh_failed,
    LimitHeld: _held,
}
"""What each type of event of a connection adds to an hour by itself, recorded then."""
