"""What can people see? Answers from the World, which is in memory, and from log and store."""

import os
from collections.abc import AsyncIterator
from datetime import datetime

import trio
from msgspec import structs

from daemon.control import ending, narrowed, outbox, views, whose
from daemon.control.desk import Desk
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    Connections,
    Events,
    EventView,
    LogQuery,
    LogStats,
    Nothing,
    Queue,
    Status,
    TailQuery,
    WatchTick,
)
from daemon.decide import hindrance
from daemon.decide.turn import turn_of
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.schema import DaemonStarted, DaemonStopped
from events.subscription import Subscription
from events.terms import Caller
from projections import policy
from projections.connection import Connection
from projections.grant import Phase
from projections.world import World

QUEUE_ITEMS_MAX = 200
TICK_S = 0.2  # how often a watched sync's progress is looked at

HOLDS = {
    "log": "the disk is full: the log cannot be written, nothing new starts; free some space",
    "vault": "the disk is full: a new token cannot be stored; free some space",
    "data": "the disk is full: records cannot be stored, nothing new starts; free some space",
}


async def status(desk: Desk, _: Nothing, by: Caller) -> Status:
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, known = world.seq, [each for each in world.connections.items() if not each[1].removed]
    starts: list[datetime] = []
    late = 0
    async for subject, _connection in whose.unhurried(known):
        if start := hindrance.start(world, subject, now):
            starts.append(start)
        if start is None or start > now:
            late += _is_late(world, subject, now)
    live, began = [each for _, each in known], _event(desk, world.fleet.alive)
    succeeded, failed = _totals(desk, live)
    ended = None if desk.live else _event(desk, seq)
    return Status(
        seq=seq,
        version=_version(began) or desk.version,
        pid=os.getpid() if desk.live else None,
        state=str(desk.places.state),
        started_at=began.at if began else None,
        stopped_at=ended.at if ended and isinstance(ended.event, DaemonStopped) else None,
        now=now,
        connections=len(live),
        running=len(world.fleet.running),
        due=sum(start <= now for start in starts),
        paused=sum(each.paused for each in live),
        failing=sum(each.health.consecutive_failures > 0 for each in live),
        succeeded=succeeded,
        failed=failed,
        next_start=min((start for start in starts if start > now), default=None),
        trouble=[HOLDS[file] for file in sorted(desk.journal.holds)],
        unauthorised=sum(each.grant.phase is Phase.NEEDED for each in live),
        held=late,
        writes=outbox.counted_all(desk),
        retiring=ending.all_(desk),
    )


def _totals(desk: Desk, seen: list[Connection]) -> tuple[int, int]:
    """How many syncs succeeded and failed, of those who may be seen where that is not all."""
    fleet, own = desk.journal.world.fleet, [each.health for each in seen]
    if desk.sees is None:
        return fleet.succeeded, fleet.failed
    return sum(each.successful for each in own), sum(each.total - each.successful for each in own)


def _is_late(world: World, subject: int, now: datetime) -> bool:
    if world.connections[subject].run:
        return False
    turn = turn_of(world, subject, now)
    return turn.due <= now and hindrance.is_late(hindrance.of(world, subject, now), turn, now)


async def queue(desk: Desk, _: Nothing, by: Caller) -> Queue:
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, known = world.seq, list(world.connections.items())
    found = [views.queued(desk, subject, now) async for subject, _ in whose.unhurried(known)]
    items = sorted(
        (each for each in found if each is not None), key=lambda item: views.order(item, now)
    )
    return Queue(
        seq=seq,
        now=now,
        concurrency=policy.of_fleet(world).concurrency,
        items=items[:QUEUE_ITEMS_MAX],
    )


async def connections(desk: Desk, _: Nothing, by: Caller) -> Connections:
    found = [
        views.view_of(desk, subject, connection)
        for subject, connection in desk.journal.world.connections.items()
        if not connection.removed
    ]
    found.sort(key=lambda view: view.connection)
    now = desk.journal.clock.now()
    return Connections(seq=desk.journal.world.seq, now=now, connections=found)


async def connection(desk: Desk, query: ConnectionName, by: Caller) -> ConnectionAnswer:
    subject, found = desk.find(query.connection)
    view = views.view_of(desk, subject, found)
    if view.backfill is not None and found.backfill is not None:
        asked = views.asked(desk, found.backfill)
        view = structs.replace(view, backfill=structs.replace(view.backfill, asked=asked))
    now = desk.journal.clock.now()
    return ConnectionAnswer(seq=desk.journal.world.seq, now=now, connection=view)


async def log(desk: Desk, query: LogQuery, by: Caller) -> Events:
    subject = desk.find(query.connection)[0] if query.connection else None
    limit = max(1, min(query.limit, READ_EVENTS))
    if desk.sees is not None and subject is None:
        found = narrowed.events(desk, query.after, limit)
    elif query.after is not None:
        found = desk.journal.log.read(query.after, subject=subject, limit=limit)
    else:
        found = desk.journal.log.last(subject=subject, limit=limit)
    head = desk.journal.head.seq
    return Events(seq=head, events=[desk.view(each) for each in found if each.seq <= head])


async def log_stats(desk: Desk, _: Nothing, by: Caller) -> LogStats:
    journal = desk.journal
    return LogStats(
        seq=journal.head.seq,
        unwritten=journal.world.seq - journal.head.seq,
        head=journal.block.hex(),
        bytes=sum(path.stat().st_size for path in desk.places.state.glob("log*") if path.is_file()),
        types=await trio.to_thread.run_sync(journal.log.count_types),
    )


async def tail(desk: Desk, query: TailQuery) -> AsyncIterator[EventView]:
    """Follow the log. What is asked is looked at now, not when the first event comes."""
    subject = desk.find(query.connection)[0] if query.connection else None
    after = desk.journal.head.seq if query.after is None else query.after
    return _tail(desk, desk.journal.subscribe(after, subject))


async def _tail(desk: Desk, subscription: Subscription) -> AsyncIterator[EventView]:
    async for batch in subscription:
        for recorded in batch:
            if narrowed.is_seen(desk, recorded.subject):
                yield desk.view(recorded)


async def watch(desk: Desk, query: ConnectionName) -> AsyncIterator[WatchTick]:
    """A connection's events from now on, and between them its running sync's progress."""
    subject, _ = desk.find(query.connection)
    return _watch(desk, subject, desk.journal.subscribe(desk.journal.head.seq, subject))


async def _watch(desk: Desk, subject: int, subscription: Subscription) -> AsyncIterator[WatchTick]:
    before = views.running(desk, subject)
    yield WatchTick(seq=subscription.position, running=before)
    while True:
        batch: list[Recorded] = []
        with trio.move_on_after(TICK_S):
            batch = await anext(subscription)
        running = views.running(desk, subject)
        for recorded in batch:
            yield WatchTick(seq=recorded.seq, running=running, event=desk.view(recorded))
        if running != before:
            before = running
            yield WatchTick(seq=desk.journal.head.seq, running=running)


def _event(desk: Desk, seq: int) -> Recorded | None:
    found = desk.journal.log.read(seq - 1, limit=1) if seq else []
    return found[0] if found else None


def _version(began: Recorded | None) -> str | None:
    event = began.event if began else None
    return event.version if isinstance(event, DaemonStarted) else None
