"""Who runs, who is due, and who comes next, without asking of each connection what keeps it?

What a connection itself says is cheap: its own next start is never after the one that it has as
things are (settings, limits and breakers only put it off). So those whose time lies ahead are asked
in the order of their own starts, and no more of them than somebody wants to know.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct, field

from daemon.decide import hindrance
from projections import connection
from projections.connection import Connection
from projections.grant import Phase
from projections.world import World


class Prospects(Struct, kw_only=True):
    """Connections, by what they say of themselves.

    Some run; some are set `aside` by people, or wait for one. What keeps those that are `near` has
    to be asked: the time of something has come, or they have no start of their own. The others are
    `coming`, each at that time at the earliest: a heap, so that nobody has to sort them at once.
    """

    running: list[int] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    coming: list[tuple[datetime, int]] = field(default_factory=list)


class Coming(Struct, frozen=True, kw_only=True):
    """Who starts when as things are; None where that one may not."""

    subject: int
    start: datetime | None


def add(found: Prospects, subject: int, known: Connection, now: datetime) -> None:
    """Look at one connection more, that lives."""
    if known.run:
        found.running.append(subject)
    elif is_aside(known):
        found.aside.append(subject)
    else:
        at = connection.next_start(known)
        if at is None or at <= now or has_come(known, now):
            found.near.append(subject)
        else:
            heapq.heappush(found.coming, (at, subject))


def is_aside(known: Connection) -> bool:
    """Whether nothing starts until a person does something about it."""
    return not known.restoring and (known.paused or known.grant.phase is Phase.NEEDED)


def in_turn(world: World, found: Prospects, now: datetime) -> Iterator[Coming | None]:
    """Those that are coming, by when they start. Takes `coming` apart.

    None says that it takes another look, so that whoever has looked often enough can pause. Those
    that may not start come as they are found: all of them, before the last that may.
    """
    asked: list[tuple[datetime, int]] = []
    while found.coming or asked:
        if not found.coming or (asked and asked[0] <= found.coming[0]):
            start, subject = heapq.heappop(asked)
            yield Coming(subject=subject, start=start)
            continue
        _, subject = heapq.heappop(found.coming)
        at = hindrance.start(world, subject, now)
        if at is None:
            yield Coming(subject=subject, start=None)
        else:
            heapq.heappush(asked, (at, subject))
            yield None


def has_come(known: Connection, now: datetime) -> bool:
    """Whether the time of anything that is planned has come: what keeps it makes it late."""
    plan, left = known.schedule, known.backfill
    times = (
        plan.due,
        plan.request.at if plan.request else None,
        plan.retry.due if plan.retry else None,
        left.due if left else None,
    )
    return any(at is not None and at <= now for at in times)
