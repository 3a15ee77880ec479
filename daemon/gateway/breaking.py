"""May a call leave, as its connection and the breakers before it stand?

That is asked before it waits for anything, and once more when it leaves (see `sending`): only then
does it become the one that finds out whether a half-open breaker may close.
"""

from collections.abc import Collection

from daemon.decide import calling
from daemon.gateway.call import Brought, Call, Exchange, HeldBack
from daemon.journal import Journal


class Breaking:
    def __init__(self, inner: Exchange, journal: Journal, probing: Collection[int]) -> None:
        """`probing` are the connections and providers of which a call finds out."""
        self._inner = inner
        self._journal = journal
        self._probing = probing

    async def __call__(self, call: Call) -> Brought:
        world, now = self._journal.world, self._journal.clock.now()
        if held := calling.held(call.subject, world, now, probing=self._probing):
            raise HeldBack(held)
        return await self._inner(call)
