"""What is said over the control socket of how things went, hour by hour and day by day?

Days begin at midnight UTC, hours at the full hour. Words and times are as in `messages`.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

DAYS_MAX = 1096  # three years, as long as sums are kept
HOURLY_DAYS_MAX = 62  # as long as they are kept by the hour


class HistoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a connection, a stream of it, a tenant, a provider; of the fleet where none is named.

    Where `connection` names a source that reports by itself, it is of what that reported.
    """

    connection: str | None = None
    stream: str | None = None
    tenant: str | None = None
    provider: str | None = None
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 30
    by: Literal["day", "hour"] = "day"


class HistoryRow(Struct, frozen=True, kw_only=True):
    """What one hour or day came to. Syncs that ended, by how; failed ones by class.

    `records` were fetched, of which so many were added, changed, removed; so many answers were
    refused or held back. Durations are of syncs, half of which took no longer than `p50_ms`.
    `calls` were good ones; `limit_wait_s` was kept back for a provider's sake. Of its time during
    which that was known, `uptime_percentage` was up.
    """

    start: datetime
    syncs: int
    succeeded: int
    failed: int
    cancelled: int
    interrupted: int
    skipped: int
    success_percentage: float | None
    failures: dict[str, int]
    retries: int
    retries_succeeded: int
    retries_ms: int
    records: int
    added: int
    changed: int
    removed: int
    refused: int
    calls: int
    calls_failed: int
    average_call_ms: int | None
    bytes: int
    refreshes: int
    refreshes_failed: int
    limit_waits: int
    limit_wait_s: int
    average_ms: int | None
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None
    uptime_percentage: float | None


class StreamHistoryRow(Struct, frozen=True, kw_only=True):
    """What a stream's hour or day came to: answers taken over and refused, and their records."""

    start: datetime
    captures: int
    refusals: int
    records: int
    added: int
    changed: int
    removed: int
    duplicates: int


class ReportHistoryRow(Struct, frozen=True, kw_only=True):
    """What a source's reports of an hour or day, by their own time, add up to.

    `queue_depth_max` is the longest queue that they told of, `oldest` when the oldest item that
    waited in one was made.
    """

    start: datetime
    reports: int
    syncs: int
    records: int
    errors: int
    duration_ms: int
    bytes: int
    queue_depth_max: int | None
    oldest: datetime | None


class History(Struct, frozen=True, kw_only=True):
    """`rows` and their `total`; of a stream `stream_rows`, of a source `report_rows` instead.

    `of` is whose it is, `seq` the event up to which all is counted. So many `sources` of a tenant
    report by themselves: these are not counted. Where `monitored` is false, its tenant does not
    consent to details, and none are kept: of `rows` `records`, `added`, `changed` and `removed`
    are 0, of `stream_rows` all but later `refusals`, of `report_rows` `records`.
    """

    seq: int
    now: datetime
    of: str
    by: str
    rows: list[HistoryRow] = []
    total: HistoryRow | None = None
    stream_rows: list[StreamHistoryRow] = []
    stream_total: StreamHistoryRow | None = None
    report_rows: list[ReportHistoryRow] = []
    report_total: ReportHistoryRow | None = None
    sources: int = 0
    monitored: bool = True
