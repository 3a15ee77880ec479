"""May a call leave, as its connection and the breakers before it stand?"""

from daemon.decide import calling
from daemon.gateway.call import Brought, Call, Exchange, HeldBack
from daemon.journal import Journal


class Breaking:
    """While a breaker is half-open, one call at a time finds out: `probing` are whose does."""

    def __init__(self, inner: Exchange, journal: Journal) -> None:
        self._inner = inner
        self._journal = journal
        self.probing: set[int] = set()

    async def __call__(self, call: Call) -> Brought:
        world, now = self._journal.world, self._journal.clock.now()
        if held := calling.held(call.subject, world, now, probing=self.probing):
            raise HeldBack(held)
        probes = calling.probes(call.subject, world, now)
        self.probing |= probes
        try:
            return await self._inner(call)
        finally:
            self.probing -= probes
