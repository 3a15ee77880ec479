"""What is said of sources, and of what they report, over the control socket and the port for it?

A source is named tenant/source. Times that somebody reports have an offset from UTC, or Z.
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.sources import Health, Pattern, Platform

COUNT_MAX = 10**12  # whatever is counted: 1,440 of these a day still fit a number of the log
DURATION_MS_MAX = 86_400_000  # a day: what takes longer is told in parts
BATCH_MAX = 250  # reports at once: at worst some 50 ms of the loop, where months are full
REPORTS_BYTES_MAX = 256 * 1024  # BATCH_MAX reports of some 1,000 bytes

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Instant = Annotated[datetime, Meta(tz=True)]
Key = Annotated[str, Meta(min_length=1, max_length=200)]


class Metrics(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a source reports, as far as it does, of the time since its report before.

    `queue_depth` is how many items wait on it to be sent, `oldest` when the oldest was made.
    """

    syncs: Count | None = None
    records: Count | None = None
    errors: Count | None = None
    duration_ms: Annotated[int, Meta(ge=0, le=DURATION_MS_MAX)] | None = None
    bytes: Count | None = None
    queue_depth: Count | None = None
    oldest: Instant | None = None
    platform: Platform | None = None
    status: Health | None = None


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One report: its own time, and a key by which it is known again however often it comes."""

    at: Instant
    key: Key
    metrics: Metrics


class ReportsWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a source has to report: all of it is taken, or nothing."""

    source: str
    reports: Annotated[list[Report], Meta(min_length=1, max_length=BATCH_MAX)]


class MetricsWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One report of a tenant's source. Without `at` it is of now, `at` stands for a missing key."""

    tenant: str
    source: str
    metrics: Metrics
    at: Instant | None = None
    key: Key | None = None


class StatusWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a tenant's source, which is their data type, was found by somebody outside."""

    tenant: str
    data_type: str
    status: Health
    item_count: Count | None = None
    at: Instant | None = None
    key: Key | None = None


class OutcomeWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a sync went that somebody outside made, of a tenant's source called as its provider."""

    tenant: str
    provider: str
    success: bool
    duration_ms: Annotated[int, Meta(ge=0, le=DURATION_MS_MAX)] | None = None
    at: Instant | None = None
    key: Key | None = None


class Taken(Struct, frozen=True, kw_only=True):
    """How many reports were new, and how many were known already; durable by now."""

    seq: int
    new: int
    known: int
    message: str


class SourceName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: str


class SourcesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All sources, or one tenant's."""

    tenant: str | None = None


class SourceWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source to add, or to change: what is not given is its pattern's, or stays as it was."""

    source: str
    pattern: Pattern | None = None
    expected_every: str | None = None
    late_after: str | None = None
    night: bool | None = None


class SourceToken(Struct, frozen=True, kw_only=True):
    """A new token, which is told this once."""

    seq: int
    source: str
    token: str


class DaySums(Struct, frozen=True, kw_only=True):
    """What the reports of a day of their own time, in UTC, come to."""

    day: date
    reports: int
    syncs: int
    records: int
    errors: int
    duration_ms: int
    bytes: int


class SourceView(Struct, frozen=True, kw_only=True):
    """A source. `punctuality` is fresh, due or late; it is late since, or from, `late_at`.

    `reported_at` is the last report's own time, `latest` what it said. `queue_depth` and `oldest`
    are those of the last report that told of its queue, at `queue_at`.
    """

    source: str
    tenant: str
    subject: int
    pattern: Pattern
    expected_every: timedelta
    late_after: timedelta
    night: bool
    declared: bool
    token_set: datetime | None
    punctuality: Literal["fresh", "due", "late"]
    due_at: datetime
    late_at: datetime
    reported_at: datetime | None
    latest: Metrics | None
    queue_depth: int | None
    oldest: datetime | None
    queue_at: datetime | None


class SourceList(Struct, frozen=True, kw_only=True):
    """Sources, by their names."""

    seq: int
    now: datetime
    sources: list[SourceView]


class SourceAnswer(Struct, frozen=True, kw_only=True):
    """One source, with the days of its reports that are remembered, the last one first.

    Where `monitored` is false, its tenant does not consent to details, and `records` of days are 0.
    """

    seq: int
    now: datetime
    source: SourceView
    days: list[DaySums]
    monitored: bool = True
