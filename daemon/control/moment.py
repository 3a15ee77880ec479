"""How does everything stand at a moment that somebody names: a desk at which time stands still?"""

from datetime import UTC, datetime

import trio

from daemon.control.desk import Desk, Refused
from daemon.past import Moment, NoSuchMoment, PastJournal, PastLog, PastUnavailable, Standing
from projections.world import World

DURABLE_WAIT_S = 1.0  # what is not on disk by then is not told of: a full disk is no reason to wait
NUMBER_MAX = 2**63 - 1
WRONG = "{!r} is no moment; give the number of an event, or an instant: 2026-11-20T14:00:00Z"


async def as_of(desk: Desk, at: str) -> Desk:
    """As it was then, all of it. Raises Refused."""
    try:
        return desk.as_of(await desk.past.journal_at(named(at)))
    except NoSuchMoment as error:
        raise Refused("not-found", str(error)) from error
    except PastUnavailable as error:
        raise Refused("unavailable", str(error)) from error


async def standing(desk: Desk, connection: str) -> Desk:
    """As it is now, for one connection: it stays as it is while the World goes on."""
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
    return desk.as_of(PastJournal(PastLog(desk.journal.log, world.seq), world, Standing(now)))


def named(at: str) -> Moment:
    """The moment as the API takes it. Raises Refused."""
    if at.isdecimal():
        return min(int(at), NUMBER_MAX)
    try:
        found = datetime.fromisoformat(at)
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("invalid", WRONG.format(at)) from None
