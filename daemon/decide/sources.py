"""How is each source of a tenant's data, a connection or a stream of one, and all of them together?

| of whom    | its score                                                                          |
|------------|------------------------------------------------------------------------------------|
| connection | requirement A5: success rate, less 10 a failure in a row, less 20 where stale      |
| stream     | the same of its connection's success rate (attempts are counted by sync), its own  |
|            | failures in a row, and its own last success                                        |
| tenant     | the mean of its connections, each of which counts once, however often it syncs:    |
|            | else what syncs by the hour would hide what syncs by the day                       |

What is paused, or has ended no sync, does not count: people meant the one, and of the other nothing
is known. A mean hides what is bad: the tenant's word comes from `system`, not from its score.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.decide import condition
from projections import health
from projections.connection import Connection
from projections.streams import NEW, checked_at

LATE_AFTER = 2  # intervals: a sync that fails is tried again within the next one


class Freshness(StrEnum):
    """How old data is, against how often it is to come."""

    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"
    NEVER = "never"


def freshness(last: datetime | None, interval: timedelta, now: datetime) -> Freshness:
    """Late after two intervals, stale after the seven days of the score, where these are longer."""
    if last is None:
        return Freshness.NEVER
    age, late = now - last, LATE_AFTER * interval
    if age < late:
        return Freshness.FRESH
    return Freshness.LATE if age < max(late, health.STALE_AFTER) else Freshness.STALE


def counts(known: Connection) -> bool:
    """Whether the tenant's score is made of it, too."""
    return not known.paused and known.health.total > 0


def overall(scores: Collection[int]) -> int | None:
    """Of those that count; None where none does."""
    return round(sum(scores) / len(scores)) if scores else None


def stream_score(known: Connection, name: str, now: datetime) -> int | None:
    """From 0 to 100; None before any sync has come to it."""
    stream, rate = known.streams.get(name, NEW), health.success_rate(known.health)
    if rate is None or (checked_at(stream) is None and condition.cause_of(known, name) is None):
        return None
    streak = health.FAILURE_PENALTY * condition.failures_of(known, name)
    last = stream.captured_at
    fresh = last is not None and now - last < health.STALE_AFTER
    return max(0, min(100, round(rate - streak - (0 if fresh else health.STALE_PENALTY))))
