"""What is said over the control socket of what failures cost, and what retries were worth?"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

DAYS_MAX = 90  # as long as what happened is kept one by one


class FailuresQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a tenant, or of one connection. Name one of them."""

    tenant: str | None = None
    connection: str | None = None
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 30


class FailureCost(Struct, frozen=True, kw_only=True):
    """One class: syncs that failed with it, and how long they took.

    `streams` is how often a stream failed so while its sync did not: that succeeded, or failed of
    another class; a stream counts once a sync. `first` counts those of both that were in no retry.
    Of the `retries` that followed, so many `saved` what had failed before its next turn, on average
    `recovered_s` later; so many failed again, which took `wasted_ms`; the others are open, or were
    taken back.
    """

    cause: str
    failed: int
    streams: int
    first: int
    failed_ms: int
    retries: int
    saved: int
    wasted: int
    open: int
    wasted_ms: int
    recovered_s: float | None


class Failures(Struct, frozen=True, kw_only=True):
    """Every class that there was, that of most failed syncs first. Up to event `seq`.

    So many `sources` of a tenant report by themselves: what fails there is not in it.
    """

    seq: int
    now: datetime
    of: str
    days: int
    classes: list[FailureCost]
    sources: int = 0
