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
from events.outbox import WriteBegun, WriteDeferred, WriteEnded, WriteInDoubt, WriteQueued
from events.terms import FailureClass


class Phase(StrEnum):
    QUEUED = "queued"
    UNDER_WAY = "under-way"
    IN_DOUBT = "in-doubt"


class Write(Struct, frozen=True, kw_only=True):
    """`number` is its WriteQueued's, `row` the data store's.

    It leaves at `due` at the earliest, where that is not None. `attempts` were begun; `deferred`
    counts how often in a row it was put off, `cause` is what did so last, or left it in doubt.
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
    due: datetime | None = None
    cause: FailureClass | None = None
    status: int | None = None


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
        cause=event.cause,
    )


def _moved(write: Write, recorded: Recorded) -> Write:
    match recorded.event:
        case WriteBegun(attempt=attempt):
            return replace(write, phase=Phase.UNDER_WAY, attempts=attempt)
        case WriteDeferred(due=due, cause=cause, status=status):
            return replace(
                write,
                phase=Phase.QUEUED,
                due=due,
                deferred=write.deferred + 1,
                cause=cause,
                status=status,
            )
        case WriteInDoubt(cause=cause, status=status):
            return replace(write, phase=Phase.IN_DOUBT, due=None, cause=cause, status=status)
        case _:  # WriteRetried
            return replace(write, phase=Phase.QUEUED, due=None, deferred=0)
