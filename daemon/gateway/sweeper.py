"""When does what a program wrote leave the data store? Once its end is durable, and no sooner."""

import structlog
import trio

from daemon.journal import Journal
from daemon.store.core import StoreFull
from daemon.store.storage import Storage
from events.envelope import Recorded
from events.outbox import WriteEnded, WriteQueued

log = structlog.get_logger()


class Sweeper:
    """One for the daemon. What it does not come to is dropped at the next start."""

    def __init__(self, journal: Journal, storage: Storage) -> None:
        self._journal = journal
        self._storage = storage
        self._rows = {
            write.number: write.row
            for outbox in journal.world.outboxes.values()
            for write in outbox
        }
        self._over: list[tuple[Recorded, int]] = []
        self._more = trio.Event()
        journal.observe(self._observe)

    async def run(self) -> None:
        """Raises LogBroken."""
        while True:
            await self._more.wait()
            self._more = trio.Event()
            over, self._over = self._over, []
            await self._journal.durable([over[-1][0]])
            try:
                await self._storage.discard_letters([row for _, row in over])
            except StoreFull:  # they stay until the next one is over, or we start again
                log.warning("outbox-not-swept", rows=len(over))
                self._over = over + self._over

    def _observe(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, WriteQueued):
            self._rows[recorded.seq] = event.row
        elif isinstance(event, WriteEnded) and event.write in self._rows:
            self._over.append((recorded, self._rows.pop(event.write)))
            self._more.set()
