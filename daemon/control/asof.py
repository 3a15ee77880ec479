"""How does an operation answer as of then: which event is meant, and what stands on that desk?

What the World holds is as it was. What it does not hold is as it is now (names, a provider's file),
or left out (how far a sync had come, a full disk).
"""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from daemon.control.desk import Desk, Refused
from daemon.journal import Journal
from events.codec import Row
from events.envelope import Recorded
from events.log import READ_EVENTS, Log
from events.terms import Caller
from events.writer import Listener
from projections.world import World

DIGITS_MAX = 18  # a number of an event fits SQLite's integers
HOW = "give the number of an event, or a time as in 2026-11-20T14:00:00Z"
READ_ONLY = "the past is read, and nothing is added to it"


class Moment(Struct, frozen=True, kw_only=True):
    """An event, and what time it was: its own, or a later one before the next event."""

    seq: int
    now: datetime


class Stopped:
    """A clock that stands still."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def drift(self) -> timedelta:
        return timedelta()


class LogUpTo:
    """A log as it was when `seq` was its last event; it can only be read."""

    def __init__(self, log: Log, seq: int) -> None:
        self._log = log
        self._seq = seq

    def read(
        self, after: int, *, subject: int | None = None, limit: int = READ_EVENTS
    ) -> list[Recorded]:
        found = self._log.read(after, subject=subject, limit=limit)
        return [each for each in found if each.seq <= self._seq]

    def last(self, limit: int, *, subject: int | None = None) -> list[Recorded]:
        found = deque[Recorded](maxlen=limit)
        after = 0 if subject is not None else max(0, self._seq - limit)
        while page := self.read(after, subject=subject):
            found.extend(page)
            after = page[-1].seq
        return list(found)

    def count_types(self) -> dict[str, int]:
        raise AssertionError("how many events there are is asked of the log itself")

    def replay(self) -> Iterator[Recorded]:
        raise AssertionError(READ_ONLY)

    def start(self, listener: Listener) -> None:
        raise AssertionError(READ_ONLY)

    def append(self, rows: Sequence[Row]) -> None:
        raise AssertionError(READ_ONLY)

    def hurry(self) -> None:
        raise AssertionError(READ_ONLY)

    def close(self) -> None:
        """Nothing: the log is somebody else's."""


async def answer(
    desk: Desk,
    call: Callable[[Desk, Any, Caller], Awaitable[Struct]],
    wish: Struct,
    by: Caller,
    at: str,
) -> Struct:
    """What the operation would have answered then. Raises Refused."""
    async with desk.pasts:
        then = await moment(desk, at)
        world = await desk.hindsight.world_at(then.seq)
        try:
            return await call(desk_of(desk, world, then.now), wish, by)
        except Refused as refused:
            if refused.code != "not-found":
                raise
            message = _unknown(desk, wish, world, refused.message)
        raise Refused("not-found", message)


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
    instant = _instant(at)
    if instant > now:
        raise Refused("invalid", f"{_iso(instant)} is yet to come: it is {_iso(now)} now")
    seq = await desk.hindsight.seq_at(instant, head)
    if not seq:
        raise Refused("not-found", f"nothing is known of {_iso(instant)}: {_beginning(desk, head)}")
    return Moment(seq=seq, now=instant)


def desk_of(desk: Desk, world: World, now: datetime) -> Desk:
    """The desk as it was with that World, at that time."""
    journal = Journal(LogUpTo(desk.journal.log, world.seq), world, Stopped(now))
    return replace(desk, journal=journal, live=False)


def refuse(name: str, others: Sequence[str]) -> NoReturn:
    """Say of an operation that it cannot answer as of then."""
    raise Refused(
        "invalid",
        f"{name} answers as of now alone: leave `at` out; these take it: {', '.join(others)}",
    )


def _instant(at: str) -> datetime:
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


def _beginning(desk: Desk, head: int) -> str:
    return f"the first event was recorded at {_iso(_event(desk, 1).at)}" if head else "no events"


def _unknown(desk: Desk, wish: Struct, world: World, message: str) -> str:
    """Why somebody was not known then, who may be now."""
    name = _named(wish)
    subject = desk.vault.subject("connection", name) if name else None
    first = desk.journal.log.read(0, subject=subject, limit=1) if subject else []
    if first and first[0].seq > world.seq:
        since = f"it was added by event {first[0].seq}, at {_iso(first[0].at)}"
        return f"{name} did not exist yet at event {world.seq}: {since}"
    known = world.connections.get(subject) if subject else None
    if known is not None and known.removed:
        return f"{name} had been removed by event {world.seq}; ask for an earlier one"
    return f"as of event {world.seq}, {message}"


def _named(wish: Struct) -> str | None:
    """The connection that it is about."""
    tenant, provider = getattr(wish, "tenant", None), getattr(wish, "provider", None)
    whole = f"{tenant}/{provider}" if tenant and provider else None
    return getattr(wish, "connection", None) or whole


def _event(desk: Desk, seq: int) -> Recorded:
    return desk.journal.log.read(seq - 1, limit=1)[0]


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
