"""Which rows of the retry queue does an event make, or change?

pending ──► processing ──► completed, failed
   ▲  │          │ interrupted, cancelled
   └──┼──────────┤
      └──────────┴──► cancelled
"""

from collections.abc import Sequence

import msgspec

from daemon.read_model.rows import Member, Rows
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import RetryScheduled, SyncFailed
from events.terms import StreamFailure


def note(member: Member, failures: Sequence[StreamFailure | SyncFailed]) -> None:
    """Remember what each class of them said, the first of it: a retry is of one class alone."""
    if failures:
        said = {each.cause.value: each.message for each in reversed(failures)}
        before: dict[str, str] = msgspec.json.decode(member.messages)
        member.messages = msgspec.json.encode({**before, **said}, order="sorted").decode()


def schedule(
    rows: Rows, recorded: Recorded, event: RetryScheduled, member: Member, at: str
) -> None:
    """It is pending, instead of one that was."""
    end(rows, member, "cancelled", at)
    rows.retries.append(
        (
            recorded.seq,
            recorded.subject,
            member.tenant,
            member.provider,
            "pending",
            event.cause.value,
            event.attempt,
            event.priority,
            iso(event.due),
            msgspec.json.encode(event.streams).decode(),
            _message(member, event),
            at,
            None,
            None,
        )
    )
    member.retry = recorded.seq


def _message(member: Member, event: RetryScheduled) -> str:
    """What is tried again said; empty where that failed before anything was known of it."""
    said: dict[str, str] = msgspec.json.decode(member.messages)
    return said.get(event.cause.value, "")


def begin(rows: Rows, member: Member) -> None:
    """The pending one runs."""
    if member.retry is not None:
        rows.retries_moved.append(("processing", None, None, None, member.retry))


def move(rows: Rows, member: Member, due: str) -> None:
    """It is pending, and due then."""
    if member.retry is not None:
        rows.retries_moved.append(("pending", due, None, None, member.retry))


def end(rows: Rows, member: Member, status: str, at: str, duration_ms: int | None = None) -> None:
    """There is none any more."""
    if member.retry is not None:
        change = (status, None, at, duration_ms, member.retry)
        rows.retries_moved.append(change)
        member.retry = None
