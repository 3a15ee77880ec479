"""Which rows of the failure log does an event make?"""

from typing import Protocol

from daemon.read_model.rows import Row
from events.envelope import Recorded
from events.outbox import WriteFailed
from events.schema import (
    ActorCrashed,
    CallFailed,
    CallMade,
    RefreshFailed,
    SyncFailed,
    SyncSucceeded,
)
from events.terms import StreamFailure

TELLS = frozenset(
    {SyncSucceeded, SyncFailed, CallFailed, CallMade, RefreshFailed, WriteFailed, ActorCrashed}
)
"""What can tell of something that went wrong."""


class Of(Protocol):
    """The connection that failed: whose it is, and as which attempt it runs."""

    tenant: int
    provider: int
    attempt: int


def rows(recorded: Recorded, of: Of, at: str) -> list[Row]:
    """One for each thing that went wrong, in the order of the table's columns."""
    return [
        (recorded.seq, part, recorded.subject, of.tenant, of.provider, at, *told)
        for part, told in enumerate(_told(recorded, of.attempt))
    ]


def _told(recorded: Recorded, attempt: int) -> list[Row]:
    """Operation, sync, attempt, stream, day, cause, message, status."""
    match recorded.event:
        case SyncSucceeded(sync=sync, failures=failures):
            return [_of_stream(each, sync, attempt) for each in failures]
        case SyncFailed(sync=sync, failures=failures) as event:
            whole = ("sync", sync, attempt, "", None, event.cause.value, event.message, None)
            return [_of_stream(each, sync, attempt) for each in failures] or [whole]
        case CallFailed() as event:
            cause = event.cause.value
            return [
                (event.endpoint, event.sync, attempt, event.stream, None, cause, "", event.status)
            ]
        case CallMade(cause=cause) as event if cause is not None:
            return [
                (event.endpoint, None, event.attempt - 1, "", None, cause.value, "", event.status)
            ]
        case RefreshFailed() as event:
            cause, said = event.cause.value, event.message
            return [("refresh", event.sync, attempt, "", None, cause, said, event.status)]
        case WriteFailed() as event:
            return [("write", None, 0, "", None, event.cause.value, event.message, event.status)]
        case ActorCrashed(error=error):
            return [("actor", None, attempt, "", None, "internal", error, None)]
        case _:
            return []


def _of_stream(each: StreamFailure, sync: int, attempt: int) -> Row:
    day = each.day.isoformat() if each.day else None
    cause, said = each.cause.value, each.message
    return ("sync", sync, attempt, each.stream, day, cause, said, each.status)
