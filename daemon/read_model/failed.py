"""Which rows of the failure log does an event make?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from daemon import failures
from daemon.read_model.rows import Row
from events.envelope import Recorded
from events.fact import Fact
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


class Of(Protocol):
    """The connection that failed: whose it is, and as which attempt it runs."""

    tenant: int
    provider: int
    attempt: int


def rows(recorded: Recorded, of: Of, at: str, told: Sequence[Row]) -> list[Row]:
    """One for each thing that went wrong, in the order of the table's columns."""
    return [
        (recorded.seq, part, recorded.subject, of.tenant, of.provider, at, *each)
        for part, each in enumerate(told)
    ]


def _partly(event: SyncSucceeded, attempt: int) -> list[Row]:
    return [_of_stream(each, event.sync, attempt) for each in event.failures]


def _wholly(event: SyncFailed, attempt: int) -> list[Row]:
    cause = event.cause.value
    whole = ("sync", event.sync, attempt, "", None, cause, event.message, None)
    return [_of_stream(each, event.sync, attempt) for each in event.failures] or [whole]


def _call(event: CallFailed, attempt: int) -> list[Row]:
    cause, stream = event.cause.value, event.stream
    said = _said(event.status)
    return [(event.endpoint, event.sync, attempt, stream, None, cause, said, event.status)]


def _made(event: CallMade, _: int) -> list[Row]:
    if event.cause is None:
        return []
    cause, attempt = event.cause.value, event.attempt - 1
    said = _said(event.status)
    return [(event.endpoint, None, attempt, "", None, cause, said, event.status)]


def _said(status: int | None) -> str:
    """What a call's status says of itself; nothing where that was good, or none came."""
    return failures.by_status(status)[1] if status is not None and status >= 300 else ""


def _refresh(event: RefreshFailed, attempt: int) -> list[Row]:
    cause, said = event.cause.value, event.message
    return [("refresh", event.sync, attempt, "", None, cause, said, event.status)]


def _write(event: WriteFailed, _: int) -> list[Row]:
    return [("write", None, 0, "", None, event.cause.value, event.message, event.status)]


def _crash(event: ActorCrashed, attempt: int) -> list[Row]:
    return [("actor", None, attempt, "", None, "internal", event.error, None)]


def _of_stream(each: StreamFailure, sync: int, attempt: int) -> Row:
    day = each.day.isoformat() if each.day else None
    cause, said = each.cause.value, each.message
    return ("sync", sync, attempt, each.stream, day, cause, said, each.status)


TELLS: Mapping[type[Fact], Callable[[Any, int], Sequence[Row]]] = {
    SyncSucceeded: _partly,
    SyncFailed: _wholly,
    CallFailed: _call,
    CallMade: _made,
    RefreshFailed: _refresh,
    WriteFailed: _write,
    ActorCrashed: _crash,
}
"""What each can tell of that went wrong, of its connection's attempt of that number.

Operation, sync, attempt, stream, day, cause, message, status.
"""
