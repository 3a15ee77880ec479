"""How does an operation answer as of then: which event is meant, and what stands on that desk?

What the World holds is as it was. What it does not hold is as it is now (names, a provider's file),
or left out (how far a sync had come, a full disk).
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

from msgspec import Struct

from daemon.control import narrowed
from daemon.control.desk import PASTS_WAITING_MAX, Desk, Refused
from daemon.past import NoSuchMoment, PastJournal, PastLog, PastUnavailable, Standing
from events.envelope import Recorded
from events.terms import Caller
from projections.world import World

DIGITS_MAX = 18  # a number of an event fits SQLite's integers
BUSY = f"{PASTS_WAITING_MAX} others wait for what was true back then; try again in a while"
HOW = "give the number of an event, or a time as in 2026-11-20T14:00:00Z"


class Moment(Struct, frozen=True, kw_only=True):
    """An event, and what time it was: its own, or a later one before the next event."""

    seq: int
    now: datetime


async def answer(
    desk: Desk,
    call: Callable[[Desk, Any, Caller], Awaitable[Struct]],
    wish: Struct,
    by: Caller,
    at: str,
) -> Struct:
    """What the operation would have answered then. Raises Refused."""
    async with place(desk):
        then = await moment(desk, at)
        known = await world(desk, then.seq)
        try:
            return await call(desk_of(desk, known, then.now), wish, by)
        except Refused as refused:
            if refused.code != "not-found":
                raise
            message = _unknown(desk, wish, known, refused.message)
        raise Refused("not-found", message)


@asynccontextmanager
async def place(desk: Desk) -> AsyncIterator[None]:
    """A turn at looking back. Raises Refused (busy) where too many wait for theirs already."""
    if desk.pasts.statistics().tasks_waiting >= PASTS_WAITING_MAX:
        raise Refused("busy", BUSY)
    async with desk.pasts:
        yield


async def moment(desk: Desk, at: str) -> Moment:
    """The moment that is meant by an event's number, or by a time. Raises Refused."""
    head, now = desk.journal.head.seq, desk.journal.clock.now()
    if re.fullmatch("[0-9]+", at):
        seq = int(at) if len(at) <= DIGITS_MAX else 0
        if not seq:
            raise Refused("invalid", f"{at} is no event's number: the first event is 1; {HOW}")
        if seq > head:
            raise Refused("not-found", f"there is no event {seq} yet; the last one is {head}")
        return Moment(seq=seq, now=_event(desk, seq).at)
    then = instant(at)
    if then > now:
        raise Refused("invalid", f"{_iso(then)} is yet to come: it is {_iso(now)} now")
    try:
        return Moment(seq=await desk.past.seq_at(then), now=then)
    except NoSuchMoment as none:
        raise Refused("not-found", str(none)) from None
    except PastUnavailable as unavailable:
        raise Refused("busy", str(unavailable)) from None


async def world(desk: Desk, seq: int) -> World:
    """All that was true after that event, for whoever asks alone. Raises Refused."""
    try:
        return await desk.past.state_at(seq)
    except PastUnavailable as unavailable:
        raise Refused("busy", str(unavailable)) from None


def desk_of(desk: Desk, known: World, now: datetime) -> Desk:
    """The desk as it was with that World, at that time."""
    log = PastLog(desk.journal.log, known.seq)
    there = known if desk.sees is None else narrowed.world(known, desk.sees)
    return desk.as_of(PastJournal(log, there, Standing(now)))


def refuse(name: str, others: Sequence[str]) -> NoReturn:
    """Say of an operation that it cannot answer as of then."""
    raise Refused(
        "invalid",
        f"{name} answers as of now alone: leave `at` out; these take it: {', '.join(others)}",
    )


def no_name(name: str) -> str:
    """Why nothing is known of a name: whoever had it may have moved, and have another one."""
    return (
        f"no connection is called {name}: names are those of now, and one that was moved since "
        "goes by its new one; `rounds connection list` shows them"
    )


def instant(at: str) -> datetime:
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise Refused("invalid", f"{at!r} is no moment; {HOW}") from None
    if found.tzinfo is None:
        raise Refused("invalid", f"{at!r} does not say in which time zone; {HOW}")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise Refused("invalid", f"{at!r} is no moment; {HOW}") from None


def _unknown(desk: Desk, wish: Struct, known: World, message: str) -> str:
    """Why somebody was not known then, who may be now."""
    name = _named(wish)
    subject = desk.vault.subject("connection", name) if name else None
    if name and subject is None:
        return no_name(name)
    first = desk.journal.log.read(0, subject=subject, limit=1) if subject else []
    if first and first[0].seq > known.seq:
        since = f"it was added by event {first[0].seq}, at {_iso(first[0].at)}"
        return f"{name} did not exist yet at event {known.seq}: {since}"
    there = known.connections.get(subject) if subject else None
    if there is not None and there.removed:
        return f"{name} had been removed by event {known.seq}; ask for an earlier one"
    return f"as of event {known.seq}, {message}"


def _named(wish: Struct) -> str | None:
    """The connection that it is about."""
    tenant, provider = getattr(wish, "tenant", None), getattr(wish, "provider", None)
    whole = f"{tenant}/{provider}" if tenant and provider else None
    return getattr(wish, "connection", None) or whole


def _event(desk: Desk, seq: int) -> Recorded:
    return desk.journal.log.read(seq - 1, limit=1)[0]


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
