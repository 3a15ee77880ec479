"""Which facts can be recorded about limits: what a provider allows, and what was taken of it?

Their subject is whoever is counted: the provider, where all its connections share a limit, or one
connection. Allowance is taken in blocks, durable before the first call of a block leaves: after a
crash a whole block counts as used.

Sliding windows and holds are counted by a steady time, which no step of the wall clock moves: the
wall clock's less `ahead`, the sum of the steps that it made.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from events.fact import Fact


class Scope(StrEnum):
    """Whose calls are counted together: those of all connections, or each one's own."""

    APPLICATION = "application"
    CONNECTION = "connection"


class WindowKind(StrEnum):
    """Any stretch of that length, or those between its multiples since 1970 in UTC."""

    SLIDING = "sliding"
    ALIGNED = "aligned"


class HoldReason(StrEnum):
    """The provider said how long, or refused and did not; or the clock stepped back in a hold."""

    HINT = "hint"
    REFUSED = "refused"
    CLOCK_STEPPED = "clock-stepped"


class AdaptReason(StrEnum):
    """What the provider did, so that less of its limit is used, or more again."""

    RATE_LIMITED = "rate-limited"
    SERVER = "server"
    SLOW = "slow"
    HEALTHY = "healthy"


class Span(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one window counts: over which length, and whether GET and HEAD alone."""

    per: timedelta
    kind: WindowKind = WindowKind.SLIDING
    reads_only: bool = False


class LimitPolicy(Struct, frozen=True, kw_only=True):
    """What `decide` reads of one window in a provider's file: so many calls in this span."""

    calls: int
    span: Span
    scope: Scope = Scope.APPLICATION


class AllowanceTaken(Fact, frozen=True, kw_only=True, tag="allowance-taken"):
    """So many calls may leave before `until`; they count in the windows of these spans."""

    calls: int
    spans: tuple[Span, ...]
    until: datetime
    ahead: timedelta = timedelta()


class AllowanceRecounted(Fact, frozen=True, kw_only=True, tag="allowance-recounted"):
    """The clock stepped back: what lies in its future counts as taken now, in these windows."""

    spans: tuple[Span, ...]
    ahead: timedelta = timedelta()


class StepsSummed(Fact, frozen=True, kw_only=True, tag="steps-summed"):
    """So far its steps have put the wall clock ahead of the steady time."""

    ahead: timedelta


class LimitHeld(Fact, frozen=True, kw_only=True, tag="limit-held"):
    """Nothing leaves before `until`, whatever the windows say."""

    until: datetime
    reason: HoldReason
    ahead: timedelta = timedelta()


class LimitAdapted(Fact, frozen=True, kw_only=True, tag="limit-adapted"):
    """From here on so many percent of each limit are used."""

    percent: int
    reason: AdaptReason
