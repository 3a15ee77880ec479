"""What does a due sync cost, in fleets of any size and in bad times, against a small fleet?

Ours is the rate of a large fleet, the limit that of the smallest: a ratio near 1 says that the cost
does not grow. A due sync is all that it takes in memory: finding it, its start, its success, its
next turn, three events decided, encoded and folded. What a larger fleet does lose is the
processor's cache: its slices lie far apart.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import trio
from msgspec.structs import replace
from trio.testing import MockClock, wait_all_tasks_blocked

from daemon.actor import Actor
from daemon.commands import SetSettings, Start
from daemon.journal import Journal
from daemon.scheduler import NAP_MAX_S, Scheduler
from daemon.supervisor import Supervisor
from events import schema, terms
from events.breakers import BreakerOpened, BreakerReason
from events.envelope import Recorded
from events.policy import Settings
from projections import world as worlds
from projections.connection import next_work
from projections.world import World
from tests.benchmarks.figure import Figure, Turn, compare, cpu_rate
from tests.benchmarks.fleet import (
    BEGIN,
    INTERVAL,
    PROVIDERS,
    Host,
    Nowhere,
    finished,
    fleet,
    provider_of,
    subjects,
)
from tests.benchmarks.pulse import PulseClock, Wake

SIZES = (1_000, 10_000, 100_000)
SYNCS = 2_000
TURNS = 5
MINUTE = timedelta(minutes=1)
A_DAY_S = 86_400.0
LONG = BEGIN + timedelta(days=3650)
RETRYING = 10  # as many as run at once by default
EARLY = BEGIN - timedelta(days=1)  # nobody's turn is due then


def figures(
    sizes: Sequence[int] = SIZES, syncs: int = SYNCS, turns: int = TURNS
) -> Iterator[Figure]:
    scenes: tuple[tuple[str, Callable[[int], Turn]], ...] = (
        ("a due sync", lambda size: usual(size, syncs)),
        ("a due sync, settings for every tenant", lambda size: usual(size, syncs, scoped=True)),
        ("a due sync, a tenth waits for a provider", lambda size: blocked(size, syncs)),
        ("a retry, a tenth waits to be tried again", lambda size: retrying(size, syncs // 20)),
        ("a tenant's new settings", lambda size: settled(size, syncs // 20)),
    )
    for name, scene in scenes:
        least = scene(sizes[0])
        for size in sizes[1:]:
            figure = f"{name}: {size:,} connections against {sizes[0]:,}"
            yield compare(figure, "a second", scene(size), [least], turns)
    yield _first_start(sizes[-1], "a few of them due", BEGIN + MINUTE)
    yield _first_start(sizes[-1], "all due after an outage", BEGIN + INTERVAL)
    yield _idle(sizes[0])


def usual(size: int, syncs: int, *, scoped: bool = False) -> Turn:
    host = Host(fleet(size, scoped=scoped))
    return lambda: cpu_rate(syncs, lambda: host.pass_turns(syncs))


def blocked(size: int, syncs: int) -> Turn:
    """One provider does not answer, and all its connections are due."""
    world = fleet(size)
    opened = BreakerOpened(reason=BreakerReason.CALLS, until=LONG)
    _fold(world, PROVIDERS[0], opened)
    for subject in subjects(size):
        if provider_of(subject) == PROVIDERS[0]:
            at_once = schema.SyncScheduled(due=BEGIN, reason=terms.ScheduleReason.ADDED)
            _fold(world, subject, at_once)
    host = Host(world)
    host.pass_turn()  # which ranks them all, once
    return lambda: cpu_rate(syncs, lambda: host.pass_turns(syncs))


def retrying(size: int, retries: int) -> Turn:
    """A tenth of the fleet is to be tried again, and as many retries run as may at once."""
    world = fleet(size)
    again = schema.RetryScheduled(
        due=EARLY,
        attempt=1,
        cause=terms.FailureClass.SERVER,
        priority=6,
        delay=timedelta(minutes=5),
    )
    waiting = subjects(size)[: size // 10]
    for subject in waiting:
        _fold(world, subject, again)
    host = Host(world, EARLY)
    running = [_retried(host) for _ in range(RETRYING)]
    host.agenda.pop(host.clock.now())  # which sets all that wait aside, once

    def one() -> None:
        """One ends well, another one takes its place, and there is no room for one more."""
        ended = running.pop(0)
        host.journal.execute(finished(ended.subject, ended.seq))
        running.append(_retried(host))
        assert host.agenda.pop(host.clock.now()) is None, "as many run as may"
        _fold_into(host, ended.subject, again)  # so that as many wait as before

    def some() -> None:
        for _ in range(retries):
            one()

    return lambda: cpu_rate(retries, some)


def _retried(host: Host) -> Recorded:
    host.clock.set(host.clock.now() + timedelta(seconds=1))  # past the pause between batches
    subject = host.agenda.pop(host.clock.now())
    assert subject is not None, "some wait to be tried again"
    (started,) = host.journal.execute(Start(subject=subject))
    assert isinstance(started.event, schema.SyncStarted), "what was popped can start"
    assert started.event.kind is terms.Kind.RETRY, "nothing else is due"
    return started


def settled(size: int, changes: int) -> Turn:
    """How many tenants a second can have other settings, from the wish until all is decided."""
    world = fleet(size)
    tenants = sorted(world.tenants)

    async def change() -> float:
        async with trio.open_nursery() as nursery:
            journal, _ = scheduled(world, PulseClock(BEGIN), nursery)
            await wait_all_tasks_blocked()
            begun = time.process_time()
            for count in range(changes):
                tenant = tenants[count % len(tenants)]
                minutes = 100 + (world.seq + count) % 997  # another one each time
                wish = Settings(interval=timedelta(minutes=minutes))
                journal.execute(SetSettings(subject=tenant, settings=wish))
                await wait_all_tasks_blocked()
            lasted = time.process_time() - begun
            nursery.cancel_scope.cancel()
        return changes / lasted

    return lambda: trio.run(change, clock=MockClock())


def _first_start(size: int, how: str, at: datetime) -> Figure:
    """How long a scheduler takes from its making to its first start, in ms.

    The limit looks once at each connection.
    """
    world = fleet(size)

    async def start() -> float:
        async with trio.open_nursery() as nursery:
            begun = time.process_time()
            _, actor = scheduled(world, PulseClock(at), nursery)
            await actor.begun.wait()
            lasted = time.process_time() - begun
            nursery.cancel_scope.cancel()
        return lasted

    lasted = trio.run(start, clock=MockClock(autojump_threshold=0))
    bare = 1 / cpu_rate(1, lambda: [next_work(each) for each in world.connections.values()])
    return Figure(
        figure=f"first start of {size:,} connections, {how}",
        value=round(lasted * 1000),
        limit=round(bare * 1000),
        ratio=round(lasted / bare, 3),
        unit="ms",
    )


def _idle(size: int) -> Figure:
    """How often time woke a scheduler with nothing to do on a day on which nothing falls due.

    The limit is what watching the clock for steps takes.
    """
    wakes = idle_day(size)
    limit = round(A_DAY_S / NAP_MAX_S)
    return Figure(
        figure="wake-ups on an idle day",
        value=len(wakes),
        limit=limit,
        ratio=round(len(wakes) / limit, 3),
        unit="wake-ups",
    )


def idle_day(size: int) -> list[Wake]:
    """How a scheduler wakes on a day on which nothing falls due."""
    world = fleet(size)
    _fold(world, schema.FLEET, replace(world.fleet.policy, interval=timedelta(days=30)))
    for subject in subjects(size):
        later = BEGIN + timedelta(days=2)
        _fold(world, subject, schema.SyncScheduled(due=later, reason=terms.ScheduleReason.ADDED))

    async def idle() -> list[Wake]:
        clock = PulseClock(BEGIN + MINUTE)
        async with trio.open_nursery() as nursery:
            journal, _ = scheduled(world, clock, nursery)
            await wait_all_tasks_blocked()
            clock.watch(journal)
            await trio.sleep(A_DAY_S + 1)
            nursery.cancel_scope.cancel()
        return clock.wakes

    return trio.run(idle, clock=MockClock(autojump_threshold=0))


class Idler(Actor):
    """An actor whose syncs never end; `begun` once there is one."""

    def __init__(self) -> None:
        self.begun = trio.Event()

    async def work(self, begun: Recorded, progress: object) -> None:
        self.begun.set()
        await trio.sleep_forever()


def scheduled(world: World, clock: PulseClock, nursery: trio.Nursery) -> tuple[Journal, Idler]:
    """A scheduler at work over that world, which can start syncs that never end."""
    log, actor = Nowhere(), Idler()
    journal = Journal(log, world, clock)
    log.start(journal)
    scheduler = Scheduler(journal, Supervisor(journal, actor, nursery, None))
    nursery.start_soon(scheduler.run)
    return journal, actor


def _fold(world: World, subject: int, event: schema.Event) -> Recorded:
    recorded = Recorded(seq=world.seq + 1, at=BEGIN, subject=subject, event=event)
    worlds.fold(world, recorded)
    return recorded


def _fold_into(host: Host, subject: int, event: schema.Event) -> None:
    """Record what no wish of the benchmark's would bring about."""
    host.journal.head.advance(_fold(host.journal.world, subject, event).seq)
    host.agenda.note(subject, host.journal.world.connections[subject])
