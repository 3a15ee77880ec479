"""How do the parts become a daemon? The one composition root, which the tests use too.

open ─► replay ─► reconcile ─► recover ─► apply configuration ─► serve ─► (stop) ─► close
"""

import gc
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import structlog
import trio
from msgspec import Struct

from daemon import apply, commands, relinking
from daemon.actor import Actor
from daemon.cache.cache import Cache
from daemon.clock import Clock
from daemon.configuration import Configuration
from daemon.duration import duration
from daemon.gateway.courier import Courier
from daemon.gateway.drafting import Means
from daemon.gateway.gateway import Gateway
from daemon.gateway.outbox import Outbox
from daemon.gateway.postman import Postman
from daemon.gateway.sweeper import Sweeper
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.quarantine import Quarantine
from daemon.relinking import Relinker
from daemon.scheduler import Scheduler
from daemon.store.core import Store
from daemon.store.storage import Run, Storage
from daemon.supervisor import Supervisor
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.ballast import Ballast
from events.envelope import Recorded
from events.log import Log
from events.schema import RecordsCaptured, RecordsRefused, SyncStarted
from events.subscription import Subscription
from events.versions import RecordsQuarantined
from events.writer import Listener
from projections import world as worlds
from projections.streams import Stream
from projections.world import World

log = structlog.get_logger()

VAULT_BALLAST = 256 * 1024  # room for the pages of one pair of tokens, and their checkpoint
LAST_COMMIT_S = 5.0  # a disk that is full stays full: what is not written is replayed as open


class Parts(Struct, frozen=True, kw_only=True):
    """What a daemon is made of, real or simulated."""

    log: Log
    store: Store
    run: Run
    vault: Vault
    clock: Clock
    configuration: Configuration
    connect: Callable[[ProviderFile], Provider]
    bridge: Callable[[Journal], Listener]
    state: Path | None
    version: str
    cache: Cache
    chance: Callable[[], float] = random.SystemRandom().random


class Daemon(Struct, frozen=True, kw_only=True):
    """A running daemon's parts, for the control server and for tests."""

    journal: Journal
    supervisor: Supervisor
    storage: Storage
    keeper: Keeper
    gateway: Gateway
    outbox: Outbox
    cache: Cache
    relinker: Relinker
    quarantine: Quarantine
    providers: Mapping[int, Provider]


def replay(log_: Log) -> World:
    """Fold the whole log. Raises LogUnusable, UnreadableEvent.

    What replay makes either stays or dies at once, so the collector would only look in vain.
    """
    world = World()
    gc.disable()
    try:
        for recorded in log_.replay():
            worlds.fold(world, recorded)
    finally:
        gc.enable()
        gc.freeze()
    return world


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[Daemon]:
    """Run a daemon; leaving the block stops it in good order. Raises LogBroken out of the block."""
    world = replay(parts.log)
    missing = _reconcile(parts, world)
    journal = Journal(parts.log, world, parts.clock)
    parts.log.start(parts.bridge(journal))
    storage = Storage(parts.store, parts.run)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.watch)
        narrated = journal.subscribe(world.seq)
        nursery.start_soon(_narrate, narrated)
        nursery.start_soon(Sweeper(journal, storage).run)
        quarantine = Quarantine(journal, storage, nursery)
        begun = journal.execute(commands.Recover(version=parts.version))
        _miss(journal, missing)
        providers = _declared(parts, journal)
        ballast = Ballast(parts.state / "vault.ballast", VAULT_BALLAST) if parts.state else None
        keeper = Keeper(journal, parts.vault, providers, ballast)
        keeper.settle()
        relinker = Relinker(journal, parts.vault, storage, nursery)
        recorded = await apply.connections(
            journal, parts.vault, storage, parts.configuration, relinker
        )
        apply.policies(journal, parts.vault, parts.configuration)
        await journal.durable(recorded or begun)
        limiter = Limiter(journal)
        nursery.start_soon(limiter.run)
        actor = Actor(
            journal, storage, parts.vault, keeper, providers, limiter=limiter, chance=parts.chance
        )
        means = Means(
            journal=journal,
            vault=parts.vault,
            keeper=keeper,
            providers=providers,
            limiter=limiter,
        )
        gateway, outbox, postman = _gateway(parts, means, storage, nursery)
        supervisor = Supervisor(journal, actor, nursery, parts.state)
        scheduling = trio.CancelScope()
        nursery.start_soon(_schedule, Scheduler(journal, supervisor), scheduling)
        yield Daemon(
            journal=journal,
            supervisor=supervisor,
            storage=storage,
            keeper=keeper,
            gateway=gateway,
            outbox=outbox,
            cache=parts.cache,
            relinker=relinker,
            quarantine=quarantine,
            providers=providers,
        )
        scheduling.cancel()
        await stop(journal, supervisor, postman, parts.configuration)
        await parts.cache.flush()
        nursery.cancel_scope.cancel()
        _tell(journal.log.read(narrated.position))
        log.info("log-head", seq=journal.head.seq, hash=journal.block.hex())


def _reconcile(parts: Parts, world: World) -> Collection[int]:
    """Make vault and store agree with the log; which rows of writes that wait are missing."""
    parts.vault.reserve(max([0, *world.connections, *world.providers, *world.tenants]))
    for subject in parts.store.reconcile(_captured(world), world.seq, _held(world)):
        log.warning("store-behind", subject=subject, seq=world.seq)
    relinking.settle(world, parts.vault)
    parts.store.name_all(
        {
            subject: (parts.vault.name(each.tenant), parts.vault.name(subject))
            for subject, each in world.connections.items()
        }
    )
    return parts.store.reconcile_letters(_waiting(world))


def _declared(parts: Parts, journal: Journal) -> dict[int, Provider]:
    """What stands in the configuration besides connections is in force; the providers."""
    vault, configuration = parts.vault, parts.configuration
    journal.execute(commands.NoteVaultKey(version=vault.key_version, sealed=vault.count()))
    apply.settings(journal, configuration)
    ways = {name: parts.connect(file) for name, file in configuration.providers.items()}
    providers = apply.providers(journal, vault, ways, configuration.own)
    apply.clients(journal, vault, configuration)
    return providers


def _gateway(
    parts: Parts, means: Means, storage: Storage, nursery: trio.Nursery
) -> tuple[Gateway, Outbox, Postman]:
    """The way out for programs, what waits before it, and who lets that go."""
    for subject, known in means.journal.world.connections.items():
        if known.removed:
            parts.cache.forget(subject)
    gateway = Gateway(means, parts.cache, nursery, parts.chance)
    outbox = Outbox(means, storage, gateway, parts.chance)
    courier = Courier(means, storage, gateway, parts.chance)
    postman = Postman(means.journal, courier, nursery, means.providers)
    nursery.start_soon(parts.cache.run)
    nursery.start_soon(postman.run)
    return gateway, outbox, postman


async def stop(
    journal: Journal, supervisor: Supervisor, postman: Postman, configuration: Configuration
) -> None:
    """Finish or interrupt what runs, and note the end, each within its bound."""
    within = duration(configuration.settings.sync.stop_within)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(postman.stop, within)
        interrupted = await supervisor.stop(within)
    recorded = journal.execute(commands.Stop(interrupted=interrupted))
    with trio.move_on_after(LAST_COMMIT_S):
        await journal.durable(recorded)


async def _schedule(scheduler: Scheduler, scope: trio.CancelScope) -> None:
    with scope:
        await scheduler.run()


async def _narrate(narrated: Subscription) -> None:
    async for batch in narrated:
        _tell(batch)


def _tell(batch: Sequence[Recorded]) -> None:
    """One log line an event, once it is durable, with its number, subject and sync."""
    for recorded in batch:
        log.info(recorded.event.__struct_config__.tag, **_fields(recorded))


def _fields(recorded: Recorded) -> dict[str, object]:
    event = recorded.event
    fields: dict[str, object] = {"seq": recorded.seq, "subject": recorded.subject}
    if isinstance(event, SyncStarted):
        fields["sync"] = recorded.seq
    elif isinstance(event, (RecordsCaptured, RecordsRefused, RecordsQuarantined)):
        fields["sync"] = event.version
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, (str, int, float, bool)) and value != "":
            fields[name] = value
        elif isinstance(value, date):  # a datetime is one too
            fields[name] = value.isoformat()
    fields["at"] = recorded.at.isoformat()
    return fields


def _waiting(world: World) -> dict[int, int]:
    """The rows of what has yet to be written, and whose they are."""
    return {write.row: subject for subject, outbox in world.outboxes.items() for write in outbox}


def _miss(journal: Journal, rows: Collection[int]) -> None:
    """What the log says waits, and the data store does not hold, cannot be delivered."""
    lost = [
        commands.MissWrite(subject=subject, write=write.number)
        for subject, outbox in journal.world.outboxes.items()
        for write in outbox
        if write.row in rows
    ]
    for wish in lost:
        journal.execute(wish)


def _captured(world: World) -> dict[tuple[int, str, str], int]:
    """The last version of each stream, by connection, provider and name."""
    return {whose: stream.version for whose, stream in _streams(world)}


def _held(world: World) -> dict[tuple[int, str, str], int]:
    """The versions that are held, by the same."""
    return {whose: each.held.version for whose, each in _streams(world) if each.held is not None}


def _streams(world: World) -> Iterator[tuple[tuple[int, str, str], Stream]]:
    for subject, connection in world.connections.items():
        everywhere = {**connection.former, connection.provider: connection.streams}
        for provider, streams in everywhere.items():
            for name, stream in streams.items():
                yield (subject, world.providers[provider].name, name), stream
