"""What follows for a write that waits from how its way to its provider went?

What may have arrived is sent again only where, and while, the provider knows it again by a key.
When one may leave is said in `line`.

What is put off rests for twice as long each time; less where its provider was down and gets known
to be back. Each time that this was in vain the least rest doubles too, so that a provider that
comes and goes is not hammered.
"""

from datetime import datetime, timedelta
from typing import assert_never

from daemon.commands import (
    AbandonWrite,
    BeginWrite,
    DeliverWrite,
    DropWrite,
    ExpireWrite,
    LoseWrite,
    MissWrite,
    OutboxCommand,
    PutOffWrite,
    QueueWrite,
    RecallWrite,
    RetryWrite,
    SettleWrite,
)
from daemon.decide import failure, fate, keyed, line
from daemon.decide.decisions import Decisions
from daemon.decide.fate import Fate, Loss
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
from events.terms import Caller, FailureClass
from projections import outbox
from projections.outbox import Outbox, Phase, Write
from projections.world import World

DELAY = timedelta(seconds=5)  # doubled each time, and a part of it drawn
DELAY_MAX = timedelta(minutes=15)
DOUBLINGS_MAX = 10  # by then it is the greatest
REFUSED = "the provider refused it ({status}); see what was wrong with it, and write it anew"
GONE = (
    "what is at its path is gone for good (410), and it is not sent again; if that moved, write it "
    "anew where it is now"
)
MISSING = (
    "the data store does not hold it (it is an older copy, or was deleted), and it was not "
    "delivered; write it anew"
)


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
        case PutOffWrite():
            return _put_off(command, world, now)
        case RecallWrite():
            return _recalled(command, world, now)
        case ExpireWrite(subject=subject):
            old = line.outlived(subject, world, now)
            return [_expired(subject, old, old.cause, old.status)] if old else []
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


def _queue(command: QueueWrite, world: World, now: datetime) -> Decisions:
    known = world.connections.get(command.subject)
    if known is None or known.removed or line.full(command.subject, world, command.bytes):
        return []
    hint = command.retry_after or timedelta(0)
    rest = max(command.jitter * DELAY, hint)
    down = command.cause is not None and failure.opens(command.cause)
    queued = WriteQueued(
        row=command.row,
        endpoint=command.endpoint,
        method=command.method,
        kind=command.kind,
        keyed=command.keyed,
        bytes=command.bytes,
        cause=command.cause,
        due=now + rest if command.cause else None,
        by=command.by,
        known_until=_known_since(command),
        attempts=command.attempts,
        status=command.status,
        soonest=now + hint if down else None,
    )
    return [(command.subject, queued)]


def _known_since(command: QueueWrite) -> datetime | None:
    """Until when the provider knows what it may have got when it was asked at once."""
    cause, first_at, lifetime = command.cause, command.first_at, command.key_lifetime
    if not command.keyed or cause is None or first_at is None or lifetime is None:
        return None
    loss = Loss(cause=cause, status=command.status, sent=command.sent)
    maybe = command.doubted or not fate.not_taken(loss)
    return keyed.expires(first_at, lifetime) if maybe else None


def _begin(command: BeginWrite, world: World, now: datetime) -> Decisions:
    """At the last moment: somebody may have taken it back, paused it, or opened a breaker."""
    write = line.ready(command.subject, world, now)
    if write is None or write.number != command.write:
        return []
    until = keyed.until(write)
    if until is None and write.keyed and command.key_lifetime is not None:
        until = keyed.expires(now, command.key_lifetime)
    begun = WriteBegun(
        write=write.number,
        attempt=write.attempts + 1,
        known_until=until,
        early=line.is_early(write, now),
    )
    return [(command.subject, begun)]


def _lose(command: LoseWrite, world: World, now: datetime) -> Decisions:
    write = outbox.find(_of(command.subject, world), command.write)
    if write is None:
        return []  # somebody dropped it meanwhile
    number, cause, status = write.number, command.cause, command.status
    loss = Loss(cause=cause, status=status, sent=command.sent)
    conflict = fate.is_conflict(loss, keyed=write.keyed)
    became = fate.of(loss, keyed=write.keyed, conflicts=write.conflicts, doubted=write.doubted)
    match became:
        case Fate.DELIVERED:
            return [(command.subject, WriteDelivered(write=number, status=status))]
        case Fate.DEFERRED:
            hint = command.retry_after or timedelta(0)
            due = now + max(command.jitter * _delay(write.deferred), hint)
            least = command.jitter * _delay(write.early) if write.early else timedelta(0)
            soonest = min(due, now + max(least, hint)) if failure.opens(cause) else None
            taken = not fate.not_taken(loss) and not conflict  # which is of an earlier copy, if any
            until = write.known_until if taken else keyed.until(write)
            if until is not None and due >= until:
                return [_expired(command.subject, write, cause, status)]
            deferred = WriteDeferred(
                write=number,
                due=due,
                cause=cause,
                status=status,
                known_until=until,
                soonest=soonest,
                conflicts=write.conflicts + 1 if conflict else 0,
            )
            return [(command.subject, deferred)]
        case Fate.IN_DOUBT:
            return [(command.subject, WriteInDoubt(write=number, cause=cause, status=status))]
        case Fate.FAILED:
            gone = cause is FailureClass.RETIRED
            message = GONE if gone else REFUSED.format(status=status)
            failed = WriteFailed(write=number, cause=cause, message=message, status=status)
            return [(command.subject, failed)]
        case _:
            assert_never(became)


def _put_off(command: PutOffWrite, world: World, now: datetime) -> Decisions:
    """That it comes back when it was told to is no failure: its rest does not grow."""
    write = outbox.find(_of(command.subject, world), command.write)
    if write is None or write.phase is not Phase.QUEUED:
        return []
    return [(command.subject, stays(write, now + command.rest, over_limit=True))]


def _recalled(command: RecallWrite, world: World, now: datetime) -> Decisions:
    """It waits on for whatever keeps it, and for another place in the limits."""
    write = outbox.find(_of(command.subject, world), command.write)
    if write is None or write.phase is not Phase.UNDER_WAY:
        return []
    return [(command.subject, stays(write, now, over_limit=False))]


def stays(write: Write, due: datetime, *, over_limit: bool) -> WriteDeferred:
    """It did not leave: but for its rest all that is known of it is as it was."""
    return WriteDeferred(
        write=write.number,
        due=due,
        cause=write.cause,
        status=write.status,
        over_limit=over_limit,
        known_until=keyed.until(write),
        conflicts=write.conflicts,
    )


def _delay(times: int) -> timedelta:
    factor: int = 2 ** min(times, DOUBLINGS_MAX)
    return min(DELAY * factor, DELAY_MAX)


def _abandoned(subject: int, waiting: Outbox, now: datetime) -> Decisions:
    write = outbox.first(waiting)
    if write is None or write.phase is not Phase.UNDER_WAY:
        return []
    until = write.known_until
    if not write.keyed:
        return [(subject, WriteInDoubt(write=write.number))]
    if until is not None and now >= until:
        return [_expired(subject, write)]
    deferred = WriteDeferred(
        write=write.number, due=now, known_until=until, conflicts=write.conflicts
    )
    return [(subject, deferred)]


def _expired(
    subject: int, write: Write, cause: FailureClass | None = None, status: int | None = None
) -> tuple[int, WriteInDoubt]:
    doubt = WriteInDoubt(write=write.number, cause=cause, status=status, key_expired=True)
    return subject, doubt


def _by_hand(command: RetryWrite | SettleWrite | DropWrite, world: World) -> Decisions:
    """Nothing moves while it is under way; only what is in doubt can be said to have arrived.

    Who retries that has looked, or knows that it does no harm; who hastens what rests has not.
    """
    subject, number, by = command.subject, command.write, command.by
    write = outbox.find(_of(subject, world), number)
    if write is None or write.phase is Phase.UNDER_WAY:
        return []
    match command:
        case RetryWrite():
            until = None if write.phase is Phase.IN_DOUBT else keyed.until(write)
            return [(subject, WriteRetried(write=number, by=by, known_until=until))]
        case SettleWrite():
            doubtful = write.phase is Phase.IN_DOUBT
            return [(subject, WriteSettled(write=number, by=by))] if doubtful else []
        case DropWrite():
            return [(subject, WriteDropped(write=number, by=by))]
        case _:
            assert_never(command)


def _of(subject: int, world: World) -> Outbox:
    return world.outboxes.get(subject, ())
