"""May a source make one more request now, or when may it?

A bucket a source: it holds a minute's worth of requests and fills up evenly, so that a flood of one
costs nobody else anything. Only those that are not full are kept, so they are few.
"""

from datetime import datetime, timedelta

from msgspec import Struct

BUCKETS_MAX = 10_000  # past which those that have filled up by now are let go
MINUTE = timedelta(minutes=1)


class Pace:
    """`a_minute` requests are let through of each source."""

    def __init__(self, a_minute: int) -> None:
        self._each = MINUTE / a_minute
        self._buckets: dict[int, _Bucket] = {}

    def wait(self, source: int, now: datetime) -> timedelta | None:
        """Let one request through, which gives None; else how long it is until the next may be."""
        bucket = self._buckets.get(source)
        full_at = now if bucket is None else min(max(bucket.full_at, now), now + MINUTE)
        after = full_at + self._each
        if after - now > MINUTE:
            return after - now - MINUTE
        if len(self._buckets) >= BUCKETS_MAX:
            self._drop(now)
        self._buckets[source] = _Bucket(full_at=after)
        return None

    def _drop(self, now: datetime) -> None:
        self._buckets = {
            source: each for source, each in self._buckets.items() if each.full_at > now
        }


class _Bucket(Struct, frozen=True, kw_only=True):
    """`full_at` is when it will hold a minute's worth again."""

    full_at: datetime
