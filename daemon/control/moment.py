"""How does everything stand at a moment that somebody names: a desk at which time stands still?"""

from datetime import UTC, datetime, timedelta

import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.control.desk import Desk, Refused
from daemon.journal import Journal
from events.log import Log
from projections import world as worlds
from projections.world import World

DURABLE_WAIT_S = 1.0  # what is not on disk by then is not told of: a full disk is no reason to wait
PAGE_EVENTS = 500  # folded between two looks at who else waits
WRONG = "{} is no moment; give the number of an event, or a time as 2026-11-20T14:00:00Z"


class Standing(Struct, frozen=True, kw_only=True):
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def drift(self) -> timedelta:
        return timedelta()


async def as_of(desk: Desk, at: str | None, connection: str) -> Desk:
    """As it is now, for one connection, or as it was then. Raises Refused."""
    if at is None:
        return await _now(desk, connection)
    seq, now = _read(desk, at)
    return _still(desk, await _world_at(desk.journal.log, seq), now)


async def _now(desk: Desk, connection: str) -> Desk:
    """The slices that concern one connection: they stay as they are while others change."""
    subject, known = desk.find(connection)
    live, now = desk.journal.world, desk.journal.clock.now()
    world = World(
        seq=live.seq,
        at=live.at,
        fleet=live.fleet,
        connections={subject: known},
        providers={known.provider: live.providers[known.provider]},
        tenants={known.tenant: live.tenants[known.tenant]},
        scopes=dict(live.scopes),
    )
    desk.journal.log.hurry()
    with trio.move_on_after(DURABLE_WAIT_S):
        await desk.journal.head.beyond(world.seq - 1)
    return _still(desk, world, now)


def _still(desk: Desk, world: World, now: datetime) -> Desk:
    return replace(desk, journal=Journal(desk.journal.log, world, Standing(at=now)))


def _read(desk: Desk, at: str) -> tuple[int, datetime]:
    """The event that it was as of, and the time."""
    head, log = desk.journal.head.seq, desk.journal.log
    if at.isdecimal():
        found = log.read(int(at) - 1, limit=1) if 0 < int(at) <= head else []
        if not found:
            raise Refused("not-found", f"there is no event {at}; the last one is {head}")
        return found[0].seq, found[0].at
    try:
        moment = datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("invalid", WRONG.format(repr(at))) from None
    if moment > desk.journal.clock.now():
        raise Refused("invalid", f"{at} has not come yet")
    seq = _last_by(log, head, moment)
    if not seq:
        raise Refused("not-found", f"nothing is known of {at}: the log begins later")
    return seq, moment


def _last_by(log: Log, head: int, moment: datetime) -> int:
    """The last event that was recorded by then, where the clock never stepped back; or 0."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        (recorded,) = log.read(middle - 1, limit=1)
        low, high = (middle, high) if recorded.at <= moment else (low, middle - 1)
    return low


async def _world_at(log: Log, seq: int) -> World:
    """Folded from the first event on, page by page."""
    world = World()
    while world.seq < seq:
        for recorded in log.read(world.seq, limit=min(PAGE_EVENTS, seq - world.seq)):
            worlds.fold(world, recorded)
        await trio.lowlevel.checkpoint()
    return world
