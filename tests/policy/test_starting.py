from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.schema import SyncCancelled, SyncSkipped
from events.terms import Caller, GrantPolicy, Kind, NeedReason, RefreshReason, SkipReason, WayOut
from tests.policy.transcript import (
    ADDED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    REMOVED,
    REQUESTED,
    RESUMED,
    RUNNING,
    SYNC,
    account,
    authorised,
    capture,
    finish,
    given,
    intended,
    needed,
    scheduled,
    started,
    succeeded,
    summed,
)

START = commands.Start(subject=ONE)
REQUEST = commands.Request(subject=ONE)
CANCEL = commands.Cancel(subject=ONE)
BY = Caller(uid=1000, role="operator")

ASLEEP = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)))
"""Events 1 to 4: due at six in the evening."""


# -- start ----------------------------------------------------------------------------------------


def test_what_is_due_starts():
    given(*KNOWN).when(START).then((ONE, started()))


def test_what_was_due_earlier_starts_with_the_time_it_was_due():
    given(*KNOWN).when(START, NOON + HOUR).then((ONE, started(due=NOON)))


def test_nothing_starts_before_it_is_due():
    given(*KNOWN).when(START, NOON - MINUTE).then()


def test_an_unknown_connection_does_not_start():
    given(*KNOWN).when(commands.Start(subject=OTHER)).then()


def test_a_connection_without_a_plan_does_not_start():
    given((ONE, ADDED)).when(START).then()


@pytest.mark.parametrize("state", [PAUSED, REMOVED])
def test_what_is_paused_or_removed_does_not_start(state):
    given(*KNOWN, (ONE, state)).when(START).then()


def test_what_runs_does_not_start_again():
    given(*RUNNING).when(START, NOON + HOUR).then()


def test_no_more_run_at_once_than_the_policy_allows():
    policy = schema.PolicySet(
        interval=6 * HOUR, concurrency=1, crash_delay=MINUTE, crash_delay_max=HOUR
    )
    both = (*KNOWN, (OTHER, ADDED), (OTHER, scheduled(NOON, "added")), (0, policy))
    given(*both).when(START).then((ONE, started()))
    given(*both, (OTHER, started())).when(START).then()


def test_a_request_starts_at_once_and_first_and_names_itself():
    past = (*ASLEEP, (ONE, REQUESTED))
    manual = schema.SyncStarted(kind=Kind.MANUAL, due=NOON, priority=1, request=5)
    given(*past).when(START, NOON + MINUTE).then((ONE, manual))


def test_a_request_absorbs_a_later_due_time_and_an_earlier_due_time_the_request():
    """One start serves both; it carries the earlier of the two times."""
    past = (*KNOWN, (ONE, REQUESTED, NOON + MINUTE))
    manual = schema.SyncStarted(kind=Kind.MANUAL, due=NOON, priority=1, request=4)
    given(*past).when(START, NOON + HOUR).then((ONE, manual))
    given(*past, (ONE, manual)).when(START, NOON + HOUR).then()


# -- what would die of idleness -------------------------------------------------------------------

IDLE = GrantPolicy(way_out=WayOut.TRY_ONCE, idle=timedelta(days=8))
ALIVE = account(IDLE, scheduled(NOON + 6 * HOUR), authorised(renew_by=NOON))
"""Its grant is to be renewed at noon, long before its next sync is due."""
KEEP_ALIVE = (ONE, intended(RefreshReason.IDLE))


@pytest.mark.requirement("C1")
def test_a_grant_is_kept_alive_when_its_time_comes_and_not_before():
    given(*ALIVE).when(START, NOON - MINUTE).then()
    given(*ALIVE).when(START).then(KEEP_ALIVE)


@pytest.mark.requirement("C1")
def test_a_grant_is_kept_alive_while_its_connection_is_paused():
    given(*ALIVE, (ONE, PAUSED)).when(START, NOON + HOUR).then(KEEP_ALIVE)


@pytest.mark.requirement("C1")
def test_a_sync_that_is_due_renews_the_grant_itself():
    given(*ALIVE).when(START, NOON + 6 * HOUR).then((ONE, started(NOON + 6 * HOUR)))


@pytest.mark.parametrize(
    "event",
    [REMOVED, started(), needed(NeedReason.REFUSED), intended(RefreshReason.IDLE)],
)
def test_no_grant_is_kept_alive_that_is_gone_or_in_use(event):
    given(*ALIVE, (ONE, event)).when(START, NOON + HOUR).then()


def test_a_grant_is_kept_alive_only_where_there_is_a_place():
    policy = schema.PolicySet(
        interval=6 * HOUR, concurrency=1, crash_delay=MINUTE, crash_delay_max=HOUR
    )
    past = (*ALIVE, (OTHER, ADDED), (0, policy))
    given(*past).when(START).then(KEEP_ALIVE)
    given(*past, (OTHER, started())).when(START).then()
    given(*past, (OTHER, scheduled(NOON)), KEEP_ALIVE).when(commands.Start(subject=OTHER)).then()


# -- request --------------------------------------------------------------------------------------


def test_a_request_is_noted_with_who_made_it():
    given(*ASLEEP).when(commands.Request(subject=ONE, by=BY)).then(
        (ONE, schema.SyncRequested(by=BY))
    )


def test_a_second_pending_request_is_the_first():
    given(*ASLEEP, (ONE, REQUESTED)).when(REQUEST).then()


def test_a_forced_request_stands_in_for_one_that_is_not_and_no_other_does():
    """The pass that the first one was part of counts it as taken back."""
    forced, asked = commands.Request(subject=ONE, forced=True), replace(REQUESTED, pass_=3)
    instead = replace(REQUESTED, forced=True)
    given(*ASLEEP, (ONE, asked)).when(forced).then(
        (ONE, schema.SyncCancelled(pass_=3, replaced=True)), (ONE, instead)
    )
    given(*ASLEEP, (ONE, REQUESTED)).when(forced).then((ONE, instead))
    given(*ASLEEP, (ONE, asked), (ONE, instead)).when(forced).then()
    given(*ASLEEP, (ONE, asked), (ONE, instead)).when(REQUEST).then()


@pytest.mark.requirement("A10")
def test_a_persons_request_stands_in_for_a_failover():
    """Who asks is served, also where a failover has to wait."""
    failover = schema.SyncRequested(kind=Kind.FAILOVER, origin=OTHER)
    given(*ASLEEP, (ONE, failover)).when(REQUEST).then((ONE, REQUESTED))


def test_a_request_during_a_sync_waits_for_its_end():
    past = (*RUNNING, (ONE, REQUESTED, NOON + MINUTE))
    given(*RUNNING).when(REQUEST).then((ONE, REQUESTED))
    given(*past).when(START, NOON + HOUR).then()
    ended = (*past, (ONE, succeeded(SYNC)), (ONE, scheduled(NOON + 6 * HOUR)))
    given(*ended).when(START, NOON + HOUR).then((ONE, started(NOON + MINUTE, 1, request=5)))


def test_a_request_on_a_paused_connection_is_skipped_and_says_so():
    skipped = SyncSkipped(reason=SkipReason.PAUSED, due=NOON)
    given(*ASLEEP, (ONE, PAUSED)).when(REQUEST).then((ONE, skipped))


def test_nobody_requests_what_is_removed_or_unknown():
    given(*KNOWN, (ONE, REMOVED)).when(REQUEST).then()
    given(*KNOWN).when(commands.Request(subject=OTHER)).then()


# -- cancel ---------------------------------------------------------------------------------------


def test_a_running_sync_is_cancelled_and_the_next_one_is_due_an_interval_later():
    """Else it would start again at once: its due time has come."""
    given(*RUNNING).when(commands.Cancel(subject=ONE, by=BY), NOON + HOUR).then(
        (ONE, SyncCancelled(sync=SYNC, by=BY)), (ONE, scheduled(NOON + 6 * HOUR))
    )
    past = (*RUNNING, (ONE, SyncCancelled(sync=SYNC)), (ONE, scheduled(NOON + 6 * HOUR)))
    given(*past).when(START, NOON + HOUR).then()


def test_a_manual_sync_that_is_cancelled_leaves_the_plan_alone():
    past = (*ASLEEP, (ONE, REQUESTED), (ONE, started(request=5, priority=1)))
    given(*past).when(CANCEL).then((ONE, SyncCancelled(sync=6)))


def test_a_pending_request_is_cancelled():
    past = (*ASLEEP, (ONE, REQUESTED))
    given(*past).when(CANCEL).then((ONE, SyncCancelled()))
    given(*past, (ONE, SyncCancelled())).when(START).then()


def test_the_sync_that_runs_is_cancelled_before_the_one_that_waits():
    past = (*RUNNING, (ONE, REQUESTED))
    given(*past).when(CANCEL, NOON - MINUTE).then((ONE, SyncCancelled(sync=SYNC)))
    given(*past, (ONE, SyncCancelled(sync=SYNC))).when(CANCEL).then((ONE, SyncCancelled()))


def test_there_is_nothing_to_cancel():
    given(*KNOWN).when(CANCEL).then()
    given(*KNOWN).when(commands.Cancel(subject=OTHER)).then()


def test_a_late_outcome_of_a_cancelled_sync_is_ignored():
    past = (*RUNNING, (ONE, SyncCancelled(sync=SYNC)))
    call = schema.CallFailed(
        sync=SYNC,
        stream="days",
        endpoint="GET /days",
        method="GET",
        cause=terms.FailureClass.NETWORK,
    )
    for late in (
        capture(SYNC),
        finish(SYNC, "days"),
        commands.Interrupt(subject=ONE, sync=SYNC, reason=terms.InterruptReason.SHUTDOWN),
        commands.NoteCall(subject=ONE, call=call),
    ):
        given(*past).when(late).then()
        given(*past, (ONE, started())).when(late).then()
        given().when(late).then()


# -- pause and resume -----------------------------------------------------------------------------


def test_pausing_skips_what_was_requested():
    skipped = SyncSkipped(reason=SkipReason.PAUSED, due=NOON, request=5)
    given(*ASLEEP, (ONE, REQUESTED)).when(commands.Pause(subject=ONE, by=BY), NOON + HOUR).then(
        (ONE, skipped), (ONE, schema.ConnectionPaused(by=BY))
    )
    past = (*ASLEEP, (ONE, REQUESTED), (ONE, skipped), (ONE, PAUSED), (ONE, RESUMED))
    given(*past).when(START, NOON + HOUR).then()


def test_pausing_lets_what_runs_go_on_to_its_end():
    given(*RUNNING).when(commands.Pause(subject=ONE)).then((ONE, PAUSED))
    given(*RUNNING, (ONE, PAUSED)).when(finish(SYNC, "days"), NOON).then(
        (ONE, succeeded(SYNC)), (ONE, scheduled(NOON + 6 * HOUR))
    )


def test_resuming_runs_once_what_was_missed():
    past = (*KNOWN, (ONE, PAUSED))
    given(*past).when(commands.Resume(subject=ONE, by=BY)).then(
        (ONE, schema.ConnectionResumed(by=BY))
    )
    late = NOON + 13 * HOUR
    given(*past, (ONE, RESUMED)).when(START, late).then((ONE, started()))
    given(*past, (ONE, RESUMED), (ONE, started())).when(finish(6, "days"), late).then(
        (ONE, succeeded(6)),
        (ONE, SyncSkipped(reason=SkipReason.MISSED, due=NOON + 6 * HOUR, count=2)),
        (ONE, scheduled(NOON + 18 * HOUR)),
        summed(NOON, late),
    )


@pytest.mark.parametrize("past", [(), ((ONE, PAUSED),), ((ONE, REMOVED),)])
def test_pausing_twice_or_what_is_gone_changes_nothing(past):
    subject = ONE if past else OTHER
    given(*KNOWN, *past).when(commands.Pause(subject=subject)).then()


@pytest.mark.parametrize("past", [(), ((ONE, PAUSED), (ONE, REMOVED))])
def test_resuming_what_is_not_paused_changes_nothing(past):
    given(*KNOWN, *past).when(commands.Resume(subject=ONE)).then()
    given(*KNOWN, *past).when(commands.Resume(subject=OTHER)).then()


# -- a clock that stepped -------------------------------------------------------------------------

REVIEW = commands.Review(subject=ONE, by=-HOUR)
STEPPED = terms.ScheduleReason.CLOCK_STEPPED


def test_a_due_time_beyond_the_interval_is_decided_anew():
    given(*KNOWN).when(REVIEW, NOON - 24 * HOUR).then((ONE, scheduled(NOON - 18 * HOUR, STEPPED)))


def test_a_due_time_inside_the_interval_stands():
    given(*KNOWN).when(REVIEW, NOON - 6 * HOUR).then()
    given(*KNOWN).when(REVIEW, NOON + 24 * HOUR).then()


def test_a_connections_own_interval_is_the_one_that_counts():
    own = schema.ConnectionChanged(interval=HOUR)
    given(*KNOWN, (ONE, own)).when(REVIEW, NOON - 2 * HOUR).then(
        (ONE, scheduled(NOON - HOUR, STEPPED))
    )


def test_a_request_made_before_the_clock_stepped_back_is_due_now():
    past = (*ASLEEP, (ONE, REQUESTED))
    before = NOON - 2 * HOUR
    given(*past).when(REVIEW, before).then((ONE, scheduled(before, STEPPED)))
    given(*past, (ONE, scheduled(before, STEPPED))).when(START, before).then(
        (ONE, started(before, 1, request=5))
    )
    given(*past).when(REVIEW, NOON).then()


def test_a_rest_longer_than_the_policy_allows_ends():
    rest = schema.ActorCrashed(error="E at x.py:1", crashes=9, until=NOON + HOUR)
    past = (*ASLEEP, (ONE, rest))
    given(*past).when(REVIEW, NOON).then()
    before = NOON - MINUTE
    given(*past).when(REVIEW, before).then((ONE, scheduled(before + 6 * HOUR, STEPPED)))
    again = (*past, (ONE, scheduled(NOON, STEPPED)))
    given(*again).when(START, NOON).then((ONE, started()))


def test_what_has_no_due_time_or_is_gone_is_not_reviewed():
    before = NOON - 24 * HOUR
    given((ONE, ADDED)).when(REVIEW, before).then()
    given(*KNOWN, (ONE, REMOVED)).when(REVIEW, before).then()
    given(*KNOWN).when(commands.Review(subject=OTHER, by=-HOUR), before).then()
