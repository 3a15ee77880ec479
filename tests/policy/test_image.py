"""Is a World that became bytes the same again, and one connection's past its slice of it?"""

import importlib
import pkgutil
from typing import ForwardRef, Literal, get_args, get_origin

import msgspec
import pytest

import projections
from events import outbox as writes
from events.envelope import Recorded
from events.gateway import CallKind, CallMade
from events.issues import IssueKind, IssueOpened, Severity, Threshold
from events.schema import FLEET
from projections import alone, image
from projections.image import OF_CONNECTION, SLICES
from projections.tenant import Tenant
from projections.world import World
from tests.policy.reporting import ADDED as ADDED_SOURCE
from tests.policy.reporting import PHONE, received
from tests.policy.transcript import (
    ADDED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    OTHER,
    REMOVED,
    RUNNING,
    SYNC,
    TENANT,
    captured,
    given,
    setting,
    succeeded,
)

QUEUED = writes.WriteQueued(
    row=1, endpoint="POST /", method="POST", kind=CallKind.WRITE, keyed=True, bytes=7
)
ISSUE = IssueOpened(
    kind=IssueKind.STALE,
    severity=Severity.MINOR,
    since=NOON,
    evidence=(1,),
    threshold=Threshold(name="stale_after", whose="learnt", span=HOUR),
)
RICH = (
    *RUNNING,
    (ONE, captured(SYNC)),
    (ONE, succeeded(SYNC)),
    (ONE, CallMade(endpoint="GET /", method="GET", kind=CallKind.READ, began=1, bytes=9)),
    (OTHER, ADDED),
    (FLEET, setting(interval=HOUR)),
    (TENANT, setting(timezone="Europe/Madrid", priority_order=("weather",))),
    (ONE, setting(stream_intervals={"days": HOUR})),
    (OTHER, QUEUED),
    (ONE, ISSUE),
    (ONE, QUEUED),
    (OTHER, REMOVED),
    (PHONE, ADDED_SOURCE),
    (PHONE, received(records=3, queue_depth=1)),
)


def again(world):
    made = World()
    for piece in image.pieces(world):
        image.add(made, piece)
    return made


@pytest.mark.requirement("X1")
@pytest.mark.parametrize("upto", range(len(RICH) + 1))
def test_a_world_becomes_bytes_and_the_same_world_again(upto):
    world = given(*RICH[:upto]).world
    assert again(world) == world


@pytest.mark.parametrize("upto", range(1, len(RICH) + 1))
def test_a_world_is_told_from_every_other(upto):
    world, before = given(*RICH[:upto]).world, given(*RICH[: upto - 1]).world
    assert image.is_of(world, image.pieces(world))
    assert not image.is_of(world, image.pieces(before))
    assert not image.is_of(before, image.pieces(world))


def test_a_world_is_told_from_one_that_lacks_something_or_has_more_or_other():
    world = given(*RICH).world
    less = msgspec.structs.replace(
        world, outboxes={ONE: world.outboxes[ONE]}, scopes=dict(world.scopes)
    )
    other = msgspec.structs.replace(world, tenants={**world.tenants, OTHER: Tenant()})
    for each in (less, other):
        assert not image.is_of(world, image.pieces(each))
        assert not image.is_of(each, image.pieces(world))
    backwards = msgspec.structs.replace(
        world, connections=dict(reversed(world.connections.items()))
    )
    assert image.is_of(world, image.pieces(backwards))


@pytest.mark.parametrize(
    "module", [each.name for each in pkgutil.iter_modules(projections.__path__)]
)
def test_no_alias_names_a_class_that_its_own_module_alone_knows(module):
    """Where it is used, the same name may be another class, which is what would be decoded."""
    for name, found in vars(importlib.import_module(f"projections.{module}")).items():
        parts = [each for each in get_args(found) if isinstance(each, str | ForwardRef)]
        assert parts == [] or get_origin(found) is Literal, name


def test_a_setting_keeps_its_type():
    scope = again(given(*RICH).world).scopes[ONE]
    assert scope.values == {"interval.days": HOUR}


def test_what_goes_through_a_map_finds_the_same_order_again():
    """`OTHER` has written first: an order by number would be another one."""
    world = given(*RICH).world
    assert [*world.outboxes] == [OTHER, ONE] == [*again(world).outboxes]


def test_a_map_goes_in_pieces_and_a_slice_is_found_in_the_one_that_may_have_it():
    world = given(*KNOWN).world
    one = world.connections[ONE]
    world.connections = dict.fromkeys(range(ONE, ONE + SLICES + 1), one)
    pieces = [each for each in image.pieces(world) if each.kind == "connections"]
    last = ONE + SLICES
    assert [(each.first, each.last) for each in pieces] == [(ONE, last - 1), (last, last)]
    made = World()
    for piece in pieces:
        image.add_one(made, piece, last)
    assert made.connections == {last: one}


def test_what_is_folded_after_a_copy_does_not_show_in_it():
    scene = given(*RUNNING)
    copy = image.copied(scene.world)
    before = again(copy)
    scene.fold(ONE, succeeded(SYNC))
    assert again(copy) == before != scene.world


@pytest.mark.requirement("X1")
@pytest.mark.parametrize("subject", [ONE, OTHER])
@pytest.mark.parametrize("since", range(len(RICH) + 1))
def test_a_connection_alone_is_its_slice_of_the_world_from_any_snapshot_on(subject, since):
    world = World()
    for piece in image.pieces(given(*RICH[:since]).world):
        if piece.kind in OF_CONNECTION:
            image.add_one(world, piece, subject)
    scene = given()
    for seq, past in enumerate(RICH, 1):
        scene.fold(*past)
        if past[0] == subject and seq > since:
            alone.fold(world, recorded(seq, *past))
    whole = scene.world
    assert world.connections == {subject: whole.connections[subject]}
    assert world.scopes.get(subject) == whole.scopes.get(subject)
    assert world.outboxes.get(subject) == whole.outboxes.get(subject)
    assert world.issues.get(subject) == whole.issues.get(subject)
    assert world.signs.get(subject) == whole.signs.get(subject)
    assert not world.providers


def test_the_writes_of_one_that_are_over_are_not_there():
    world = World()
    for seq, event in enumerate((ADDED, QUEUED, writes.WriteDropped(write=2)), 1):
        alone.fold(world, recorded(seq, ONE, event))
    assert (world.outboxes, world.outbox_bytes) == ({}, 0)


def recorded(seq, subject, event):
    return Recorded(seq=seq, at=NOON, subject=subject, event=event)
