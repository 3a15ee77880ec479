"""What can people see? Answers from the World, which is in memory, and from log and store."""

import os
from collections.abc import AsyncIterator
from datetime import datetime

import trio
from msgspec import structs

from daemon.account import CLIENT, NO_TENANT
from daemon.auth_file import Auth, OAuth2
from daemon.control import declared, ending, outbox, views, whose
from daemon.control.account_messages import REDIRECT_URI, OAuthView, SettingView
from daemon.control.desk import Desk
from daemon.control.gateway_messages import ProgramsView
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
from daemon.control.provider_messages import Providers, ProviderView
from daemon.decide import hindrance
from daemon.decide.turn import turn_of
from daemon.provider import Provider
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.subscription import Subscription
from events.terms import Caller
from projections import policy, traffic
from projections.grant import Phase
from projections.traffic import Traffic
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
    live = [each for _, each in known]
    return Status(
        seq=seq,
        version=desk.version,
        pid=os.getpid(),
        state=str(desk.places.state),
        started_at=_started(desk),
        now=now,
        connections=len(live),
        running=len(world.fleet.running),
        due=sum(start <= now for start in starts),
        paused=sum(each.paused for each in live),
        failing=sum(each.health.consecutive_failures > 0 for each in live),
        succeeded=world.fleet.succeeded,
        failed=world.fleet.failed,
        next_start=min((start for start in starts if start > now), default=None),
        trouble=[HOLDS[file] for file in sorted(desk.journal.holds)],
        unauthorised=sum(each.grant.phase is Phase.NEEDED for each in live),
        held=late,
        writes=outbox.counted_all(desk),
        retiring=ending.all_(desk),
    )


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
    return Connections(seq=desk.journal.world.seq, connections=found)


async def connection(desk: Desk, query: ConnectionName, by: Caller) -> ConnectionAnswer:
    subject, found = desk.find(query.connection)
    view = views.view_of(desk, subject, found)
    if view.backfill is not None and found.backfill is not None:
        asked = views.asked(desk, found.backfill)
        view = structs.replace(view, backfill=structs.replace(view.backfill, asked=asked))
    now = desk.journal.clock.now()
    return ConnectionAnswer(seq=desk.journal.world.seq, now=now, connection=view)


async def providers(desk: Desk, _: Nothing, by: Caller) -> Providers:
    found = [_provider(desk, subject, each) for subject, each in desk.providers.items()]
    found.sort(key=lambda view: view.provider)
    return Providers(seq=desk.journal.world.seq, providers=found)


def _provider(desk: Desk, subject: int, provider: Provider) -> ProviderView:
    known, file = desk.journal.world.providers.get(subject), provider.file
    now = desk.journal.clock.now()
    return ProviderView(
        provider=file.name,
        title=file.title,
        base_url=file.base_url,
        auth=str(type(file.auth).__struct_config__.tag),
        connections=known.connections if known else 0,
        streams=list(file.streams),
        calls=declared.calls(file),
        documentation=file.documentation,
        own=file.name in desk.configuration.own,
        client=_client(desk, subject, provider),
        settings={
            name: SettingView(title=each.title, choices=list(each.choices), default=each.default)
            for name, each in file.settings.items()
        },
        modes={name: each.mode for name, each in file.streams.items()},
        oauth=_oauth(file.auth),
        retired=file.retired,
        successor=file.successor,
        retirement=ending.view(desk, subject),
        pool=provider.statistics(),
        programs=_programs(known.traffic, now) if known else None,
    )


def _programs(calls: Traffic, now: datetime) -> ProgramsView:
    recent = traffic.last_hour(calls, now)
    return ProgramsView(
        calls=recent.calls,
        failed=recent.failed,
        retries=recent.retries,
        bytes=recent.bytes,
        mean_ms=round(recent.duration_ms / recent.calls) if recent.calls else None,
    )


def _oauth(auth: Auth) -> OAuthView | None:
    if not isinstance(auth, OAuth2):
        return None
    return OAuthView(
        grant=auth.grant,
        redirect_uri=auth.redirect_uri or REDIRECT_URI,
        scopes=list(auth.scopes),
        secret=auth.client != "none",
        access_s=auth.access_s,
        in_doubt=auth.in_doubt,
        reuse_s=auth.reuse_s,
        idle_days=auth.idle_days,
    )


def _client(desk: Desk, subject: int, provider: Provider) -> bool | None:
    """Whether our own id and secret are known, where the provider speaks OAuth."""
    if not isinstance(provider.file.auth, OAuth2):
        return None
    return desk.vault.open(NO_TENANT, subject, CLIENT) is not None


async def log(desk: Desk, query: LogQuery, by: Caller) -> Events:
    subject = desk.find(query.connection)[0] if query.connection else None
    limit = max(1, min(query.limit, READ_EVENTS))
    if query.after is not None:
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


def tail(desk: Desk, query: TailQuery) -> AsyncIterator[EventView]:
    """Follow the log. What is asked is looked at now, not when the first event comes."""
    subject = desk.find(query.connection)[0] if query.connection else None
    after = desk.journal.head.seq if query.after is None else query.after
    return _tail(desk, desk.journal.subscribe(after, subject))


async def _tail(desk: Desk, subscription: Subscription) -> AsyncIterator[EventView]:
    async for batch in subscription:
        for recorded in batch:
            yield desk.view(recorded)


def watch(desk: Desk, query: ConnectionName) -> AsyncIterator[WatchTick]:
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


def _started(desk: Desk) -> datetime | None:
    found = desk.journal.log.read(desk.journal.world.fleet.alive - 1, limit=1)
    return found[0].at if found else None
