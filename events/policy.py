"""Which settings do decisions read, and how do they become other ones?

`PolicySet` is what the configuration says of the whole fleet, each setting with a value. A tenant,
a provider, a connection, and the fleet itself can have `Settings` of their own: declared in the
configuration, or set by command, which goes before. The narrower subject's goes before the wider's:
connection, tenant, provider, fleet.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum

from msgspec import Struct

from events.fact import Fact
from events.terms import Caller

INTERVAL_OF = "interval."
"""`interval.orders` is the interval of one stream, where settings are named."""

STALE_OF = "stale_after."
"""`stale_after.orders` is when one stream is stale."""

DRIFT_THRESHOLD_OF = "drift_threshold."
DRIFT_PERCENT_OF = "drift_percent."
"""`drift_percent.orders` is how far one stream may be off, `drift_threshold.orders` likewise."""

OF_STREAMS = {
    INTERVAL_OF: "stream_intervals",
    STALE_OF: "stream_stale_after",
    DRIFT_THRESHOLD_OF: "stream_drift_threshold",
    DRIFT_PERCENT_OF: "stream_drift_percent",
}
"""What streams can have of their own: how its name begins, and which field of Settings has all."""


class Backoff(StrEnum):
    """How the delay before a retry grows with each attempt."""

    EXPONENTIAL = "exponential"
    FIXED = "fixed"


class Adaptation(StrEnum):
    """What an adaptive turn follows from."""

    LEARNING = "learning"
    """Too little is known yet: the interval holds."""

    USUAL = "usual"
    """Something new will likely have come by then."""

    LATE = "late"
    """It should have come, and had not: looked for again, ever more seldom."""

    EXPLORING = "exploring"
    """Nothing is expected by then: a look whether that is still so."""

    SELDOM = "seldom"
    """Nothing is expected within the longest interval."""


class Learnt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an adaptive turn lies where it does, and when something new is expected, if it is.

    It was learnt from so many `looks`, of which the last `arrivals` that are kept found something.
    """

    why: Adaptation
    since: datetime | None = None
    until: datetime | None = None
    looks: int = 0
    arrivals: int = 0


class PolicySet(Fact, frozen=True, kw_only=True, tag="policy-set"):
    """The settings that decisions read from here on.

    `spread` is the share of its interval by which a connection's due times may lie before those of
    others; quiet hours run from `quiet_hours_start` to `quiet_hours_end`, local time in `timezone`,
    and equal ones are none. `retry_jitter` draws a delay between nothing and what it would be. A
    retry budget allows so many retries an hour and provider as a share of its other starts. At one
    provider, at most `batch_size` syncs start within a `batch_pause`.
    A tenant's programs make so many calls of each kind a minute at one endpoint; those of operators
    use that share of it.
    Of each stream the last `versions_kept` versions are kept, and all that were in force within
    `versions_age`. What a stream brings has drifted where it is off by more than `drift_threshold`
    spreads, and by more than `drift_percent` percent of what was expected.
    Where turns are `adaptive`, they come when something new is expected, no sooner than
    `adaptive_least` and no later than `adaptive_most` after the last; the greater of both holds.
    """

    interval: timedelta
    concurrency: int
    crash_delay: timedelta
    crash_delay_max: timedelta
    refresh_before: timedelta = timedelta(minutes=30)
    refresh_before_manual: timedelta = timedelta(minutes=5)
    enabled: bool = True
    spread: float = 0.0
    priority_order: tuple[str, ...] = ()
    quiet_hours_start: time = time()
    quiet_hours_end: time = time()
    timezone: str = "UTC"
    failover_enabled: bool = False
    max_retry_attempts: int = 3
    retry_delay: timedelta = timedelta(minutes=5)
    retry_delay_max: timedelta = timedelta(minutes=40)
    retry_backoff: Backoff = Backoff.EXPONENTIAL
    retry_jitter: bool = False
    retry_priority_step: int = 1
    retries_at_once: int = 10
    retry_budget: float = 0.2
    provider_concurrency: int = 10
    day_pause: timedelta = timedelta(0)
    batch_size: int = 10
    batch_pause: timedelta = timedelta(0)
    notification_enabled: bool = True
    breaker_failures: int = 5
    breaker_window: timedelta = timedelta(seconds=10)
    breaker_open: timedelta = timedelta(seconds=30)
    breaker_open_max: timedelta = timedelta(hours=1)
    breaker_doubling: bool = False
    breaker_successes: int = 2
    breaker_syncs_in_a_row: int = 5
    breaker_syncs_share: float = 0.5
    breaker_connections: int = 3
    caller_reads: int = 100
    caller_writes: int = 30
    caller_rpcs: int = 20
    caller_auths: int = 10
    caller_operator_share: float = 1.0
    versions_kept: int = 10
    versions_age: timedelta = timedelta(days=30)
    stale_after: timedelta | None = None
    gap_after: timedelta | None = None
    failing_after: int = 3
    flapping_after: int = 6
    slow_factor: float = 3.0
    overdue_after: timedelta = timedelta(minutes=15)
    token_before: timedelta = timedelta(days=7)
    drift_threshold: float = 7.0
    drift_percent: float = 40.0
    adaptive: bool = False
    adaptive_least: timedelta = timedelta(hours=1)
    adaptive_most: timedelta = timedelta(days=1)


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one subject has of its own; None where the wider subject's holds.

    Those that begin with `stream_` are by stream. `fallback` is the connection that is synced once
    where this one's retries are used up, of the same tenant.
    """

    interval: timedelta | None = None
    stream_intervals: Mapping[str, timedelta] | None = None
    enabled: bool | None = None
    spread: float | None = None
    priority_order: tuple[str, ...] | None = None
    quiet_hours_start: time | None = None
    quiet_hours_end: time | None = None
    timezone: str | None = None
    failover_enabled: bool | None = None
    fallback: int | None = None
    max_retry_attempts: int | None = None
    retry_delay: timedelta | None = None
    retry_delay_max: timedelta | None = None
    retry_backoff: Backoff | None = None
    retry_jitter: bool | None = None
    retry_priority_step: int | None = None
    retries_at_once: int | None = None
    retry_budget: float | None = None
    provider_concurrency: int | None = None
    concurrency: int | None = None
    day_pause: timedelta | None = None
    batch_size: int | None = None
    batch_pause: timedelta | None = None
    notification_enabled: bool | None = None
    breaker_failures: int | None = None
    breaker_window: timedelta | None = None
    breaker_open: timedelta | None = None
    breaker_open_max: timedelta | None = None
    breaker_doubling: bool | None = None
    breaker_successes: int | None = None
    breaker_syncs_in_a_row: int | None = None
    breaker_syncs_share: float | None = None
    breaker_connections: int | None = None
    caller_reads: int | None = None
    caller_writes: int | None = None
    caller_rpcs: int | None = None
    caller_auths: int | None = None
    caller_operator_share: float | None = None
    versions_kept: int | None = None
    versions_age: timedelta | None = None
    stale_after: timedelta | None = None
    stream_stale_after: Mapping[str, timedelta] | None = None
    gap_after: timedelta | None = None
    failing_after: int | None = None
    flapping_after: int | None = None
    slow_factor: float | None = None
    overdue_after: timedelta | None = None
    token_before: timedelta | None = None
    drift_threshold: float | None = None
    drift_percent: float | None = None
    adaptive: bool | None = None
    adaptive_least: timedelta | None = None
    adaptive_most: timedelta | None = None
    stream_drift_threshold: Mapping[str, float] | None = None
    stream_drift_percent: Mapping[str, float] | None = None


class SettingsDeclared(Fact, frozen=True, kw_only=True, tag="settings-declared"):
    """What the configuration says of this subject, whole: these, and no others."""

    settings: Settings


class SettingsSet(Fact, frozen=True, kw_only=True, tag="settings-set"):
    """Somebody gave this subject settings of its own; what is None stays as it was.

    So does what streams have of their own that it does not name.
    """

    settings: Settings
    by: Caller | None = None


class SettingsReset(Fact, frozen=True, kw_only=True, tag="settings-reset"):
    """Somebody took these back; what the configuration or the wider subject says holds again.

    One stream's interval is `interval.` and the stream; others likewise.
    """

    names: tuple[str, ...]
    by: Caller | None = None
