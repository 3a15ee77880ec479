"""Which wishes come of writes that wait for their provider?"""

from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from events.gateway import CallKind
from events.terms import Caller, FailureClass


class QueueWrite(Struct, frozen=True, kw_only=True):
    """A program's write is to wait; all of it lies in that row of the data store.

    `cause` is how it was lost when it was made at once, if it was: it left at `first_at`, and may
    have arrived where it was `sent`, or where an attempt before that one may, so that it is
    `doubted`; `attempts` left, and the provider asked to be left alone for `retry_after`.
    `key_lifetime` is for how long its provider knows a key. `jitter` is drawn of [0, 1).
    """

    subject: int
    row: int
    endpoint: str
    method: str
    kind: CallKind
    keyed: bool
    bytes: int
    jitter: float
    cause: FailureClass | None = None
    status: int | None = None
    sent: bool = True
    attempts: int = 0
    doubted: bool = False
    retry_after: timedelta | None = None
    first_at: datetime | None = None
    key_lifetime: timedelta | None = None
    by: Caller | None = None


class BeginWrite(Struct, frozen=True, kw_only=True):
    """It is about to leave. `key_lifetime` is for how long its provider knows a key."""

    subject: int
    write: int
    key_lifetime: timedelta | None = None


class DeliverWrite(Struct, frozen=True, kw_only=True):
    """The provider answered that it took it."""

    subject: int
    write: int
    status: int


class LoseWrite(Struct, frozen=True, kw_only=True):
    """It failed. `sent` says that it may have reached the provider; `jitter` is drawn of [0, 1)."""

    subject: int
    write: int
    cause: FailureClass
    jitter: float
    status: int | None = None
    sent: bool = True
    retry_after: timedelta | None = None


class PutOffWrite(Struct, frozen=True, kw_only=True):
    """Its tenant's programs have used up their limit: it did not leave, and may after that rest."""

    subject: int
    write: int
    rest: timedelta


class RecallWrite(Struct, frozen=True, kw_only=True):
    """It has begun, and certainly did not leave: something keeps it by now."""

    subject: int
    write: int


class ExpireWrite(Struct, frozen=True, kw_only=True):
    """Its key may be too old to send it again."""

    subject: int


class AbandonWrite(Struct, frozen=True, kw_only=True):
    """We end before its answer came, if it was under way."""

    subject: int


class MissWrite(Struct, frozen=True, kw_only=True):
    """The data store does not hold it."""

    subject: int
    write: int


class RetryWrite(Struct, frozen=True, kw_only=True):
    """Somebody wants it sent again, now."""

    subject: int
    write: int
    by: Caller | None = None


class SettleWrite(Struct, frozen=True, kw_only=True):
    """Somebody looked: it did arrive."""

    subject: int
    write: int
    by: Caller | None = None


class DropWrite(Struct, frozen=True, kw_only=True):
    """Somebody takes it back."""

    subject: int
    write: int
    by: Caller | None = None


OutboxCommand: TypeAlias = (
    QueueWrite
    | BeginWrite
    | DeliverWrite
    | LoseWrite
    | PutOffWrite
    | RecallWrite
    | ExpireWrite
    | AbandonWrite
    | MissWrite
    | RetryWrite
    | SettleWrite
    | DropWrite
)
