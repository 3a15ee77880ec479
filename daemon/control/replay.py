"""What happened, step by step, and how did whoever it concerns stand before and after?"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import trio

from daemon import policy_file
from daemon.control import asof
from daemon.control.desk import REPLAYS_MAX, Desk, Refused
from daemon.control.replay_messages import Facts, ReplayQuery, ReplayStep, TurnView
from daemon.decide import glance
from events.envelope import Recorded
from events.schema import FLEET
from projections import world as worlds
from projections.world import World

BUSY = (
    f"{REPLAYS_MAX} stories are being told already, and there may be no more at once: end one "
    "(q, or Ctrl-C), or try again in a while"
)
PAGE = 100  # events between two turns of the loop: each is folded, and looked at twice


async def replay(desk: Desk, query: ReplayQuery) -> AsyncIterator[ReplayStep]:
    """It is told as fast as it is listened to; what cannot be told is refused at once."""
    steps = _steps(desk, query)
    first = await anext(steps)  # takes the place, which is free again once these steps are dropped
    return _from(first, steps)


def told(desk: Desk, facts: glance.Facts) -> Facts:
    """As programs and people take them: with names, and settings as they are written."""
    return {name: _value(desk, name, value) for name, value in facts.items()}


def turns(desk: Desk, before: glance.Facts, after: glance.Facts) -> list[TurnView]:
    return [
        TurnView(
            fact=each.fact,
            before=_value(desk, each.fact, each.before),
            after=_value(desk, each.fact, each.after),
        )
        for each in glance.turns(before, after)
    ]


async def _from(first: ReplayStep, steps: AsyncGenerator[ReplayStep]) -> AsyncIterator[ReplayStep]:
    async with aclosing(steps):
        yield first
        async for each in steps:
            yield each


async def _steps(desk: Desk, query: ReplayQuery) -> AsyncGenerator[ReplayStep]:
    """The place comes before the World that it is for. At least one step: the end."""
    with _place(desk):
        subject = _subject(desk, query.connection) if query.connection is not None else None
        begin, end = await _span(desk, query)
        async with asof.place(desk):
            world = await asof.world(desk, begin) if begin else World()
        while world.seq < end:
            for recorded in desk.journal.log.read(world.seq, limit=min(PAGE, end - world.seq)):
                step = _step(desk, world, recorded, subject)
                if step is not None:
                    yield step
            await trio.lowlevel.checkpoint()
        yield ReplayStep(seq=end)


@contextmanager
def _place(desk: Desk) -> Iterator[None]:
    """Raises Refused (busy) where there is none."""
    story = object()
    try:
        desk.replays.acquire_on_behalf_of_nowait(story)
    except trio.WouldBlock:
        raise Refused("busy", BUSY) from None
    try:
        yield
    finally:
        desk.replays.release_on_behalf_of(story)


async def _span(desk: Desk, query: ReplayQuery) -> tuple[int, int]:
    """The event after which the story begins, and its last one. Raises Refused."""
    begin, head = await _begin(desk, query.begin), desk.journal.head.seq
    end = head if query.end is None else (await asof.moment(desk, query.end)).seq
    if end < begin:
        raise Refused("invalid", f"event {end} lies before event {begin + 1}: nothing is between")
    return begin, end


async def _begin(desk: Desk, at: str) -> int:
    """The event before the one that is named, or before the first one of that time or later."""
    try:
        then = await asof.moment(desk, at)
    except Refused as refused:
        if refused.code != "not-found" or _is_number(at):
            raise
        return 0  # before the first event: from there on
    if _is_number(at):
        return then.seq - 1
    begin = then.seq
    while begin and desk.journal.log.read(begin - 1, limit=1)[0].at == then.now:
        begin -= 1
        await trio.lowlevel.checkpoint()  # many can be of one time: what was decided at once
    return begin


def _is_number(at: str) -> bool:
    return re.fullmatch("[0-9]+", at) is not None


def _subject(desk: Desk, name: str) -> int:
    """Whoever has that name, whether it is still there or not. Raises Refused (not-found)."""
    subject = desk.vault.subject("connection", name)
    if subject is None or subject not in desk.journal.world.connections:
        raise Refused("not-found", asof.no_name(name))
    return subject


def _step(desk: Desk, world: World, recorded: Recorded, subject: int | None) -> ReplayStep | None:
    """Fold the next event; None where it does not concern whom the story is about."""
    about = recorded.subject if subject is None else subject
    if recorded.subject not in _around(world, about):
        worlds.fold(world, recorded)
        return None
    before = glance.of(world, about, recorded.at)
    worlds.fold(world, recorded)
    after = glance.of(world, about, recorded.at)
    changed = turns(desk, before, after)
    if recorded.subject != about and not changed:
        return None
    return ReplayStep(
        seq=recorded.seq,
        event=desk.view(recorded),
        before=told(desk, before),
        after=told(desk, after),
        changed=changed,
    )


def _around(world: World, subject: int) -> set[int]:
    """Whose events can change how it stands: its own, and those of what is above it."""
    known = world.connections.get(subject)
    return {subject, known.provider, known.tenant, FLEET} if known else {subject}


def _value(desk: Desk, fact: str, value: Any) -> Any:
    if value is None:
        return None
    if fact in {"provider", "settings.fallback"}:
        return desk.vault.name(value)
    return policy_file.written(value) if fact.startswith("settings.") else value
