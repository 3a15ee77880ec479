"""Is what failed tried again, and when?"""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import retry
from events import schema, terms
from events.policy import Backoff, PolicySet, Settings
from events.schema import RetryMoved, SettingsSet
from events.terms import FailureClass, Kind, RunOptions
from projections.fleet import DEFAULT_POLICY
from tests.policy.retrying import (
    AGAIN,
    SYNC,
    decided,
    fails,
    retried,
    rules,
    running,
    the_retry,
)
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    REQUESTED,
    failed,
    given,
    lost,
    scheduled,
    started,
)

DAY = date(2026, 5, 1)


# -- when -----------------------------------------------------------------------------------------


@pytest.mark.requirement("A8")
def test_what_failed_is_tried_again_after_the_delay_one_step_later_in_the_queue():
    given(*running()).when(fails()).then(
        (ONE, failed(SYNC, lost())), (ONE, scheduled(NOON + 6 * HOUR)), (ONE, AGAIN)
    )


@pytest.mark.requirement("B4")
@pytest.mark.parametrize(
    ("attempt", "minutes"), [(0, 5), (1, 10), (2, 20), (3, 40), (4, 40), (8, 40)]
)
def test_the_delay_doubles_with_each_attempt_up_to_its_greatest(attempt, minutes):
    past = running(start=started(attempt=attempt), max_retry_attempts=10)
    event = retried(past)
    assert (event.attempt, event.delay) == (attempt + 1, minutes * MINUTE)
    assert event.due == NOON + minutes * MINUTE


@pytest.mark.requirement("B4")
@pytest.mark.parametrize("attempt", [0, 1, 2])
def test_the_delay_can_be_the_same_each_time(attempt):
    """Document A's fifteen minutes."""
    settings = {"retry_backoff": Backoff.FIXED, "retry_delay": 15 * MINUTE}
    past = running(start=started(attempt=attempt), **settings)
    assert retried(past).due == NOON + 15 * MINUTE


def test_a_greatest_delay_below_the_first_one_shortens_nothing():
    assert retried(running(retry_delay=HOUR, retry_delay_max=MINUTE)).delay == HOUR


def test_the_longest_delay_that_can_be_set_can_be_doubled_for_ever():
    ages = timedelta(hours=9_999_999)
    policy = replace(DEFAULT_POLICY, retry_delay=ages, retry_delay_max=ages)
    assert NOON + retry.backoff(policy, 10) > NOON


@pytest.mark.requirement("B4")
@pytest.mark.parametrize("drawn", [0.0, 0.25, 0.999])
def test_jitter_draws_a_delay_between_nothing_and_the_whole_and_is_recorded(drawn):
    event = retried(running(retry_jitter=True), fails(jitter=drawn))
    assert (event.jitter, event.delay) == (drawn, 5 * MINUTE)
    assert event.due == NOON + drawn * 5 * MINUTE
    assert NOON <= event.due <= NOON + event.delay


def test_without_jitter_nothing_that_was_drawn_counts():
    event = retried(running(), fails(jitter=0.5))
    assert (event.jitter, event.due) == (None, NOON + 5 * MINUTE)


@pytest.mark.requirement("A8")
@pytest.mark.parametrize(
    ("step", "priority", "then"), [(1, 5, 6), (1, 10, 10), (-2, 5, 3), (-9, 5, 1), (0, 7, 7)]
)
def test_a_retry_stands_elsewhere_in_the_queue_within_its_ends(step, priority, then):
    past = running(start=started(priority=priority), retry_priority_step=step)
    assert retried(past).priority == then


# -- what the provider asks for -------------------------------------------------------------------


def asked_to_wait(wait, stream="days", cause=FailureClass.RATE_LIMITED):
    return replace(lost(stream, cause), retry_after=wait)


@pytest.mark.parametrize(("wait", "minutes"), [(MINUTE, 5), (7 * MINUTE, 7), (HOUR, 60)])
def test_a_hint_of_the_provider_is_never_shortened(wait, minutes):
    event = retried(running(), fails(asked_to_wait(wait)))
    assert (event.due, event.hint) == (NOON + minutes * MINUTE, wait)


def test_jitter_does_not_shorten_a_hint():
    event = retried(running(retry_jitter=True), fails(asked_to_wait(HOUR), jitter=0.1))
    assert (event.due, event.jitter) == (NOON + HOUR, 0.1)


def test_a_hint_of_an_answer_that_is_not_retried_holds_too():
    """It is the provider that asked, whichever stream it was asked about."""
    hinted = asked_to_wait(HOUR, "alerts", FailureClass.INVALID)
    event = retried(running(), fails(lost(), hinted))
    assert (event.due, event.streams) == (NOON + HOUR, ("days",))


def test_a_hint_moves_the_retry_that_waits():
    past = (*running((ONE, AGAIN), start=backfilling()),)
    late = decided(past, fails(asked_to_wait(HOUR), sync=6))
    assert late == [(ONE, RetryMoved(due=NOON + HOUR))]
    assert the_retry((*past, *late)).due == NOON + HOUR
    assert decided(past, fails(asked_to_wait(MINUTE), sync=6)) == []
    assert decided(past, fails(sync=6)) == []


def test_a_hint_spares_the_streams_that_have_turns_of_their_own():
    own = (PROVIDER, SettingsSet(settings=Settings(stream_intervals={"alerts": HOUR})))
    turns = {"days": NOON + 2 * HOUR, "alerts": NOON + MINUTE}
    plan = schema.SyncScheduled(
        due=NOON + MINUTE, reason=terms.ScheduleReason.INTERVAL, streams=turns
    )
    past = (*KNOWN, rules(), own, (ONE, plan), (ONE, REQUESTED), (ONE, started(request=7)))
    given(*past).when(fails(asked_to_wait(HOUR), sync=8)).then(
        (ONE, failed(8, asked_to_wait(HOUR))),
        (
            ONE,
            schema.SyncScheduled(
                due=NOON + HOUR,
                reason=terms.ScheduleReason.ASKED_TO_WAIT,
                streams={"days": NOON + 2 * HOUR, "alerts": NOON + HOUR},
            ),
        ),
        (
            ONE,
            replace(AGAIN, due=NOON + HOUR, cause=FailureClass.RATE_LIMITED, hint=HOUR),
        ),
    )


# -- what is tried again --------------------------------------------------------------------------


@pytest.mark.requirement("A8")
@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    "cause",
    [
        FailureClass.AUTH,
        FailureClass.NOT_FOUND,
        FailureClass.INVALID,
        FailureClass.MALFORMED,
        FailureClass.EMPTY,
        FailureClass.INTERNAL,
    ],
)
def test_what_cannot_be_recovered_is_not_tried_again(cause):
    assert decided(running(), fails(lost(cause=cause))) == []


@pytest.mark.parametrize(
    "cause", [FailureClass.NETWORK, FailureClass.TIMEOUT, FailureClass.RATE_LIMITED]
)
def test_what_may_pass_is_tried_again_and_the_retry_says_why(cause):
    assert retried(running(), fails(lost(cause=cause))).cause is cause


def test_only_the_streams_that_failed_are_tried_again():
    event = retried(running(), fails(lost("alerts"), captured=("days",)))
    assert event.streams == ("alerts",)
    event = retried(running(), fails(lost("days", FailureClass.AUTH), lost("alerts")))
    assert event.streams == ("alerts",)


def test_what_failed_before_there_was_a_stream_is_all_of_them():
    assert retried(running(), fails(lost(""))).streams == ()


@pytest.mark.requirement("C4")
def test_days_that_failed_beside_others_that_came_are_tried_alone():
    failure = replace(lost(), day=DAY)
    event = retried(running(), fails(failure, captured=("days",)))
    assert (event.streams, event.options) == (("days",), RunOptions(failed_days=True))
    event = retried(running(), fails(failure))
    assert event.options is None


def test_a_retry_has_the_options_of_what_failed():
    options = RunOptions(days=30)
    assert retried(running(start=started(options=options))).options == options


def backfilling():
    return started(priority=10, kind=Kind.BACKFILL, options=RunOptions(first=DAY, last=DAY))


def test_days_of_the_past_are_not_tried_again_by_a_retry():
    assert decided(running(start=backfilling()), fails()) == []


def test_a_retry_that_waits_is_of_something_else_and_stands():
    """What ran beside it was a part that somebody asked for: single days."""
    days = started(request=6, options=RunOptions(failed_days=True))
    past = (*KNOWN, rules(), (ONE, AGAIN), (ONE, REQUESTED), (ONE, days))
    assert decided(past, fails(sync=7)) == []
    assert the_retry(past) is not None


def test_defaults_are_those_of_the_document():
    """Five minutes, doubled up to forty, three times."""
    policy: PolicySet = DEFAULT_POLICY
    assert [retry.backoff(policy, attempt) / MINUTE for attempt in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert policy.max_retry_attempts == 3
