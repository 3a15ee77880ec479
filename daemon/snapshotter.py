"""Who makes snapshots of the World, and clears old ones away, while everything else goes on?

World at event n ─► copied, no await ─► piece by piece: encoded here, written in the thread
                                         ─► n durable ─► stamped, synced, renamed ─► thinned
      died or full on the way: nothing of it is left, and nobody misses anything but time
"""

from contextlib import closing
from functools import partial

import structlog
import trio
from msgspec import Struct

from daemon import recall
from daemon.decide import snapshots as decide
from daemon.journal import Journal
from daemon.store.storage import Run
from events.snapshots import Draft, SnapshotDamaged, Snapshots, Stamp
from projections import image
from projections.world import World

log = structlog.get_logger()


class Label(Struct, frozen=True, kw_only=True):
    """What is known of one without reading all of it. `fault` says why it is of no use."""

    seq: int
    bytes: int
    stamp: Stamp | None = None
    fault: str | None = None


class Snapshotter:
    """`since` is the event that the last usable one was made at, 0 where there is none."""

    def __init__(self, journal: Journal, snapshots: Snapshots, run: Run, since: int) -> None:
        self._journal = journal
        self._snapshots = snapshots
        self._run = run
        self.since = since
        self._making = trio.Lock()

    async def run(self) -> None:
        """Make one whenever it is due."""
        while True:
            await self._due()
            if not await self._take_if_possible():
                await trio.sleep(decide.EVERY.total_seconds())

    async def take(self) -> int:
        """Make one now, of all that was recorded by now: its number. Raises OSError."""
        async with self._making:
            world = image.copied(self._journal.world)
            if world.seq > self.since:
                await self._make(world)
                self.since = world.seq
                await self._thin()
            return self.since

    async def last(self, within_s: float) -> None:
        """Make the one that the next start begins with, if that can be done in time."""
        with trio.move_on_after(within_s):
            await self._take_if_possible()

    async def labels(self) -> list[Label]:
        """All that there are, the newest first."""
        found = await self._run(self._snapshots.numbers)
        labels = [await self._run(partial(label, self._snapshots, each)) for each in found]
        return [self._judged(each) for each in labels if each is not None]

    async def _due(self) -> None:
        """Wait for so many events, or for so much time with fewer."""
        head, world = self._journal.head, self._journal.world
        wanted = decide.enough(len(world.connections) + len(world.scopes))
        with trio.move_on_after(decide.EVERY.total_seconds()):
            await head.beyond(self.since + wanted - 1)
        await head.beyond(self.since + decide.EVENTS_MIN - 1)

    async def _take_if_possible(self) -> bool:
        """A full disk, or one that fails, costs time at the next start, and nothing else."""
        try:
            seq = await self.take()
        except OSError as error:
            log.warning("snapshot-given-up", reason=error.strerror or str(error))
            return False
        log.info("snapshot-taken", seq=seq)
        return True

    async def _make(self, world: World) -> None:
        draft = await self._run(partial(self._snapshots.begin, world.seq))
        try:
            for piece in image.pieces(world):
                await self._run(partial(draft.add, piece))
            await self._journal.head.beyond(world.seq - 1)
            await self._run(partial(draft.finish, self._stamp(world)))
        finally:
            await self._let_go(draft)

    async def _let_go(self, draft: Draft) -> None:
        with trio.CancelScope(shield=True):
            await self._run(draft.drop)

    def _stamp(self, world: World) -> Stamp:
        block = self._journal.log.block_of(world.seq)
        if block is None or world.at is None:
            raise OSError(f"the block of event {world.seq} is not found")
        return Stamp(version=self._snapshots.version, seq=world.seq, at=world.at, block=block.hex())

    async def _thin(self) -> None:
        """Drop those that are too many, and those that are of no use."""
        labels = await self.labels()
        good = [
            decide.Made(each.seq, each.stamp.at, each.bytes)
            for each in labels
            if each.stamp and not each.fault
        ]
        keep = decide.kept(good, self._journal.clock.now())
        drop = [each.seq for each in labels if each.seq not in keep]
        if drop:
            await self._run(partial(self._snapshots.drop, drop))

    def _judged(self, found: Label) -> Label:
        if found.stamp is None:
            return found
        block_of = self._journal.log.block_of
        why = recall.fault(found.stamp, found.seq, self._snapshots.version, block_of)
        return Label(seq=found.seq, bytes=found.bytes, stamp=found.stamp, fault=why)


def label(snapshots: Snapshots, seq: int) -> Label | None:
    """What is said of one in its own words, or None where it has just been dropped."""
    size = 0
    try:
        size = snapshots.size(seq)
        with closing(snapshots.open(seq)) as found:
            return Label(seq=seq, bytes=size, stamp=found.stamp)
    except SnapshotDamaged as damage:
        return Label(seq=seq, bytes=size, fault=str(damage))
    except FileNotFoundError:
        return None
