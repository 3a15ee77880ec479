"""What does a daemon do in a day for users whose tokens live an hour, as document C's do?

The whole daemon in this process under a mocked clock: actors, tokens, store. Its provider answers
everything, and counts.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import trio
from msgspec import Struct
from trio.testing import MockClock

from daemon.account import CLIENT, NO_TENANT
from daemon.app import Daemon
from daemon.auth_file import OAuth2
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.exchange import Request, Response
from daemon.host_settings import TokenSettings
from daemon.parts import Parts
from daemon.policy_file import PolicyTables
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.store.core import Store
from daemon.stream_file import Stream, Window
from daemon.vault import Vault
from events.schema import SyncFailed
from events.terms import Mode
from tests.benchmarks.cron import ACCESS, DAYS, Day
from tests.benchmarks.pulse import PulseClock
from tests.fakes.in_process import alive
from tests.fakes.memory_log import Disk, MemoryLog

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
FILE = ProviderFile(
    name="fit",
    base_url="https://fit.example",
    auth=OAuth2(
        token_url="https://fit.example/token",
        authorize_url="https://fit.example/authorize",
        access_s=ACCESS // timedelta(seconds=1),
    ),
    streams={
        "sessions": Stream(
            path="/sessions",
            primary_key=("id",),
            records="rows",
            params={"day": "{day}"},
            mode=Mode.WINDOW,
            window=Window(days=DAYS),
        )
    },
)


class Way(Struct, frozen=True, kw_only=True):
    """How often a user is synced, how far apart users are due, and what refreshes a token."""

    interval: str
    spread: float = 0.0
    refresh_before: str = "30m"


class Watched(Day, kw_only=True):
    """A day, and how often the scheduler only looked at its clock."""

    watch: int = 0


def lived(users: int, way: Way, lasting: timedelta) -> Watched:
    """Live for so long, from when everybody has authorised."""

    async def live() -> Watched:
        return await Host(users, way).live(lasting)

    return trio.run(live, clock=MockClock(autojump_threshold=0))


class Host:
    def __init__(self, users: int, way: Way) -> None:
        self.names = [f"user-{number}/fit" for number in range(users)]
        self.way = way
        self.clock = PulseClock(BEGIN)
        self.vault = Vault(None, bytes(32))
        self.day = Watched()
        self._given = 0

    async def live(self, lasting: timedelta) -> Watched:
        application = self.vault.enrol("provider", FILE.name)
        self.vault.seal(NO_TENANT, application, CLIENT, Secret("us:our secret"))
        disk, dice = Disk(), random.Random(1)
        async with alive(disk, dice, self._parts) as daemon:
            await self._authorise_all(daemon)
            self.clock.watch(daemon.journal)
            daemon.journal.observe(lambda recorded: _check(recorded.event))
            self.day = Watched()
            await trio.sleep(lasting / timedelta(seconds=1))
            self._sum_up()
            return self.day

    async def _authorise_all(self, daemon: Daemon) -> None:
        """All of them at once, and let their first syncs end."""
        for name in self.names:
            subject = self.vault.subject("connection", name)
            assert subject is not None, "it is declared"
            where, code = "http://127.0.0.1/", Secret("a code")
            await daemon.keeper.authorise(
                subject, code=code, redirect_uri=where, verifier=Secret("v"), by=None
            )
        await trio.sleep(120)

    def _sum_up(self) -> None:
        timed = [each for each in self.clock.wakes if each.timed]
        self.day.watch = sum(each.is_watch for each in timed)
        self.day.invocations = len(timed) - self.day.watch
        self.day.empty = sum(not each.found and not each.is_watch for each in timed)
        self.day.looks = sum(each.found for each in self.clock.wakes)

    async def send(self, request: Request) -> Response:
        await trio.sleep(0.2)
        self.day.data_calls += 1
        day = request.params["day"]
        return _answer({"rows": [{"id": f"{day} {number}"} for number in range(3)]})

    async def send_token(self, request: Request) -> Response:
        await trio.sleep(0.2)
        self.day.token_calls += 1
        self._given += 1
        return _answer(
            {
                "access_token": f"access {self._given}",
                "refresh_token": f"refresh {self._given}",
                "token_type": "Bearer",
                "expires_in": ACCESS // timedelta(seconds=1),
            }
        )

    def _parts(self, log: MemoryLog) -> Parts:
        return Parts(
            log=log,
            store=Store(None),
            run=_run,
            cache=Cache(Shelf(None), _run),
            vault=self.vault,
            clock=self.clock,
            configuration=self._configuration(),
            connect=lambda file: Provider(file=file, send=self.send, send_token=self.send_token),
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
            chance=random.Random(1).random,
        )

    def _configuration(self) -> Configuration:
        settings = Settings(
            sync=SyncSettings(interval=self.way.interval),
            tokens=TokenSettings(refresh_before=self.way.refresh_before),
            policy=PolicyTables(spread=self.way.spread),
            connections={name: Declared() for name in self.names},
        )
        return Configuration(
            settings=settings, providers={FILE.name: FILE}, files=(), own=frozenset({FILE.name})
        )


def _check(event: object) -> None:
    assert not isinstance(event, SyncFailed), "nobody fails here"


def _answer(document: object) -> Response:
    body = msgspec.json.encode(document)
    return Response(status=200, headers={}, body=body, duration_ms=200, size=len(body))


async def _run(call: Callable[[], Any]) -> Any:
    await trio.lowlevel.checkpoint()
    return call()
