"""How do the parts become a daemon? The one composition root, which the tests use too.

open ─► replay ─► reconcile ─► recover ─► apply configuration ─► serve ─► (stop) ─► close
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio
from msgspec import Struct

from daemon import (
    apply,
    commands,
    details,
    narrator,
    prefix_check,
    reconciling,
    replaying,
    sources,
)
from daemon.actor import Actor
from daemon.auditor import Auditor
from daemon.cache.cache import Cache
from daemon.configuration import Configuration
from daemon.duration import duration
from daemon.excerpts import Excerpts
from daemon.gateway.courier import Courier
from daemon.gateway.drafting import Means
from daemon.gateway.gateway import Gateway
from daemon.gateway.outbox import Outbox
from daemon.gateway.postman import Postman
from daemon.gateway.sweeper import Sweeper
from daemon.journal import Journal
from daemon.judge import Judge
from daemon.limiter import Limiter
from daemon.parts import Parts
from daemon.past import InProcess, Past
from daemon.provider import Provider
from daemon.pruner import Pruner
from daemon.quarantine import Quarantine
from daemon.read_model.reading import Reading
from daemon.read_model.scribe import Scribe
from daemon.relinking import Relinker
from daemon.restoring import Restorer
from daemon.scheduler import Scheduler
from daemon.snapshotter import Snapshotter
from daemon.store.storage import Storage
from daemon.supervisor import Supervisor
from daemon.tokens import Keeper
from daemon.vault import Vault
from daemon.watchman import Watchman
from events.ballast import Ballast

log = structlog.get_logger()

VAULT_BALLAST = 256 * 1024  # room for the pages of one pair of tokens, and their checkpoint
LAST_SNAPSHOT_S = 20.0  # more than a hundred thousand connections take
LAST_COMMIT_S = 5.0  # a disk that is full stays full: what is not written is replayed as open


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
    snapshotter: Snapshotter
    past: Past
    restorer: Restorer
    quarantine: Quarantine
    excerpts: Excerpts
    auditor: Auditor
    reading: Reading
    providers: Mapping[int, Provider]


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[Daemon]:
    """Run a daemon; leaving the block stops it in good order. Raises LogBroken out of the block."""
    world, since = replaying.begin(parts.log, parts.snapshots)
    missing = reconciling.reconcile(parts.vault, parts.store, world)
    journal = Journal(parts.log, world, parts.clock)
    parts.log.start(parts.bridge(journal))
    storage = Storage(parts.store, parts.run)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.watch)
        narrated = journal.subscribe(world.seq)
        nursery.start_soon(narrator.narrate, narrated)
        quarantine, excerpts = _kept(journal, parts.vault, storage, nursery)
        begun = journal.execute(commands.Recover(version=parts.version))
        reconciling.miss(journal, missing)
        providers = _declared(parts, journal)
        keeper = _keeper(parts, journal, providers)
        relinker = Relinker(journal, parts.vault, storage, nursery)
        recorded = await apply.connections(
            journal, parts.vault, storage, parts.configuration, relinker
        )
        apply.policies(journal, parts.vault, parts.configuration)
        await journal.durable(recorded or begun)
        means = _means(parts, journal, keeper, providers, nursery)
        gateway, outbox, postman = _gateway(parts, means, storage, nursery)
        supervisor = Supervisor(
            journal, _actor(parts, means, storage, excerpts), nursery, parts.state
        )
        snapshotter, past = _history(parts, journal, nursery, since)
        restore = partial(Restorer, past=past, chance=parts.chance)
        restorer = restore(journal, storage, parts.vault, supervisor, nursery)
        auditor, scheduling = _auditor(journal, nursery), trio.CancelScope()
        reading = _read_model(parts, journal, nursery)
        lookers = (Watchman(journal), Judge(journal, past, reading))
        nursery.start_soon(_work, Scheduler(journal, supervisor), *lookers, scheduling)
        yield Daemon(
            journal=journal,
            supervisor=supervisor,
            storage=storage,
            keeper=keeper,
            gateway=gateway,
            outbox=outbox,
            cache=parts.cache,
            relinker=relinker,
            snapshotter=snapshotter,
            past=past,
            restorer=restorer,
            quarantine=quarantine,
            excerpts=excerpts,
            auditor=auditor,
            reading=reading,
            providers=providers,
        )
        scheduling.cancel()
        await restorer.stop()
        auditor.flush()
        await stop(journal, supervisor, postman, parts.configuration)
        await parts.cache.flush()  # what the next life need not work out again
        await snapshotter.last(LAST_SNAPSHOT_S)
        nursery.cancel_scope.cancel()
        narrator.end(journal, narrated)


def _declared(parts: Parts, journal: Journal) -> dict[int, Provider]:
    """What stands in the configuration besides connections is in force; the providers."""
    vault, configuration = parts.vault, parts.configuration
    journal.execute(commands.NoteVaultKey(version=vault.key_version, sealed=vault.count()))
    apply.settings(journal, configuration)
    ways = {name: parts.connect(file) for name, file in configuration.providers.items()}
    providers = apply.providers(journal, vault, ways, configuration.own)
    apply.clients(journal, vault, configuration)
    sources.declare(journal, vault, configuration)
    return providers


def _keeper(parts: Parts, journal: Journal, providers: Mapping[int, Provider]) -> Keeper:
    """Who looks after tokens; what an earlier life left of them is settled."""
    ballast = Ballast(parts.state / "vault.ballast", VAULT_BALLAST) if parts.state else None
    keeper = Keeper(journal, parts.vault, providers, ballast)
    keeper.settle()
    return keeper


def _actor(parts: Parts, means: Means, storage: Storage, excerpts: Excerpts) -> Actor:
    return Actor(
        means.journal,
        storage,
        means.vault,
        means.keeper,
        means.providers,
        limiter=means.limiter,
        excerpts=excerpts,
        chance=parts.chance,
    )


def _kept(
    journal: Journal, vault: Vault, storage: Storage, nursery: trio.Nursery
) -> tuple[Quarantine, Excerpts]:
    """Who clears away what the data store need not keep, and who settles what it holds."""
    excerpts = Excerpts(journal, vault, storage)
    nursery.start_soon(excerpts.run)
    nursery.start_soon(Sweeper(journal, storage).run)
    nursery.start_soon(Pruner(journal, storage).run)
    nursery.start_soon(details.forget_unmonitored, journal, storage)
    return Quarantine(journal, storage, nursery), excerpts


def _means(
    parts: Parts,
    journal: Journal,
    keeper: Keeper,
    providers: Mapping[int, Provider],
    nursery: trio.Nursery,
) -> Means:
    limiter, vault = Limiter(journal), parts.vault
    nursery.start_soon(limiter.run)
    return Means(journal=journal, vault=vault, keeper=keeper, providers=providers, limiter=limiter)


def _auditor(journal: Journal, nursery: trio.Nursery) -> Auditor:
    auditor = Auditor(journal)
    nursery.start_soon(auditor.run)
    return auditor


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


def _history(
    parts: Parts, journal: Journal, nursery: trio.Nursery, since: int
) -> tuple[Snapshotter, Past]:
    """Who makes snapshots, the last of which is of event `since`, and who tells what was true."""
    run = parts.run_snapshots or parts.run
    snapshotter = Snapshotter(journal, parts.snapshots, run, since)
    engine = parts.past or InProcess(parts.log, parts.snapshots)
    nursery.start_soon(snapshotter.run)
    nursery.start_soon(engine.run)
    if parts.state is not None:
        nursery.start_soon(prefix_check.watch, parts.state, parts.snapshots, since)
    return snapshotter, Past(journal, engine)


def _read_model(parts: Parts, journal: Journal, nursery: trio.Nursery) -> Reading:
    """Who asks what can be asked in SQL; somebody writes that."""
    settings = parts.configuration.settings.read_model
    scribe = Scribe(
        journal,
        parts.vault.name,
        parts.read,
        parts.run_scribe or parts.run,
        retries_kept=duration(settings.retries_kept),
    )
    asks, beside = parts.run_reading or parts.run, parts.run_beside or parts.run
    reading = Reading(scribe, parts.read, asks, beside)
    nursery.start_soon(scribe.run)
    nursery.start_soon(reading.run)
    return reading


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


async def _work(
    scheduler: Scheduler, watchman: Watchman, judge: Judge, scope: trio.CancelScope
) -> None:
    """What begins anything by itself, until the daemon stops."""
    with scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watchman.run)
            nursery.start_soon(judge.run)
            await scheduler.run()
