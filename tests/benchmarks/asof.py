"""How long does it take to hear how things were, against how they are?

A real daemon, asked over its socket, with a log of a million events and a snapshot every ten
thousand. Each moment is drawn anew; what is waited for first is the process that works it out.
"""

import queue
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

from daemon.cli import client
from daemon.past_worker import SNAPSHOTS, version
from events.codec import encode
from events.envelope import Recorded
from events.log import SqliteLog
from events.snapshots import Snapshots, Stamp
from projections import image
from projections import world as worlds
from projections.world import World
from tests.benchmarks.appending import Acknowledged
from tests.benchmarks.figure import Figure
from tests.benchmarks.history import sync_facts
from tests.cli.world import world as home_of

CONNECTIONS = tuple(f"tenant{number:02}/weather" for number in range(40))
EVENTS = 1_000_000
BURST = 1_000
SNAPSHOT_EVENTS = 10_000  # as a daemon makes them
ASKED = 25
TURNS = 3
STEP = timedelta(microseconds=10)

Turns = Callable[[], list[float]]
"""Asks some times: how many seconds each answer took."""


def figures(events: int = EVENTS) -> Iterator[Figure]:
    with home_of(*CONNECTIONS) as made:
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < len(CONNECTIONS):
            time.sleep(0.2)
        made.stop()
        _lengthen(made.home.state, events)
        made.start()
        daemon, dice = client.reach(made.home.socket), random.Random(1)
        daemon.get("status", at="1")  # from now on the process that works it out is there

        def then() -> list[float]:
            return [
                _seconds(partial(daemon.get, "status", at=str(dice.randint(1000, events))))
                for _ in range(ASKED)
            ]

        def now() -> list[float]:
            return [_seconds(partial(daemon.get, "status")) for _ in range(ASKED)]

        yield _compared("status as of an event, against status", then, now)


def _compared(figure: str, ours: Turns, limit: Turns) -> Figure:
    """Both take turns: the median of all, in milliseconds."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        found[0].extend(ours())
        found[1].extend(limit())
    value, beside = (statistics.median(each) * 1000 for each in found)
    return Figure(
        figure=figure,
        value=round(value, 1),
        limit=round(beside, 1),
        ratio=round(value / beside, 1),
        unit="ms",
    )


def _seconds(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun


def _lengthen(state: Path, events: int) -> None:
    """Let its connections have synced until there are so many events, with snapshots on the way."""
    heads: queue.SimpleQueue[int]
    snapshots, dice, known = Snapshots(state / SNAPSHOTS, version()), random.Random(1), World()
    snapshots.sweep()
    with closing(SqliteLog(state)) as log:
        for recorded in log.replay():
            worlds.fold(known, recorded)
        acknowledged = Acknowledged()
        log.start(acknowledged)
        heads = acknowledged.heads
        facts = _facts(known, dice)
        while known.seq < events:
            rest = BURST - known.seq % BURST  # so that snapshots fall on whole numbers
            batch = [next(facts) for _ in range(min(rest, events - known.seq))]
            log.append([encode(each) for each in batch])
            for recorded in batch:
                worlds.fold(known, recorded)
            while heads.get() < known.seq:
                pass
            if not known.seq % SNAPSHOT_EVENTS:
                _snapshot(snapshots, log, known)


def _snapshot(snapshots: Snapshots, log: SqliteLog, known: World) -> None:
    block = log.block_of(known.seq)
    assert block is not None, "it is durable"
    assert known.at is not None, "it has events"
    draft = snapshots.begin(known.seq)
    for piece in image.pieces(known):
        draft.add(piece)
    draft.finish(Stamp(version=snapshots.version, seq=known.seq, at=known.at, block=block.hex()))


def _facts(known: World, dice: random.Random) -> Iterator[Recorded]:
    """Syncs of one connection after the other, from where the log ends."""
    seq, at = known.seq, known.at
    assert at is not None, "the daemon has lived"
    while True:
        for subject in [*known.connections]:
            for _, event in sync_facts(seq + 1, at, dice):
                seq, at = seq + 1, at + STEP
                yield Recorded(seq=seq, at=at, subject=subject, event=event)
