"""Which breakers keep what from starting, and how do people move them?"""

from datetime import datetime

from msgspec.structs import replace

from daemon import commands
from daemon.control import narrowed, whose
from daemon.control.act import done, execute
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done, Nothing
from daemon.control.policy_messages import BreakerOf, Breakers, BreakerView
from daemon.decide.breaker import is_failure
from events.breakers import BreakerReason
from events.terms import Caller
from projections import breaker
from projections.breaker import Breaker, Phase


async def show(desk: Desk, _: Nothing, by: Caller) -> Breakers:
    world, now = desk.journal.world, desk.journal.clock.now()
    seen = narrowed.counted(desk)
    providers = [
        view(desk, "provider", subject, each.breaker, now)
        for subject, each in world.providers.items()
        if seen is None or seen[subject]
    ]
    connections = [
        view(desk, "connection", subject, each.breaker, now)
        for subject, each in world.connections.items()
        if each.breaker.reason is not None and not each.removed
    ]
    found = [each for some in (providers, connections) for each in sorted(some, key=_name)]
    return Breakers(seq=world.seq, now=now, breakers=found)


async def open_(desk: Desk, wish: BreakerOf, by: Caller) -> Done:
    recorded = await execute(desk, commands.OpenBreaker(subject=_subject(desk, wish), by=by))
    words = "breaker open: nothing starts until somebody closes it; what runs sends nothing more"
    return done(desk, recorded, words if recorded else "was open already, until somebody closes it")


async def close(desk: Desk, wish: BreakerOf, by: Caller) -> Done:
    subject = _subject(desk, wish)
    recorded = await execute(desk, commands.CloseBreaker(subject=subject, by=by))
    words = "breaker closed" if recorded else "was closed already"
    return done(desk, recorded, words + _above(desk, subject))


async def reset(desk: Desk, wish: BreakerOf, by: Caller) -> Done:
    subject = _subject(desk, wish)
    recorded = await execute(desk, commands.ResetBreaker(subject=subject, by=by))
    words = "breaker reset: it is closed, and counts from nothing"
    return done(desk, recorded, words + _above(desk, subject))


def view(desk: Desk, place: str, subject: int, of: Breaker, now: datetime) -> BreakerView:
    """A provider's is without its counts, where these are of connections that may not be seen."""
    told = [each for each in of.outcomes if not each.causes or is_failure(each)]
    found = BreakerView(
        name=desk.vault.name(subject),
        place=place,
        state=breaker.phase(of, now),
        reason=of.reason,
        until=of.until,
        since=of.since,
        openings=of.openings,
        successes=of.successes,
        failed=sum(bool(each.causes) for each in told),
        told=len(told),
        successor=_successor(desk, subject, of),
    )
    if desk.sees is None or place == "connection":
        return found
    return replace(found, failed=0, told=0, openings=0, successes=0)


def _successor(desk: Desk, subject: int, of: Breaker) -> str | None:
    """Who follows the provider that was switched off for good, if that opened it."""
    known = desk.journal.world.connections.get(subject)
    if of.reason is not BreakerReason.RETIRED or known is None:
        return None
    return desk.journal.world.providers[known.provider].retirement.successor or None


def _name(of: BreakerView) -> str:
    return of.name


def _above(desk: Desk, subject: int) -> str:
    """What keeps a connection back still, whose own breaker is closed."""
    world, now = desk.journal.world, desk.journal.clock.now()
    known = world.connections.get(subject)
    above = world.providers[known.provider].breaker if known else Breaker()
    if known is None or breaker.phase(above, now) is not Phase.OPEN:
        return ""
    name = desk.vault.name(known.provider)
    return f"; its provider's is open: `rounds breaker close --provider {name}`"


def _subject(desk: Desk, wish: BreakerOf) -> int:
    if (wish.connection is None) == (wish.provider is None):
        raise Refused("invalid", "name a connection, or a provider")
    if wish.connection is not None:
        return desk.find(wish.connection)[0]
    assert wish.provider is not None, "one of both is named"
    return whose.enrolled(desk, "provider", wish.provider)
