"""How well has this connection done, and how well is it doing now?"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import SyncFailed, SyncSucceeded

STALE_AFTER = timedelta(days=7)
STALE_PENALTY = 20
FAILURE_PENALTY = 10
UNKNOWN_PRIORITY = 5
NOTHING = timedelta(0)


class Health(Struct, frozen=True, kw_only=True):
    """Counters over finished attempts; skipped, cancelled and interrupted ones do not count.

    It is up while the last attempt is one that succeeded: since `up_since`, and for `up` before
    that; `first` is when the first attempt ended.
    """

    total: int = 0
    successful: int = 0
    failed: int = 0
    consecutive_failures: int = 0
    duration_ms: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    first: datetime | None = None
    up: timedelta = NOTHING
    up_since: datetime | None = None


def evolve(health: Health, recorded: Recorded) -> Health:
    match recorded.event:
        case SyncSucceeded(duration_ms=duration):
            return Health(
                total=health.total + 1,
                successful=health.successful + 1,
                failed=health.failed,
                duration_ms=health.duration_ms + duration,
                last_success=recorded.at,
                last_failure=health.last_failure,
                first=health.first or recorded.at,
                up=health.up,
                up_since=health.up_since or recorded.at,
            )
        case SyncFailed(duration_ms=duration):
            return Health(
                total=health.total + 1,
                successful=health.successful,
                failed=health.failed + 1,
                consecutive_failures=health.consecutive_failures + 1,
                duration_ms=health.duration_ms + duration,
                last_success=health.last_success,
                last_failure=recorded.at,
                first=health.first or recorded.at,
                up=up(health, recorded.at),
            )
        case _:
            return health


def restored(health: Health, consecutive_failures: int) -> Health:
    """The streak as it was; counters are never taken back."""
    return replace(health, consecutive_failures=consecutive_failures)


def score(health: Health, now: datetime) -> int | None:
    """The health score, 0 to 100; None before the first finished attempt.

    Success rate in percent, less 10 for each failure in a row, less 20 where the last success lies
    seven days back or more, or none has come yet (requirement A5).
    """
    rate = success_rate(health)
    if rate is None:
        return None
    return max(0, min(100, round(rate - failure_penalty(health) - stale_penalty(health, now))))


def success_rate(health: Health) -> float | None:
    """In percent of all finished attempts."""
    return 100 * health.successful / health.total if health.total else None


def failure_penalty(health: Health) -> int:
    return FAILURE_PENALTY * health.consecutive_failures


def stale_penalty(health: Health, now: datetime) -> int:
    """No success at all counts like none in seven days, however young the connection is."""
    fresh = health.last_success is not None and now - health.last_success < STALE_AFTER
    return 0 if fresh else STALE_PENALTY


def priority(points: int | None) -> int:
    """Where a score stands in the queue: 1 runs first (requirement A9)."""
    if points is None:
        return UNKNOWN_PRIORITY
    if points >= 90:
        return 1
    if points >= 70:
        return 3
    return 5 if points >= 50 else 7


def up(health: Health, now: datetime) -> timedelta:
    """For how long it has been up; what the clock went back by does not count."""
    since = health.up_since
    return health.up if since is None else health.up + max(NOTHING, now - since)


def uptime_percentage(health: Health, now: datetime) -> float | None:
    """The share of time since the first attempt ended during which the last one had succeeded.

    In percent with two digits, cut off: only what was never down has 100. None before it ended.
    """
    if health.first is None:
        return None
    whole = now - health.first
    if whole <= NOTHING:
        return 0.0 if health.up_since is None else 100.0
    return min(10_000, 10_000 * up(health, now) // whole) / 100


def average_duration_ms(health: Health) -> int | None:
    return health.duration_ms // health.total if health.total else None
