"""Is the same already being asked? Then one call goes, and its answer is everybody's.

gathering ──debounce_s of quiet──► leaving ──answer──► landed
   ▲    each newcomer is counted      │
   └──── the one that leads gives up: the next one leads
"""

import itertools
import math

import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.exchange import CallLost
from daemon.gateway.call import (
    Brought,
    Call,
    Exchange,
    HeldBack,
    Identity,
    Source,
    anew,
    is_shared,
)
from events.gateway import CallKind
from events.terms import FailureClass

GATHERED_MAX = 10  # times debounce_s: for so long calls may keep coming before one leaves


class _Flight(Struct, kw_only=True, eq=False):
    """A call on its way, and what came of it; with neither, whoever led it has given up.

    While it gathers, the newest `call` is the one that will go, by the `order` in which they came;
    `asked` counts them. The `deadline` is that of the one that leads.
    """

    call: Call
    order: int
    deadline: float
    asked: int = 1
    gathering: bool = True
    brought: Brought | None = None
    lost: CallLost | HeldBack | None = None
    landed: trio.Event


class Sharing:
    def __init__(self, inner: Exchange) -> None:
        self._inner = inner
        self._reads: dict[int, dict[Identity, _Flight]] = {}  # connection → what is on its way
        self._puts: dict[int, dict[Identity, _Flight]] = {}
        self._arrivals = itertools.count()

    async def __call__(self, call: Call) -> Brought:
        identity = _identity(call)
        if identity is None:
            return await self._exchange(call)
        flights = self._reads if call.only_asks else self._puts
        order = next(self._arrivals)
        while True:
            flight = flights.get(call.subject, {}).get(identity)
            if flight is None:
                return await self._lead(flights, identity, call, order)
            joins = call.only_asks or flight.gathering
            if flight.gathering:
                flight.asked += 1
                if order > flight.order:
                    flight.call, flight.order = call, order
            await flight.landed.wait()
            if joins and flight.brought is not None:
                return replace(flight.brought, source=Source.SHARED)
            if joins and flight.lost and is_shared(flight.lost, flight.deadline, call):
                raise anew(flight.lost)

    async def _lead(
        self,
        flights: dict[int, dict[Identity, _Flight]],
        identity: Identity,
        call: Call,
        order: int,
    ) -> Brought:
        flight = _Flight(call=call, order=order, deadline=call.deadline, landed=trio.Event())
        of = flights.setdefault(call.subject, {})
        of[identity] = flight
        try:
            if call.endpoint.debounce_s:
                await _gather(flight, call.endpoint.debounce_s)
            flight.gathering = False
            going = replace(flight.call, deadline=call.deadline)
            flight.brought = await self._exchange(going)
        except HeldBack as held:
            flight.lost = held
            raise
        except CallLost as lost:
            if lost.cause is not FailureClass.CANCELLED:  # our own deadline is not the others'
                flight.lost = lost
            raise
        finally:
            del of[identity]
            if not of and flights.get(call.subject) is of:
                del flights[call.subject]
            flight.landed.set()
        return flight.brought

    async def _exchange(self, call: Call) -> Brought:
        """Nobody who asks after a change is told what was answered before it."""
        if call.kind is CallKind.READ:
            return await self._inner(call)
        self.part(call.subject)
        try:
            return await self._inner(call)
        finally:
            self.part(call.subject)

    def part(self, subject: int) -> None:
        """Whoever reads from now on does not share with those who did before."""
        self._reads.pop(subject, None)


def _identity(call: Call) -> Identity | None:
    """What others must have in common with it; None where it goes alone.

    Of PUTs to one place the last one goes, if its endpoint is debounced: each says it all. One
    with its program's own key goes by itself, since the program may send it again with that.
    """
    if call.only_asks:
        return call.identity if call.endpoint.shared else None
    own = call.keyed and not call.key_of_ours
    if call.request.method == "PUT" and call.endpoint.debounce_s and not own:
        return (*call.place, call.request.url)
    return None


async def _gather(flight: _Flight, debounce_s: float) -> None:
    """Wait until nobody else came for so long, or that went on for too long."""
    ends = trio.current_time() + GATHERED_MAX * debounce_s
    seen = -math.inf
    while seen != flight.asked and trio.current_time() < ends:
        seen = flight.asked
        await trio.sleep(min(debounce_s, ends - trio.current_time()))
