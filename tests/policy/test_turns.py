"""What would a start do: which of all that is due, and what of the rest comes with it?"""

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.turn import turn_of
from events import schema, terms
from events.schema import SyncRequested
from events.terms import HoldReason, Kind, RunOptions, StreamPolicy
from tests.policy.retrying import rules
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
    backfilling,
    captured,
    failed,
    finish,
    given,
    lost,
    scheduled,
    setting,
    started,
    succeeded,
    wanted,
)

pytestmark = pytest.mark.requirement("A4")
START = commands.Start(subject=ONE)
LATER = (ONE, scheduled(NOON + 6 * HOUR))
FAILED_DAYS = RunOptions(failed_days=True)
QUARTER = 15 * MINUTE


def retry(due=NOON, attempt=2, **more):
    return schema.RetryScheduled(
        due=due,
        attempt=attempt,
        cause=terms.FailureClass.SERVER,
        priority=7,
        delay=HOUR,
        **more,
    )


def tried(due=NOON, **more):
    """The SyncStarted of that retry."""
    return started(due, 7, kind=Kind.RETRY, attempt=2, **more)


def coming(past, now=NOON):
    return turn_of(given(*past).world, ONE, now)


# -- who goes first -------------------------------------------------------------------------------

ALL = (*KNOWN, (ONE, retry()), (ONE, wanted(1, 2)), (ONE, REQUESTED))
"""Due at noon: a turn, a retry, days of the past, and a request (6)."""


def test_a_request_goes_before_a_turn_and_that_before_a_retry_and_that_before_the_past():
    turn, retried, past = KNOWN[2], ALL[3], ALL[4]
    given(*ALL).when(START).then((ONE, started(NOON, 1, request=6, attempt=2)))
    given(*KNOWN[:2], turn, retried, past).when(START).then((ONE, started(attempt=2)))
    given(*KNOWN[:2], LATER, retried, past).when(START).then((ONE, tried()))
    given(*KNOWN[:2], LATER, past).when(START).then((ONE, backfilling(1, 2)))


def test_one_start_serves_all_that_is_due_but_the_past():
    served = (*ALL, (ONE, started(request=6, attempt=2)))
    plan = given(*served).world.connections[ONE].schedule
    assert (plan.request, plan.retry) == (None, None)
    given(*served, (ONE, succeeded(7)), LATER).when(START).then((ONE, backfilling(1, 2)))


def test_a_turn_serves_a_retry_that_was_to_wait_longer_and_goes_on_counting():
    past = (*KNOWN, (ONE, retry(NOON + HOUR, streams=("days",))))
    given(*past).when(START).then((ONE, started(attempt=2)))


def test_a_turn_that_is_due_after_the_retry_is_due_when_the_retry_was():
    past = (*KNOWN, (ONE, retry(NOON - MINUTE)))
    given(*past).when(START, NOON + HOUR).then((ONE, started(NOON - MINUTE, attempt=2)))


def test_a_retry_tries_what_failed_as_it_was():
    past = (*KNOWN[:2], LATER, (ONE, retry(streams=("days",), options=FAILED_DAYS)))
    given(*past).when(START, NOON - MINUTE).then()
    given(*past).when(START).then((ONE, tried(streams=("days",), options=FAILED_DAYS)))


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("due", [NOON, NOON + 6 * HOUR], ids=["a turn is due", "none is"])
def test_a_request_for_the_days_that_failed_stands_for_neither_a_turn_nor_a_retry(due):
    """It has the time at which it was made, and both are as they were once it ended."""
    alone = SyncRequested(options=FAILED_DAYS)
    past = (*KNOWN[:2], (ONE, scheduled(due)), (ONE, retry(NOON + 9 * HOUR)))
    begun = started(NOON + MINUTE, 1, request=5, options=FAILED_DAYS)
    asked = (*past, (ONE, alone, NOON + MINUTE))
    given(*asked).when(START, NOON + MINUTE).then((ONE, begun))
    ended = given(*asked, (ONE, begun)).when(finish(6, "days"), NOON + MINUTE)
    ended.then((ONE, succeeded(6)))
    assert ended.world.connections[ONE].schedule == replace(
        given(*past).world.connections[ONE].schedule, rest_until=None
    )


def test_a_request_carries_its_own_options_also_where_a_turn_is_due():
    options = RunOptions(days=3)
    past = (*KNOWN, (ONE, SyncRequested(options=options)))
    given(*past).when(START).then((ONE, started(NOON, 1, request=4, options=options)))


# -- by hand, for a part --------------------------------------------------------------------------


def test_a_retry_by_hand_does_what_was_to_be_tried_again():
    """The attempt counts, and nothing is left pending."""
    past = (*KNOWN[:2], LATER, (ONE, retry(NOON + HOUR, streams=("days",))))
    asked = SyncRequested(kind=Kind.RETRY, streams=("days",))
    given(*past).when(commands.Retry(subject=ONE)).then((ONE, asked))
    begun = started(NOON, 1, request=5, kind=Kind.RETRY, attempt=2, streams=("days",))
    given(*past, (ONE, asked)).when(START).then((ONE, begun))
    plan = given(*past, (ONE, asked), (ONE, begun)).world.connections[ONE].schedule
    assert (plan.request, plan.retry) == (None, None)


def test_a_retry_by_hand_loses_no_stream_that_failed_after_it_was_asked_for():
    """It was asked for while a sync ran, in which another stream failed."""
    past = (
        *KNOWN,
        (ONE, started()),
        (ONE, SyncRequested(kind=Kind.RETRY, streams=("alerts",))),
        (ONE, failed(4, lost("days"))),
        LATER,
        (ONE, retry(NOON + HOUR, attempt=1, streams=("days",))),
    )
    [(_, begun)] = given(*past).when(START).decided
    assert (begun.streams, begun.attempt) == (("alerts", "days"), 1)


def test_a_retry_by_hand_of_some_streams_does_all_where_all_failed():
    asked = SyncRequested(kind=Kind.RETRY, streams=("alerts",))
    past = (*KNOWN[:2], LATER, (ONE, retry(NOON + HOUR)), (ONE, asked))
    assert coming(past).streams == ()


def test_a_request_for_a_part_does_the_turn_too_where_that_is_due():
    asked = SyncRequested(kind=Kind.RETRY, streams=("alerts",))
    given(*KNOWN, (ONE, asked)).when(START).then(
        (ONE, started(NOON, 1, request=4, kind=Kind.RETRY))
    )


def test_a_retry_that_waits_is_taken_back_where_nothing_else_can_be():
    past = (*KNOWN[:2], LATER, (ONE, retry(NOON + HOUR)))
    ended = (ONE, schema.RetriesEnded(reason=terms.RetriesEnd.CANCELLED, attempts=1))
    given(*past).when(commands.Cancel(subject=ONE)).then(ended)
    given(*past, ended).when(START, NOON + HOUR).then()


# -- streams with turns of their own --------------------------------------------------------------

THREE = replace(DECLARED, streams=tuple(StreamPolicy(name=name) for name in ("a", "b", "c")))
OWN = setting(stream_intervals={"a": QUARTER})
PLANNED = schema.SyncScheduled(
    due=NOON, reason="interval", streams={"a": NOON, "b": NOON + HOUR, "c": NOON + HOUR}
)
BY_STREAM = ((PROVIDER, THREE), (ONE, ADDED), (ONE, PLANNED), (ONE, OWN))
"""Events 1 to 4: stream a is due at noon, b and c an hour later."""


@pytest.mark.requirement("B12")
def test_only_the_streams_that_are_due_run():
    given(*BY_STREAM).when(START).then((ONE, started(streams=("a",))))
    given(*BY_STREAM).when(START, NOON + HOUR).then((ONE, started(streams=("a", "b", "c"))))


@pytest.mark.requirement("B12")
def test_the_streams_that_are_due_and_those_to_be_tried_again_run_together():
    past = (*BY_STREAM, (ONE, retry(NOON + HOUR, streams=("a", "c"))))
    given(*past).when(START).then((ONE, started(attempt=2, streams=("a", "c"))))
    whole = (*BY_STREAM, (ONE, retry(NOON + HOUR)))
    given(*whole).when(START).then((ONE, started(attempt=2)))


@pytest.mark.requirement("B12")
def test_a_request_for_some_streams_runs_those_and_what_is_due():
    asked = SyncRequested(kind=Kind.RETRY, streams=("c",))
    begun = started(NOON, 1, request=5, kind=Kind.RETRY, streams=("c", "a"))
    given(*BY_STREAM, (ONE, asked)).when(START).then((ONE, begun))
    given(*BY_STREAM, (ONE, REQUESTED)).when(START).then((ONE, started(NOON, 1, request=5)))


@pytest.mark.requirement("B12")
def test_a_stream_that_was_not_planned_yet_is_due_with_the_next_turn():
    more = (*THREE.streams, StreamPolicy(name="d"))
    past = (*BY_STREAM, (PROVIDER, replace(THREE, digest="d2", streams=more)))
    assert coming(past).streams == ("a", "d")


# -- failover -------------------------------------------------------------------------------------

FALLBACK = SyncRequested(kind=Kind.FAILOVER, origin=OTHER)


@pytest.mark.requirement("A10")
def test_a_failover_is_one_sync_in_the_place_that_its_health_gives_it():
    past = (*KNOWN[:2], LATER, (ONE, FALLBACK))
    given(*past).when(START).then((ONE, started(NOON, 5, request=4, kind=Kind.FAILOVER)))


@pytest.mark.requirement("A8")
def test_a_turn_that_serves_a_failover_too_is_a_turn_and_is_tried_again():
    past = (*KNOWN, rules(), (ONE, FALLBACK))
    given(*past).when(START).then((ONE, started(NOON, 5, request=5, kind=Kind.SCHEDULED)))
    run = (*past, (ONE, started(NOON, 5, request=5, kind=Kind.SCHEDULED)))
    decided = given(*run).when(finish(len(run), failures=(lost(),))).decided
    assert schema.RetryScheduled in [type(event) for _, event in decided]


@pytest.mark.requirement("A10")
@pytest.mark.requirement("A3")
def test_a_failover_that_is_held_neither_starts_early_nor_keeps_anything_back():
    hold = schema.SyncDeferred(due=NOON, reason=HoldReason.DISABLED, until=None)
    past = (*KNOWN[:2], LATER, (ONE, FALLBACK), (ONE, hold))
    given(*past).when(START, NOON + 100 * HOUR).then()
    past = (*past, (ONE, wanted(1, 2)))
    given(*past).when(START).then((ONE, backfilling(1, 2)))


# -- what comes next ------------------------------------------------------------------------------

QUIET = schema.SyncDeferred(due=NOON, reason=HoldReason.QUIET_HOURS, until=NOON + 3 * HOUR)
DISABLED = schema.SyncDeferred(due=NOON, reason=HoldReason.DISABLED, until=None)


@pytest.mark.requirement("A10")
@pytest.mark.parametrize(
    ("past", "kind", "due"),
    [
        ((LATER,), Kind.SCHEDULED, NOON + 6 * HOUR),
        ((LATER, (ONE, retry(NOON + HOUR))), Kind.RETRY, NOON + HOUR),
        ((LATER, (ONE, retry(NOON + 7 * HOUR))), Kind.SCHEDULED, NOON + 6 * HOUR),
        ((LATER, (ONE, wanted(1, 2), NOON + HOUR)), Kind.BACKFILL, NOON + HOUR),
        ((LATER, (ONE, FALLBACK), (ONE, QUIET)), Kind.FAILOVER, NOON),
        ((LATER, (ONE, REQUESTED, NOON + HOUR)), Kind.MANUAL, NOON + HOUR),
        (((ONE, scheduled(NOON)), (ONE, QUIET)), Kind.SCHEDULED, NOON),
        (((ONE, scheduled(NOON)), (ONE, DISABLED)), Kind.SCHEDULED, NOON),
        (((ONE, scheduled(NOON)), (ONE, PAUSED)), Kind.SCHEDULED, NOON),
        ((), Kind.SCHEDULED, NOON),
    ],
    ids=lambda each: each.value if isinstance(each, Kind) else "",
)
def test_where_nothing_is_due_it_is_known_what_the_next_start_will_be(past, kind, due):
    turn = coming((*KNOWN[:2], *past))
    assert (turn.kind, turn.due) == (kind, due)


@pytest.mark.requirement("A9")
def test_a_turn_has_the_place_that_its_health_will_give_it_then():
    """Eight days without a success cost it twenty points."""
    past = (*KNOWN, (ONE, started()), (ONE, captured(4)), (ONE, succeeded(4)))
    assert coming((*past, (ONE, scheduled(NOON + HOUR)))).priority == 1
    assert coming((*past, (ONE, scheduled(NOON + 200 * HOUR)))).priority == 3
