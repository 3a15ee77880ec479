"""Is what differs between two Worlds all of it, and nothing else?"""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st
from msgspec import UNSET

from events.gateway import CallKind
from events.outbox import WriteDelivered, WriteQueued
from events.schema import FLEET
from projections import difference
from projections.difference import Change
from projections.world import World
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    ONE,
    PAUSED,
    PROVIDER,
    REMOVED,
    RESUMED,
    RUNNING,
    SYNC,
    TENANT,
    captured,
    given,
    setting,
    succeeded,
)

pytestmark = pytest.mark.requirement("X1")

QUEUED = WriteQueued(
    row=7, endpoint="POST /orders", method="POST", kind=CallKind.WRITE, keyed=False, bytes=3
)
STORY = (
    *RUNNING,
    (ONE, captured(SYNC)),
    (ONE, succeeded(SYNC)),
    (TENANT, setting(interval=HOUR)),
    (ONE, QUEUED),
    (ONE, PAUSED),
    (ONE, WriteDelivered(write=8, status=201)),
    (ONE, RESUMED),
    (ONE, REMOVED),
)


def after(count):
    return given(*STORY[:count]).world


def differences(old, new):
    return [
        each
        for subject in difference.subjects(old, new)
        for each in difference.between(old, new, subject)
    ]


def test_a_pause_is_one_field():
    [change] = difference.between(given(*KNOWN).world, given(*KNOWN, (ONE, PAUSED)).world, ONE)
    path = ("connection", "paused")
    assert change == Change(subject=ONE, path=path, before=False, after=True)


def test_what_was_not_there_is_nothing_and_not_null():
    changes = difference.between(World(), given(*KNOWN).world, ONE)
    assert {each.before for each in changes} == {UNSET}
    assert Change(subject=ONE, path=("connection", "run"), after=None) in changes
    assert Change(subject=ONE, path=("connection", "streams"), after={}) in changes


def test_writes_that_wait_go_by_their_number():
    [first, *rest] = difference.between(after(7), after(8), ONE)
    assert first.path[:2] == ("outbox", "8")
    assert {each.path[:2] for each in rest} == {("outbox", "8")}
    assert difference.leaves(after(8), FLEET)[("outbox_bytes",)] == 3


def test_it_is_told_in_order_of_everybody_that_either_knows():
    assert difference.subjects(World(), after(7)) == [FLEET, PROVIDER, TENANT, ONE]
    changes = differences(World(), after(7))
    assert changes == sorted(changes, key=lambda each: (each.subject, each.path))


@forall(st.integers(0, len(STORY)), st.integers(0, len(STORY)))
def test_the_difference_applied_to_the_one_gives_the_other(first, second):
    """Forwards and backwards, of everybody; and none of it is in vain."""
    old, new = after(first), after(second)
    changes = differences(old, new)
    for subject in difference.subjects(old, new):
        own = [each for each in changes if each.subject == subject]
        wanted = difference.leaves(new, subject)
        assert difference.applied(difference.leaves(old, subject), own) == wanted
        assert all(each.before != each.after for each in own)
    assert (changes == []) == (first == second or not differences(new, old))
