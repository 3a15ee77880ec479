"""Which writes of a connection wait for its provider, in which order, and what keeps each?

             WriteBegun                 WriteDelivered, WriteFailed
QUEUED ──────────────────► UNDER_WAY ───────────────────────────────► over
  ▲  ▲                      │     │
  │  └────── WriteDeferred ─┘     └─ WriteInDoubt ─► IN_DOUBT ─ WriteSettled, WriteDropped ─► over
  └───────────────────────── WriteRetried ────────────┘
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.gateway import CallKind
from events.outbox import (
    WriteBegun,
    WriteDeferred,
    WriteEnded,
    WriteInDoubt,
    WriteQueued,
    WriteRedated,
    WriteRetried,
)
from events.terms import Caller, FailureClass


class Phase(StrEnum):
    QUEUED = "queued"
    UNDER_WAY = "under-way"
    IN_DOUBT = "in-doubt"


class Write(Struct, frozen=True, kw_only=True):
    """`number` is its WriteQueued's, `row` the data store's.

    It leaves at `due` at the earliest, where that is not None. `attempts` left; `deferred`
    counts how often in a row it was put off, `conflicts` how often for an earlier copy that was
    still worked on, and `cause` is what did so last, or left it in doubt.
    It is `over_limit` where its tenant's programs had used up their limit. `by` asked for it.

    Event `put_off` is the last that gave it a rest; where its provider got known to be back after
    that, it leaves at `soonest` already, if that is not None. `early` counts how often it has left
    for such a reason since it waits.

    It is `doubted` where a copy that left before may have arrived; `known_until` is when its
    provider may forget the key of that, or of the copy that is under way: then it is `key_expired`.
    """

    number: int
    row: int
    at: datetime
    endpoint: str
    method: str
    kind: CallKind
    keyed: bool
    bytes: int
    phase: Phase = Phase.QUEUED
    attempts: int = 0
    deferred: int = 0
    conflicts: int = 0
    due: datetime | None = None
    cause: FailureClass | None = None
    status: int | None = None
    over_limit: bool = False
    put_off: int = 0
    soonest: datetime | None = None
    early: int = 0
    by: Caller | None = None
    doubted: bool = False
    known_until: datetime | None = None
    key_expired: bool = False


Outbox: TypeAlias = tuple[Write, ...]
"""A connection's writes that are not over, in their order."""


def evolve(outbox: Outbox, recorded: Recorded) -> Outbox:
    """Fold one of the events of `events.outbox`."""
    event = recorded.event
    if isinstance(event, WriteQueued):
        return (*outbox, _queued(recorded, event))
    number = getattr(event, "write", None)
    if isinstance(event, WriteEnded):
        return tuple(each for each in outbox if each.number != number)
    return tuple(_moved(each, recorded) if each.number == number else each for each in outbox)


def first(outbox: Outbox) -> Write | None:
    """The one whose turn it is: the others wait behind it, whatever it waits for."""
    return outbox[0] if outbox else None


def find(outbox: Outbox, number: int) -> Write | None:
    return next((each for each in outbox if each.number == number), None)


def whose(outboxes: Mapping[int, Outbox], number: int) -> int | None:
    """The connection whose write that is. For people: it looks through all that wait."""
    found = (each for each, outbox in outboxes.items() if find(outbox, number))
    return next(found, None)


def doubtful(outbox: Outbox) -> int:
    """How many are in doubt."""
    return sum(each.phase is Phase.IN_DOUBT for each in outbox)


def size(outbox: Outbox) -> int:
    """How many bytes its writes hold together."""
    return sum(each.bytes for each in outbox)


def _queued(recorded: Recorded, event: WriteQueued) -> Write:
    return Write(
        number=recorded.seq,
        row=event.row,
        at=recorded.at,
        endpoint=event.endpoint,
        method=event.method,
        kind=event.kind,
        keyed=event.keyed,
        bytes=event.bytes,
        due=event.due,
        attempts=event.attempts,
        cause=event.cause,
        status=event.status,
        put_off=recorded.seq,
        soonest=event.soonest,
        by=event.by,
        doubted=event.known_until is not None,
        known_until=event.known_until,
    )


def _moved(write: Write, recorded: Recorded) -> Write:
    match recorded.event:
        case WriteBegun(attempt=attempt, known_until=until, early=early):
            return replace(
                write,
                phase=Phase.UNDER_WAY,
                attempts=attempt,
                over_limit=False,
                early=write.early + early,
                known_until=until,
            )
        case WriteDeferred(due=due, cause=cause, status=status, over_limit=over_limit) as put_off:
            return replace(
                write,
                phase=Phase.QUEUED,
                due=due,
                deferred=write.deferred + (not over_limit),
                conflicts=put_off.conflicts,
                cause=cause,
                status=status,
                over_limit=over_limit,
                put_off=recorded.seq,
                soonest=put_off.soonest,
                doubted=put_off.known_until is not None,
                known_until=put_off.known_until,
            )
        case WriteInDoubt(cause=cause, status=status, key_expired=expired):
            return replace(
                write,
                phase=Phase.IN_DOUBT,
                due=None,
                cause=cause,
                status=status,
                key_expired=expired,
            )
        case WriteRedated(known_until=until):
            return replace(write, known_until=until)
        case retried:
            assert isinstance(retried, WriteRetried), "no other event leaves a write in the outbox"
            return replace(
                write,
                phase=Phase.QUEUED,
                due=None,
                deferred=0,
                conflicts=0,
                over_limit=False,
                soonest=None,
                early=0,
                doubted=retried.known_until is not None,
                known_until=retried.known_until,
                key_expired=False,
            )
