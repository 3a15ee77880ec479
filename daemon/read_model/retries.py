"""Which rows of the retry queue does an event make, or change?

pending ──► processing ──► completed, failed
   ▲  │          │ interrupted, cancelled
   └──┼──────────┤
      └──────────┴──► cancelled
"""

import msgspec

from daemon.read_model.rows import Member, Rows
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import RetryScheduled


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
            member.message,
            at,
            None,
            None,
        )
    )
    member.retry = recorded.seq


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
