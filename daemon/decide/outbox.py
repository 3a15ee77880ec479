"""May a write wait for its provider, when does it leave, and what follows from how that went?

What may have arrived is sent again only where the provider knows it again by a key. Nothing goes
before an earlier write of its connection: a doubt holds up its line until a person has looked.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from daemon.commands import (
    AbandonWrite,
    BeginWrite,
    DeliverWrite,
    DropWrite,
    LoseWrite,
    MissWrite,
    OutboxCommand,
    QueueWrite,
    RetryWrite,
    SettleWrite,
)
from daemon.decide import calling, fate
from daemon.decide.calling import Held
from daemon.decide.decisions import Decisions
from daemon.decide.fate import Fate, Loss
from events.breakers import BreakerReason
from events.outbox import (
    WriteBegun,
    WriteDeferred,
    WriteDelivered,
    WriteDropped,
    WriteFailed,
    WriteInDoubt,
    WriteQueued,
    WriteRetried,
    WriteSettled,
)
from events.terms import Caller, FailureClass, SkipReason
from projections import outbox
from projections.outbox import Outbox, Phase, Write
from projections.world import World

OUTBOX_MAX = 100  # writes of one connection: whoever has more to say must hear that nobody listens
OUTBOX_BYTES_MAX = 16 * 1024 * 1024  # of one connection: sixteen of the largest bodies
OUTBOXES_BYTES_MAX = 1024 * 1024 * 1024  # of all connections: any disk that rounds runs on has it
DELAY = timedelta(seconds=5)  # doubled each time, and a part of it drawn
DELAY_MAX = timedelta(minutes=15)
DOUBLINGS_MAX = 10  # by then it is the greatest
PROBE_REST = timedelta(seconds=5)  # when to look again where another call finds out
REFUSED = "the provider refused it ({status}); see what was wrong with it, and write it anew"
MISSING = (
    "the data store does not hold it (it is an older copy, or was deleted), and it was not "
    "delivered; write it anew"
)


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
    known = world.connections[subject]
    stops = (known.breaker, world.providers[known.provider].breaker)
    return held if any(stop.reason is BreakerReason.RETIRED for stop in stops) else None


def waits(subject: int, world: World) -> bool:
    """Whether writes of this connection wait, behind which another one has to go."""
    return subject in world.outboxes


def full(subject: int, world: World, more: int) -> Full | None:
    """What a write of so many bytes more would be too much for."""
    waiting = _of(subject, world)
    if len(waiting) >= OUTBOX_MAX:
        return Full.WRITES
    if outbox.size(waiting) + more > OUTBOX_BYTES_MAX:
        return Full.BYTES
    return Full.ALL_BYTES if world.outbox_bytes + more > OUTBOXES_BYTES_MAX else None


def opens(
    subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> datetime | None:
    """When the connection's first write may leave, or is to be looked at again.

    None where time alone does not change that. `probing` is as in `calling.held`.
    """
    write = outbox.first(world.outboxes.get(subject, ()))
    if write is None or write.phase is not Phase.QUEUED:
        return None
    due, held = write.due or now, calling.held(subject, world, now, probing=probing)
    if held is None:
        return due
    if held.until is None:
        return None
    return max(due, held.until if held.until > now else now + PROBE_REST)


def held_by(subject: int, world: World, now: datetime) -> str | None:
    """In one word, what keeps the first write of a line: its doubt, its connection, a breaker."""
    write = outbox.first(world.outboxes.get(subject, ()))
    if write is not None and write.phase is not Phase.QUEUED:
        return write.phase if write.phase is Phase.IN_DOUBT else None
    held = calling.held(subject, world, now)
    return held.reason if held else None


def ready(
    subject: int, world: World, now: datetime, *, probing: Collection[int] = ()
) -> Write | None:
    """The write that may leave now."""
    at = opens(subject, world, now, probing=probing)
    return None if at is None or at > now else outbox.first(world.outboxes[subject])


def decide(command: OutboxCommand, world: World, now: datetime) -> Decisions:
    match command:
        case QueueWrite():
            return _queue(command, world, now)
        case BeginWrite():
            return _begin(command, world, now)
        case DeliverWrite(subject=subject, write=number, status=status):
            known = outbox.find(_of(subject, world), number)
            return [(subject, WriteDelivered(write=number, status=status))] if known else []
        case LoseWrite():
            return _lose(command, world, now)
        case AbandonWrite(subject=subject):
            return _abandoned(subject, _of(subject, world), now)
        case MissWrite(subject=subject, write=number):
            known = outbox.find(_of(subject, world), number)
            cause = FailureClass.INTERNAL
            missing = WriteFailed(write=number, cause=cause, message=MISSING)
            return [(subject, missing)] if known and known.phase is Phase.QUEUED else []
        case RetryWrite() | SettleWrite() | DropWrite():
            return _by_hand(command, world)
        case _:
            assert_never(command)


def dropped(subject: int, world: World, by: Caller | None) -> Decisions:
    """A connection goes, or moves: what it had yet to write there is written by nobody."""
    return [(subject, WriteDropped(write=each.number, by=by)) for each in _of(subject, world)]


def recovered(world: World, now: datetime) -> Decisions:
    """What was under way when an earlier life ended."""
    return [
        decided
        for subject in sorted(world.outboxes)
        for decided in _abandoned(subject, world.outboxes[subject], now)
    ]


def reviewed(subject: int, world: World, by: timedelta) -> Decisions:
    """A wait goes back with the clock."""
    if by > timedelta(0):
        return []
    return [
        (
            subject,
            WriteDeferred(
                write=each.number, due=each.due + by, cause=each.cause, status=each.status
            ),
        )
        for each in _of(subject, world)
        if each.phase is Phase.QUEUED and each.due is not None
    ]


def _queue(command: QueueWrite, world: World, now: datetime) -> Decisions:
    known = world.connections.get(command.subject)
    if known is None or known.removed or full(command.subject, world, command.bytes):
        return []
    queued = WriteQueued(
        row=command.row,
        endpoint=command.endpoint,
        method=command.method,
        kind=command.kind,
        keyed=command.keyed,
        bytes=command.bytes,
        cause=command.cause,
        due=now + command.jitter * DELAY if command.cause else None,
        by=command.by,
    )
    return [(command.subject, queued)]


def _begin(command: BeginWrite, world: World, now: datetime) -> Decisions:
    """At the last moment: somebody may have taken it back, paused it, or opened a breaker."""
    write = ready(command.subject, world, now)
    if write is None or write.number != command.write:
        return []
    return [(command.subject, WriteBegun(write=write.number, attempt=write.attempts + 1))]


def _lose(command: LoseWrite, world: World, now: datetime) -> Decisions:
    write = outbox.find(_of(command.subject, world), command.write)
    if write is None:
        return []  # somebody dropped it meanwhile
    number, cause, status = write.number, command.cause, command.status
    loss = Loss(cause=cause, status=status, sent=command.sent)
    became = fate.of(loss, keyed=write.keyed, attempts=write.attempts)
    match became:
        case Fate.DELIVERED:
            return [(command.subject, WriteDelivered(write=number, status=status))]
        case Fate.DEFERRED:
            due = now + max(command.jitter * _delay(write), command.retry_after or timedelta(0))
            deferred = WriteDeferred(write=number, due=due, cause=cause, status=status)
            return [(command.subject, deferred)]
        case Fate.IN_DOUBT:
            return [(command.subject, WriteInDoubt(write=number, cause=cause, status=status))]
        case Fate.FAILED:
            message = REFUSED.format(status=status)
            failed = WriteFailed(write=number, cause=cause, message=message, status=status)
            return [(command.subject, failed)]
        case _:
            assert_never(became)


def _delay(write: Write) -> timedelta:
    factor: int = 2 ** min(write.deferred, DOUBLINGS_MAX)
    return min(DELAY * factor, DELAY_MAX)


def _abandoned(subject: int, waiting: Outbox, now: datetime) -> Decisions:
    write = outbox.first(waiting)
    if write is None or write.phase is not Phase.UNDER_WAY:
        return []
    if write.keyed:
        return [(subject, WriteDeferred(write=write.number, due=now))]
    return [(subject, WriteInDoubt(write=write.number))]


def _by_hand(command: RetryWrite | SettleWrite | DropWrite, world: World) -> Decisions:
    """Nothing moves while it is under way; only what is in doubt can have arrived."""
    subject, number, by = command.subject, command.write, command.by
    write = outbox.find(_of(subject, world), number)
    if write is None or write.phase is Phase.UNDER_WAY:
        return []
    match command:
        case RetryWrite():
            return [(subject, WriteRetried(write=number, by=by))]
        case SettleWrite():
            doubtful = write.phase is Phase.IN_DOUBT
            return [(subject, WriteSettled(write=number, by=by))] if doubtful else []
        case DropWrite():
            return [(subject, WriteDropped(write=number, by=by))]
        case _:
            assert_never(command)


def _of(subject: int, world: World) -> Outbox:
    return world.outboxes.get(subject, ())
