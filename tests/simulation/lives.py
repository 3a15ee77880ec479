"""How does a daemon live through a month in which it is killed again and again?

A kill freezes log and store first and only then cancels: a cancelled task's `finally` would
otherwise tidy up what a dead process cannot.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import trio
import trio.lowlevel

from daemon.app import Daemon, Parts, running
from daemon.auth_file import ApiKey
from daemon.clock import TrioClock
from daemon.commands import Cancel, Pause, Request, Resume
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.journal import LogBroken
from daemon.paging_file import OffsetPaging
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.store.core import Store
from daemon.stream_file import Stream
from daemon.vault import Vault
from events.codec import decode
from events.schema import SyncCancelled, SyncFailed, SyncInterrupted, SyncStarted, SyncSucceeded
from events.terms import Mode
from tests.fakes.memory_log import Disk, MemoryLog
from tests.fakes.provider import PAGE, FakeProvider

T = TypeVar("T")

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
CONNECTIONS = {
    "acme/parts": "1h",
    "acme/parts/second": "6h",
    "birch/parts": "2h",
    "cedar/parts": "daily",
    "dove/parts": "90m",
    "elm/parts": "6h",
}
PROVIDER = ProviderFile(
    name="parts",
    base_url="https://parts.example",
    auth=ApiKey(header="x-api-key"),
    streams={
        name: Stream(
            path=f"/{name}",
            primary_key=("id",),
            records="rows",
            mode=Mode.FULL,
            paging=OffsetPaging(size=PAGE),
        )
        for name in ("stock", "orders")
    },
)


class Freezer:
    """Runs the store's calls after a drawn delay, until it is frozen; then nobody gets further."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.frozen = False

    async def __call__(self, call: Callable[[], T]) -> T:
        await trio.sleep(self.dice.uniform(0, 0.2))
        self._check()
        result = call()
        await trio.lowlevel.checkpoint()
        self._check()
        return result

    def _check(self) -> None:
        if self.frozen:
            raise LogBroken("killed")


class Month:
    """What outlives each life, and how many lives there were."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.disk = Disk()
        self.store = Store(None)
        self.vault = Vault(None, bytes(32))
        self.clock = TrioClock(EPOCH)
        self.provider = FakeProvider(self.clock, self.dice)
        self.provider.licensed = self.runs_on_disk
        self.kills = 0
        self.stops = 0
        self.peopled = True
        self.enrol()

    def runs_on_disk(self, name: str) -> bool:
        """Whether an auditor of the disk would say that this connection syncs now."""
        subject = self.vault.subject("connection", name)
        assert subject is not None
        for row in reversed(self.disk.read(0, subject, len(self.disk.rows))):
            match decode(row).event:
                case SyncStarted():
                    return True
                case SyncSucceeded() | SyncFailed() | SyncInterrupted() | SyncCancelled(sync=int()):
                    return False
                case _:
                    pass
        return False

    def enrol(self) -> None:
        for name in CONNECTIONS:
            tenant = self.vault.enrol("tenant", name.split("/")[0])
            subject = self.vault.enrol("connection", name)
            self.vault.seal(tenant, subject, "credential", Secret(name))

    async def run(self, lasting: timedelta = MONTH) -> None:
        """Live for so long, one life after another, each ended by a kill or a stop."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._time_passes)
            while self.clock.now() < EPOCH + lasting:
                await self.life(self._lasting())
                await trio.sleep(self.dice.uniform(1, 7200))
            nursery.cancel_scope.cancel()
        self.provider.down_until = self.provider.empty_until = None
        self.disk.full = False

    def _lasting(self) -> timedelta:
        """Long lives, and ones that end while what fell due in between is still being synced."""
        if self.dice.random() < 0.5:
            return timedelta(seconds=self.dice.uniform(0, 180))
        return timedelta(hours=self.dice.uniform(0.01, 48))

    async def life(self, lasting: timedelta, *, kindly: bool = False) -> None:
        freezer = Freezer(self.dice)
        try:
            async with trio.open_nursery() as nursery:
                log = MemoryLog(self.disk, nursery, self.dice)
                async with running(self.parts(log, freezer)) as daemon:
                    await self._until(lasting, daemon)
                    if kindly or self.dice.random() < 0.3:
                        self.stops += 1
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

    async def _until(self, lasting: timedelta, daemon: Daemon) -> None:
        async with trio.open_nursery() as nursery:
            if self.peopled:
                nursery.start_soon(self._people, daemon)
            await trio.sleep(lasting / timedelta(seconds=1))
            nursery.cancel_scope.cancel()

    def configuration(self) -> Configuration:
        settings = Settings(
            sync=SyncSettings(concurrency=3, stop_within="30s"),
            connections={name: Declared(interval=each) for name, each in CONNECTIONS.items()},
        )
        return Configuration(settings=settings, providers={"parts": PROVIDER}, files=())

    def parts(self, log: MemoryLog, freezer: Freezer) -> Parts:
        return Parts(
            log=log,
            store=self.store,
            run=freezer,
            vault=self.vault,
            clock=self.clock,
            configuration=self.configuration(),
            connect=lambda file: Provider(
                file=file, send=self.provider.send, send_token=self.provider.send
            ),
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
        )

    async def _people(self, daemon: Daemon) -> None:
        """Somebody types a command now and then, at the worst of moments."""
        while True:
            await trio.sleep(self.dice.expovariate(1 / 7200))
            subject = self.dice.choice(list(daemon.journal.world.connections))
            await daemon.journal.room()
            wish = self.dice.choice([Request, Request, Cancel, Pause, Resume, Resume])
            recorded = daemon.journal.execute(wish(subject=subject))
            await daemon.journal.durable(recorded)

    async def _time_passes(self) -> None:
        while True:
            await trio.sleep(3600)
            self.provider.live()
            self.disk.full = self.dice.random() < 0.01
