"""What can people see? Answers from the World, which is in memory, and from log and store."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import trio
from msgspec import structs

from daemon import log_pages
from daemon.control import narrowed, sourcing, views, whose
from daemon.control.desk import Desk
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    Connections,
    ConnectionsQuery,
    Events,
    EventView,
    LogQuery,
    LogStats,
    Nothing,
    TailQuery,
    WatchTick,
)
from daemon.control.whose import LOOKS, Known
from events.envelope import Recorded
from events.log import READ_EVENTS
from events.subscription import Subscription
from events.terms import Caller
from projections.connection import Connection
from projections.grant import Phase

TICK_S = 0.2  # how often a watched sync's progress is looked at

Urgency: TypeAlias = tuple[bool, bool, bool, str]
"""Waits for nobody, fails not, runs not, its name: the least is the most urgent."""


async def connections(desk: Desk, query: ConnectionsQuery, by: Caller) -> Connections:
    """All of them by their names; where there are more than `first`, the most urgent of them."""
    seq, world = desk.journal.world.seq, desk.journal.world
    known = whose.of(desk, None)
    if query.first is not None and len(known) > query.first:
        subjects = [subject for _, subject in await _urgent(desk, known, query.first)]
    else:
        subjects = [subject for subject, _ in await whose.in_order(desk, known)]
    found = [
        views.view_of(desk, subject, world.connections[subject])
        async for subject in whose.unhurried(subjects)
    ]
    return Connections(seq=seq, now=desk.journal.clock.now(), connections=found, of=len(known))


async def _urgent(desk: Desk, known: list[Known], most: int) -> list[tuple[Urgency, int]]:
    """Some at a time, of which the first are kept."""
    first: list[tuple[Urgency, int]] = []
    async for subject, each in whose.unhurried(known):
        first.append((_urgency(each, desk.vault.name(subject)), subject))
        if len(first) > most + LOOKS:
            first = sorted(first)[:most]
    return sorted(first)[:most]


def _urgency(known: Connection, name: str) -> Urgency:
    """What needs a person comes first, then what needs a look."""
    waits = known.grant.phase is Phase.NEEDED and not known.run and not known.paused
    return (not waits, not known.health.consecutive_failures, known.run is None, name)


async def connection(desk: Desk, query: ConnectionName, by: Caller) -> ConnectionAnswer:
    subject, found = desk.find(query.connection)
    view = views.view_of(desk, subject, found)
    if view.backfill is not None and found.backfill is not None:
        asked = views.asked(desk, found.backfill)
        view = structs.replace(view, backfill=structs.replace(view.backfill, asked=asked))
    now = desk.journal.clock.now()
    return ConnectionAnswer(seq=desk.journal.world.seq, now=now, connection=view)


async def log(desk: Desk, query: LogQuery, by: Caller) -> Events:
    journal, head = desk.journal, desk.journal.head.seq
    named = [_subject(desk, query.connection)] if query.connection is not None else None
    subjects = await narrowed.subjects(desk) if named is None else named
    limit = max(1, min(query.limit, READ_EVENTS))
    found = await log_pages.some(journal.log, subjects, after=query.after, upto=head, most=limit)
    return Events(seq=head, events=[desk.view(each) async for each in whose.unhurried(found)])


def _subject(desk: Desk, name: str) -> int:
    """The connection, or the source, that is called so, also where it was removed."""
    return sourcing.called(desk, name) or desk.ever(name)[0]


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
    subject = _subject(desk, query.connection) if query.connection is not None else None
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
