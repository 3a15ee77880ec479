"""Which facts can be recorded about writes that wait until their provider takes them?

WriteQueued ──► WriteBegun ──► WriteDelivered, WriteFailed
    ▲    ▲          │
    │    │          ├──► WriteDeferred: it was not taken; it stays the first of its line
    │    └──────────┘
    └─ WriteRetried ── WriteInDoubt ──► WriteSettled, WriteDropped: a person says so

Their subject is the connection that a write is made as; a write's number is its WriteQueued's. What
is written stands in the data store until the write is over, and never in an event.
"""

from datetime import datetime
from typing import TypeAlias

from events.fact import Fact
from events.gateway import CallKind
from events.terms import Caller, FailureClass


class WriteQueued(Fact, frozen=True, kw_only=True, tag="write-queued"):
    """A program's write waits for its provider; its `row` in the data store holds all of it.

    `keyed` says that the provider knows it again by a key, so that sending it twice does no harm.
    `cause` is how it was lost when it was made at once, so that it rests until `due`; None where
    others wait before it, or a breaker was open. `known_until` is as in WriteBegun, `soonest` as in
    WriteDeferred; `attempts` and `status` are of when it was made at once.
    """

    row: int
    endpoint: str
    method: str
    kind: CallKind
    keyed: bool = False
    bytes: int = 0
    cause: FailureClass | None = None
    due: datetime | None = None
    by: Caller | None = None
    known_until: datetime | None = None
    attempts: int = 0
    status: int | None = None
    soonest: datetime | None = None


class WriteBegun(Fact, frozen=True, kw_only=True, tag="write-begun"):
    """It leaves once this is durable: what happens to us from here on may be after it arrived.

    If it does, its provider knows it again by its key before `known_until`, and maybe no more then.
    It is `early` where it did not rest to the end, since its provider was known to be back.
    """

    write: int
    attempt: int = 1
    known_until: datetime | None = None
    early: bool = False


class WriteDelivered(Fact, frozen=True, kw_only=True, tag="write-delivered"):
    """The provider took it."""

    write: int
    status: int | None = None


class WriteFailed(Fact, frozen=True, kw_only=True, tag="write-failed"):
    """It is over, and was not delivered: the provider refused it. `message` is our own sentence."""

    write: int
    cause: FailureClass
    message: str
    status: int | None = None


class WriteDeferred(Fact, frozen=True, kw_only=True, tag="write-deferred"):
    """The provider has not taken it, or knows it again by its key: it is sent again at `due`.

    Without a `cause` our own end, or a step of the clock, came between. `over_limit` says that its
    tenant's programs had used up their limit: it did not leave, and `cause` is as it was, as where
    something came to keep it while it was being written down that it leaves. `known_until` is None
    where it has certainly not arrived, also not earlier. `conflicts` counts how often in a row its
    provider said that it still works on an earlier copy.

    Where the provider gets known to be back meanwhile, it is sent at `soonest` already: not before
    the provider's own hint is over. Without that it keeps its rest.
    """

    write: int
    due: datetime
    cause: FailureClass | None = None
    status: int | None = None
    over_limit: bool = False
    known_until: datetime | None = None
    soonest: datetime | None = None
    conflicts: int = 0


class WriteInDoubt(Fact, frozen=True, kw_only=True, tag="write-in-doubt"):
    """It may have reached its provider, or not, and has no key: a person has to look.

    Without a `cause` our own end came before the answer. Where `key_expired` it has a key, but the
    provider may not know that any more; with a `status` of 409 it has one, but the provider said
    too often that it still works on an earlier copy.
    """

    write: int
    cause: FailureClass | None = None
    status: int | None = None
    key_expired: bool = False


class WriteDropped(Fact, frozen=True, kw_only=True, tag="write-dropped"):
    """Somebody took it back, or removed its connection."""

    write: int
    by: Caller | None = None


class WriteRetried(Fact, frozen=True, kw_only=True, tag="write-retried"):
    """Somebody had it be sent again, at once: it has not arrived, or that does no harm.

    `known_until` is as in WriteDeferred: nobody looked at what had merely been put off.
    """

    write: int
    by: Caller | None = None
    known_until: datetime | None = None


class WriteRedated(Fact, frozen=True, kw_only=True, tag="write-redated"):
    """The clock was set back: so is `known_until`, until when its provider knows its key.

    Of what is under way, or is to be sent as soon as it may; what rests is deferred anew.
    """

    write: int
    known_until: datetime


class WriteSettled(Fact, frozen=True, kw_only=True, tag="write-settled"):
    """Somebody looked: it did arrive."""

    write: int
    by: Caller | None = None


WriteEnded: TypeAlias = WriteDelivered | WriteFailed | WriteDropped | WriteSettled
"""After these it is over, and its row goes."""

OutboxEvent: TypeAlias = (
    WriteQueued
    | WriteBegun
    | WriteDeferred
    | WriteInDoubt
    | WriteRetried
    | WriteRedated
    | WriteEnded
)
