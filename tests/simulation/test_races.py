"""Do wishes that meet at the worst moment leave anything open, lost or doubled?"""

import random

import pytest
import trio
from trio.testing import MockClock

from daemon.app import Daemon, running
from daemon.control import act, membership
from daemon.control.account_messages import SyncWish
from daemon.control.desk import Desk, Refused
from daemon.control.messages import ConnectionName, NewConnection
from daemon.places import Places
from events.codec import decode
from events.terms import Caller
from tests.fakes.memory_log import MemoryLog
from tests.simulation.host import Freezer
from tests.simulation.lives import Month
from tests.simulation.oracle import complaints

BY = Caller(uid=0, role="admin")
NAME = "acme/parts/typed"


def desk(month: Month, daemon: Daemon, tmp_path) -> Desk:
    return Desk.of(
        daemon,
        month.vault,
        month.configuration(),
        Places(config=tmp_path, state=tmp_path, socket=tmp_path),
        "simulated",
    )


async def storm(month: Month, at: Desk) -> set[str]:
    """Many people type at once, about one connection. Why some were refused."""
    refusals: set[str] = set()

    async def person(number: int) -> None:
        dice = random.Random(number)
        for _ in range(30):
            await trio.sleep(dice.uniform(0, 20))
            name = ConnectionName(connection=NAME)
            added = NewConnection(connection=NAME, credential=NAME)
            wish, asked = dice.choice(
                [
                    (act.sync, SyncWish(connection=NAME)),
                    (act.sync, SyncWish(connection=NAME)),
                    (act.cancel, name),
                    (act.cancel, name),
                    (act.pause, name),
                    (act.resume, name),
                    (membership.remove, name),
                    (membership.add, added),
                    (membership.add, added),
                ]
            )
            try:
                await wish(at, asked, BY)
            except Refused as refused:
                refusals.add(refused.code)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(person, number + month.dice.randrange(1000))
    return refusals


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_wishes_leaves_a_sync_open_or_a_connection_without_its_credential(
    seed: int, tmp_path
):
    async def whole() -> Month:
        month = Month(seed)
        month.peopled = False
        async with trio.open_nursery() as nursery:
            log = MemoryLog(month.disk, nursery, month.dice)
            async with running(month.parts(log, Freezer(month.dice))) as daemon:
                refusals = await storm(month, desk(month, daemon, tmp_path))
                assert refusals <= {"not-found", "paused"}
                await membership.add(
                    desk(month, daemon, tmp_path),
                    NewConnection(connection=NAME, credential=NAME),
                    BY,
                )
                await act.resume(desk(month, daemon, tmp_path), ConnectionName(connection=NAME), BY)
                await trio.sleep(3 * 24 * 3600 + 1800)  # between two hourly syncs
                assert not daemon.journal.world.fleet.running
                subject = month.vault.subject("connection", NAME)
                assert subject is not None
                health = daemon.journal.world.connections[subject].health
                assert health.last_success is not None
                assert (month.clock.now() - health.last_success).days < 1
            log.close()
            nursery.cancel_scope.cancel()
        return month

    month = trio.run(whole, clock=MockClock(autojump_threshold=0))
    events = [decode(row) for row in month.disk.rows]
    assert not complaints(events, concurrency=3)
    assert not month.provider.mistreated


def test_an_idle_connection_has_no_task(tmp_path):
    """Fifty connections more, each synced once, and not one task more."""

    async def whole() -> tuple[int, int]:
        month = Month(1)
        month.peopled = False
        async with trio.open_nursery() as nursery:
            log = MemoryLog(month.disk, nursery, month.dice)
            async with running(month.parts(log, Freezer(month.dice))) as daemon:
                await trio.sleep(1800)
                before = tasks()
                for number in range(50):
                    name = f"acme/parts/{number}"
                    new = NewConnection(connection=name, credential=name, interval="30d")
                    await membership.add(desk(month, daemon, tmp_path), new, BY)
                await trio.sleep(24 * 3600)
                assert daemon.journal.world.fleet.succeeded > 50
                after = tasks()
            log.close()
            nursery.cancel_scope.cancel()
        return before, after

    before, after = trio.run(whole, clock=MockClock(autojump_threshold=0))
    assert before == after


def tasks() -> int:
    """How many tasks there are."""
    waiting = [trio.lowlevel.current_root_task()]
    count = 0
    while waiting:
        task = waiting.pop()
        if task is not None:
            count += 1
            waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return count
