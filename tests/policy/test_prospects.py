"""Who runs, is due, or comes next: told without asking of each connection what keeps it."""

import pytest

from daemon.decide import prospects
from daemon.decide.prospects import Coming, Prospects
from events.schema import BackfillRequested, RetryScheduled, SyncDeferred
from events.terms import FailureClass, HoldReason, NeedReason
from events.versions import RollbackStarted
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    REQUESTED,
    RUNNING,
    day,
    given,
    needed,
    scheduled,
    setting,
)

FIRST, SECOND_, THIRD = 11, 12, 13


def sifted(*past, now=NOON):
    world, found = given(*past).world, Prospects()
    for subject, known in world.connections.items():
        prospects.add(found, subject, known, now)
    return world, found


def fleet(*starts):
    past = [(PROVIDER, DECLARED)]
    for subject, start in zip((FIRST, SECOND_, THIRD), starts, strict=True):
        past += [(subject, ADDED), (subject, scheduled(NOON + start))]
    return past


def place(*more, now=NOON):
    _, found = sifted(*KNOWN, *more, now=now)
    names = ("running", "aside", "near")
    return next((name for name in names if ONE in getattr(found, name)), "coming")


def test_each_is_where_it_says_that_it_is():
    assert place(now=NOON - HOUR) == "coming"
    assert place() == "near"
    assert place((ONE, PAUSED)) == "aside"
    assert place((ONE, needed(NeedReason.NEW))) == "aside"
    assert sifted(*RUNNING)[1].running == [ONE]


def test_what_goes_back_is_asked_though_it_is_paused():
    back = RollbackStarted(to=1, scope="data", streams=("days",))
    assert place((ONE, PAUSED), (ONE, back)) == "near"


@pytest.mark.parametrize(
    "more",
    [
        REQUESTED,
        RetryScheduled(due=NOON, attempt=1, cause=FailureClass.SERVER, priority=5, delay=HOUR),
        BackfillRequested(first=day(1), last=day(3), batch=1),
    ],
)
def test_what_the_time_of_anything_has_come_of_is_asked_also_where_it_starts_later(more):
    held = SyncDeferred(reason=HoldReason.QUIET_HOURS, due=NOON, until=NOON + HOUR)
    later = (ONE, scheduled(NOON + HOUR))
    assert place(later, now=NOON) == "coming"
    assert place(later, (ONE, more), (ONE, held), now=NOON + MINUTE) == "near"


def test_those_that_come_are_told_in_the_order_of_their_starts():
    world, found = sifted(*fleet(3 * HOUR, HOUR, 2 * HOUR))
    told = [each for each in prospects.in_turn(world, found, NOON) if each]
    assert [each.subject for each in told] == [SECOND_, THIRD, FIRST]
    assert [each.start for each in told] == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]


def test_no_more_are_asked_than_somebody_wants_to_know():
    world, found = sifted(*fleet(HOUR, 2 * HOUR, 3 * HOUR))
    turns = prospects.in_turn(world, found, NOON)
    assert next(turns) is None
    assert next(turns) == Coming(subject=FIRST, start=NOON + HOUR)
    assert len(found.coming) == 2


def test_whom_settings_keep_is_told_without_a_start():
    past = (*fleet(HOUR, 2 * HOUR, 3 * HOUR), (FIRST, setting(enabled=False)))
    world, found = sifted(*past)
    told = [each for each in prospects.in_turn(world, found, NOON) if each]
    assert told[0] == Coming(subject=FIRST, start=None)
    assert [each.subject for each in told[1:]] == [SECOND_, THIRD]


def test_none_come_where_there_are_none():
    world, found = sifted((PROVIDER, DECLARED), (OTHER, ADDED), (OTHER, PAUSED))
    assert [*prospects.in_turn(world, found, NOON)] == []
