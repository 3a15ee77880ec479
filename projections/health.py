"""How well has this connection done, and how well is it doing now?"""

from datetime import datetime, timedelta

from msgspec import Struct

from events.envelope import Recorded
from events.schema import SyncFailed, SyncSucceeded

STALE_AFTER = timedelta(days=7)
STALE_PENALTY = 20
FAILURE_PENALTY = 10
UNKNOWN_PRIORITY = 5


class Health(Struct, frozen=True, kw_only=True):
    """Counters over finished attempts; skipped, cancelled and interrupted ones do not count."""

    total: int = 0
    successful: int = 0
    failed: int = 0
    consecutive_failures: int = 0
    duration_ms: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None


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
            )
        case _:
            return health


def score(health: Health, now: datetime) -> int | None:
    """The health score, 0 to 100; None before the first finished attempt.

    Success rate in percent, less 10 for each failure in a row, less 20 where the last success lies
    seven days back or more (requirement A5).
    """
    if health.total == 0:
        return None
    rate = 100 * health.successful / health.total
    penalty = FAILURE_PENALTY * health.consecutive_failures
    if health.last_success is None or now - health.last_success >= STALE_AFTER:
        penalty += STALE_PENALTY
    return max(0, min(100, round(rate - penalty)))


def priority(points: int | None) -> int:
    """Where a score stands in the queue: 1 runs first (requirement A9)."""
    if points is None:
        return UNKNOWN_PRIORITY
    if points >= 90:
        return 1
    if points >= 70:
        return 3
    return 5 if points >= 50 else 7


def average_duration_ms(health: Health) -> int | None:
    return health.duration_ms // health.total if health.total else None
