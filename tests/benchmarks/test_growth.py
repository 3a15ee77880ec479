"""What a due sync, an idle connection and new settings cost does not grow with the fleet.

Costs are counted in calls of functions, which do not depend on the machine.
"""

import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from daemon.cache.cache import Cache
from daemon.cache.shelf import Kept, Label, Shelf
from daemon.commands import SetSettings
from daemon.decide.caching import Lifetime
from daemon.scheduler import NAP_MAX_S
from daemon.store.storage import OneThread
from events.policy import Settings
from events.schema import SyncScheduled
from events.terms import ScheduleReason
from tests.benchmarks import deciding, idling, scheduling
from tests.benchmarks.fleet import BEGIN, Host, fleet
from tests.benchmarks.pulse import PulseClock

SMALL, LARGE = 1_000, 4_000
SYNCS = 200
CHANGES = 40
A_DAY = timedelta(days=1)
EMPTY = Kept(headers={}, body=b"")
GROWTH = 1.02  # a tenant more or less that a bisection looks at


def calls(work: Callable[[], object]) -> int:
    """How many functions it calls, those in C too."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


SCENES = {
    "usual": lambda size: scheduling.usual(size, SYNCS),
    "settings for every tenant": lambda size: scheduling.usual(size, SYNCS, scoped=True),
    "a tenth waits for a provider": lambda size: scheduling.blocked(size, SYNCS),
    "a tenth waits to be tried again": lambda size: scheduling.retrying(size, SYNCS),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_due_sync_costs_no_more_in_a_fleet_four_times_as_large(scene):
    small, large = calls(scene(SMALL)), calls(scene(LARGE))
    assert small > SYNCS * 100, "it did do something"
    assert large < small * GROWTH


def test_a_tenants_new_settings_cost_no_more_in_a_fleet_four_times_as_large():
    small, large = marginal(SMALL), marginal(LARGE)
    assert small > CHANGES * 100, "it did do something"
    assert large < small * GROWTH


def marginal(size: int) -> int:
    """What so many more changes cost, apart from what it costs to begin."""
    some, more = scheduling.settled(size, CHANGES), scheduling.settled(size, 2 * CHANGES)
    return calls(more) - calls(some)


@pytest.mark.requirement("A19")
def test_a_tenants_new_settings_are_in_force_for_its_connections_at_once():
    """So are those of a provider, and the fleet's; nobody else's due times move."""
    host = Host(fleet(100))
    world = host.journal.world
    tenant = min(world.tenants)
    its = {subject for subject, each in world.connections.items() if each.tenant == tenant}
    moved = trio.run(moved_by, world, tenant, timedelta(minutes=1), clock=MockClock())
    assert moved == its
    provider = {subject for subject, each in world.connections.items() if each.provider == 3}
    assert moved_by_all(world, 3, timedelta(minutes=1)) == provider - its
    assert moved_by_all(world, 0, timedelta(minutes=1)) == {*world.connections} - provider - its


def moved_by_all(world, subject, interval):
    return trio.run(moved_by, world, subject, interval, clock=MockClock())


async def moved_by(world, subject, interval):
    """Whose due times move when that subject gets another interval."""
    moved = set()

    def observe(recorded):
        event = recorded.event
        if isinstance(event, SyncScheduled) and event.reason is ScheduleReason.SETTINGS:
            moved.add(recorded.subject)

    async with trio.open_nursery() as nursery:
        early = PulseClock(BEGIN - timedelta(days=1))
        journal, _ = scheduling.scheduled(world, early, nursery)
        await wait_all_tasks_blocked()
        journal.observe(observe)
        journal.execute(SetSettings(subject=subject, settings=Settings(interval=interval)))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return moved


def test_after_an_outage_the_loop_goes_on_while_all_that_is_due_is_ranked():
    """All of a fleet is due; others get their turn between two steps of at most 256."""

    async def turns() -> int:
        taken = 0
        async with trio.open_nursery() as nursery:
            late = PulseClock(BEGIN + timedelta(days=1))
            _, actor = scheduling.scheduled(fleet(LARGE), late, nursery)
            while not actor.begun.is_set():
                await trio.lowlevel.checkpoint()
                taken += 1
            nursery.cancel_scope.cancel()
        return taken

    assert trio.run(turns, clock=MockClock()) >= LARGE // 256


@pytest.mark.requirement("C8")
def test_on_an_idle_day_nothing_but_the_watch_over_the_clock_wakes_the_scheduler():
    wakes = scheduling.idle_day(SMALL)
    assert {each.is_watch for each in wakes} == {True}
    assert len(wakes) == round(scheduling.A_DAY_S / NAP_MAX_S)


@pytest.mark.requirement("E6")
def test_a_write_costs_no_more_where_four_times_as_much_is_kept():
    small, large = written(SMALL), written(LARGE)
    assert small > CHANGES * 10, "it did do something"
    assert large < small * GROWTH


def written(size: int) -> int:
    """What writes to one item after the other call, where so many items are kept."""
    shelf = Shelf(None)
    shelf.write([(kept_at(f"/items/{number}"), EMPTY) for number in range(size)], [], [])
    cache = Cache(shelf, OneThread())
    return calls(lambda: [cache.doubt(1, f"/items/{number}") for number in range(CHANGES)])


def kept_at(path: str) -> Label:
    return Label(
        key=path.encode(),
        tenant=2,
        connection=1,
        endpoint="",
        path=path,
        at=BEGIN,
        lifetime=Lifetime(fresh=A_DAY, while_revalidate=A_DAY, if_error=A_DAY),
        size=0,
    )


def test_every_kind_of_decision_is_measured():
    for figure in deciding.figures(connections=20, turns=1):
        assert figure.value > 0
        assert figure.limit > 0


def test_an_idle_connection_takes_no_more_memory_in_a_larger_fleet():
    small, large = (sum(idling.bytes_each(size, synced=True)) for size in (250, 1000))
    assert 0 < large < small * 1.1  # lists and dictionaries grow by steps
