"""What is said over the control socket of failures one by one, and of what providers said then?"""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from daemon.control.failure_messages import DAYS_MAX
from events.terms import FailureClass

LISTED_MAX = 500  # in one answer; whoever wants more asks again, `before` the last one


class FailureLogQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a tenant, or of one connection: name one of them. Of a stream or a class alone.

    `before` is what the last answer gave as `next`.
    """

    tenant: str | None = None
    connection: str | None = None
    stream: str | None = None
    cause: FailureClass | None = None
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 30
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 50
    before: Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[0-9]{1,9}$")] | None = None


class FailureView(Struct, frozen=True, kw_only=True):
    """One thing that went wrong, told of by an event; `cause` is its class.

    `request` is the endpoint as the provider's file has it, or sync, refresh, write, actor; the
    `kind` is its sync's. `excerpt` says that some of what the provider said was kept, and that
    the tenant consents to it still.
    """

    event: int
    at: datetime
    connection: str
    request: str
    cause: str
    message: str
    status: int | None
    stream: str
    day: date | None
    kind: str | None
    sync: int | None
    attempt: int
    duration_ms: int | None
    excerpt: bool = False


class FailureLog(Struct, frozen=True, kw_only=True):
    """The newest first. What is older is asked for with `next`; None where there is nothing."""

    seq: int
    now: datetime
    of: str
    days: int
    failures: list[FailureView]
    next: str | None = None


class FailureName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A failure of that connection, by the event that tells of it."""

    connection: str
    event: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class ExcerptView(Struct, frozen=True, kw_only=True):
    """How the answer began that the call of that event got, redacted; there may be `more` of it."""

    event: int
    request: str
    status: int
    content_type: str
    text: str
    more: bool


class FailureAnswer(Struct, frozen=True, kw_only=True):
    """What an event tells of, and what the provider said: to those calls of a sync that failed it.

    `missing` says why nothing, or not all, of that is shown.
    """

    seq: int
    now: datetime
    failures: list[FailureView]
    excerpts: list[ExcerptView]
    missing: str | None = None
