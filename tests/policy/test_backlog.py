"""How much stands in the queue, since when, and kept by what (requirement D6)?"""

import pytest

from daemon.control.queue_health import CLEARS
from daemon.decide import backlog
from daemon.decide.backlog import EXAMPLES_MAX, Backlog, Part, Waits
from daemon.decide.hindrance import SET_ASIDE, Hindrance
from events import outbox as writes
from events.gateway import CallKind
from events.schema import RetryScheduled
from events.terms import FailureClass, Kind, NeedReason
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PAUSED,
    PROVIDER,
    REQUESTED,
    RUNNING,
    SYNC,
    captured,
    failed,
    given,
    lost,
    needed,
    scheduled,
    setting,
    started,
    succeeded,
)

pytestmark = pytest.mark.requirement("D6")
LATER = NOON + MINUTE
RETRY = RetryScheduled(
    due=NOON + HOUR, attempt=1, cause=FailureClass.SERVER, priority=3, delay=HOUR
)


def summed(*past, now=LATER):
    world, found = given(*past).world, Backlog()
    for subject in world.connections:
        backlog.add(found, world, subject, now)
        backlog.add_writes(found.writes, world.outboxes.get(subject, ()))
    return found


def test_what_comes_later_stands_in_no_queue():
    found = summed(*KNOWN, now=NOON - HOUR)
    assert (found.whole, found.whole.depth, found.oldest) == (Part(), 0, None)


def test_what_is_due_is_pending_since_its_time():
    found = summed(*KNOWN)
    assert found.whole == Part(pending=1, oldest=NOON)
    assert found.kinds == {Kind.SCHEDULED: Part(pending=1, oldest=NOON)}
    assert found.priorities == {5: Part(pending=1, oldest=NOON)}
    assert (found.oldest, found.now) == (ONE, Waits(count=1, whole=MINUTE, longest=MINUTE))


def test_what_a_person_asks_for_is_manual_and_runs_first():
    found = summed(*KNOWN, (ONE, REQUESTED))
    assert [*found.kinds] == [Kind.MANUAL]
    assert [*found.priorities] == [1]


def test_what_runs_is_processing():
    found = summed(*RUNNING)
    assert found.whole == Part(processing=1)
    assert found.whole.depth == 1


def test_a_retry_that_lies_ahead_is_retrying_and_pending_once_its_time_has_come():
    past = (*RUNNING, (ONE, failed(SYNC, lost())), (ONE, scheduled(NOON + 6 * HOUR)), (ONE, RETRY))
    found = summed(*past)
    assert (found.whole, found.kinds) == (Part(retrying=1), {Kind.RETRY: Part(retrying=1)})
    assert [*found.priorities] == [3]
    found = summed(*past, now=NOON + 2 * HOUR)
    assert found.whole == Part(pending=1, oldest=NOON + HOUR)
    assert [*found.kinds] == [Kind.RETRY]


def test_what_people_set_aside_is_counted_beside_the_queue():
    assert summed(*KNOWN, (ONE, PAUSED)).aside == 1
    found = summed(*KNOWN, (ONE, needed(NeedReason.NEW)))
    assert (found.aside, found.whole.depth) == (1, 0)
    assert summed(*RUNNING, (ONE, PAUSED)).aside == 0, "it runs to its end"


def test_the_oldest_is_the_one_that_has_waited_longest():
    past = [(PROVIDER, DECLARED)]
    for subject, due in ((11, NOON), (12, NOON - HOUR), (13, NOON)):
        past += [(subject, ADDED), (subject, scheduled(due))]
    found = summed(*past)
    assert (found.oldest, found.whole.oldest, found.now.longest) == (12, NOON - HOUR, HOUR + MINUTE)


def test_what_keeps_them_is_counted_with_the_first_that_is_let_go_and_a_few_names():
    past = [(PROVIDER, DECLARED), (PROVIDER, setting(enabled=False))]
    many = range(11, 11 + EXAMPLES_MAX + 2)
    for subject in many:
        past += [(subject, ADDED), (subject, scheduled(NOON))]
    kept = summed(*past).kept
    assert [*kept] == [Hindrance.DISABLED]
    assert (kept["disabled"].count, kept["disabled"].until) == (len(many), None)
    assert kept["disabled"].examples == [*many][:EXAMPLES_MAX]


def test_of_several_ends_the_first_one_is_told():
    kept = {}
    for at in (NOON + HOUR, NOON, None):
        backlog.keep(kept, "breaker", ONE, at)
    assert (kept["breaker"].count, kept["breaker"].until) == (3, NOON)


def test_how_long_the_last_sync_waited_is_known_until_the_next():
    late = (*KNOWN, (ONE, started(), LATER), (ONE, captured(SYNC), LATER))
    found = summed(*late, (ONE, succeeded(SYNC), LATER))
    assert found.last == Waits(count=1, whole=MINUTE, longest=MINUTE)
    found = summed(*late, (ONE, failed(SYNC, lost()), LATER))
    assert found.last.longest == MINUTE
    assert summed(*KNOWN).last == Waits()


def test_writes_that_wait_are_counted_by_what_became_of_them():
    queued = [
        writes.WriteQueued(
            row=row, endpoint="POST /", method="POST", kind=CallKind.WRITE, keyed=True, bytes=7
        )
        for row in (1, 2)
    ]
    past = (*KNOWN, (ONE, queued[0]), (ONE, queued[1], LATER))
    found = summed(*past, (ONE, writes.WriteBegun(write=4, attempt=1))).writes
    assert (found.waiting, found.under_way, found.in_doubt, found.bytes) == (2, 1, 0, 14)
    assert found.oldest == NOON


def test_for_all_that_can_keep_a_sync_something_is_said_and_can_be_typed():
    assert {*Hindrance} - SET_ASIDE <= {*CLEARS}
    assert all(sentence and command for sentence, command in CLEARS.values())
