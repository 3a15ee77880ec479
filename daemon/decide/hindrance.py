"""What keeps a connection's next sync from starting, until when, and when does it start then?

What keeps it is in its own way, and moves its start. What it waits for, once it is due, is a place
(the fleet's, its provider's), or that calls may leave: those of what runs can have to wait too.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from daemon.decide import limits, quiet
from daemon.decide.turn import NEVER, Turn, is_full, is_retry, opens_at, retries_are_full, turn_of
from projections import breaker, connection, policy, schedule
from projections.breaker import Phase
from projections.connection import Connection
from projections.grant import Phase as GrantPhase
from projections.world import World


class Hindrance(StrEnum):
    PAUSED = "paused"
    TO_BE_AUTHORISED = "to-be-authorised"
    BREAKER = "breaker"
    DISABLED = "disabled"
    QUIET_HOURS = "quiet-hours"
    CRASHED = "crashed"
    RESTORING = "restoring"
    FLEET_FULL = "fleet-full"
    PROVIDER_FULL = "provider-full"
    RETRIES_FULL = "retries-full"
    PROBE = "probe"
    BATCH_PAUSE = "batch-pause"
    ASKED_TO_WAIT = "asked-to-wait"


WAITS = frozenset(
    {
        Hindrance.FLEET_FULL,
        Hindrance.PROVIDER_FULL,
        Hindrance.RETRIES_FULL,
        Hindrance.PROBE,
        Hindrance.BATCH_PAUSE,
        Hindrance.ASKED_TO_WAIT,
    }
)
"""What passes by itself, and is in the way of no start that could be named."""

SET_ASIDE = frozenset({Hindrance.PAUSED, Hindrance.TO_BE_AUTHORISED})
"""What concerns the connection itself, which has a word of its own for that."""


class Held(Struct, frozen=True, kw_only=True):
    """Why, and until when; None: until somebody does something about it, or a place is free."""

    why: Hindrance
    until: datetime | None = None


def of(world: World, subject: int, now: datetime) -> Held | None:
    """What holds back longest what would start else; where a sync runs, what its calls wait for."""
    return outlook(world, subject, now)[1]


def start(world: World, subject: int, now: datetime) -> datetime | None:
    """When its next sync may start as things are; None where it runs, or may not.

    That is when it is due for a place: there may be none then.
    """
    at = connection.next_start(world.connections[subject])
    return None if at is None else _after(at, _kept(world, subject, now))


def outlook(world: World, subject: int, now: datetime) -> tuple[datetime | None, Held | None]:
    """Return both: when it may start, and what holds it back."""
    known = world.connections[subject]
    if known.run:
        return None, _asked_to_wait(world, subject, now)
    at, kept = connection.next_start(known), _kept(world, subject, now)
    if at is None:
        return None, kept
    return _after(at, kept), kept or _waits(world, subject, at, now)


def _after(at: datetime, kept: Held | None) -> datetime | None:
    if kept is None:
        return at
    return max(at, kept.until) if kept.until else None


def is_late(held: Held | None, turn: Turn, now: datetime) -> bool:
    """Whether the time of what would start has come, and something other than that keeps it."""
    kept = held is not None and held.why not in WAITS | SET_ASIDE
    return kept and turn.due <= now


def _kept(world: World, subject: int, now: datetime) -> Held | None:
    """What is in its way for as long as it can be told, or until somebody sees to it."""
    known = world.connections[subject]
    if known.restoring:
        return Held(why=Hindrance.RESTORING)
    if known.paused:
        return Held(why=Hindrance.PAUSED)
    if known.grant.phase is GrantPhase.NEEDED:
        return Held(why=Hindrance.TO_BE_AUTHORISED)
    found = [
        each
        for each in (_broken(world, known, now), _held(world, subject, now), _rests(known, now))
        if each is not None
    ]
    endless = next((each for each in found if each.until is None), None)
    return endless or max(found, key=lambda each: each.until or now, default=None)


def _waits(world: World, subject: int, at: datetime, now: datetime) -> Held | None:
    """What is due waits for a place; and whoever starts, for leave to ask the provider."""
    if at <= now:
        return _full(world, subject, now)
    asked = world.connections[subject].schedule.request
    if asked and asked.at <= now:  # no breaker keeps it: those were looked at before
        return Held(why=Hindrance.ASKED_TO_WAIT, until=at)
    held = _asked_to_wait(world, subject, now)
    return held if held and held.until and held.until > at else None


def _full(world: World, subject: int, now: datetime) -> Held | None:
    """Which place is not free."""
    known = world.connections[subject]
    if is_full(world):
        return Held(why=Hindrance.FLEET_FULL)
    if known.schedule.request and known.schedule.request.forced:
        return None
    if retries_are_full(world) and is_retry(world, subject, now):
        return Held(why=Hindrance.RETRIES_FULL)
    if held := _asked_to_wait(world, subject, now):
        return held
    opens = opens_at(world, known.provider, now)
    if opens is None:
        return None
    if opens < NEVER:
        return Held(why=Hindrance.BATCH_PAUSE, until=opens)
    probed = breaker.phase(world.providers[known.provider].breaker, now) is Phase.HALF_OPEN
    return Held(why=Hindrance.PROBE if probed else Hindrance.PROVIDER_FULL)


def _asked_to_wait(world: World, subject: int, now: datetime) -> Held | None:
    """The provider asked for it: calls wait until then, but for those that are forced."""
    known = world.connections[subject]
    run, served = known.run, known.schedule.request
    if run:
        served = run.asked if run.request is not None else None
    if served and served.forced:
        return None
    until = limits.held_until(world, subject, now)
    return Held(why=Hindrance.ASKED_TO_WAIT, until=until) if until else None


def _broken(world: World, known: Connection, now: datetime) -> Held | None:
    """An open breaker, its own or its provider's, that lasts beyond its due time."""
    asked = known.schedule.request
    if asked and asked.forced:
        return None
    both = (known.breaker, world.providers[known.provider].breaker)
    stops = [stop for stop in both if breaker.phase(stop, now) is Phase.OPEN]
    if not stops:
        return None
    due = schedule.next_start(known.schedule, known.backfill) or now
    if any(stop.until is None for stop in stops):
        return Held(why=Hindrance.BREAKER)
    until = max((stop.until for stop in stops if stop.until), default=now)
    return Held(why=Hindrance.BREAKER, until=until) if until > max(due, now) else None


def _held(world: World, subject: int, now: datetime) -> Held | None:
    """What a person did not ask for heeds the master switch and quiet hours."""
    known = world.connections[subject]
    hold = known.schedule.hold
    if turn_of(world, subject, now).asked:
        return None
    if hold and schedule.is_held(known.schedule, now):
        return Held(why=Hindrance(hold.reason), until=hold.until)
    rules = policy.of_connection(world, subject)
    if not rules.enabled:
        return Held(why=Hindrance.DISABLED)
    until = quiet.ends(rules, max(now, connection.next_start(known) or now))
    return Held(why=Hindrance.QUIET_HOURS, until=until) if until else None


def _rests(known: Connection, now: datetime) -> Held | None:
    """Our own code failed on it, and leaves it alone for a while."""
    until = known.schedule.rest_until
    return Held(why=Hindrance.CRASHED, until=until) if until and until > now else None
