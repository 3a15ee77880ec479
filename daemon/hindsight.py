"""What was true at an event that is long over, and which event was the last by a time?

The log is folded anew, a page at a time, so that everybody else goes on meanwhile.
"""

from datetime import datetime

import trio
from msgspec.structs import replace

from events.log import Log
from projections import world as worlds
from projections.world import World

PAGE = 256  # events folded between two turns of the loop: some milliseconds


class Hindsight:
    """Answers of what is durable. Whoever is given a World shares it, and folds nothing into it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._asking = trio.Lock()
        self._last = World()

    async def world_at(self, seq: int) -> World:
        """All that was true once that event, which must be durable, was recorded."""
        async with self._asking:
            if self._last.seq != seq:
                self._last = await self._folded(seq)
            return self._last

    async def seq_at(self, instant: datetime, head: int) -> int:
        """The number of the last event up to `head` that was recorded by then, or 0."""
        low, high = 0, head
        while low < high:
            await trio.lowlevel.checkpoint()
            middle = (low + high + 1) // 2
            if self._log.read(middle - 1, limit=1)[0].at <= instant:
                low = middle
            else:
                high = middle - 1
        return low

    async def _folded(self, seq: int) -> World:
        world = copied(self._last) if self._last.seq < seq else World()
        while world.seq < seq:
            for recorded in self._log.read(world.seq, limit=min(PAGE, seq - world.seq)):
                worlds.fold(world, recorded)
            await trio.lowlevel.checkpoint()
        return world


def copied(world: World) -> World:
    """The same, for somebody who goes on folding into it."""
    return replace(
        world,
        connections=dict(world.connections),
        providers=dict(world.providers),
        tenants=dict(world.tenants),
        scopes=dict(world.scopes),
        outboxes=dict(world.outboxes),
    )
