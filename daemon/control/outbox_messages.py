"""What is said over the control socket of writes that wait for their provider?"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

WriteNumber = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class WritesView(Struct, frozen=True, kw_only=True):
    """How many writes wait, those in doubt among them."""

    waiting: int
    in_doubt: int


class OutboxQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that wait, or one connection's."""

    connection: str | None = None


class WriteName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names one write that waits, by the number under which it was queued."""

    write: WriteNumber


class WriteView(Struct, frozen=True, kw_only=True):
    """A write that waits. `phase` is queued, under-way or in-doubt, `place` is that in its line.

    `due` is when it may leave at the earliest, None where something else keeps it: `held_by` is
    earlier (a write before it), in-doubt, key-expired (which is in doubt as well), paused,
    not-authorised, breaker, limit (its tenant's, on programs), or asked-to-wait (by its provider).
    `cause` is how it was lost last. `path` is the beginning of it, None where the data store does
    not hold it.
    """

    write: int
    connection: str
    endpoint: str
    method: str
    phase: str
    keyed: bool
    bytes: int
    queued_at: datetime
    place: int
    attempts: int
    due: datetime | None
    held_by: str | None
    cause: str | None
    status: int | None
    path: str | None = None


class Writes(Struct, frozen=True, kw_only=True):
    """What waits, by connection, in the order in which it leaves."""

    seq: int
    now: datetime
    writes: list[WriteView]


class WriteAnswer(Struct, frozen=True, kw_only=True):
    """One of them, with all that is to be written: `body` is text, or else in `body_base64`.

    `path` is None where the data store does not hold it.
    """

    seq: int
    now: datetime
    write: WriteView
    path: str | None
    headers: dict[str, str] = {}
    body: str | None = None
    body_base64: str | None = None
    key: str | None = None
