from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.outcome import CRASH_MESSAGE
from events import schema
from events.schema import ActorCrashed, RecordsRefused, SyncInterrupted, SyncSkipped
from events.terms import (
    FailureClass,
    Guard,
    InterruptReason,
    ScheduleReason,
    SkipReason,
    StreamFailure,
)
from projections import connection, health, provider, streams
from projections.breaker import Breaker, Failure
from projections.streams import Stream
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    REQUESTED,
    RUNNING,
    SECOND,
    SYNC,
    capture,
    captured,
    failed,
    finish,
    given,
    lost,
    scheduled,
    started,
    succeeded,
    summed,
)

NEXT = (ONE, scheduled(NOON + 6 * HOUR))


# -- the plan -------------------------------------------------------------------------------------


@pytest.mark.requirement("A4")
def test_the_next_sync_is_due_an_interval_after_the_last_was():
    """However long it took, and however late it began."""
    given(*RUNNING).when(finish(SYNC, "days"), NOON + 5 * HOUR).then((ONE, succeeded(SYNC)), NEXT)


@pytest.mark.requirement("A4")
@pytest.mark.parametrize("missed", [1, 2, 1000])
def test_missed_syncs_are_one_skip_that_says_how_many(missed):
    late = NOON + (6 * missed + 1) * HOUR
    given(*RUNNING).when(finish(SYNC, "days"), late).then(
        (ONE, succeeded(SYNC)),
        (ONE, SyncSkipped(reason=SkipReason.MISSED, due=NOON + 6 * HOUR, count=missed)),
        (ONE, scheduled(NOON + 6 * (missed + 1) * HOUR)),
        summed(NOON, late),
    )


@pytest.mark.requirement("A4")
def test_a_due_time_that_is_now_has_been_missed():
    given(*RUNNING).when(finish(SYNC, "days"), NOON + 6 * HOUR).then(
        (ONE, succeeded(SYNC)),
        (ONE, SyncSkipped(reason=SkipReason.MISSED, due=NOON + 6 * HOUR, count=1)),
        (ONE, scheduled(NOON + 12 * HOUR)),
        summed(NOON, NOON + 6 * HOUR),
    )


@pytest.mark.requirement("A4")
def test_a_manual_sync_before_its_time_leaves_the_plan_alone():
    past = (*KNOWN, (ONE, REQUESTED), (ONE, started(NOON - HOUR, 1, request=4)))
    given(*past).when(finish(5, "days"), NOON - MINUTE).then((ONE, succeeded(5)))


def test_a_connections_own_interval_is_the_one_that_counts():
    own = schema.ConnectionChanged(interval=HOUR)
    given(*KNOWN, (ONE, own), (ONE, started())).when(finish(5, "days"), NOON).then(
        (ONE, succeeded(5)), (ONE, scheduled(NOON + HOUR))
    )


def test_without_a_plan_nothing_is_planned():
    past = (KNOWN[0], KNOWN[1], (ONE, REQUESTED), (ONE, started(request=3)))
    given(*past).when(finish(4, "days")).then((ONE, succeeded(4)))


# -- what came of it ------------------------------------------------------------------------------


def test_records_are_captured_as_the_version_of_their_sync():
    given(*RUNNING).when(capture(SYNC)).then((ONE, captured(SYNC)))


def test_an_empty_answer_where_there_were_records_is_refused():
    past = (*RUNNING, (ONE, captured(SYNC)))
    empty = capture(SYNC, rows=0, fetched=0)
    refused = RecordsRefused(
        stream="days",
        version=SYNC,
        cause=FailureClass.EMPTY,
        fetched=0,
        rows=5,
        guard=Guard.EMPTY,
        offered=0,
    )
    given(*past).when(empty).then((ONE, refused))
    after = given(*past, (ONE, refused)).world.connections[ONE].streams["days"]
    assert (after.version, after.rows, after.digest) == (SYNC, 5, "00ff")
    assert after.failure is not None
    assert after.failure.cause is FailureClass.EMPTY


def test_a_stream_that_was_never_captured_can_be_refused():
    refused = RecordsRefused(
        stream="days", version=SYNC, cause=FailureClass.EMPTY, fetched=0, rows=0
    )
    world = given(*RUNNING, (ONE, refused)).world
    assert world.connections[ONE].streams["days"].version == 0


def test_an_empty_answer_is_captured_where_the_stream_accepts_it():
    past = (*RUNNING, (ONE, captured(SYNC, "alerts")))
    given(*past).when(capture(SYNC, "alerts", rows=0)).then((ONE, captured(SYNC, "alerts", rows=0)))


def test_the_first_answer_may_be_empty():
    given(*RUNNING).when(capture(SYNC, rows=0)).then((ONE, captured(SYNC, rows=0)))


def test_a_stream_that_is_no_longer_declared_is_protected_like_any():
    past = (*RUNNING, (ONE, captured(SYNC, "old")))
    given(*past).when(capture(SYNC, "old", rows=0)).then(
        (
            ONE,
            RecordsRefused(
                stream="old",
                version=SYNC,
                cause=FailureClass.EMPTY,
                fetched=3,
                rows=5,
                guard=Guard.EMPTY,
                offered=0,
            ),
        )
    )


@pytest.mark.requirement("A5")
def test_one_good_stream_makes_a_success_and_what_failed_beside_it_is_named():
    failure = lost("alerts")
    given(*RUNNING).when(finish(SYNC, "days", failures=(failure,)), NOON).then(
        (ONE, succeeded(SYNC, failures=(failure,))), NEXT
    )
    world = given(
        *RUNNING, (ONE, captured(SYNC)), (ONE, succeeded(SYNC, failures=(failure,)))
    ).world
    found = world.connections[ONE]
    assert found.streams["alerts"].failure == failure
    assert found.streams["days"].failure is None
    assert found.last is not None
    assert (found.last.word, found.health.successful) == ("succeeded", 1)


def test_without_a_good_stream_it_failed_for_the_first_reason():
    failures = (lost("days", FailureClass.AUTH), lost("alerts"))
    given(*RUNNING).when(finish(SYNC, failures=failures), NOON).then(
        (ONE, failed(SYNC, *failures)), NEXT
    )
    world = given(*RUNNING, (ONE, failed(SYNC, *failures))).world
    found = world.connections[ONE]
    assert found.last is not None
    assert (found.last.word, found.last.cause) == ("failed", FailureClass.AUTH)
    assert (found.run, world.fleet.failed, world.fleet.running) == (None, 1, frozenset())


def test_a_sync_that_had_nothing_to_do_is_a_success():
    """The failed days that it was to fetch alone had come meanwhile."""
    given(*RUNNING).when(finish(SYNC), NOON).then((ONE, succeeded(SYNC)), NEXT)


def test_a_failed_call_of_a_running_sync_is_noted():
    call = schema.CallFailed(
        sync=SYNC, stream="days", endpoint="GET /days", method="GET", cause=FailureClass.TIMEOUT
    )
    given(*RUNNING).when(commands.NoteCall(subject=ONE, call=call)).then((ONE, call))
    before, after = (given(*past).world for past in (RUNNING, (*RUNNING, (ONE, call))))
    assert after.connections[ONE].breaker.failures == (
        Failure(at=NOON, cause=FailureClass.TIMEOUT, connection=ONE),
    )
    assert replace(after.connections[ONE], breaker=Breaker()) == before.connections[ONE]


# -- interrupted ----------------------------------------------------------------------------------


def test_an_interrupted_sync_restores_its_request():
    past = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)), (ONE, REQUESTED))
    manual = (*past, (ONE, started(NOON, 1, request=5)))
    interrupted = SyncInterrupted(sync=6, reason=InterruptReason.DISK_FULL, request=5)
    given(*manual).when(
        commands.Interrupt(subject=ONE, sync=6, reason=InterruptReason.DISK_FULL)
    ).then((ONE, interrupted))
    given(*manual, (ONE, interrupted)).when(commands.Start(subject=ONE), NOON + MINUTE).then(
        (ONE, started(NOON, 1, request=5))
    )


def test_an_interrupted_scheduled_sync_is_still_due():
    interrupted = SyncInterrupted(sync=SYNC, reason=InterruptReason.SHUTDOWN)
    given(*RUNNING).when(
        commands.Interrupt(subject=ONE, sync=SYNC, reason=InterruptReason.SHUTDOWN)
    ).then((ONE, interrupted))
    given(*RUNNING, (ONE, interrupted)).when(commands.Start(subject=ONE)).then((ONE, started()))


def test_an_interruption_of_another_sync_is_none():
    command = commands.Interrupt(subject=ONE, sync=99, reason=InterruptReason.SHUTDOWN)
    given(*RUNNING).when(command).then()
    given(*KNOWN).when(command).then()


# -- crashed --------------------------------------------------------------------------------------

CRASH = commands.Crash(subject=ONE, error="KeyError at rest.py:1")


def crashed(crashes, until):
    return ActorCrashed(error="KeyError at rest.py:1", crashes=crashes, until=until)


def test_a_crash_fails_what_ran_and_rests():
    failure = schema.SyncFailed(
        sync=SYNC, duration_ms=90_000, cause=FailureClass.INTERNAL, message=CRASH_MESSAGE
    )
    now = NOON + 90 * SECOND
    given(*RUNNING).when(CRASH, now).then(
        (ONE, failure), NEXT, (ONE, crashed(1, now + 10 * SECOND))
    )


def test_a_crash_before_the_clock_stepped_back_took_no_time():
    decided = given(*RUNNING).when(CRASH, NOON - HOUR).decided
    assert decided[0][1].duration_ms == 0


def test_a_crash_outside_a_sync_only_rests():
    given(*KNOWN).when(CRASH).then((ONE, crashed(1, NOON + 10 * SECOND)))


def test_a_crash_of_nobody_is_nothing():
    given(*KNOWN).when(commands.Crash(subject=OTHER, error="x")).then()


@pytest.mark.parametrize(
    ("before", "seconds"),
    [(0, 10), (1, 20), (2, 40), (8, 2560), (9, 3600), (10, 3600), (10_000, 3600)],
)
def test_the_rest_doubles_with_each_crash_in_a_row_up_to_the_longest(before, seconds):
    past = (*KNOWN, (ONE, crashed(before, NOON)))
    given(*past).when(CRASH).then((ONE, crashed(before + 1, NOON + seconds * SECOND)))


def test_a_long_delay_can_be_doubled_for_ever():
    policy = schema.PolicySet(
        interval=HOUR,
        concurrency=1,
        crash_delay=timedelta(days=9999),
        crash_delay_max=timedelta(days=9999),
    )
    past = (*KNOWN, (0, policy), (ONE, crashed(40, NOON)))
    given(*past).when(CRASH).then((ONE, crashed(41, NOON + timedelta(days=9999))))


def test_nothing_starts_while_it_rests_not_even_on_request():
    past = (*KNOWN, (ONE, crashed(1, NOON + 10 * SECOND)), (ONE, REQUESTED))
    given(*past).when(commands.Start(subject=ONE), NOON + 9 * SECOND).then()
    given(*past).when(commands.Start(subject=ONE), NOON + 10 * SECOND).then(
        (ONE, started(NOON, 1, request=5))
    )


def test_a_success_forgets_the_crashes_and_a_failure_does_not():
    past = (*KNOWN, (ONE, crashed(3, NOON)), (ONE, started()))
    given(*past, (ONE, succeeded(5))).when(CRASH).then((ONE, crashed(1, NOON + 10 * SECOND)))
    given(*past, (ONE, failed(5, lost()))).when(CRASH).then((ONE, crashed(4, NOON + 80 * SECOND)))


# -- what a slice makes of an event that is not its own -------------------------------------------


def test_an_event_of_no_concern_leaves_a_slice_as_it_is():
    world = given(*RUNNING).world
    fact = schema.DaemonStopped()
    recorded = given_recorded(fact)
    known = world.connections[ONE]
    assert connection.evolve(known, recorded) is known
    assert health.evolve(known.health, recorded) is known.health
    assert streams.evolve(known.streams, recorded) is known.streams
    assert connection.schedule.evolve(known.schedule, recorded) is known.schedule
    assert provider.evolve(world.providers[PROVIDER], recorded) is world.providers[PROVIDER]


def given_recorded(event):
    return streams.Recorded(seq=9, at=NOON, subject=ONE, event=event)


def test_a_captured_stream_stands_at_its_version():
    world = given(*RUNNING, (ONE, captured(SYNC), NOON + MINUTE)).world
    assert world.connections[ONE].streams == {
        "days": Stream(
            version=SYNC,
            rows=5,
            digest="00ff",
            captured_at=NOON + MINUTE,
            changed_at=NOON + MINUTE,
        )
    }


def test_an_average_needs_an_attempt():
    assert health.average_duration_ms(health.Health()) is None
    found = given(*RUNNING, (ONE, succeeded(SYNC))).world.connections[ONE]
    assert health.average_duration_ms(found.health) == 1200


# -- a provider that asks to be left alone --------------------------------------------------------


def asked_to_wait(wait):
    return StreamFailure(
        stream="days", cause=FailureClass.RATE_LIMITED, message="too many", retry_after=wait
    )


def test_a_hint_of_the_provider_is_never_shortened():
    failure = asked_to_wait(8 * HOUR)
    given(*RUNNING).when(finish(SYNC, failures=(failure,)), NOON).then(
        (ONE, failed(SYNC, failure)),
        NEXT,
        (ONE, scheduled(NOON + 8 * HOUR, ScheduleReason.ASKED_TO_WAIT)),
    )


def test_a_hint_that_is_over_before_the_next_sync_changes_nothing():
    failure = asked_to_wait(MINUTE)
    given(*RUNNING).when(finish(SYNC, failures=(failure,)), NOON).then(
        (ONE, failed(SYNC, failure)), NEXT
    )


def test_a_manual_syncs_hint_moves_the_due_time_that_lies_ahead():
    failure = asked_to_wait(HOUR)
    past = (*KNOWN, (ONE, REQUESTED), (ONE, started(NOON - MINUTE, 1, request=4)))
    given(*past).when(finish(5, failures=(failure,)), NOON - MINUTE).then(
        (ONE, failed(5, failure)),
        (ONE, scheduled(NOON - MINUTE + HOUR, ScheduleReason.ASKED_TO_WAIT)),
    )
