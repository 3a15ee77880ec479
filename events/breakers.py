"""Which facts can be recorded about breakers?

A breaker keeps a connection, or all connections of a provider, from asking what does not answer:

CLOSED ──failures──► OPEN(until) ──time──► half-open: one probe at a time ──successes──► CLOSED
                      ▲                        │
                      └────────failure─────────┘

The subject is the connection or the provider that it stands before.
"""

from datetime import datetime
from enum import StrEnum

from events.fact import Fact
from events.terms import Caller, FailureClass


class BreakerReason(StrEnum):
    """What opened a breaker: calls or syncs that failed, a failed probe, the end of a service."""

    CALLS = "calls"
    SYNCS = "syncs"
    PROBE = "probe"
    RETIRED = "retired"
    BY_HAND = "by-hand"


class BreakerOpened(Fact, frozen=True, kw_only=True, tag="breaker-opened"):
    """Nothing starts here before `until`; None: not before somebody closes it.

    `failures` is how many tripped it; `cause` the last one's.
    """

    reason: BreakerReason
    until: datetime | None
    failures: int = 0
    cause: FailureClass | None = None
    by: Caller | None = None


class BreakerProbed(Fact, frozen=True, kw_only=True, tag="breaker-probed"):
    """A sync got through after the wait; `successes` have by now, and more are wanted."""

    successes: int


class BreakerEased(Fact, frozen=True, kw_only=True, tag="breaker-eased"):
    """The wait ends at `until`: `neighbour`, a connection of the same provider, got through.

    Without one, the clock stepped back, and the wait with it.
    """

    until: datetime
    neighbour: int | None = None


class BreakerClosed(Fact, frozen=True, kw_only=True, tag="breaker-closed"):
    """Everything may start here again: so many probes got through, or somebody closed it."""

    successes: int = 0
    by: Caller | None = None


class BreakerReset(Fact, frozen=True, kw_only=True, tag="breaker-reset"):
    """Somebody had it forget everything, as if it were new."""

    by: Caller | None = None
