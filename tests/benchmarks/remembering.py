"""How long does a start take, or a look at the past, with snapshots and without; what stands still?

A log of a million events of two thousand connections, with the snapshots that a daemon would have
kept of it. A start and a look at the past are measured against the same without any snapshot; how
long the loop stands still while a snapshot of a hundred thousand connections is made, against what
it stands still for without one.
"""

import gc
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import trio

from daemon import past_worker, replaying
from daemon.decide import snapshots as decide
from daemon.journal import Journal
from daemon.past import Past, Standing
from daemon.past_process import PastProcess
from daemon.snapshotter import Snapshotter
from daemon.store.storage import OneThread
from events.codec import encode
from events.envelope import Recorded
from events.log import SqliteLog
from events.snapshots import Snapshots, Stamp
from projections import image
from projections import world as worlds
from projections.world import World
from tests.benchmarks.appending import Acknowledged
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet import Nowhere, fleet
from tests.benchmarks.history import history
from tests.benchmarks.idling import CONNECTIONS as MANY
from tests.benchmarks.idling import sync_all

CONNECTIONS = 2_000
EVENTS = 1_000_000
TAIL = 1_500  # at least, since the last snapshot: most of an hour
SIZE = 600_000  # of a snapshot, about
BURST = 100
TURNS = 1  # a whole replay takes its time
LOOKS = 25
NAP_S = 0.001


def figures(events: int = EVENTS, connections: int = CONNECTIONS) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        last = _write(directory, history(connections, events))
        start = _start(directory, events)
        yield start
        yield from trio.run(_looks, directory, last, start.limit / 1000)
    yield trio.run(_stall, MANY)


def _write(directory: Path, recorded: list[Recorded]) -> Recorded:
    """The log, and of the snapshots that were made on the way those that are kept at the end."""
    with closing(SqliteLog(directory)) as log:
        assert list(log.replay()) == []
        acknowledged = Acknowledged()
        log.start(acknowledged)
        for start in range(0, len(recorded), BURST):
            log.append([encode(event) for event in recorded[start : start + BURST]])
        heads = acknowledged.heads
        while heads.get() < len(recorded):
            pass
        snapshots = _snapshots(directory)
        made = _made(recorded)
        keep = decide.kept(made, recorded[-1].at)
        world = World()
        for each in recorded:
            worlds.fold(world, each)
            if each.seq in keep:
                _take(snapshots, log, world)
    return recorded[-1]


def _made(recorded: list[Recorded]) -> list[decide.Made]:
    """After every hour, or after so many events: what a daemon would have made of it."""
    made, last = [], recorded[0]
    for each in recorded[: 1 - TAIL]:
        events = each.seq - last.seq
        if events >= decide.EVENTS or (
            each.at - last.at >= decide.EVERY and events >= decide.EVENTS_MIN
        ):
            made.append(decide.Made(each.seq, each.at, SIZE))
            last = each
    return made


def _snapshots(directory: Path) -> Snapshots:
    return Snapshots(directory / past_worker.SNAPSHOTS, past_worker.version())


def _take(snapshots: Snapshots, log: SqliteLog, world: World) -> None:
    draft = snapshots.begin(world.seq)
    for piece in image.pieces(world):
        draft.add(piece)
    block = log.block_of(world.seq)
    assert block is not None
    assert world.at is not None
    draft.finish(Stamp(version=snapshots.version, seq=world.seq, at=world.at, block=block.hex()))


def _start(directory: Path, events: int) -> Figure:
    ways = (_snapshots(directory), Snapshots(None, ""))
    times: list[list[float]] = [[], []]
    for _, (way, measured) in itertools.product(range(TURNS), zip(ways, times, strict=True)):
        gc.collect()
        with closing(SqliteLog(directory)) as log:
            begun = time.perf_counter()
            world, _ = replaying.begin(log, way)
            measured.append(time.perf_counter() - begun)
        assert world.seq == events
    return _figure(f"start with {events:,} events, against no snapshot", *times)


async def _looks(directory: Path, last: Recorded, whole: float) -> list[Figure]:
    found = []
    with closing(SqliteLog(directory)) as log:
        world, _ = replaying.begin(log, _snapshots(directory))
        journal = Journal(log, world, Standing(last.at + timedelta(hours=1)))
        async with trio.open_nursery() as nursery:
            process = PastProcess(directory, past_worker.version())
            nursery.start_soon(process.run)
            past = Past(journal, process)
            (first,) = await _timed([lambda: past.state_at(1)])
            limit = [whole]
            dice = random.Random(1)
            for words, span, subject in (
                ("of one connection", last.at - journal.log.read(0)[0].at, 77),
                ("of the fleet, in the last day", timedelta(days=1), None),
                ("of the fleet, at any time", last.at - journal.log.read(0)[0].at, None),
            ):
                asked = [last.at - span * dice.random() for _ in range(LOOKS)]
                times = await _timed([_look(past, at, subject) for at in asked])
                found.append(_figure(f"state_at {words}, against a whole replay", times, limit))
            found.append(_figure("state_at, the first question to a new process", [first], limit))
            nursery.cancel_scope.cancel()
    return found


def _look(past: Past, at: object, subject: int | None) -> Callable[[], Awaitable[object]]:
    return lambda: past.state_at(at, subject)


async def _timed(works: list[Callable[[], Awaitable[object]]]) -> list[float]:
    times = []
    for work in works:
        begun = time.perf_counter()
        await work()
        times.append(time.perf_counter() - begun)
    return times


async def _stall(connections: int) -> Figure:
    """The longest that somebody who wants to run every millisecond is kept waiting."""
    world = fleet(connections)
    sync_all(world, connections)
    gc.freeze()
    log = Nowhere()
    journal = Journal(log, world, Standing(world.at))
    log.start(journal)
    with tempfile.TemporaryDirectory() as name:
        snapshotter = Snapshotter(journal, _snapshots(Path(name)), OneThread(), 0)
        quiet, _ = await _gaps(_rest)
        busy, took = await _gaps(snapshotter.take)
    return Figure(
        figure=f"the loop's longest stall while {connections:,} connections are written "
        f"in {took:.1f} s",
        value=round(max(busy) * 1000, 1),
        limit=round(max(quiet) * 1000, 1),
        ratio=round(max(busy) / max(quiet), 1),
        unit="ms",
    )


async def _rest() -> None:
    await trio.sleep(2)


async def _gaps(work: Callable[[], Awaitable[object]]) -> tuple[list[float], float]:
    gaps: list[float] = []

    async def watch() -> None:
        while True:
            begun = time.perf_counter()
            await trio.sleep(NAP_S)
            gaps.append(time.perf_counter() - begun - NAP_S)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        begun = time.perf_counter()
        await work()
        took = time.perf_counter() - begun
        nursery.cancel_scope.cancel()
    return gaps, took


def _figure(figure: str, ours: list[float], limit: list[float]) -> Figure:
    value, limit_ = statistics.median(ours), statistics.median(limit)
    return Figure(
        figure=f"{figure} (slowest {max(ours) * 1000:,.0f})",
        value=round(value * 1000, 1),
        limit=round(limit_ * 1000, 1),
        ratio=round(value / limit_, 4),
        unit="ms",
    )
