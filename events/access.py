"""Which facts can be recorded about who was told of whom?

Reading changes nothing, so nobody waits for these: what somebody asked within a minute is one event
a tenant, or one for all whom the answers spoke of. A crash may lose its last minute. But who is
shown what a provider said, is written down before.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from events.fact import Fact
from events.terms import Caller


class TenantRead(Fact, frozen=True, kw_only=True, tag="tenant-read"):
    """Somebody was told of this tenant: so many times by each of the operations, since then."""

    by: Caller
    since: datetime
    operations: Mapping[str, int]


class FleetRead(Fact, frozen=True, kw_only=True, tag="fleet-read"):
    """Somebody was told of several `tenants` at once, or of all that there were (None)."""

    by: Caller
    since: datetime
    operations: Mapping[str, int]
    tenants: tuple[int, ...] | None = None


class ExcerptRead(Fact, frozen=True, kw_only=True, tag="excerpt-read"):
    """Somebody is shown what this tenant's provider said to that `connection`.

    `failure` is the number of the event that tells what failed.
    """

    by: Caller
    connection: int
    failure: int


AccessEvent: TypeAlias = TenantRead | FleetRead | ExcerptRead
