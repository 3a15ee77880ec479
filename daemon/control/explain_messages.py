"""What is said over the control socket of why something is as it is?

Each thing names the event behind it, whole, so that its recorded reason can be read there, and the
settings that had a say. A setting was changed since where its own event, or the one that ended
what went before it, is a later one.
"""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from daemon.control.messages import EventView
from daemon.control.policy_messages import PolicySetting
from events.terms import Kind


class ExplainQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Explain a connection; with a `sync`, the number of the event that started it, that one."""

    connection: str
    sync: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None


class Because(Struct, frozen=True, kw_only=True):
    """One reason. `event` is None where settings alone make it so."""

    topic: str
    event: EventView | None = None
    settings: list[PolicySetting] = []
    until: datetime | None = None


class ScoreTerm(Struct, frozen=True, kw_only=True):
    """What one part adds to the score, or takes from it; all of them together are the score.

    `part` is success-rate (`count` successes of `of` attempts, since the one event),
    failures-in-a-row (`count`, by their events, the last ones), stale (from `at` on, by the last
    success), bounds (it ends at 0 and 100) or rounding.
    """

    part: str
    points: float
    count: int = 0
    of: int = 0
    events: list[EventView] = []
    at: datetime | None = None


class ScoreWhy(Struct, frozen=True, kw_only=True):
    """None before any sync has ended. `priority` is what follows for its turns: 1 runs first."""

    score: int | None
    priority: int
    terms: list[ScoreTerm]


class StreamWhy(Struct, frozen=True, kw_only=True):
    stream: str
    condition: str
    version: int
    rows: int
    because: list[Because]


class StartWhy(Struct, frozen=True, kw_only=True):
    """The next start: what it will be, when it can be as things are, and what holds it.

    `because` begins with what asks for it, and goes on with all that moves or holds it.
    """

    next_start: datetime | None
    kind: Kind | None
    priority: int | None
    attempt: int
    held_by: str | None
    held_until: datetime | None
    because: list[Because]


class SyncWhy(Struct, frozen=True, kw_only=True):
    """One sync: why it started then, what it met, how it ended, and what was decided from that.

    `late` is by how much it started after it was due. Of what it met, `left_out` events before
    those are not here.
    """

    sync: int
    started: EventView
    late: timedelta
    because: list[Because]
    met: list[EventView]
    left_out: int
    counts: dict[str, int]
    end: EventView | None
    decided: list[Because]


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a connection is as it is, as of event `seq`, seen at `now`. With a sync, of that alone.

    `account` is empty where nobody need authorise it; `last` has the last success, failure,
    rollback and the like, where there was one, and the last few refusals.
    """

    seq: int
    now: datetime
    connection: str
    condition: str = "unknown"
    score: ScoreWhy | None = None
    streams: list[StreamWhy] = []
    start: StartWhy | None = None
    account: list[Because] = []
    last: list[Because] = []
    sync: SyncWhy | None = None
