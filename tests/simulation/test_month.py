"""A month of a small fleet, from one seed, with kills: does the log tell a flawless story?"""

import random
from datetime import timedelta
from functools import cache

import pytest
import trio
import trio._core._run
from trio.testing import MockClock

from daemon.app import replay
from events.codec import decode
from events.envelope import Recorded
from events.schema import SyncFailed, SyncInterrupted, SyncStarted, SyncSucceeded
from projections.world import World
from tests.fakes.memory_log import MemoryLog
from tests.simulation.lives import CONNECTIONS, MONTH, Month
from tests.simulation.oracle import complaints

SEEDS = range(3)
QUIET = timedelta(days=2)


@cache
def live(seed: int, lasting: timedelta = MONTH) -> Month:
    """Live for so long, and two quiet days. Trio's dice are seeded too."""
    run = trio._core._run
    before = run._ALLOW_DETERMINISTIC_SCHEDULING
    run._ALLOW_DETERMINISTIC_SCHEDULING, run._r = True, random.Random(seed)

    async def whole() -> Month:
        month = Month(seed)
        await month.run(lasting)
        await month.life(QUIET, kindly=True)
        return month

    try:
        return trio.run(whole, clock=MockClock(autojump_threshold=0))
    finally:
        run._ALLOW_DETERMINISTIC_SCHEDULING, run._r = before, random.Random()


def told(month: Month) -> list[Recorded]:
    return [decode(row) for row in month.disk.rows]


def replayed(month: Month) -> World:
    async def world() -> World:
        async with trio.open_nursery() as nursery:
            return replay(MemoryLog(month.disk, nursery, random.Random(0)))

    return trio.run(world)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_with_kills_keeps_every_promise(seed: int) -> None:
    month = live(seed)
    events = told(month)
    tail = "\n".join(str(each) for each in events[-20:])
    assert not complaints(events, concurrency=3), f"seed {seed}, last events:\n{tail}"
    assert not month.provider.mistreated, f"seed {seed}"
    assert month.kills > 5
    assert month.stops > 0
    kinds = (SyncStarted, SyncSucceeded, SyncFailed, SyncInterrupted)
    counts = [sum(isinstance(each.event, kind) for each in events) for kind in kinds]
    assert min(counts) > 0, f"seed {seed} did not try everything: {counts}"


@pytest.mark.parametrize("seed", SEEDS)
def test_two_quiet_days_heal_whatever_a_month_of_kills_did(seed: int) -> None:
    """Each connection that is not paused holds exactly what the provider has."""
    month = live(seed)
    world = replayed(month)
    active = 0
    for name in CONNECTIONS:
        subject = month.vault.subject("connection", name)
        assert subject is not None
        if world.connections[subject].paused:
            continue
        active += 1
        expected = sorted(month.provider.account(name).values(), key=lambda each: each["id"])
        for stream in ("stock", "orders"):
            page = month.store.show(subject, stream, after=None, limit=1000)
            assert page is not None
            held = sorted(page.records, key=lambda record: record["id"])
            assert held == expected, f"seed {seed}, {name}/{stream}"
    assert active > 0


def test_the_same_seed_tells_the_same_story() -> None:
    """Numbers, times, subjects and tags are equal to the microsecond."""
    stories = []
    for _ in range(2):
        live.cache_clear()
        stories.append([_line(each) for each in told(live(9, timedelta(days=6)))])
    assert stories[0] == stories[1]
    assert len(stories[0]) > 500


def _line(recorded: Recorded) -> tuple[object, ...]:
    return recorded.seq, recorded.at, recorded.subject, recorded.event.__struct_config__.tag
