"""How does a World become bytes, a few slices at a time, and the same World again?

Slices never change, but the maps that hold them do: whoever encodes while others fold takes
`copied` first, at one event and without waiting, and goes through the pieces of that.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.policy import Settings
from projections import settings, under
from projections.connection import Connection
from projections.fleet import Fleet
from projections.issues import Issues
from projections.outbox import Outbox
from projections.provider import Provider
from projections.reported import Source
from projections.settings import Scope
from projections.signs import Signs
from projections.tenant import Tenant
from projections.world import World

SLICES = 250
"""In a piece: some 2 ms of encoding, between two of which a loop can do other things."""


class Piece(NamedTuple):
    """Some slices of one kind, whose subjects lie between `first` and `last`."""

    kind: str
    first: int
    last: int
    body: bytes


class Top(Struct, frozen=True, kw_only=True):
    """What of a World lies in none of its maps."""

    seq: int
    at: datetime | None
    fleet: Fleet
    outbox_bytes: int


class Own(Struct, frozen=True, kw_only=True):
    """What a Scope cannot work out: `values` follow, and their types would be lost."""

    own: Settings
    declared: Settings
    since: dict[str, int]
    declared_in: int
    ended: dict[str, int]


WORLD = "world"
"""The kind of the one piece that has the World's Top."""

_encode = msgspec.msgpack.Encoder().encode
_top = msgspec.msgpack.Decoder(Top)
_raw: msgspec.msgpack.Decoder[dict[int, msgspec.Raw]] = msgspec.msgpack.Decoder(
    dict[int, msgspec.Raw]
)
_SLICES: Mapping[str, type[Any]] = {
    "providers": Provider,
    "tenants": Tenant,
    "scopes": Own,
    "connections": Connection,
    "outboxes": Outbox,
    "sources": Source,
    "issues": Issues,
    "signs": Signs,
}
_maps: Mapping[str, Any] = {
    kind: msgspec.msgpack.Decoder(dict[int, each])  # type: ignore[valid-type]
    for kind, each in _SLICES.items()
}
_slices = {kind: msgspec.msgpack.Decoder(each) for kind, each in _SLICES.items()}

OF_CONNECTION = ("connections", "scopes", "outboxes", "issues", "signs")
"""In which maps a connection has something of its own."""


def copied(world: World) -> World:
    """The World as it is now, to be gone through: what is folded after this does not show in it.

    What follows from its maps is left out, as it is from its pieces.
    """
    return replace(world, under={}, **{kind: dict(getattr(world, kind)) for kind in _SLICES})


def pieces(world: World) -> Iterator[Piece]:
    """All of it. A map's order is kept: what goes through it finds the same order again."""
    top = Top(seq=world.seq, at=world.at, fleet=world.fleet, outbox_bytes=world.outbox_bytes)
    yield Piece(WORLD, 0, 0, _encode(top))
    for kind in _SLICES:
        rest = iter(getattr(world, kind).items())
        while some := dict(islice(rest, SLICES)):
            yield Piece(kind, min(some), max(some), _encode(_bared(kind, some)))


def add(world: World, piece: Piece) -> None:
    """Put a piece into a World that is put together. Raises msgspec.DecodeError."""
    if piece.kind == WORLD:
        top = _top.decode(piece.body)
        world.seq, world.at, world.fleet = top.seq, top.at, top.fleet
        world.outbox_bytes = top.outbox_bytes
        return
    found = _maps[piece.kind].decode(piece.body)
    getattr(world, piece.kind).update(_dressed(piece.kind, found))
    if piece.kind == "connections":
        for subject, each in found.items():
            if not each.removed:
                under.join(world.under, subject, each)


def is_of(world: World, pieces: Iterable[Piece]) -> bool:
    """Whether these make up that World, whatever the order of its maps. Raises DecodeError."""
    there, counts = World(), dict.fromkeys(_SLICES, 0)
    for piece in pieces:
        part = World()
        add(there if piece.kind == WORLD else part, piece)
        for kind in _SLICES:
            found, known = getattr(part, kind), getattr(world, kind)
            counts[kind] += len(found)
            if any(known.get(each) != found[each] for each in found):
                return False
    top = (there.seq, there.at, there.fleet, there.outbox_bytes)
    if top != (world.seq, world.at, world.fleet, world.outbox_bytes):
        return False
    return all(counts[kind] == len(getattr(world, kind)) for kind in _SLICES)


def add_one(world: World, piece: Piece, subject: int) -> None:
    """Put nothing but the slice of that subject into it, as `alone` goes on from there.

    Raises msgspec.DecodeError.
    """
    raw = _raw.decode(piece.body).get(subject)
    if raw is not None:
        found = {subject: _slices[piece.kind].decode(raw)}
        getattr(world, piece.kind).update(_dressed(piece.kind, found))


def _bared(kind: str, slices: dict[int, Any]) -> dict[int, Any]:
    if kind != "scopes":
        return slices
    return {
        subject: Own(
            own=scope.own,
            declared=scope.declared,
            since=dict(scope.since),
            declared_in=scope.declared_in,
            ended=dict(scope.ended),
        )
        for subject, scope in slices.items()
    }


def _dressed(kind: str, slices: dict[int, Any]) -> dict[int, Any]:
    if kind != "scopes":
        return slices
    return {
        subject: settings.valued(
            Scope(
                own=own.own,
                declared=own.declared,
                since=own.since,
                declared_in=own.declared_in,
                ended=own.ended,
            )
        )
        for subject, own in slices.items()
    }
