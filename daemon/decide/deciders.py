"""Which settings had a say in what an event records: of people, or of a stream's file?"""

from events.breakers import BreakerOpened, BreakerReason
from events.schema import (
    BreakerProbed,
    Event,
    RecordsRefused,
    RetriesEnded,
    RetryScheduled,
    SyncDeferred,
    SyncScheduled,
)
from events.terms import FailureClass, Guard, HoldReason, RetriesEnd, ScheduleReason
from events.versions import RecordsQuarantined, VersionsPruned

TURNS = ("interval", "spread")
ADAPTIVE = ("adaptive", "adaptive_least", "adaptive_most")
RETRIES = (
    "max_retry_attempts",
    "retry_delay",
    "retry_delay_max",
    "retry_backoff",
    "retry_jitter",
)
OF_HOLDS = {
    HoldReason.QUIET_HOURS: ("quiet_hours_start", "quiet_hours_end", "timezone"),
    HoldReason.DISABLED: ("enabled",),
}
OF_BREAKERS = {
    BreakerReason.CALLS: ("breaker_failures", "breaker_window", "breaker_open"),
    BreakerReason.SYNCS: ("breaker_syncs_in_a_row", "breaker_syncs_share", "breaker_open"),
    BreakerReason.PROBE: ("breaker_open", "breaker_doubling", "breaker_open_max"),
    BreakerReason.RETIRED: (),
    BreakerReason.BY_HAND: (),
}
OF_ENDS = {
    RetriesEnd.USED_UP: ("max_retry_attempts",),
    RetriesEnd.BUDGET: ("retry_budget",),
    RetriesEnd.CANCELLED: (),
    RetriesEnd.SETTINGS: ("failover_enabled", "max_retry_attempts"),
    RetriesEnd.ROLLED_BACK: (),
}
OF_GUARDS = {
    Guard.EMPTY: ("empty",),
    Guard.SHRUNK: ("guards.shrunk", "guards.shrunk_by", "guards.rows_min"),
    Guard.SCHEMA: ("guards.schema",),
    Guard.DUPLICATES: ("guards.duplicates", "guards.duplicates_share"),
    Guard.STALE: ("guards.stale", "guards.stale_after"),
    Guard.INCOMPLETE: ("guards.incomplete",),
}
"""Names in the table of a stream, in its provider's file."""

BY_NO_INTERVAL = frozenset(
    {ScheduleReason.CLOCK_STEPPED, ScheduleReason.ASKED_TO_WAIT, ScheduleReason.ASKED}
)
"""Why a turn can lie where no interval put it."""


def of(event: Event) -> tuple[str, ...]:
    """By name; nothing where none had."""
    match event:
        case SyncScheduled(reason=ScheduleReason.ADAPTIVE):
            return ADAPTIVE
        case SyncScheduled(reason=reason):
            return () if reason in BY_NO_INTERVAL else TURNS
        case SyncDeferred(reason=reason):
            return OF_HOLDS[reason]
        case RetryScheduled():
            return RETRIES
        case RetriesEnded(reason=reason):
            return OF_ENDS[reason]
        case BreakerOpened(reason=reason):
            return OF_BREAKERS[reason]
        case BreakerProbed():
            return ("breaker_successes",)
        case VersionsPruned():
            return ("versions_kept", "versions_age")
        case _:
            return ()


def of_file(event: Event) -> tuple[str, ...]:
    """Those of a stream that its provider's file says, by name."""
    match event:
        case RecordsRefused(guard=Guard() as guard) | RecordsQuarantined(guard=guard):
            return OF_GUARDS[guard]
        case RecordsRefused(cause=FailureClass.EMPTY):
            return OF_GUARDS[Guard.EMPTY]
        case _:
            return ()
