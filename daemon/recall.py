"""What was true at an event? The nearest snapshot before it, and what followed.

A snapshot counts only where the same code made it, and where the log still holds the block that it
was made at: a log that was rewritten, or comes from a backup, is another past. What is asked of may
take its time, so it is worked out in steps: whoever iterates may do other things between them.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from events.moment import Reads, last_by
from events.reading import READ_EVENTS
from events.snapshots import SnapshotDamaged, Snapshots, Stamp
from projections import alone, image
from projections import world as worlds
from projections.image import OF_CONNECTION, Piece
from projections.world import World

T = TypeVar("T")
Steps = Generator[None, None, T]
BlockOf = Callable[[int], bytes | None]
Ignored = Callable[[int, str], None]
"""Told which snapshot is not used, and why."""

OTHER_VERSION = "another version of rounds made it"
UNREADABLE = "it cannot be read as what it should be"


class Question(Struct, frozen=True, kw_only=True):
    """What is asked: as of event `seq`, or, where that is None, as of `at`.

    Of all, or of a connection alone. Nothing after event `head` has happened.
    """

    head: int
    seq: int | None = None
    at: datetime | None = None
    connection: int | None = None


class Unknown(Exception):
    """The log does not hold an event that it was said to hold."""


def resolved(log: Reads, question: Question) -> int:
    """Which event a question is about, or 0."""
    if question.seq is not None:
        return question.seq
    assert question.at is not None, "a question names an event or a time"
    return last_by(log, question.head, question.at)


def all_at_once(steps: Steps[T]) -> T:
    """For those who have nothing else to do."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def fault(stamp: Stamp, seq: int, version: str, block_of: BlockOf) -> str | None:
    """Why a sound snapshot is of no use, or None where it is."""
    if stamp.version != version:
        return OTHER_VERSION
    block = block_of(seq)
    if stamp.seq != seq or block is None or block.hex() != stamp.block:
        return "it is of another log than this one"
    return None


def nearest(
    snapshots: Snapshots,
    block_of: BlockOf,
    *,
    upto: int | None = None,
    connection: int | None = None,
    ignored: Ignored | None = None,
) -> Steps[World]:
    """The World of the last usable snapshot up to an event, or else an empty one."""
    for seq in snapshots.numbers(upto):
        try:
            with closing(snapshots.open(seq)) as snapshot:
                why = fault(snapshot.stamp, seq, snapshots.version, block_of)
                if why is None:
                    world = World(seq=seq, at=snapshot.stamp.at)
                    kinds = () if connection is None else OF_CONNECTION
                    for piece in snapshot.pieces(kinds, connection):
                        _add(world, Piece(*piece), connection)
                        yield
                    return world
        except (SnapshotDamaged, FileNotFoundError) as damage:
            why = str(damage)
        except (msgspec.DecodeError, KeyError):
            why = UNREADABLE
        if ignored is not None:
            ignored(seq, why)
    return World()


def state(
    log: Reads, snapshots: Snapshots, seq: int, connection: int | None = None
) -> Steps[World]:
    """The World as of event `seq`; of one connection alone, where one is named. Raises Unknown."""
    world = yield from nearest(snapshots, log.block_of, upto=seq, connection=connection)
    if connection is None:
        yield from onwards(log, world, seq)
    else:
        yield from _alone(log, world, seq, connection)
    return world


def onwards(log: Reads, world: World, seq: int) -> Steps[None]:
    """Fold what followed, up to event `seq`. Raises Unknown."""
    while world.seq < seq:
        page = log.read(world.seq, limit=min(READ_EVENTS, seq - world.seq))
        if not page:
            raise Unknown(f"event {world.seq + 1} is not there")
        for recorded in page:
            worlds.fold(world, recorded)
        yield


def _alone(log: Reads, world: World, seq: int, connection: int) -> Steps[None]:
    while page := log.read(world.seq, subject=connection, limit=READ_EVENTS):
        for recorded in page:
            if recorded.seq <= seq:
                alone.fold(world, recorded)
        if page[-1].seq >= seq:
            break
        yield
    found = log.read(seq - 1, limit=1)
    if not found:
        raise Unknown(f"event {seq} is not there")
    world.seq, world.at = seq, found[0].at


def _add(world: World, piece: Piece, connection: int | None) -> None:
    if connection is None:
        image.add(world, piece)
    else:
        image.add_one(world, piece, connection)
