"""Which syncs run, which are due, and which come next?

Of those to come no more are asked what keeps them than are shown.
"""

import heapq
from datetime import datetime
from typing import TypeAlias

from daemon.control import views, whose
from daemon.control.desk import Desk
from daemon.control.messages import Queue
from daemon.control.rotation_messages import Whose
from daemon.decide import prospects
from daemon.decide.prospects import Prospects
from events.terms import Caller
from projections import policy

QUEUE_ITEMS_MAX = 200

Place: TypeAlias = tuple[tuple[int, int, datetime], int]
"""Where a connection stands among the others, and which one it is."""


async def queue(desk: Desk, wish: Whose, by: Caller) -> Queue:
    """Of all, or of a tenant, or of one connection. Raises Refused (not-found)."""
    return await foremost(desk, wish, QUEUE_ITEMS_MAX)


async def foremost(desk: Desk, wish: Whose, most: int) -> Queue:
    """The first so many of it."""
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, found = world.seq, Prospects()
    named = wish.tenant is not None or wish.provider is not None
    known = await whose.chosen(desk, wish.tenant, wish.provider) if named else whose.of(desk, None)
    async for subject, each in whose.unhurried(known):
        prospects.add(found, subject, each, now)
    items = [views.queued(desk, subject, now) for subject in await _first(desk, found, now, most)]
    return Queue(
        seq=seq,
        now=now,
        concurrency=policy.of_fleet(world).concurrency,
        items=sorted(
            (each for each in items if each is not None), key=lambda item: views.order(item, now)
        ),
    )


async def _first(desk: Desk, found: Prospects, now: datetime, most: int) -> list[int]:
    """Those that run, those that are due, and the next to come: the first so many of all."""
    best: list[Place] = []
    async for subject in whose.unhurried([*found.running, *found.near]):
        _enter(best, desk, subject, now, most)
    places = sum(order[0] < views.COMES for order, _ in best)
    if places >= most:
        return _subjects(best, most)
    coming = 0
    async for each in whose.unhurried(prospects.in_turn(desk.journal.world, found, now)):
        if each is not None:
            _enter(best, desk, each.subject, now, most)
            coming += each.start is not None
        if places + coming >= most:
            break
    return _subjects(best, most)


def _enter(best: list[Place], desk: Desk, subject: int, now: datetime, most: int) -> None:
    """Keep twice as many as are wanted, so that they are cut seldom."""
    item = views.queued(desk, subject, now)
    if item is None:
        return
    best.append((views.order(item, now), subject))
    if len(best) >= 2 * most:
        best[:] = heapq.nsmallest(most, best)


def _subjects(best: list[Place], most: int) -> list[int]:
    return [subject for _, subject in heapq.nsmallest(most, best)]
