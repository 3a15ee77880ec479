"""What becomes of a retry that waits: does it start, stand again, go back, or end?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.schema import RetriesEnded, RetryMoved, SyncRequested
from events.terms import FailureClass, Kind, RetriesEnd, RunOptions
from tests.policy.retrying import (
    AGAIN,
    BY,
    LATCHED,
    SYNC,
    decided,
    fails,
    retried,
    running,
    the_retry,
)
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PAUSED,
    PROVIDER,
    REMOVED,
    REQUESTED,
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

# -- how it starts --------------------------------------------------------------------------------

FAILED = (
    *running(),
    (ONE, failed(SYNC, lost())),
    (ONE, scheduled(NOON + 6 * HOUR)),
    (ONE, AGAIN),
)
"""Events 1 to 8: it failed at noon, and is tried again at five past."""
START = commands.Start(subject=ONE)
RETRY = started(
    NOON + 5 * MINUTE, AGAIN.priority, kind=Kind.RETRY, attempt=1, streams=AGAIN.streams
)


@pytest.mark.requirement("B4")
def test_a_retry_starts_when_it_is_due():
    given(*FAILED).when(START, NOON + 5 * MINUTE - timedelta(microseconds=1)).then()
    given(*FAILED).when(START, NOON + 5 * MINUTE).then((ONE, RETRY))


def test_a_retry_that_fails_is_tried_again_after_twice_the_delay():
    event = retried((*FAILED, (ONE, RETRY)), fails(sync=9))
    assert (event.attempt, event.delay, event.priority) == (2, 10 * MINUTE, 7)


def test_a_retry_that_succeeds_leaves_nothing_to_try():
    past = (*FAILED, (ONE, RETRY), (ONE, succeeded(9)))
    assert the_retry(past) is None
    given(*past).when(START, NOON + HOUR).then()


def test_a_turn_that_comes_first_absorbs_the_retry_and_carries_its_attempt():
    past = (*FAILED, (ONE, scheduled(NOON + MINUTE)))
    turn = started(NOON + MINUTE, 7, attempt=1)
    given(*past).when(START, NOON + MINUTE).then((ONE, turn))
    assert the_retry((*past, (ONE, turn))) is None
    assert retried((*past, (ONE, turn)), fails(sync=10)).attempt == 2


def test_an_interrupted_retry_stands_again_at_once():
    interrupted = schema.SyncInterrupted(sync=9, reason=terms.InterruptReason.DIED, retry=1)
    past = (*FAILED, (ONE, RETRY))
    given(*past).when(
        commands.Interrupt(subject=ONE, sync=9, reason=terms.InterruptReason.DIED)
    ).then((ONE, interrupted))
    later = NOON + HOUR
    again = (*past, (ONE, interrupted, later))
    given(*again).when(START, later).then((ONE, replace(RETRY, due=later)))


def test_an_interrupted_retry_does_not_replace_a_later_one():
    past = (*FAILED, (ONE, RETRY), (ONE, AGAIN))
    given(*past).when(
        commands.Interrupt(subject=ONE, sync=9, reason=terms.InterruptReason.SHUTDOWN)
    ).then((ONE, schema.SyncInterrupted(sync=9, reason=terms.InterruptReason.SHUTDOWN)))


def test_a_retry_that_waits_can_be_taken_back():
    ended = RetriesEnded(reason=RetriesEnd.CANCELLED, attempts=0, by=BY)
    given(*FAILED).when(commands.Cancel(subject=ONE, by=BY)).then((ONE, ended))
    given(*FAILED, (ONE, ended)).when(START, NOON + HOUR).then()


def test_a_removed_connection_has_no_retry_left():
    ended = RetriesEnded(reason=RetriesEnd.CANCELLED, attempts=0)
    given(*FAILED).when(commands.Remove(subject=ONE), NOON + MINUTE).then(
        (ONE, ended), (ONE, REMOVED)
    )


@pytest.mark.parametrize(("step", "due"), [(-HOUR, NOON + 5 * MINUTE - HOUR), (HOUR, None)])
def test_a_retry_goes_back_with_the_clock_and_not_forth(step, due):
    moved = [] if due is None else [(ONE, RetryMoved(due=due))]
    review = commands.Review(subject=ONE, by=step)
    assert decided(FAILED, review, NOON + step) == moved
    assert the_retry((*FAILED, *moved)).due == (due or NOON + 5 * MINUTE)


def test_a_retry_that_is_gone_is_not_moved():
    assert the_retry((*running(), (ONE, RetryMoved(due=NOON)))) is None


# -- by hand --------------------------------------------------------------------------------------

BY_HAND = commands.Retry(subject=ONE, by=BY)


def asked(**more):
    return (ONE, SyncRequested(by=BY, kind=Kind.RETRY, **more))


def test_a_retry_that_waits_is_started_by_hand_with_its_attempt():
    given(*FAILED).when(BY_HAND).then(asked(streams=("days",)))
    past = (*FAILED, asked(streams=("days",)))
    given(*past).when(START).then(
        (ONE, started(NOON, 1, request=9, kind=Kind.RETRY, attempt=1, streams=("days",)))
    )


def test_a_retry_by_hand_has_the_options_of_the_one_that_waits():
    options = RunOptions(failed_days=True)
    past = (*running(), (ONE, failed(SYNC, lost())), (ONE, replace(AGAIN, options=options)))
    given(*past).when(BY_HAND).then(asked(streams=("days",), options=options))


def test_what_failed_last_is_tried_by_hand_where_nothing_waits():
    auth = failed(SYNC, lost("days", FailureClass.AUTH))
    given(*running(), (ONE, auth)).when(BY_HAND).then(asked(streams=("days",)))
    partly = succeeded(SYNC, failures=(lost("alerts"),))
    given(*running(), (ONE, captured(SYNC)), (ONE, partly)).when(BY_HAND).then(
        asked(streams=("alerts",))
    )


def test_what_failed_as_a_whole_is_tried_by_hand_as_a_whole():
    given(*running(), (ONE, failed(SYNC, lost("")))).when(BY_HAND).then(asked())


def test_nothing_is_tried_by_hand_where_nothing_failed():
    given(*KNOWN).when(BY_HAND).then()
    given(*running(), (ONE, succeeded(SYNC))).when(BY_HAND).then()
    given(*FAILED, (ONE, REMOVED)).when(BY_HAND).then()
    given(*FAILED).when(commands.Retry(subject=99)).then()


def test_a_request_that_waits_is_enough_unless_it_has_to_heed_no_breaker():
    given(*FAILED, (ONE, REQUESTED)).when(BY_HAND).then()
    forced = replace(BY_HAND, forced=True)
    given(*FAILED, (ONE, REQUESTED)).when(forced).then(asked(streams=("days",), forced=True))
    given(*FAILED, asked(forced=True)).when(forced).then()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ((ONE, PAUSED), terms.SkipReason.PAUSED),
        ((ONE, needed(terms.NeedReason.REFUSED)), terms.SkipReason.NOT_AUTHORISED),
        ((ONE, LATCHED), terms.SkipReason.BREAKER),
        ((PROVIDER, LATCHED), terms.SkipReason.BREAKER),
    ],
)
def test_what_waits_for_a_person_is_not_tried_and_says_why(event, reason):
    skipped = schema.SyncSkipped(reason=reason, due=NOON)
    given(*FAILED, event).when(BY_HAND).then((ONE, skipped))


@pytest.mark.parametrize("subject", [ONE, PROVIDER])
def test_by_force_a_breaker_that_is_open_for_good_is_not_heeded(subject):
    past = (*FAILED, (subject, LATCHED))
    wanted = asked(streams=("days",), forced=True)
    given(*past).when(replace(BY_HAND, forced=True)).then(wanted)
    ((_, start),) = given(*past, wanted).when(START).decided
    assert (start.forced, start.attempt) == (True, 1)


# -- settings that are other ones -----------------------------------------------------------------


@pytest.mark.requirement("A19")
@pytest.mark.parametrize(
    "own", [{"failover_enabled": False}, {"max_retry_attempts": 1}], ids=["none", "fewer"]
)
def test_a_retry_that_settings_allow_no_longer_is_taken_back(own):
    second = replace(AGAIN, attempt=2)
    past = (*FAILED, (ONE, second))
    over = RetriesEnded(reason=RetriesEnd.SETTINGS, attempts=1)
    reconsider = commands.Reconsider(subject=ONE)
    given(*past).when(reconsider).then()
    given(*past, (ONE, setting(**own))).when(reconsider).then((ONE, over))
    given(*past, (ONE, setting(**own)), (ONE, over)).when(reconsider).then()
    both = (ONE, setting(interval=HOUR, **own))
    sooner = scheduled(NOON + HOUR, terms.ScheduleReason.SETTINGS)
    given(*past, both).when(reconsider).then((ONE, over), (ONE, sooner))
