"""Both logs, the one on disk and the simulated one, under the same claims."""

import random
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import encode
from events.envelope import Recorded
from events.log import SqliteLog
from events.subscription import PAGE_EVENTS, Head, Subscription
from tests.events.facts import groups
from tests.events.samples import rows, started
from tests.fakes.memory_log import Disk, MemoryLog

LOGS = ["sqlite", "memory"]


class Told:
    """What the log told, brought into the Trio thread: heads move there alone."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.words: list[str] = []
        self._token = trio.lowlevel.current_trio_token()

    def committed(self, seq: int, block: bytes) -> None:
        self._token.run_sync_soon(self.head.advance, seq)

    def starved(self) -> None:
        self._token.run_sync_soon(self.words.append, "starved")

    def fed(self) -> None:
        self._token.run_sync_soon(self.words.append, "fed")

    def broken(self, error: Exception) -> None:
        self._token.run_sync_soon(self.words.append, "broken")


@asynccontextmanager
async def opened(kind: str, seed: int = 0) -> AsyncIterator[tuple[SqliteLog | MemoryLog, Told]]:
    """A new log of that kind, started."""
    with tempfile.TemporaryDirectory() as name:
        async with trio.open_nursery() as nursery:
            log: SqliteLog | MemoryLog
            if kind == "sqlite":
                log = SqliteLog(Path(name))
            else:
                log = MemoryLog(Disk(), nursery, random.Random(seed))
            assert list(log.replay()) == []
            told = Told(Head(0))
            log.start(told)
            try:
                yield log, told
            finally:
                log.close()


def run(kind: str, scene: Callable, *args: object) -> None:
    """Play a scene: on a mocked clock where no thread takes part in it."""
    clock = trio.testing.MockClock(autojump_threshold=0) if kind == "memory" else None
    trio.run(scene, kind, *args, clock=clock)


async def follow(subscription: Subscription, count: int) -> list[Recorded]:
    """The next `count` events, each batch checked on arrival."""
    seen: list[Recorded] = []
    while len(seen) < count:
        before = subscription.position
        batch = await anext(subscription)
        assert batch, "a batch is never empty"
        assert before < batch[0].seq
        assert batch[-1].seq <= subscription.position
        seen += batch
    return seen


async def append_in_spells(
    log: SqliteLog | MemoryLog, head: Head, decisions: list[list[Recorded]], dice: random.Random
) -> None:
    for decision in decisions:
        log.append([encode(recorded) for recorded in decision])
        if dice.random() < 0.3:
            await head.beyond(decision[-1].seq - 1)
        elif dice.random() < 0.5:
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("kind", LOGS)
@given(
    decisions=groups(most=20),
    seed=st.integers(0, 2**32),
    after=st.integers(0, 30),
    subject=st.none() | st.integers(0, 3),
)
@settings(deadline=None)
def test_a_follower_sees_everything_once_and_in_order(kind, decisions, seed, after, subject):
    """However appends, commits and reads interleave, from any number on, of one subject or all."""

    async def scene(kind: str) -> None:
        written = [recorded for decision in decisions for recorded in decision]
        expected = [
            recorded
            for recorded in written
            if recorded.seq > after and subject in (None, recorded.subject)
        ]
        async with opened(kind, seed) as (log, told), trio.open_nursery() as nursery:
            subscription = Subscription(log, told.head, after, subject)
            nursery.start_soon(append_in_spells, log, told.head, decisions, random.Random(seed))
            assert await follow(subscription, len(expected)) == expected
            await told.head.beyond(len(written) - 1)
            with trio.move_on_after(0):
                await anext(subscription)
                pytest.fail("there is nothing more to see")

    run(kind, scene)


@pytest.mark.parametrize("kind", LOGS)
def test_a_follower_sees_nothing_beyond_the_durable_head(kind):
    """What the log could already show waits until the head has been told of it."""

    async def scene(kind: str) -> None:
        async with opened(kind) as (log, told):
            log.append(rows(1, 5))
            await told.head.beyond(4)
            behind = Head(3)
            subscription = Subscription(log, behind, 0)
            assert [recorded.seq for recorded in await anext(subscription)] == [1, 2, 3]
            behind.advance(5)
            assert [recorded.seq for recorded in await anext(subscription)] == [4, 5]

    run(kind, scene)


@pytest.mark.parametrize("kind", LOGS)
def test_a_long_past_comes_in_pages(kind):
    async def scene(kind: str) -> None:
        async with opened(kind) as (log, told):
            log.append(rows(1, 3 * PAGE_EVENTS))
            await told.head.beyond(0)
            subscription = Subscription(log, told.head, 0)
            for page in range(3):
                batch = await anext(subscription)
                first = page * PAGE_EVENTS + 1
                assert [recorded.seq for recorded in batch] == list(
                    range(first, first + PAGE_EVENTS)
                )

    run(kind, scene)


@pytest.mark.parametrize("kind", LOGS)
def test_catching_up_lets_others_run(kind):
    async def scene(kind: str) -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with opened(kind) as (log, told), trio.open_nursery() as nursery:
            log.append(rows(1, 6 * PAGE_EVENTS))
            await told.head.beyond(0)
            nursery.start_soon(other)
            await follow(Subscription(log, told.head, 0), 6 * PAGE_EVENTS)
            assert turns >= 5
            nursery.cancel_scope.cancel()

    run(kind, scene)


@pytest.mark.parametrize("kind", LOGS)
def test_a_cancelled_wait_loses_nothing(kind):
    async def scene(kind: str) -> None:
        async with opened(kind) as (log, told):
            subscription = Subscription(log, told.head, 0)
            with trio.move_on_after(0):
                await anext(subscription)
            log.append(rows(1, 2))
            assert len(await follow(subscription, 2)) == 2

    run(kind, scene)


@pytest.mark.parametrize("kind", LOGS)
def test_reads_are_bounded_and_go_on_from_any_number(kind):
    async def scene(kind: str) -> None:
        async with opened(kind) as (log, told):
            for seq in range(1, 10):
                log.append(rows(seq, seq, subject=seq % 2))
            await told.head.beyond(8)
            assert log.read(2, limit=3) == [started(3, 1), started(4, 0), started(5, 1)]
            assert log.read(2, subject=0, limit=2) == [started(4, 0), started(6, 0)]
            assert log.read(9) == log.read(9, subject=1) == log.read(0, subject=2) == []

    run(kind, scene)


@pytest.mark.parametrize("kind", LOGS)
def test_an_empty_decision_is_no_event(kind):
    async def scene(kind: str) -> None:
        async with opened(kind) as (log, told):
            log.append([])
            log.append(rows(1, 1))
            await told.head.beyond(0)
            assert len(log.read(0)) == 1

    run(kind, scene)


# -- what only the simulated log can be made to do ------------------------------------------------


async def test_a_killed_log_forgets_what_was_not_committed_and_nothing_else(autojump_clock):
    """Every life finds what the one before it was told of, and goes on numbering from there."""
    disk, dice = Disk(), random.Random(7)
    for _ in range(50):
        async with trio.open_nursery() as nursery:
            log = MemoryLog(disk, nursery, dice)
            assert [recorded.seq for recorded in log.replay()] == list(range(1, log.head + 1))
            told = Told(Head(log.head))
            log.start(told)
            for seq in range(log.head + 1, log.head + 20):
                log.append(rows(seq, seq))
                await trio.sleep(dice.uniform(0, 0.02))
            durable = len(disk.rows)
            log.kill()
            log.append(rows(durable + 1, durable + 1))
        assert told.head.seq <= durable == len(disk.rows)
    assert len(disk.rows) > 50


async def test_a_full_disk_takes_what_the_ballast_frees_and_the_rest_when_there_is_room(
    autojump_clock,
):
    async with opened("memory") as (log, told):
        assert isinstance(log, MemoryLog)
        log.disk.full = True
        for seq in range(1, 201):
            log.append(rows(seq, seq))
            await trio.sleep(0.05)
        assert told.words == ["starved"]
        assert 0 < told.head.seq < 200
        log.disk.full = False
        await told.head.beyond(199)
        await trio.sleep(2)
        assert told.words == ["starved", "fed"]


async def test_a_broken_disk_ends_the_log(autojump_clock):
    async with opened("memory") as (log, told):
        assert isinstance(log, MemoryLog)
        log.append(rows(1, 1))
        await told.head.beyond(0)
        log.fail(OSError("input/output error"))
        log.append(rows(2, 2))
        await trio.sleep(2)
        assert told.words == ["broken"]
        assert len(log.disk.rows) == 1


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_the_same_dice_give_the_same_commits(seed):
    async def scene(kind: str) -> list[int]:
        async with opened(kind, seed) as (log, told):
            assert isinstance(log, MemoryLog)
            for seq in range(1, 50):
                log.append(rows(seq, seq))
                await trio.sleep(0.01)
            await told.head.beyond(48)
            return [last for last, _ in log.disk.blocks]

    def once() -> list[int]:
        return trio.run(scene, "memory", clock=trio.testing.MockClock(autojump_threshold=0))

    assert once() == once()
