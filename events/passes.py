"""Which facts can be recorded about a pass: many syncs that are summed up together?

A pass that somebody asked for has the fleet as its subject, and begins with PassBegun. Of what is
scheduled, an interval's worth at one provider is a pass: it has the provider as its subject.
"""

from datetime import datetime

from msgspec import Struct

from events.fact import Fact
from events.terms import Caller, FailureClass


class PassError(Struct, frozen=True, kw_only=True):
    """A connection whose sync failed in a pass, and how."""

    connection: int
    cause: FailureClass


class PassBegun(Fact, frozen=True, kw_only=True, tag="pass-begun"):
    """Somebody asked for many syncs at once; the requests that follow name this event's number."""

    by: Caller | None = None


class PassFilled(Fact, frozen=True, kw_only=True, tag="pass-filled"):
    """All requests of the pass are made: it ends when `wanted` of them have come to an end."""

    number: int
    wanted: int


class PassEnded(Fact, frozen=True, kw_only=True, tag="pass-ended"):
    """What many syncs came to. `number` is PassBegun's, None where nobody asked.

    `others` were cancelled or skipped; `errors` are the first of those that failed.
    """

    begun: datetime
    duration_ms: int
    total: int
    successful: int
    failed: int
    others: int = 0
    refreshes: int = 0
    days: int = 0
    records: int = 0
    errors: tuple[PassError, ...] = ()
    number: int | None = None
