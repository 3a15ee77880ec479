"""What is said over the control socket of what happened step by step, and of what differs?

Facts are named as in `daemon.decide.glance`: `score`, `streams.days.rows`, `settings.interval`.
"""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from daemon.control.messages import EventView

PAGE_MAX = 10_000

Facts = dict[str, Any]
"""By name; what does not apply is left out."""


class ReplayQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replay the events from one on, or after a time, to another one, or to now."""

    begin: str = field(name="from")
    end: str | None = field(name="to", default=None)
    connection: str | None = None


class TurnView(Struct, frozen=True, kw_only=True):
    """One fact that has become another; None where it does not apply."""

    fact: str
    before: Any
    after: Any


class ReplayStep(Struct, frozen=True, kw_only=True):
    """One event, and how whoever it concerns stood at its time, `before` it and `after` it.

    They are of the connection that is asked about, or else of the event's own subject. The last
    step has no event: it says that event `seq` is the last one that was asked for.
    """

    seq: int
    event: EventView | None = None
    before: Facts = {}
    after: Facts = {}
    changed: list[TurnView] = []


class DiffQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between two moments; the second one is now where it is not given.

    Of the fields, `limit` after the first `skip`.
    """

    before: str
    after: str | None = None
    connection: str | None = None
    skip: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=0, le=PAGE_MAX)] = 1000


class MomentView(Struct, frozen=True, kw_only=True):
    """After event `seq`, at the time `now`."""

    seq: int
    now: datetime


class StandingView(Struct, frozen=True, kw_only=True):
    """How somebody's facts have changed; `before` or `after` is empty where they were not there."""

    subject: int
    name: str
    kind: str
    before: Facts
    after: Facts
    changed: list[TurnView]


class FieldView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of the state; `before` or `after` is left out where there is none of that name."""

    subject: int
    name: str
    path: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET


class Difference(Struct, frozen=True, kw_only=True):
    """What differs: the facts of the first subjects of `differing`, some of the `total` fields."""

    before: MomentView
    after: MomentView
    differing: int
    standings: list[StandingView]
    total: int
    fields: list[FieldView]
