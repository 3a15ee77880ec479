"""When do versions that are not kept any more leave the data store? Seldom, and in small steps.

    RecordsCaptured, RolledBack ─► an hour at most ─► PruneVersions ─► VersionsPruned, durable
                                                                            └─► versions, then rows

It looks at those streams alone that got a new version. What a crash leaves is found at the start:
what the log says was pruned is cleared away then, some connections at a time.
"""

from functools import partial

import structlog
import trio

from daemon.commands import KeptVersion, PruneVersions
from daemon.journal import Journal
from daemon.store import pruning
from daemon.store.core import StoreFull
from daemon.store.storage import Storage
from events.envelope import Recorded
from events.schema import RecordsCaptured
from events.versions import RolledBack
from projections import policy

EVERY_S = 3600.0  # a stream is looked at so often at most
STEP_REST_S = 0.01  # between two steps, so that the disk is others' too
ROOM_RETRY_S = 60.0  # deleting wants a little room as well
CONNECTIONS = 256  # looked at between two turns of the loop, at the start
VERSIONS_MAX = 1000  # of a stream, looked at in one go: the next look goes on

log = structlog.get_logger()


class Pruner:
    """One for the daemon. It marks what to look at as it is recorded, and waits meanwhile."""

    def __init__(self, journal: Journal, storage: Storage) -> None:
        self._journal = journal
        self._storage = storage
        self._marked: dict[tuple[int, str], None] = {}  # (connection, stream), in order
        self._more = trio.Event()
        journal.observe(self._observe)

    async def run(self) -> None:
        """Raises LogBroken."""
        await self._clear_left_over()
        while True:
            await self._more.wait()
            await trio.sleep(EVERY_S)
            self._more = trio.Event()
            marked, self._marked = self._marked, {}
            for subject, stream in marked:
                await self._look(subject, stream)

    def _observe(self, recorded: Recorded) -> None:
        match recorded.event:
            case RecordsCaptured(stream=stream):
                self._marked[recorded.subject, stream] = None
            case RolledBack(streams=streams) if streams:
                self._marked.update({(recorded.subject, each.stream): None for each in streams})
            case _:
                return
        self._more.set()

    async def _look(self, subject: int, stream: str) -> None:
        """Prune one stream, if anything of it is not kept any more."""
        await self._journal.room()
        known = self._journal.world.connections[subject]
        if known.removed:
            return
        rules = policy.of_connection(self._journal.world, subject)
        provider = self._journal.world.providers[known.provider].name
        found, newer = await self._storage.ask(
            partial(
                pruning.older,
                subject=subject,
                stream=stream,
                provider=provider,
                kept=rules.versions_kept,
                most=VERSIONS_MAX,
            )
        )
        if len(found) < 2:  # without one that follows nothing can go
            return
        oldest = tuple([await self._begun(version) for version in found])
        recorded = self._journal.execute(
            PruneVersions(subject=subject, stream=stream, oldest=oldest, newer=newer)
        )
        await self._journal.durable(recorded)
        await self._clear(subject, stream)

    async def _begun(self, version: int) -> KeptVersion:
        await trio.lowlevel.checkpoint()
        (begun,) = self._journal.log.read(version - 1, limit=1)
        return KeptVersion(version=version, at=begun.at)

    async def _clear(self, subject: int, stream: str) -> None:
        """Delete what only versions held that the log says are pruned."""
        while True:
            known = self._journal.world.connections[subject]
            before = known.streams[stream].pruned_before if stream in known.streams else 0
            if not before:
                return
            provider = self._journal.world.providers[known.provider].name
            step = partial(
                pruning.some, subject=subject, stream=stream, provider=provider, before=before
            )
            try:
                if not await self._storage.change(step):
                    return
            except StoreFull:
                log.warning("not-pruned", subject=subject, why="the disk is full")
                await trio.sleep(ROOM_RETRY_S)
            await trio.sleep(STEP_REST_S)
            await self._journal.room()

    async def _clear_left_over(self) -> None:
        """What an earlier life said is pruned, and did not come to delete."""
        subjects = [*self._journal.world.connections]
        for count, subject in enumerate(subjects):
            if count % CONNECTIONS == 0:
                await trio.lowlevel.checkpoint()
            streams = self._journal.world.connections[subject].streams
            for stream in [name for name, known in streams.items() if known.pruned_before]:
                await self._clear(subject, stream)
