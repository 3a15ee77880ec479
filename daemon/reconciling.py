"""How do vault and store come to agree with the log, which alone knows what happened?"""

from collections.abc import Collection, Iterator
from functools import partial

import structlog

from daemon import commands, relinking
from daemon.journal import Journal
from daemon.store import heads
from daemon.store.core import Store
from daemon.vault import Vault
from projections.connection import Connection
from projections.streams import Stream
from projections.world import World

log = structlog.get_logger()

OLDER = "the data file was deleted, or is an older copy than the log; its newer records are lost"


def reconcile(vault: Vault, store: Store, world: World) -> Collection[int]:
    """Make vault and store agree with the log; which rows of writes that wait are missing."""
    vault.reserve(max([0, *world.connections, *world.providers, *world.tenants, *world.sources]))
    for subject in store.reconcile(_captured(world), world.seq, _held(world)):
        name, known = vault.name(subject), world.connections[subject]
        lost = _typed(name, known, store.ask(partial(heads.newest_days, whose=subject)))
        log.warning("store-behind", connection=name, seq=world.seq, why=OLDER, type=lost)
    relinking.settle(world, vault)
    store.name_all(
        {
            subject: (vault.name(each.tenant), vault.name(subject))
            for subject, each in world.connections.items()
        }
    )
    return store.reconcile_letters(_waiting(world))


def _typed(name: str, known: Connection, held: list[str]) -> str:
    """What fetches the days that its windows do not ask for any more, though the store lost them.

    `held` is the newest that it has of each stream. Where it has none of one, a person knows since
    when there was any.
    """
    newest = [each.newest_day for each in known.streams.values() if each.newest_day]
    if not newest:
        return f"rounds sync {name}"
    first = min(held) if len(held) >= len(newest) else "DAY"
    return f"rounds backfill {name} --from {first} --to {max(newest)}"


def miss(journal: Journal, rows: Collection[int]) -> None:
    """What the log says waits, and the data store does not hold, cannot be delivered."""
    lost = [
        commands.MissWrite(subject=subject, write=write.number)
        for subject, outbox in journal.world.outboxes.items()
        for write in outbox
        if write.row in rows
    ]
    for wish in lost:
        journal.execute(wish)


def _waiting(world: World) -> dict[int, int]:
    """The rows of what has yet to be written, and whose they are."""
    return {write.row: subject for subject, outbox in world.outboxes.items() for write in outbox}


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
