"""May a write wait for its provider, and when does the first of its connection's line leave?

Nothing goes before an earlier write of its connection: a doubt holds up its line until a person has
looked. What rests since its provider was down need not rest to the end once that is known to be
back: the breaker closed or was eased, or a call or sync that began after the rest got through, of
whichever of the provider's connections.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.decide import calling, keyed, limits
from daemon.decide.calling import Held
from events.terms import SkipReason
from projections import outbox
from projections.outbox import Phase, Write
from projections.world import World

OUTBOX_MAX = 100  # writes of one connection: whoever has more to say must hear that nobody listens
OUTBOX_BYTES_MAX = 16 * 1024 * 1024  # of one connection: sixteen of the largest bodies
OUTBOXES_BYTES_MAX = 1024 * 1024 * 1024  # of all connections: any disk that rounds runs on has it
PROBE_REST = timedelta(seconds=5)  # when to look again where another call finds out
OVER_LIMIT, KEY_EXPIRED, ASKED_TO_WAIT = "limit", "key-expired", "asked-to-wait"


class Full(StrEnum):
    """Which bound of the outbox is reached: a connection's writes, its bytes, or those of all."""

    WRITES = "writes"
    BYTES = "bytes"
    ALL_BYTES = "all-bytes"


def keeps_out(subject: int, world: World, now: datetime) -> Held | None:
    """What a write does not wait for, since a person has to see to it: its program should know."""
    held = calling.held(subject, world, now)
    if held is None or held.reason is not SkipReason.BREAKER:
        return held
    return held if held.retired else None


def waits(subject: int, world: World) -> bool:
    """Whether writes of this connection wait, behind which another one has to go."""
    return subject in world.outboxes


def full(subject: int, world: World, more: int) -> Full | None:
    """What a write of so many bytes more would be too much for."""
    waiting = world.outboxes.get(subject, ())
    if len(waiting) >= OUTBOX_MAX:
        return Full.WRITES
    if outbox.size(waiting) + more > OUTBOX_BYTES_MAX:
        return Full.BYTES
    return Full.ALL_BYTES if world.outbox_bytes + more > OUTBOXES_BYTES_MAX else None


def opens(
    subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> datetime | None:
    """When the connection's first write is to be looked at again: it may leave, or its key expires.

    None where time alone does not change that. `probing` is as in `calling.held`.
    """
    at = leaves(subject, world, now, probing=probing)
    write = outbox.first(world.outboxes.get(subject, ()))
    expires = keyed.until(write) if write is not None and write.phase is Phase.QUEUED else None
    return min((each for each in (at, expires) if each is not None), default=None)


def leaves(
    subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> datetime | None:
    """When the connection's first write may leave, or may be let go by somebody who finds out."""
    write = outbox.first(world.outboxes.get(subject, ()))
    if write is None or write.phase is not Phase.QUEUED:
        return None
    due = _due(write, subject, world) or now
    held = calling.held(subject, world, now, probing=probing)
    if held is None:
        return due
    if held.until is None:
        return None
    return max(due, held.until if held.until > now else now + PROBE_REST)


def is_early(write: Write, now: datetime) -> bool:
    """Whether it does not rest to the end, if it leaves now."""
    return write.due is not None and now < write.due


def rests(subject: int, world: World) -> bool:
    """Whether the first of its line would leave sooner, were its provider known to be back."""
    write = outbox.first(world.outboxes.get(subject, ()))
    return write is not None and write.soonest is not None and not _is_back(write, subject, world)


def goes_at(subject: int, world: World, now: datetime) -> datetime | None:
    """When it really leaves at the earliest, for people: not before its provider's hint is over."""
    at, hint = leaves(subject, world, now), limits.held_until(world, subject, now)
    return at if at is None or hint is None else max(at, hint)


def held_by(subject: int, world: World, now: datetime) -> str | None:
    """In one word, what keeps the first write of a line: its doubt, its connection, a breaker.

    Or that its tenant's programs have used up their limit, or its provider asked to be left alone.
    """
    write = outbox.first(world.outboxes.get(subject, ()))
    if write is not None and write.key_expired:
        return KEY_EXPIRED
    if write is not None and write.phase is not Phase.QUEUED:
        return write.phase if write.phase is Phase.IN_DOUBT else None
    held = calling.held(subject, world, now)
    if held is None and write is not None and write.over_limit and write.due and write.due > now:
        return OVER_LIMIT
    if held is None and limits.held_until(world, subject, now):
        return ASKED_TO_WAIT
    return held.reason if held else None


def ready(
    subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> Write | None:
    """The write that may leave now."""
    at = leaves(subject, world, now, probing=probing)
    if at is None or at > now or outlived(subject, world, now):
        return None
    return outbox.first(world.outboxes[subject])


def goes_on(
    number: int, subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> bool:
    """Whether a write that has begun may still leave: a commit takes its time, and much may come.

    `probing` is as in `calling.held`.
    """
    write = outbox.find(world.outboxes.get(subject, ()), number)
    if write is None:
        return False
    last = keyed.until(write)
    known = last is None or now < last
    return known and calling.held(subject, world, now, probing=probing) is None


def outlived(subject: int, world: World, now: datetime) -> Write | None:
    """The connection's first write, where it may have arrived and its key is too old by now."""
    write = outbox.first(world.outboxes.get(subject, ()))
    return write if write is not None and keyed.is_outlived(write, now) else None


def _due(write: Write, subject: int, world: World) -> datetime | None:
    """When its rest is over."""
    if write.soonest is not None and _is_back(write, subject, world):
        return write.soonest
    return write.due


def _is_back(write: Write, subject: int, world: World) -> bool:
    """Whether its provider got known to be there since the write was put off."""
    known = world.connections[subject]
    stops = (known.breaker, world.providers[known.provider].breaker)
    return any(stop.answered >= write.put_off for stop in stops)
