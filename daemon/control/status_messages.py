"""What is said over the control socket of a tenant's sources?

Words and times are as in `messages`.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from daemon.control.rotation_messages import ReasonView
from daemon.control.source_messages import SourceView


class TenantSource(Struct, frozen=True, kw_only=True):
    """One source of a tenant's data: a connection, or a stream of one, which follows it.

    `score` is from 0 to 100, None before any sync has come to it; the tenant's is made of those
    that `count`. `status` is healthy, degraded, unhealthy or unknown; `state` as a connection's.
    `last_sync` is when one last ended, well or not; `next_due` when it can start as things are, of
    a stream when its connection can. `items` are the rows that are in force. `freshness` is fresh,
    late (two intervals without a success), stale (seven days, too) or never; `age_s` the seconds
    since the last success. `why` says what makes its status and its score, in sentences.
    """

    source: str
    kind: Literal["connection", "stream"]
    connection: str
    stream: str | None
    provider: str
    score: int | None
    counts: bool
    status: str
    state: str
    last_sync: datetime | None
    last_success: datetime | None
    last_failure: datetime | None
    next_due: datetime | None
    held_by: str | None
    held_until: datetime | None
    items: int
    consecutive_failures: int
    freshness: str
    age_s: float | None
    why: list[str]


class SyncHealthStatus(Struct, frozen=True, kw_only=True):
    """A tenant's word, its reasons, its score, and each source.

    `score` is the mean of the `counted` connections that are not paused and have ended a sync, each
    of which counts once; None where there are none. `lowest` is the one with the least of them.
    `reported` are the sources that report their own figures from outside, which have no score.
    """

    seq: int
    now: datetime
    tenant: str
    health: str
    reasons: list[ReasonView]
    score: int | None
    counted: int
    lowest: str | None
    last_sync: datetime | None
    sources: list[TenantSource]
    reported: list[SourceView] = []
