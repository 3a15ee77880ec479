"""Whose connections are whose, as they are added, moved, removed and come back."""

from events.schema import ConnectionRelinked
from projections import under
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    KNOWN,
    ONE,
    OTHER,
    PROVIDER,
    REMOVED,
    TENANT,
    given,
)

NEXT = 9


def index(*past):
    return given(*past).world.under


def test_a_tenants_and_a_providers_connections_are_told_by_their_numbers():
    assert index(*KNOWN, (OTHER, ADDED)) == {TENANT: [ONE, OTHER], PROVIDER: [ONE, OTHER]}
    assert under.connections(index(*KNOWN), TENANT) == [ONE]
    assert under.connections(index(), TENANT) == ()


def test_what_was_removed_is_nobodys_until_it_comes_back():
    assert index(*KNOWN, (ONE, REMOVED)) == {}
    assert index(*KNOWN, (OTHER, ADDED), (ONE, REMOVED), (ONE, ADDED)) == index(
        *KNOWN, (OTHER, ADDED)
    )


def test_what_moves_is_under_another_provider():
    moved = ConnectionRelinked(provider=NEXT, before=PROVIDER)
    assert index(*KNOWN, (NEXT, DECLARED), (ONE, moved)) == {TENANT: [ONE], NEXT: [ONE]}


def test_to_join_or_leave_twice_is_to_do_so_once():
    world = given(*KNOWN, (OTHER, ADDED)).world
    under.join(world.under, ONE, world.connections[ONE])
    assert world.under[TENANT] == [ONE, OTHER]
    for _ in range(2):
        under.leave(world.under, ONE, TENANT)
    assert world.under == {TENANT: [OTHER], PROVIDER: [ONE, OTHER]}
