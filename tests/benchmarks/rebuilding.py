"""How fast is the read model made anew from the log, and does it keep up with a daemon in a hurry?

A rebuild is the very process that the daemon starts for it; the limit selects and decodes the same
events. The lag is how long what is durable waits until it can be asked for in SQL, while a journal
records as many events a second as no fleet on one host does.
"""

import itertools
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio

from daemon.clock import SystemClock
from daemon.journal import Bridge, Journal
from daemon.read_model import filling, keeping
from daemon.read_model.scribe import Scribe
from daemon.replaying import replay
from daemon.store.storage import OneThread
from events.codec import encode
from events.envelope import Recorded
from events.log import SqliteLog
from projections import world as worlds
from tests.benchmarks import long_log, past
from tests.benchmarks.figure import Figure, compare, rate
from tests.e2e.daemon import ROOT

EVENTS = 1_000_000
DAYS = 365
TURNS = 3
END = datetime(2026, 11, 1, tzinfo=UTC)
RATE = 5_000  # events a second
FEEDING_S = 20.0
TICK_S = 0.01
BEFORE = 20_000  # events that are in it already
A_MONTH = timedelta(days=30)
OF_A_DECISION = 3  # events; they share a commit
LAG_MAX_MS = 1_000.0
WAIT_S = 120.0  # far beyond what it takes on a busy machine
BAR_S = 10.0  # for a rebuild of a million


def figures(events: int = EVENTS, feeding_s: float = FEEDING_S) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="rebuilt-") as name:
        state = Path(name)
        begin = END - timedelta(days=DAYS)
        long_log.write(state, past.recorded(past.anonymous(events, begin, END, tenants=1)))
        rebuilt = compare(
            "read model made anew, against selecting and decoding",
            "events/s",
            lambda: rate(events, lambda: rebuild(state, events)),
            [lambda: rate(events, lambda: _decode(state, events))],
            TURNS,
        )
        yield rebuilt
        took = events / rebuilt.value
        yield _figure(f"read model of {events:,} events, against its bar", took, BAR_S, "s")
    fed, lags = trio.run(keep_up, feeding_s)
    yield _figure("events a second while the lag was measured", fed, RATE, "events/s")
    yield _figure("read model's longest lag, against its bar", max(lags), LAG_MAX_MS, "ms")


def rebuild(state: Path, events: int) -> None:
    """Fill a draft as the daemon has it filled, in a process of its own."""
    module = "daemon.read_model.filling"
    kept_s = keeping.RETRIES_KEPT // timedelta(seconds=1)
    told = [str(state), str(events), filling.version(), str(kept_s)]
    command = [sys.executable, "-m", module, *told]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def _decode(state: Path, events: int) -> None:
    last = 0
    for recorded in long_log.read(state):
        last = recorded.seq
    assert last == events


async def keep_up(lasting_s: float) -> tuple[float, list[float]]:
    """Feed a journal whose scribe runs: how many events a second, and each lag in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="lag-") as name:
        state, count = Path(name), BEFORE + int(RATE * lasting_s)
        facts = past.recorded(past.anonymous(count, END - A_MONTH, END, tenants=4))
        long_log.write(state, itertools.islice(facts, BEFORE))
        with closing(SqliteLog(state)) as log:
            journal = Journal(log, replay(log), SystemClock())
            log.start(Bridge(journal, trio.lowlevel.current_trio_token()))
            scribe = Scribe(journal, str, state / filling.NAME, OneThread())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scribe.run)
                await _fresh(scribe)
                lags: list[float] = []
                nursery.start_soon(_watch, journal, scribe, lags)
                begun = time.perf_counter()
                await _feed(journal, facts)
                fed = (count - BEFORE) / (time.perf_counter() - begun)
                await _fresh(scribe)
                nursery.cancel_scope.cancel()
    return fed, lags


async def _fresh(scribe: Scribe) -> None:
    """Wait until it has all; each time that it is asked it waits for a while by itself."""
    with trio.fail_after(WAIT_S):
        while not await scribe.fresh():
            pass


async def _feed(journal: Journal, facts: Iterator[Recorded]) -> None:
    """Record them as fast as is wanted, and no faster than the log takes them."""
    world, begun = journal.world, time.perf_counter()
    first = world.seq
    while True:
        await journal.room()
        lacking = first + int(RATE * (time.perf_counter() - begun)) - world.seq
        batch = list(itertools.islice(facts, max(1, lacking)))
        if not batch:
            return
        for start in range(0, len(batch), OF_A_DECISION):
            _record(journal, batch[start : start + OF_A_DECISION])
        await trio.sleep(TICK_S)


def _record(journal: Journal, decided: list[Recorded]) -> None:
    """What a journal does with what was decided."""
    for recorded in decided:
        worlds.fold(journal.world, recorded)
    journal.log.append([encode(recorded) for recorded in decided])
    journal.log.hurry()


async def _watch(journal: Journal, scribe: Scribe, lags: list[float]) -> None:
    """Note when each number became durable, and when it was there to be asked for."""
    waiting: deque[tuple[int, float]] = deque()
    while True:
        now, head = time.perf_counter(), journal.head.seq
        if not waiting or waiting[-1][0] < head:
            waiting.append((head, now))
        while waiting and waiting[0][0] <= scribe.progress.seq:
            lags.append((now - waiting.popleft()[1]) * 1000)
        await trio.sleep(TICK_S)


def _figure(figure: str, value: float, limit: float, unit: str) -> Figure:
    return Figure(
        figure=figure,
        value=round(value, 3),
        limit=limit,
        ratio=round(value / limit, 3),
        unit=unit,
    )
