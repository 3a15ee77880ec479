"""Which breakers keep what from starting, and how do people move them?"""

from datetime import datetime

from daemon import commands
from daemon.control.act import done, execute
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done, Nothing
from daemon.control.policy_messages import BreakerOf, Breakers, BreakerView
from daemon.decide import failure
from events.terms import Caller
from projections import breaker
from projections.breaker import Breaker


async def show(desk: Desk, _: Nothing, by: Caller) -> Breakers:
    world, now = desk.journal.world, desk.journal.clock.now()
    found = [
        view(desk, "provider", subject, each.breaker, now)
        for subject, each in world.providers.items()
    ]
    found += [
        view(desk, "connection", subject, each.breaker, now)
        for subject, each in world.connections.items()
        if each.breaker.reason is not None and not each.removed
    ]
    return Breakers(seq=world.seq, breakers=found)


async def open_(desk: Desk, wish: BreakerOf, by: Caller) -> Done:
    recorded = await execute(desk, commands.OpenBreaker(subject=_subject(desk, wish), by=by))
    words = "breaker open: nothing starts until somebody closes it; what runs goes on"
    return done(desk, recorded, words if recorded else "was open by hand already")


async def close(desk: Desk, wish: BreakerOf, by: Caller) -> Done:
    recorded = await execute(desk, commands.CloseBreaker(subject=_subject(desk, wish), by=by))
    return done(desk, recorded, "breaker closed" if recorded else "was closed already")


async def reset(desk: Desk, wish: BreakerOf, by: Caller) -> Done:
    recorded = await execute(desk, commands.ResetBreaker(subject=_subject(desk, wish), by=by))
    return done(desk, recorded, "breaker reset: it is closed, and counts from nothing")


def view(desk: Desk, place: str, subject: int, of: Breaker, now: datetime) -> BreakerView:
    told = [each for each in of.outcomes if each.cause is None or failure.opens(each.cause)]
    return BreakerView(
        name=desk.vault.name(subject),
        place=place,
        state=breaker.phase(of, now),
        reason=of.reason,
        until=of.until,
        since=of.since,
        openings=of.openings,
        successes=of.successes,
        failed=sum(each.cause is not None for each in told),
        told=len(told),
    )


def _subject(desk: Desk, wish: BreakerOf) -> int:
    if (wish.connection is None) == (wish.provider is None):
        raise Refused("invalid", "name a connection, or a provider")
    if wish.connection is not None:
        return desk.find(wish.connection)[0]
    assert wish.provider is not None, "one of both is named"
    found = desk.vault.subject("provider", wish.provider)
    if found is None or found not in desk.journal.world.providers:
        raise Refused("not-found", f"there is no provider {wish.provider} with any connection")
    return found
