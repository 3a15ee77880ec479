"""How does a daemon live through a month in which it is killed again and again?"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio

from daemon.account import CLIENT, GRANT, NO_TENANT
from daemon.app import Daemon
from daemon.auth_file import ApiKey, OAuth2
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.commands import Backfill, Cancel, Command, Pause, Request, Resume
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.control import accounts
from daemon.control.account_messages import AuthorizeAnswer, AuthorizeWish
from daemon.control.desk import Desk, Refused
from daemon.paging_file import OffsetPaging
from daemon.parts import Parts
from daemon.places import Places
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.stream_file import Stream, Window
from events.schema import (
    ConnectionAuthorised,
    TokenRefreshed,
)
from events.terms import Caller, Mode, RunOptions
from projections.grant import Phase
from tests.fakes.memory_log import MemoryLog
from tests.fakes.provider import (
    ACCESS,
    ASK_URL,
    CONSENT_URL,
    IDLE,
    PAGE,
    REUSE,
    TOKEN_URL,
    FakeAccounts,
    FakeProvider,
)
from tests.simulation.host import Freezer, Host

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
CONNECTIONS = {
    "acme/parts": "1h",
    "acme/parts/second": "6h",
    "birch/parts": "5h",
    "cedar/parts": "daily",
    "dove/parts": "450m",
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


ACCOUNTS = {"acme/health": "6h", "birch/health": "daily", "gull/health": "weekly"}
"""Connections that a person authorises. The last one's grant would die between two syncs."""

WAYS = ("try_once", "introspect", "reuse", "ask")
"""What a provider's file may say of a token in doubt; each seed has its own."""

WINDOW_DAYS = 3
PERSON = Caller(uid=1000, role="admin")


def health(way: str) -> ProviderFile:
    """A provider that speaks OAuth, with a stream that comes whole and one that comes by day."""
    return ProviderFile(
        name="health",
        base_url="https://health.example",
        auth=OAuth2(
            token_url=TOKEN_URL,
            authorize_url=CONSENT_URL,
            access_s=ACCESS // timedelta(seconds=1),
            in_doubt=way,
            reuse_s=REUSE // timedelta(seconds=1) if way == "reuse" else None,
            introspect_url=ASK_URL if way == "introspect" else None,
            idle_days=IDLE.days,
        ),
        streams={
            "profile": Stream(path="/profile", primary_key=("id",), records="rows"),
            "steps": Stream(
                path="/steps",
                primary_key=("id",),
                records="rows",
                params={"day": "{day}"},
                mode=Mode.WINDOW,
                window=Window(days=WINDOW_DAYS),
            ),
        },
    )


class Month:
    """What outlives each life, and how many lives there were."""

    def __init__(self, seed: int, *, accounts: bool = False) -> None:
        self.dice = random.Random(seed)
        self.way = WAYS[seed % len(WAYS)]
        self.host = host = Host(self.dice, EPOCH)
        self.disk, self.store, self.vault, self.clock = (
            host.disk,
            host.store,
            host.vault,
            host.clock,
        )
        self.provider = FakeProvider(self.clock, self.dice)
        self.provider.licensed = host.runs_on_disk
        self.accounts = FakeAccounts(self.clock, self.dice, self.way)
        self.accounts.licensed = host.runs_on_disk
        self.accounts.sealed = self.is_on_disk
        self.accounts.excused = lambda: self.disk.full
        self.accounts.alive = lambda: not host.freezer.frozen
        self.connections = {**CONNECTIONS, **(ACCOUNTS if accounts else {})}
        self.peopled = True
        self.resuming = False
        self.authorised = accounts  # by a person, who is there when asked
        self.enrol()

    def is_on_disk(self, name: str, access: str) -> bool:
        """Whether a pair of tokens would survive a death: sealed, and its event committed."""
        subject = self.host.subject(name)
        tenant = self.vault.enrol("tenant", name.split("/", maxsplit=1)[0])
        sealed = self.vault.open(tenant, subject, GRANT)
        if sealed is None or f'"{access}"' not in sealed.reveal():
            return False
        for event in self.host.past(subject):
            if isinstance(event, TokenRefreshed | ConnectionAuthorised):
                return f'"generation":{event.generation},' in sealed.reveal()
        return False

    def enrol(self) -> None:
        for name in self.connections:
            tenant = self.vault.enrol("tenant", name.split("/")[0])
            subject = self.vault.enrol("connection", name)
            if name in CONNECTIONS:
                self.vault.seal(tenant, subject, "credential", Secret(name))
        provider = self.vault.enrol("provider", "health")
        self.vault.seal(NO_TENANT, provider, CLIENT, Secret("us:our secret"))

    async def run(self, lasting: timedelta = MONTH) -> None:
        """Live for so long, one life after another, each ended by a kill or a stop."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._time_passes)
            while self.clock.now() < EPOCH + lasting:
                await self.life(self._lasting())
                await trio.sleep(self.dice.uniform(1, 7200))
            nursery.cancel_scope.cancel()
        self.provider.down_until = self.provider.empty_until = None
        self.accounts.pacify()
        self.disk.full = False

    def _lasting(self) -> timedelta:
        """Long lives, and ones that end while what fell due in between is still being synced."""
        if self.dice.random() < 0.5:
            return timedelta(seconds=self.dice.uniform(0, 180))
        return timedelta(hours=self.dice.uniform(0.01, 48))

    async def life(self, lasting: timedelta, *, kindly: bool = False) -> None:
        struck = trio.Event()
        self.accounts.strike = struck.set
        await self.host.life(self.parts, self._visit, lasting, struck=struck, kindly=kindly)

    async def heal(self, lasting: timedelta) -> None:
        """Live for so long without faults; what was paused is resumed at the beginning."""
        self.resuming = True
        await self.life(lasting, kindly=True)

    def _visit(self, daemon: Daemon, people: trio.Nursery) -> None:
        if self.resuming:
            for subject in [*daemon.journal.world.connections]:
                daemon.journal.execute(Resume(subject=subject))
        if self.peopled:
            people.start_soon(self._people, daemon)
        if self.authorised:
            people.start_soon(self._person, daemon)

    def configuration(self) -> Configuration:
        settings = Settings(
            sync=SyncSettings(concurrency=3, stop_within="30s"),
            connections={name: Declared(interval=each) for name, each in self.connections.items()},
        )
        providers = {"parts": PROVIDER, "health": health(self.way)}
        return Configuration(settings=settings, providers=providers, files=())

    def parts(self, log: MemoryLog, freezer: Freezer) -> Parts:
        return Parts(
            log=log,
            store=self.store,
            run=freezer,
            cache=Cache(Shelf(None), freezer),
            vault=self.vault,
            clock=self.clock,
            configuration=self.configuration(),
            connect=self._connect,
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
            snapshots=self.host.snapshots,
            run_snapshots=freezer.snapshots,
        )

    def _connect(self, file: ProviderFile) -> Provider:
        if file.name == "health":
            return Provider(file=file, send=self.accounts.send, send_token=self.accounts.send_token)
        return Provider(file=file, send=self.provider.send, send_token=self.provider.send)

    async def _people(self, daemon: Daemon) -> None:
        """Somebody types a command now and then, at the worst of moments."""
        while True:
            await trio.sleep(self.dice.expovariate(1 / 7200))
            subject = self.dice.choice(list(daemon.journal.world.connections))
            await daemon.journal.room()
            recorded = daemon.journal.execute(self._wish(subject))
            await daemon.journal.durable(recorded)

    def _wish(self, subject: int) -> Command:
        if self.vault.name(subject) in CONNECTIONS or self.dice.random() < 0.6:
            return self.dice.choice([Request, Request, Cancel, Pause, Resume, Resume])(
                subject=subject
            )
        today = self.clock.now().date()
        first = today - timedelta(days=self.dice.randint(0, 40))
        last = first + timedelta(days=self.dice.randint(0, (today - first).days))
        return self.dice.choice(
            [
                Request(subject=subject, options=RunOptions(days=self.dice.randint(1, 9))),
                Request(subject=subject, options=RunOptions(failed_days=True)),
                Request(subject=subject, options=RunOptions(threshold=timedelta(hours=2))),
                Backfill(subject=subject, first=first, last=last, batch=self.dice.randint(1, 9)),
            ]
        )

    async def _person(self, daemon: Daemon) -> None:
        """Who is asked to authorise again does so after some hours."""
        while True:
            await trio.sleep(self.dice.uniform(1800, 4 * 3600))
            for subject, connection in list(daemon.journal.world.connections.items()):
                if connection.grant.phase is Phase.NEEDED:
                    await self._authorise(daemon, self.vault.name(subject))

    async def _authorise(self, daemon: Daemon, name: str) -> None:
        desk = self.desk(daemon)
        try:
            wish = AuthorizeWish(connection=name)
            begun = await accounts.authorize_begin(desk, wish, PERSON)
            await trio.sleep(self.dice.uniform(5, 300))
            place = self.accounts.consent(begun.url, name)
            answer = AuthorizeAnswer(connection=name, state=begun.state, answer=place)
            await accounts.authorize_finish(desk, answer, PERSON)
        except Refused:
            return  # later, then

    def desk(self, daemon: Daemon) -> Desk:
        nowhere = Path("/nowhere")
        return Desk.of(
            daemon,
            self.vault,
            self.configuration(),
            Places(config=nowhere, state=nowhere, socket=nowhere),
            "simulated",
        )

    async def _time_passes(self) -> None:
        while True:
            await trio.sleep(3600)
            self.provider.live()
            self.accounts.live()
            self.disk.full = self.dice.random() < 0.01
