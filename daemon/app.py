"""How do the parts become a daemon? The one composition root, which the tests use too.

open ─► replay ─► reconcile ─► recover ─► apply configuration ─► serve ─► (stop) ─► close
"""

import gc
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import structlog
import trio
from msgspec import Struct

from daemon import apply, commands, relinking
from daemon.actor import Actor
from daemon.clock import Clock
from daemon.configuration import Configuration
from daemon.duration import duration
from daemon.gateway.gateway import Gateway
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
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
from events.writer import Listener
from projections import world as worlds
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
    chance: Callable[[], float] = random.SystemRandom().random


class Daemon(Struct, frozen=True, kw_only=True):
    """A running daemon's parts, for the control server and for tests."""

    journal: Journal
    supervisor: Supervisor
    storage: Storage
    keeper: Keeper
    gateway: Gateway
    relinker: Relinker
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
    _reconcile(parts, world)
    journal = Journal(parts.log, world, parts.clock)
    parts.log.start(parts.bridge(journal))
    storage = Storage(parts.store, parts.run)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.watch)
        narrated = journal.subscribe(world.seq)
        nursery.start_soon(_narrate, narrated)
        begun = journal.execute(commands.Recover(version=parts.version))
        note = commands.NoteVaultKey(version=parts.vault.key_version, sealed=parts.vault.count())
        journal.execute(note)
        apply.settings(journal, parts.configuration)
        ways = {name: parts.connect(file) for name, file in parts.configuration.providers.items()}
        providers = apply.providers(journal, parts.vault, ways, parts.configuration.own)
        apply.clients(journal, parts.vault, parts.configuration)
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
            journal,
            storage,
            parts.vault,
            keeper,
            providers,
            limiter=limiter,
            chance=parts.chance,
        )
        gateway = Gateway(
            journal, parts.vault, keeper, providers, limiter=limiter, chance=parts.chance
        )
        supervisor = Supervisor(journal, actor, nursery, parts.state)
        scheduling = trio.CancelScope()
        nursery.start_soon(_schedule, Scheduler(journal, supervisor), scheduling)
        yield Daemon(
            journal=journal,
            supervisor=supervisor,
            storage=storage,
            keeper=keeper,
            gateway=gateway,
            relinker=relinker,
            providers=providers,
        )
        scheduling.cancel()
        await stop(journal, supervisor, parts.configuration)
        nursery.cancel_scope.cancel()
        _tell(journal.log.read(narrated.position))
        log.info("log-head", seq=journal.head.seq, hash=journal.block.hex())


def _reconcile(parts: Parts, world: World) -> None:
    """Make vault and store agree with the log after a crash."""
    parts.vault.reserve(max([0, *world.connections, *world.providers, *world.tenants]))
    behind = parts.store.reconcile(_captured(world), world.seq)
    relinking.settle(world, parts.vault)
    parts.store.name_all(
        {
            subject: (parts.vault.name(each.tenant), parts.vault.name(subject))
            for subject, each in world.connections.items()
        }
    )
    for subject in behind:
        log.warning("store-behind", subject=subject, seq=world.seq)


async def stop(journal: Journal, supervisor: Supervisor, configuration: Configuration) -> None:
    """Finish or interrupt what runs, and note the end, each within its bound."""
    within = duration(configuration.settings.sync.stop_within)
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
    elif isinstance(event, (RecordsCaptured, RecordsRefused)):
        fields["sync"] = event.version
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, (str, int, float, bool)) and value != "":
            fields[name] = value
        elif isinstance(value, date):  # a datetime is one too
            fields[name] = value.isoformat()
    fields["at"] = recorded.at.isoformat()
    return fields


def _captured(world: World) -> dict[tuple[int, str, str], int]:
    """The last version of each stream, by connection, provider and name."""
    return {
        (subject, world.providers[provider].name, name): stream.version
        for subject, connection in world.connections.items()
        for provider, streams in {
            **connection.former,
            connection.provider: connection.streams,
        }.items()
        for name, stream in streams.items()
    }
