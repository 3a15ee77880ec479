"""How does a fleet of forty connections live through some days of the policy's whole range?

Twelve tenants, three providers, each with its own kind of trouble; people who type commands at the
worst of moments; a clock that jumps, a disk that fills up, kills and stops. The days lie between
March and April, so that the seeds together meet every change of the clocks.
"""

import random
from datetime import UTC, datetime, timedelta

import trio

from daemon.app import Daemon
from daemon.auth_file import ApiKey
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.paging_file import OffsetPaging
from daemon.parts import Parts
from daemon.policy_file import PolicyTable, PolicyTables
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.rate_file import Rate, RateWindow
from daemon.secret import Secret
from daemon.stream_file import Stream
from events.envelope import Recorded
from events.schema import SyncStarted
from projections.world import World
from tests.fakes.memory_log import MemoryLog
from tests.fakes.provider import PAGE, FakeProvider
from tests.simulation.crowd import put_right, worst_moments
from tests.simulation.host import Freezer, Host
from tests.simulation.weather import Fading, Outages, Storms, Weather

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
START_DAYS = 35  # to the first days of April: Europe, America and Australia change their clocks
SPAN = timedelta(hours=30)
QUIET = timedelta(days=2)
HOUR_S = 3600.0
STRIKES = 0.02  # the chance that a life ends with the start of a sync
MERCY = 0.4  # the chance that it is stopped then, and not killed
RECORDS = 8  # fewer than a page: one call a stream
SLOW = 0.2  # of the store's calls: enough to die in the middle of any

QUIET_HOURS = {
    "madrid": ("Europe/Madrid", "23:00", "07:00"),
    "malaga": ("Europe/Madrid", "02:00", "03:00"),  # which one night does not have
    "albany": ("America/New_York", "22:30", "06:00"),
    "boston": ("America/New_York", "01:30", "02:30"),
    "sydney": ("Australia/Sydney", "00:30", "05:00"),
    "hobart": ("Australia/Hobart", "02:30", "03:30"),
    "london": ("Europe/London", "00:30", "06:30"),
    "pune": ("Asia/Kolkata", "21:15", "05:45"),
    "tunis": ("Africa/Tunis", "18:00", "08:00"),
    "quito": ("America/Guayaquil", "09:00", "09:00"),  # none
    "reims": None,
    "lagos": None,
}
INTERVALS = ("4h", "6h", "7h", "12h", "daily")
PROVIDERS = ("outland", "stormy", "fading")
CONNECTIONS = tuple(f"{tenant}/{at}" for tenant in QUIET_HOURS for at in PROVIDERS) + tuple(
    f"{tenant}/{at}/second"
    for tenant, at in zip(QUIET_HOURS, (*PROVIDERS, "outland"), strict=False)
)


def _stream(name: str, **more: str) -> Stream:
    paging = OffsetPaging(size=PAGE, last="short")
    return Stream(path=f"/{name}", primary_key=("id",), records="rows", paging=paging, **more)


def _file(name: str, *windows: RateWindow, **orders: str) -> ProviderFile:
    return ProviderFile(
        name=name,
        base_url=f"https://{name}.example",
        auth=ApiKey(header="x-api-key"),
        rate=Rate(windows=windows),
        streams={"orders": _stream("orders", **orders), "stock": _stream("stock")},
    )


FILES = {
    "outland": _file("outland", interval="9h"),
    "stormy": _file(
        "stormy",
        RateWindow(calls=12, per_s=600),
        RateWindow(calls=5, per_s=1800, scope="connection"),
        waits_for="stock",
    ),
    "fading": _file("fading", waits_for="connection"),
}


def first_day(seed: int) -> datetime:
    """Seeds in a row begin far apart."""
    return FIRST_DAY + timedelta(days=seed * 11 % START_DAYS)


class Fleet:
    """A fleet on its host: what outlives each life."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        self.epoch = first_day(seed) + timedelta(hours=dice.randrange(24))
        self.host = Host(dice, self.epoch, slow=SLOW)
        clock = self.host.clock
        self.providers = {name: FakeProvider(clock, dice, records=RECORDS) for name in PROVIDERS}
        for each in self.providers.values():
            each.licensed = self.host.runs_on_disk
        retires = self.epoch + dice.uniform(0.2, 2) * SPAN
        self.weather: dict[str, Weather] = {
            "outland": Outages(clock, dice),
            "stormy": Storms(clock, dice),
            "fading": Fading(self.providers["fading"], dice, retires),
        }
        for name, weather in self.weather.items():
            self.providers[name].refuses = weather
        self.policy = self._policy()
        self.peopled = True
        self.world = World()
        self.struck = trio.Event()
        self._enrol()

    def _enrol(self) -> None:
        vault = self.host.vault
        for name in CONNECTIONS:
            tenant = vault.enrol("tenant", name.split("/")[0])
            subject = vault.enrol("connection", name)
            vault.seal(tenant, subject, "credential", Secret(name))
            vault.seal(tenant, tenant, "digest", Secret(f"{tenant:064x}"))  # else it is drawn

    async def run(self) -> None:
        """Live through the span, one life after another, each ended by a kill or a stop."""
        ends = trio.current_time() + SPAN.total_seconds()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._time_passes)
            while trio.current_time() < ends:
                await self._life(self._lasting())
                await trio.sleep(self.dice.uniform(1, HOUR_S))
            nursery.cancel_scope.cancel()

    async def heal(self) -> None:
        """Two quiet days: most is put right by hand; nothing fails, nobody types any more."""
        for name in PROVIDERS:
            self.weather[name].calm()
            self.providers[name].slips = 0.0
        self.host.disk.full, self.peopled = False, False
        await self._life(QUIET, kindly=True)

    def _lasting(self) -> timedelta:
        """Long lives, and ones that end while what fell due in between is still being synced."""
        if self.dice.random() < 0.25:
            return timedelta(seconds=self.dice.uniform(0, 180))
        return timedelta(hours=self.dice.uniform(0.1, 14))

    async def _life(self, lasting: timedelta, *, kindly: bool = False) -> None:
        self.host.clock.drift()  # a process measures from its own start on
        if self.dice.random() < 0.1:
            self.policy = self._policy()  # somebody edited the configuration
        self.struck = trio.Event()
        await self.host.life(
            self._parts, self._visit, lasting, struck=self.struck, mercy=MERCY, kindly=kindly
        )

    def _visit(self, daemon: Daemon, people: trio.Nursery) -> None:
        self.world = daemon.journal.world
        if self.peopled:
            people.start_soon(worst_moments, daemon, self.dice)
            daemon.journal.observe(self._strike)
        else:
            put_right(daemon, self.dice)

    def _strike(self, recorded: Recorded) -> None:
        """At the worst of moments, while something runs, a life ends."""
        if isinstance(recorded.event, SyncStarted) and self.dice.random() < STRIKES:
            self.struck.set()

    async def _time_passes(self) -> None:
        while True:
            await trio.sleep(HOUR_S)
            for name in PROVIDERS:
                self.providers[name].change()
                self.weather[name].live()
            self.host.disk.full = self.dice.random() < 0.03
            if self.dice.random() < 0.08:
                minutes = self.dice.choice([2, 20, 70, 200]) * self.dice.uniform(0.6, 1)
                self.host.clock.step(self.dice.choice([-1, 1]) * timedelta(minutes=minutes))

    def _parts(self, log: MemoryLog, freezer: Freezer) -> Parts:
        return Parts(
            log=log,
            store=self.host.store,
            run=freezer,
            cache=Cache(Shelf(None), freezer),
            vault=self.host.vault,
            clock=self.host.clock,
            configuration=self._configuration(),
            connect=self._connect,
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
            snapshots=self.host.snapshots,
            run_snapshots=freezer.snapshots,
            chance=self.dice.random,
        )

    def _connect(self, file: ProviderFile) -> Provider:
        provider = self.providers[file.name]
        return Provider(file=file, send=provider.send, send_token=provider.send)

    def _configuration(self) -> Configuration:
        settings = Settings(
            sync=SyncSettings(interval="6h", concurrency=8, stop_within="2s"),
            policy=self.policy,
            connections={name: Declared() for name in CONNECTIONS},
        )
        return Configuration(settings=settings, providers=FILES, files=())

    def _policy(self) -> PolicyTables:
        """What stands in the configuration."""
        return PolicyTables(
            spread=0.1,
            failover_enabled=True,
            retries_at_once=3,
            provider_concurrency=5,
            providers={
                "outland": PolicyTable(breaker_open="10m", breaker_doubling=True),
                "stormy": PolicyTable(provider_concurrency=2, retry_backoff="fixed"),
                "fading": PolicyTable(retry_budget=0.1, breaker_successes=1),
            },
            tenants={name: self._of_tenant(name) for name in QUIET_HOURS},
            connections={
                f"{tenant}/{at}": PolicyTable(fallback=f"{tenant}/{instead}")
                for tenant in QUIET_HOURS
                for at, instead in (("outland", "stormy"), ("fading", "outland"))
                if self.dice.random() < 0.7
            },
        )

    def _of_tenant(self, name: str) -> PolicyTable:
        zone, start, end = QUIET_HOURS[name] or (None, None, None)
        return PolicyTable(
            interval=self.dice.choice(INTERVALS),
            timezone=zone,
            quiet_hours_start=start,
            quiet_hours_end=end,
            retry_jitter=self.dice.random() < 0.5,
            max_retry_attempts=self.dice.randint(1, 4),
            retry_delay=self.dice.choice([None, None, "15m", "30s"]),
        )
