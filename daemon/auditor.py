"""Who was told of whom within the last minute, and when is that noted?

It sleeps while nobody asks. What is not noted yet is lost with a crash; a stop in good order notes
it. While the disk is full it is kept, up to its bound.
"""

from collections.abc import Iterable
from datetime import datetime

import trio
from msgspec import Struct

from daemon.commands.access import NoteReads, Told
from daemon.journal import Journal
from events.terms import Caller

EVERY_S = 60.0  # whoever polls each second is one event a minute
KEPT_MAX = 10_000  # callers' tenants that are told apart; what comes on top counts as of all


class _Count(Struct, kw_only=True):
    since: datetime
    operations: dict[str, int]


class Auditor:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: dict[tuple[Caller, frozenset[int] | None], _Count] = {}
        self._some = trio.Event()

    def note(self, by: Caller, operation: str, tenants: frozenset[int] | None) -> None:
        """Somebody is told of these tenants, or of all (None). Takes no time, and never waits."""
        if tenants is not None and not tenants:
            return
        whom = by, tenants
        if whom not in self._told and len(self._told) >= KEPT_MAX:
            whom = by, None
        count = self._told.get(whom)
        if count is None:
            count = self._told[whom] = _Count(since=self._journal.clock.now(), operations={})
        count.operations[operation] = count.operations.get(operation, 0) + 1
        self._some.set()

    async def run(self) -> None:
        """Note a minute after the first one was told what all were since."""
        while True:
            await self._some.wait()
            await trio.sleep(EVERY_S)
            await self._journal.room()
            self.flush()

    def flush(self) -> None:
        """Note what was told by now."""
        told, self._told, self._some = self._told, {}, trio.Event()
        if told:
            self._journal.execute(NoteReads(told=tuple(_told(told.items()))))


def _told(
    counts: Iterable[tuple[tuple[Caller, frozenset[int] | None], _Count]],
) -> Iterable[Told]:
    for (by, tenants), count in counts:
        yield Told(by=by, tenants=tenants, since=count.since, operations=count.operations)
