"""What is said over the control socket of how the queue does?

Words and times are as in `messages`; seconds end in `_s`.
"""

from datetime import datetime

from msgspec import Struct

from daemon.control.source_messages import SourceView


class QueuePart(Struct, frozen=True, kw_only=True):
    """Of one sync type, or of one priority. The oldest is the one that has been pending longest."""

    depth: int
    pending: int
    processing: int
    retrying: int
    oldest_at: datetime | None
    oldest_age_s: float | None


class WaitsView(Struct, frozen=True, kw_only=True):
    """How long `count` of them wait, or waited, for their start; None where there are none."""

    count: int
    average_s: float | None
    longest_s: float | None


class BlockedView(Struct, frozen=True, kw_only=True):
    """What keeps `count` of them: why, what clears it, `until` when the first one is let go.

    None: until somebody does something about it, or a place is free. `names` are the first few.
    """

    held_by: str
    count: int
    until: datetime | None
    sentence: str
    names: list[str]
    command: str


class WritesHealth(Struct, frozen=True, kw_only=True):
    """The writes that wait for their provider, the oldest of them, and what keeps their lines."""

    depth: int
    under_way: int
    in_doubt: int
    bytes: int
    oldest_at: datetime | None
    oldest_age_s: float | None
    blocked: list[BlockedView]


class QueueHealth(Struct, frozen=True, kw_only=True):
    """How the queue of syncs does, and that of writes.

    `pending` are the syncs whose time has come and that have not started, `processing` those that
    run, `retrying` the next attempts that lie ahead; `depth` is all of these. Those `aside` are
    paused or to be authorised, and in no queue. `waits` is of the pending, `waited` of the syncs
    that ended last, one a connection. `reported` are the queues of the tenant's sources outside, of
    those that told of one; without a tenant they are left out.
    """

    seq: int
    now: datetime
    tenant: str | None
    depth: int
    pending: int
    processing: int
    retrying: int
    aside: int
    oldest: str | None
    oldest_at: datetime | None
    oldest_age_s: float | None
    waits: WaitsView
    waited: WaitsView
    by_type: dict[str, QueuePart]
    by_priority: dict[str, QueuePart]
    blocked: list[BlockedView]
    writes: WritesHealth
    reported: list[SourceView] = []
