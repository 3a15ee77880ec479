"""How many bytes does a connection take that has nothing to do?

Ours is what Python's allocator hands out for it: its slice of the World once it has been synced,
with the World's index of whose it is, and its entries in the agenda. The limit is what an actor
measures that is nothing but plain state and one heap entry (0.3 KB); a task that waits on a channel
measures 4.7 KB. A ratio over 1 says by how much the real state, with its counters, its streams'
versions and what its breaker last saw, is larger than that.
"""

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.agenda import Agenda
from events import schema
from events.codec import decode, encode
from events.envelope import Recorded
from events.terms import Kind, ScheduleReason
from projections import world as worlds
from projections.world import World
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet import INTERVAL, STREAMS, fleet, subjects

CONNECTIONS = 100_000
PLAIN = 300.0  # bytes


def figures(connections: int = CONNECTIONS) -> Iterator[Figure]:
    for name, synced in (("never synced", False), ("synced, three streams", True)):
        world, waiting = bytes_each(connections, synced=synced)
        yield Figure(
            figure=f"an idle connection, {name}: state {world:,.0f}, agenda {waiting:,.0f}",
            value=round(world + waiting),
            limit=PLAIN,
            ratio=round((world + waiting) / PLAIN, 3),
            unit="bytes",
        )


def bytes_each(connections: int, *, synced: bool) -> tuple[float, float]:
    """Of one connection: in the World, and in what follows it."""
    tracemalloc.start()
    try:
        begun = _allocated()
        world = fleet(connections)
        if synced:
            sync_all(world, connections)
        state = _allocated()
        followers = Agenda(world)
        waiting = _allocated()
        del followers
    finally:
        tracemalloc.stop()
    return (state - begun) / connections, (waiting - state) / connections


def sync_all(world: World, connections: int) -> None:
    """Every one of them once, as it falls due; the log's numbers and instants are its own."""
    for subject in subjects(connections):
        at = world.connections[subject].schedule.due
        assert at is not None, "each has a turn"
        _fold(world, subject, at, schema.SyncStarted(kind=Kind.SCHEDULED, due=at, priority=5))
        sync = world.seq
        for stream in STREAMS:
            _fold(world, subject, at, _captured(stream.name, sync))
        ended = at + timedelta(seconds=2)
        good = schema.SyncSucceeded(sync=sync, duration_ms=2000, records=300)
        _fold(world, subject, ended, good)
        later = schema.SyncScheduled(due=at + INTERVAL, reason=ScheduleReason.INTERVAL)
        _fold(world, subject, ended, later)


def _captured(stream: str, sync: int) -> schema.RecordsCaptured:
    return schema.RecordsCaptured(
        stream=stream,
        version=sync,
        fetched=100,
        added=100,
        changed=0,
        removed=0,
        unchanged=0,
        duplicates=0,
        rows=10_000 + sync,
        pages=1,
        digest=f"{sync:064x}",
    )


def _fold(world: World, subject: int, at: datetime, event: schema.Event) -> None:
    """As after a restart: what was read from the log shares nothing with anything."""
    recorded = Recorded(seq=world.seq + 1, at=at, subject=subject, event=event)
    worlds.fold(world, decode(encode(recorded)))


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
