"""A whole daemon in this process, with one connection: days pass in seconds."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from daemon.app import Daemon, running
from daemon.cache.cache import BYTES_MAX, Cache
from daemon.cache.shelf import Shelf
from daemon.clock import TrioClock
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.control.desk import Desk
from daemon.exchange import Request, Response
from daemon.parts import Parts
from daemon.places import Places
from daemon.policy_file import PolicyTables
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.store.core import Store, StoreFull
from daemon.store.drafts import Draft
from daemon.vault import Vault
from events.codec import decode
from events.envelope import Recorded
from events.fact import Fact
from events.snapshots import Snapshots
from tests.fakes import remembered
from tests.fakes.memory_log import Disk, MemoryLog

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "acme/health"
DAY_S = 86_400


class InProcess:
    """Its connections, vault, store, kept answers and log. `send` is their provider."""

    file: ProviderFile
    names = (NAME,)

    def __init__(self) -> None:
        self.clock = TrioClock(EPOCH)
        self.disk = Disk()
        self.store = Store(None)
        self.snapshots = Snapshots(None, "simulated")
        self.shelf = Shelf(None)
        self.cache_bytes_max = BYTES_MAX
        self.vault = Vault(None, bytes(32))
        self.dice = random.Random(1)
        self.interval = "9999d"
        self.policy = PolicyTables()
        self.credential_file: str | None = None

    async def send(self, request: Request) -> Response:
        raise NotImplementedError

    async def send_token(self, request: Request) -> Response:
        raise NotImplementedError

    @property
    def subject(self) -> int:
        return self.known_as(NAME)

    def known_as(self, name: str) -> int:
        subject = self.vault.subject("connection", name)
        assert subject is not None, "it is declared"
        return subject

    def events(self, *types: type[Fact]) -> list[Recorded]:
        return [each for row in self.disk.rows if isinstance((each := decode(row)).event, types)]

    def fill_up(self, times: int) -> None:
        """Let so many acceptances from now on find no room in the store."""
        accept, full = self.store.accept, iter([True] * times)

        def on_a_full_disk(*accepted: Draft) -> None:
            self.store._owed.update({draft.stream: draft.version for draft in accepted})
            if next(full, False):
                raise StoreFull
            accept(*accepted)

        self.store.accept = on_a_full_disk  # type: ignore[method-assign]

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Daemon]:
        """One life of the daemon, to its clean stop."""
        async with alive(self.disk, self.dice, self._parts) as daemon:
            yield daemon
        assert not remembered.wrong(self.disk, self.snapshots)

    def desk(self, daemon: Daemon) -> Desk:
        """What commands are answered from."""
        places = Places(config=Path(), state=Path(), socket=Path())
        return Desk.of(daemon, self.vault, self._configuration(), places, "simulated")

    def declared(self, name: str) -> Declared:
        return Declared(interval=self.interval, credential_file=self.credential_file)

    def _configuration(self) -> Configuration:
        settings = Settings(
            sync=SyncSettings(stop_within="1s"),
            policy=self.policy,
            connections={name: self.declared(name) for name in self.names},
        )
        return Configuration(
            settings=settings,
            providers={"health": self.file},
            files=(),
            own=frozenset({"health"}),
        )

    def _parts(self, log: MemoryLog) -> Parts:
        return Parts(
            log=log,
            store=self.store,
            run=_run,
            cache=Cache(self.shelf, _run, self.cache_bytes_max),
            vault=self.vault,
            clock=self.clock,
            configuration=self._configuration(),
            connect=lambda file: Provider(file=file, send=self.send, send_token=self.send_token),
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
            snapshots=self.snapshots,
        )


@asynccontextmanager
async def alive(
    disk: Disk, dice: random.Random, parts: Callable[[MemoryLog], Parts]
) -> AsyncIterator[Daemon]:
    """Let a daemon of these parts live on that disk, to its clean stop."""
    async with trio.open_nursery() as nursery:
        log = MemoryLog(disk, nursery, dice)
        async with running(parts(log)) as daemon:
            yield daemon
        log.close()
        nursery.cancel_scope.cancel()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene under a clock that jumps."""
    trio.run(scene, clock=MockClock(autojump_threshold=0))


async def _run(call: Callable[[], Any]) -> Any:
    await trio.lowlevel.checkpoint()
    return call()
