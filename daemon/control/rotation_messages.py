"""What is said over the control socket of health and rotation, under the documents' names?

A `tenant` is their user. `provider` may go on with an account, as a connection's name does:
`oura/second`. Words and times are as in `messages`.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemon.control.messages import StreamView
from events.policy import Learnt

TIMEOUT_S_MAX = 600.0  # ten minutes: a client that waits longer should follow the log

Timeout = Annotated[float, Meta(ge=0, le=TIMEOUT_S_MAX)]


class Whose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tenant's, of them one provider's; without a tenant everybody's."""

    tenant: str | None = None
    provider: str | None = None


class HealthQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `Whose`; where these are more than `first`, so many of them, the worst ones."""

    tenant: str | None = None
    provider: str | None = None
    first: Annotated[int, Meta(ge=1)] | None = None


class TenantName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tenant: str


class TenantProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant's connections to a provider, or all of theirs."""

    tenant: str
    provider: str | None = None


class OfProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one connection of a tenant to a provider."""

    tenant: str
    provider: str


class ProcessQueue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait for what is due now, in seconds."""

    timeout_s: Timeout = 20.0


class Enqueue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sync to queue: at once (manual), as a turn, as a retry of what failed, or as a failover."""

    tenant: str
    provider: str
    sync_type: Literal["scheduled", "manual", "retry", "failover"] = "manual"


class Processed(Struct, frozen=True, kw_only=True):
    """How many syncs ended meanwhile, and how; of what was due, `left` had not ended in time."""

    seq: int
    processed: int
    successful: int
    failed: int
    left: int


class ScheduleId(Struct, frozen=True, kw_only=True):
    """The number of the event that planned a tenant's next turn, and whose and when it is."""

    seq: int
    schedule_id: int
    connection: str
    provider: str
    scheduled_at: datetime


class QueueId(Struct, frozen=True, kw_only=True):
    """The number of the event by which a sync was queued, and its place: 1 runs first."""

    seq: int
    queue_id: int
    connection: str
    priority: int
    message: str


class HealthMetric(Struct, frozen=True, kw_only=True):
    """One connection's figures, named as the document names its columns."""

    provider: str
    connection: str
    health_score: int | None
    total_syncs: int
    successful_syncs: int
    failed_syncs: int
    avg_sync_duration_ms: int | None
    consecutive_failures: int
    uptime_percentage: float | None
    last_success_at: datetime | None
    last_failure_at: datetime | None


class HealthMetrics(Struct, frozen=True, kw_only=True):
    seq: int
    health_metrics: list[HealthMetric]


class HealthScore(Struct, frozen=True, kw_only=True):
    """From 0 to 100; None before any sync has ended."""

    seq: int
    now: datetime
    connection: str
    health_score: int | None


class NextProvider(Struct, frozen=True, kw_only=True):
    """Which of a tenant's providers goes next, and when; None where none may start.

    Where nothing else is to come, it may be one that is `running`: `at` is then its next turn, None
    where it may have none.
    """

    tenant: str
    provider: str | None
    connection: str | None
    at: datetime | None
    running: bool = False


class NextRotation(NextProvider, frozen=True, kw_only=True):
    """Which of a tenant's providers goes next; all but these and `tenant` None where none may."""

    seq: int
    now: datetime


class ReasonView(Struct, frozen=True, kw_only=True):
    """Why the whole is not healthy: how often, whom it concerns first, and what helps."""

    reason: str
    count: int
    sentence: str
    names: list[str]
    command: str


class SystemHealth(Struct, frozen=True, kw_only=True):
    """All of it in one word, and the reasons, the gravest first.

    It is healthy, degraded or unhealthy; unknown where there are only sources that never reported.
    The numbers are of connections by their own word; so many `sources` were looked at, too.
    """

    seq: int
    now: datetime
    health: str
    healthy: int
    degraded: int
    unhealthy: int
    unknown: int
    reasons: list[ReasonView]
    sources: int = 0


class ConnectionHealth(HealthMetric, frozen=True, kw_only=True):
    """One connection's figures, what its score is made of, and how it and its streams are.

    `success_rate` is in percent; the penalties were taken off it.
    """

    tenant: str
    condition: str
    overall: str
    success_rate: float | None
    failure_penalty: int
    stale_penalty: int
    chronic: bool
    overdue: bool
    cause: str | None
    message: str | None
    streams: list[StreamView]


class HealthAnalysis(Struct, frozen=True, kw_only=True):
    """By their names; there are `of` so many."""

    seq: int
    now: datetime
    connections: list[ConnectionHealth]
    of: int = 0


class AdaptiveTurns(Struct, frozen=True, kw_only=True):
    """The bounds of adaptive turns, and what was `learnt` when the next one was decided."""

    least: timedelta
    most: timedelta
    learnt: Learnt | None


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """When a connection starts next, and what holds it back, if anything does, until when.

    `status` is running, scheduled, held, or none where nothing is to come; `attempt` is 0, or which
    retry comes or runs. `last` is how its last sync ended. `held_by` is paused, to-be-authorised,
    breaker, disabled, quiet-hours or crashed; or what it waits for, which is no hold: fleet-full,
    provider-full, retries-full, probe, batch-pause, asked-to-wait, the last also while it runs.
    `stream_intervals` are those that are not the connection's; `adaptive` is where turns are that.
    """

    connection: str
    provider: str
    status: str
    next_start: datetime | None
    interval: timedelta
    kind: str | None
    attempt: int
    held_by: str | None
    held_until: datetime | None
    last: str | None
    last_at: datetime | None
    stream_intervals: dict[str, timedelta] = {}
    adaptive: AdaptiveTurns | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    """Every connection's next start, the earliest first; and who goes next, for each tenant."""

    seq: int
    now: datetime
    rows: list[ScheduleRow]
    next: list[NextProvider]
