"""What is said when somebody asks how often connections would best be synced?"""

from datetime import datetime, timedelta

from msgspec import Struct

ADVISED_MAX = 200  # connections in one answer, some 40 ms each: who has more names a tenant


class RecommendQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of all, of a tenant, or of its connections to one provider."""

    tenant: str | None = None
    provider: str | None = None


class WayView(Struct, frozen=True, kw_only=True):
    """One way to sync, and what it comes to.

    Its name is an interval as it is set, `adaptive`, or `now`. `delay` is the mean time until
    something new is found, where anything ever came; `beyond` says that it needs more calls than
    the provider's limits leave this connection.
    """

    name: str
    syncs_a_day: float
    calls_a_day: float
    delay: timedelta | None = None
    beyond: bool = False


class Recommendation(Struct, frozen=True, kw_only=True):
    """What would find new data sooner, or with fewer calls, than what holds `now`; and why.

    `word` is better (type `command`), nothing-better, not-enough (until `known_at` at least, and
    for so many looks and arrivals more), or own-intervals, where streams have some and nothing is
    said of the whole. So many `looks` since then found something new in `arrivals` of them. `ways`
    are all that were tried.

    Something new will likely have come by `new_by`, and usually does between `usual_since` and
    `usual_until`, the next such hours that are not over, at these times of the day; None where it
    comes at any time, all three where nothing is expected within a week.
    """

    connection: str
    word: str
    since: datetime | None
    looks: int
    arrivals: int
    looks_left: int
    arrivals_left: int
    known_at: datetime | None
    now: WayView | None
    better: WayView | None
    command: str | None
    ways: list[WayView]
    new_by: datetime | None = None
    usual_since: datetime | None = None
    usual_until: datetime | None = None


class Recommendations(Struct, frozen=True, kw_only=True):
    """By connection, in the order of their names; `left_out` are those beyond ADVISED_MAX."""

    seq: int
    now: datetime
    recommendations: list[Recommendation]
    left_out: int = 0
