"""Which facts can be recorded about a connection's coming and going?"""

from datetime import timedelta

from events.fact import Fact
from events.terms import Caller


class ConnectionAdded(Fact, frozen=True, kw_only=True, tag="connection-added"):
    """A connection exists. `interval` is None where the fleet's setting holds."""

    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    by: Caller | None = None


class ConnectionChanged(Fact, frozen=True, kw_only=True, tag="connection-changed"):
    """A connection's own settings are other ones from here on."""

    declared: bool = False
    interval: timedelta | None = None
    by: Caller | None = None


class ConnectionRemoved(Fact, frozen=True, kw_only=True, tag="connection-removed"):
    """A connection is no longer synced. Its data and its past remain, its credential does not."""

    by: Caller | None = None


class ConnectionPaused(Fact, frozen=True, kw_only=True, tag="connection-paused"):
    """Nothing starts on this connection until it is resumed."""

    by: Caller | None = None


class ConnectionResumed(Fact, frozen=True, kw_only=True, tag="connection-resumed"):
    """The connection is synced again."""

    by: Caller | None = None


class ConnectionRelinked(Fact, frozen=True, kw_only=True, tag="connection-relinked"):
    """A connection is another provider's from here on, and begins anew there.

    Its past, its counters and its own settings stay; what was fetched from the provider `before`
    is kept as that one's; its credential is not.
    """

    provider: int
    before: int
    by: Caller | None = None
