"""What keeps a connection's next sync from starting, until when, and when does it start then?"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from daemon.decide import quiet
from daemon.decide.turn import turn_of
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


class Held(Struct, frozen=True, kw_only=True):
    """Why, and until when; None: until somebody does something about it."""

    why: Hindrance
    until: datetime | None = None


def of(world: World, subject: int, now: datetime) -> Held | None:
    """What holds back longest what would start else; nothing where a sync runs."""
    known = world.connections[subject]
    if known.run:
        return None
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


def start(world: World, subject: int, now: datetime) -> datetime | None:
    """When its next sync may start as things are; None where it runs, or may not."""
    held, at = of(world, subject, now), connection.next_start(world.connections[subject])
    if held is None or at is None:
        return at
    return max(at, held.until) if held.until else None


def _broken(world: World, known: Connection, now: datetime) -> Held | None:
    """An open breaker, its own or its provider's, that lasts beyond its due time."""
    asked = known.schedule.request
    if asked and asked.forced:
        return None
    due = schedule.next_start(known.schedule, known.backfill) or now
    both = (known.breaker, world.providers[known.provider].breaker)
    stops = [stop for stop in both if breaker.phase(stop, now) is Phase.OPEN]
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
