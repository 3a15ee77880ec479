"""Is a source's next report late, and since when? Time alone changes that, so it is never stored.

last report ── every ──► DUE ── late_after ──► LATE
  FRESH                        (at night: once the morning is `every` old)
"""

from datetime import datetime, time, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from daemon.decide import quiet
from projections import policy
from projections.reported import Source
from projections.world import World

NIGHT_START, NIGHT_END = time(22), time(8)  # when a phone lies still, and nobody opens an app


class Punctuality(StrEnum):
    FRESH = "fresh"
    DUE = "due"
    LATE = "late"


class Standing(Struct, frozen=True, kw_only=True):
    """`late_at` is when it becomes late, or became so."""

    punctuality: Punctuality
    due_at: datetime
    late_at: datetime


def standing(source: Source, world: World, now: datetime) -> Standing:
    """How a source stands with what is expected of it, from its last report on.

    Until it has reported, since it came or came again, it counts from then. A report's own time may
    lie ahead of ours by a little: that gives it no more time.
    """
    expected = source.expectation
    told = source.latest.at if source.latest and source.heard else source.added
    last = min(told, now)
    due_at, late_at = last + expected.every, last + expected.late_after
    if expected.night:
        late_at = _after_night(source, world, late_at, expected.every)
    if now >= late_at:
        return Standing(punctuality=Punctuality.LATE, due_at=due_at, late_at=late_at)
    punctuality = Punctuality.DUE if now >= due_at else Punctuality.FRESH
    return Standing(punctuality=punctuality, due_at=due_at, late_at=late_at)


def late_at(source: Source, world: World, since: datetime) -> datetime:
    """When what has waited with it `since` then has waited for too long, by the same rule."""
    expected = source.expectation
    at = since + expected.late_after
    return _after_night(source, world, at, expected.every) if expected.night else at


def _after_night(source: Source, world: World, late_at: datetime, every: timedelta) -> datetime:
    rules = replace(
        policy.of_tenant(world, source.tenant),
        quiet_hours_start=NIGHT_START,
        quiet_hours_end=NIGHT_END,
    )
    morning = quiet.ends(rules, late_at)
    return late_at if morning is None else morning + every
