"""What of a host outlives its daemon, and how does a daemon die there?

A kill freezes log, store and vault first and only then cancels: a cancelled task's `finally` would
otherwise tidy up what a dead process cannot.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import trio
import trio._core._run
from trio.testing import MockClock

from daemon.account import GRANT
from daemon.app import Daemon, running
from daemon.clock import TrioClock
from daemon.journal import LogBroken
from daemon.parts import Parts
from daemon.secret import Secret
from daemon.store.core import Store
from daemon.vault import Vault, VaultFull
from events.codec import decode
from events.schema import (
    Event,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
)
from events.snapshots import Snapshots
from tests.fakes.memory_log import Disk, MemoryLog

T = TypeVar("T")

STOP_CHANCE = 0.3  # how often a life ends kindly


class MortalVault(Vault):
    """A vault in memory into which the dead write nothing, and no new pair fits on a full disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.frozen: Callable[[], bool] = lambda: False
        super().__init__(None, bytes(32))

    def seal(self, tenant: int, subject: int, purpose: str, secret: Secret) -> None:
        if purpose == GRANT and self.disk.full and not self.frozen():
            raise VaultFull
        super().seal(tenant, subject, purpose, secret)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.frozen():
            raise LogBroken("killed")
        with super()._writing():
            yield


class Freezer:
    """Runs the store's calls after a drawn delay, until it is frozen; then nobody gets further.

    `slow` is which share of them is delayed at all.
    """

    def __init__(self, dice: random.Random, slow: float = 1.0) -> None:
        self.dice = dice
        self.slow = slow
        self.frozen = False
        self._of_snapshots = random.Random(1)  # which are nobody else's concern

    async def __call__(self, call: Callable[[], T]) -> T:
        if self.slow == 1.0 or self.dice.random() < self.slow:
            await trio.sleep(self.dice.uniform(0, 0.2))
        return await self._run(call)

    async def snapshots(self, call: Callable[[], T]) -> T:
        """What is done to snapshots takes seconds at times, and a death may come in the middle."""
        await trio.sleep(self._of_snapshots.expovariate(2))
        return await self._run(call)

    async def _run(self, call: Callable[[], T]) -> T:
        self._check()
        result = call()
        await trio.lowlevel.checkpoint()
        self._check()
        return result

    def _check(self) -> None:
        if self.frozen:
            raise LogBroken("killed")


class Host:
    """Disk, store, vault and clock, and how many lives ended there in which way."""

    def __init__(self, dice: random.Random, epoch: datetime, *, slow: float = 1.0) -> None:
        """`slow` is how many of the store's calls take their time."""
        self.dice = dice
        self.slow = slow
        self.disk = Disk()
        self.store = Store(None)
        self.snapshots = Snapshots(None, "simulated")
        self.vault = MortalVault(self.disk)
        self.clock = TrioClock(epoch)
        self.freezer = Freezer(dice, slow)
        self.kills = 0
        self.stops = 0

    async def life(
        self,
        parts: Callable[[MemoryLog, Freezer], Parts],
        visit: Callable[[Daemon, trio.Nursery], None],
        lasting: timedelta,
        *,
        struck: trio.Event,
        mercy: float = 0.0,
        kindly: bool = False,
    ) -> None:
        """Let one daemon live for so long, or until it is `struck`; `visit` brings people.

        It ends kindly at times: who is struck, with the chance of `mercy`.
        """
        freezer = self.freezer = Freezer(self.dice, self.slow)
        self.vault.frozen = lambda: freezer.frozen
        try:
            async with trio.open_nursery() as nursery:
                log = MemoryLog(self.disk, nursery, self.dice)
                async with (
                    running(parts(log, freezer)) as daemon,
                    trio.open_nursery() as people,
                ):
                    visit(daemon, people)
                    with trio.move_on_after(lasting / timedelta(seconds=1)):
                        await struck.wait()
                    chance = mercy if struck.is_set() else STOP_CHANCE
                    if kindly or (chance and self.dice.random() < chance):
                        self.stops += 1
                        people.cancel_scope.cancel()
                    else:
                        self.kills += 1
                        log.kill()
                        freezer.frozen = True
                        daemon.journal.broken(LogBroken("killed"))
                        await trio.sleep_forever()
                log.close()
                nursery.cancel_scope.cancel()
        except* LogBroken:
            assert freezer.frozen, "a log breaks only where a kill breaks it"
        self.vault.frozen = lambda: False

    def runs_on_disk(self, name: str) -> bool:
        """Whether an auditor of the disk would say that this connection syncs now."""
        for event in self.past(self.subject(name)):
            match event:
                case SyncStarted():
                    return True
                case SyncSucceeded() | SyncFailed() | SyncInterrupted() | SyncCancelled(sync=int()):
                    return False
                case _:
                    pass
        return False

    def past(self, subject: int) -> Iterator[Event]:
        """What the disk says of a subject, the newest first."""
        for seq in reversed(self.disk._of_subject[subject]):
            yield decode(self.disk.rows[seq - 1]).event

    def subject(self, name: str) -> int:
        subject = self.vault.subject("connection", name)
        assert subject is not None, "all are enrolled"
        return subject


def simulated(scene: Callable[[], Awaitable[T]], seed: int) -> T:
    """Play a scene under a clock that jumps; Trio's own dice are seeded too."""
    run = trio._core._run
    before = run._ALLOW_DETERMINISTIC_SCHEDULING
    run._ALLOW_DETERMINISTIC_SCHEDULING, run._r = True, random.Random(seed)
    try:
        return trio.run(scene, clock=MockClock(autojump_threshold=0))
    finally:
        run._ALLOW_DETERMINISTIC_SCHEDULING, run._r = before, random.Random()
