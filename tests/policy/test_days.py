"""Which days are believed, which are owed, and how does a backfill go on?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.owing import REFUSED_FOR
from events import schema
from events.schema import (
    BackfillAdvanced,
    BackfillEnded,
    RecordsRefused,
    SyncCancelled,
    SyncInterrupted,
)
from events.terms import (
    BackfillEnd,
    Caller,
    FailureClass,
    Guard,
    InterruptReason,
    Mode,
    RunOptions,
    ScheduleReason,
    StreamPolicy,
)
from projections import run, streams
from projections.streams import FAILED_DAYS_MAX, Stream
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
    REMOVED,
    REQUESTED,
    RESUMED,
    RUNNING,
    SECOND,
    SYNC,
    backfilling,
    capture,
    captured,
    day,
    failed,
    finish,
    given,
    lost,
    scheduled,
    started,
    succeeded,
    wanted,
)

BY = Caller(uid=1000, role="operator")
START = commands.Start(subject=ONE)
LATER = scheduled(NOON + 6 * HOUR)


def lost_day(number, cause=FailureClass.SERVER, stream="days", **more):
    """A day that failed at noon for the first time; where it was refused, it is owed for a week."""
    passes = {"network", "timeout", "rate-limited", "server", "auth"}
    until = None if cause in passes else NOON + REFUSED_FOR
    return replace(lost(stream, cause), day=day(number), owed=True, owed_until=until, **more)


# -- which days are believed ----------------------------------------------------------------------


def offer(*days, stream="days", sync=SYNC):
    """Each day is (number, fetched, in force before)."""
    counts = tuple(
        commands.DayCount(day=day(number), fetched=fetched, before=before)
        for number, fetched, before in days
    )
    return commands.OfferDays(subject=ONE, sync=sync, stream=stream, days=counts)


def refused(number, rows):
    return RecordsRefused(
        stream="days",
        version=SYNC,
        cause=FailureClass.EMPTY,
        fetched=0,
        rows=rows,
        day=day(number),
        guard=Guard.EMPTY,
        offered=0,
    )


@pytest.mark.requirement("C4")
def test_an_empty_day_where_there_were_records_is_refused_and_the_others_are_not():
    given(*RUNNING).when(offer((1, 0, 4), (2, 3, 4), (3, 0, 0), (4, 3, 0), (5, 0, 2))).then(
        (ONE, refused(1, 4)), (ONE, refused(5, 2))
    )


@pytest.mark.requirement("C4")
def test_what_a_refused_day_had_stays_in_force():
    past = (*RUNNING, (ONE, captured(SYNC)))
    after = given(*past, (ONE, refused(1, 4))).world.connections[ONE].streams["days"]
    assert (after.version, after.rows) == (SYNC, 5)
    assert after.failure is not None
    assert (after.failure.cause, after.failure.day) == (FailureClass.EMPTY, day(1))


def test_an_empty_day_is_believed_where_the_file_says_that_empty_is_fine():
    given(*RUNNING).when(offer((1, 0, 4), stream="alerts")).then()


def test_the_days_of_a_sync_that_was_taken_back_are_not_looked_at():
    given(*RUNNING, (ONE, SyncCancelled(sync=SYNC))).when(offer((1, 0, 4))).then()
    given(*RUNNING).when(offer((1, 0, 4), sync=99)).then()


# -- which days are owed --------------------------------------------------------------------------


def owed(*events, stream="days"):
    world = given(*RUNNING, *((ONE, each) for each in events)).world
    return world.connections[ONE].streams[stream].failed_days


@pytest.mark.requirement("C4")
def test_a_sync_with_one_good_day_succeeded_and_the_days_that_failed_are_named():
    failures = (lost_day(2), lost_day(5))
    ending = succeeded(SYNC, failures=failures)
    given(*RUNNING).when(finish(SYNC, "days", failures=failures)).then(
        (ONE, ending), (ONE, scheduled(NOON + 6 * HOUR))
    )
    world = given(*RUNNING, (ONE, captured(SYNC, days=(day(1),))), (ONE, ending)).world
    assert world.connections[ONE].streams["days"].failed_days == (day(2), day(5))
    assert world.connections[ONE].health.successful == 1


@pytest.mark.requirement("C4")
def test_days_that_failed_are_owed_also_where_none_came():
    assert owed(failed(SYNC, lost_day(3), lost_day(2))) == (day(2), day(3))


@pytest.mark.requirement("C4")
def test_a_day_is_owed_until_it_comes():
    failures = succeeded(SYNC, failures=(lost_day(2), lost_day(5)))
    again = succeeded(SYNC, failures=(lost_day(5),))
    assert owed(failures) == (day(2), day(5))
    assert owed(failures, again) == (day(2), day(5))
    assert owed(failures, captured(SYNC, days=(day(2), day(3)))) == (day(5),)
    assert owed(failures, captured(SYNC)) == (day(2), day(5))
    assert owed(failures, captured(SYNC, days=(day(2), day(5)))) == ()


@pytest.mark.requirement("C4")
def test_each_stream_owes_its_own_days():
    failures = (lost_day(2), lost_day(3, stream="alerts"))
    assert owed(succeeded(SYNC, failures=failures)) == (day(2),)
    assert owed(succeeded(SYNC, failures=failures), stream="alerts") == (day(3),)


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("reason", [*InterruptReason, None])
def test_days_that_failed_beside_others_are_owed_however_the_sync_ends(reason):
    """The newest day has moved past them by then, so nothing else asks for them."""
    lost_ = (lost_day(2), lost_day(5, FailureClass.MALFORMED), lost_day(4, stream="alerts"))
    wish = replace(capture(SYNC, days=(day(1), day(6))), lost=lost_)
    [(_, event)] = given(*RUNNING).when(wish).decided
    assert (event.days, event.owed) == ((day(1), day(6)), (day(2), day(5)))
    cut = SyncInterrupted(sync=SYNC, reason=reason) if reason else SyncCancelled(sync=SYNC)
    stream = given(*RUNNING, (ONE, event), (ONE, cut)).world.connections[ONE].streams["days"]
    assert (stream.newest_day, stream.failed_days) == (day(6), (day(2), day(5)))


@pytest.mark.requirement("C4")
@pytest.mark.parametrize(
    ("cause", "helps"),
    [
        (FailureClass.NETWORK, True),
        (FailureClass.TIMEOUT, True),
        (FailureClass.RATE_LIMITED, True),
        (FailureClass.SERVER, True),
        (FailureClass.AUTH, True),
        (FailureClass.NOT_FOUND, False),
        (FailureClass.MALFORMED, False),
        (FailureClass.EMPTY, False),
        (FailureClass.RETIRED, False),
    ],
)
def test_a_day_is_owed_until_it_comes_where_trying_again_may_help_else_for_a_week(cause, helps):
    failure = replace(lost("days", cause), day=day(2))
    for captured_ in (("days",), ()):
        [(_, ending), *_] = (
            given(*RUNNING).when(finish(SYNC, *captured_, failures=(failure,))).decided
        )
        assert [each.owed for each in ending.failures] == [True]
        assert [each.owed_until for each in ending.failures] == [
            None if helps else NOON + REFUSED_FOR
        ]
        assert owed(ending) == (day(2),)


def ends_again(past, cause, at):
    """How the next sync tells of day 2, which failed in it once more, and a past with that."""
    begun = (*past, (ONE, started(due=at)))
    wish = finish(len(begun), "days", failures=(replace(lost("days", cause), day=day(2)),))
    [(_, ending), *_] = given(*begun).when(wish, at).decided
    (told,) = ending.failures
    return told, (*begun, (ONE, ending))


@pytest.mark.requirement("C4")
def test_a_day_that_is_refused_is_asked_for_for_a_week_since_it_first_was_and_then_given_up():
    """That the provider is down meanwhile makes it neither longer nor shorter."""
    first = succeeded(SYNC, failures=(lost_day(2, FailureClass.NOT_FOUND), lost_day(5)))
    past, over = (*RUNNING, (ONE, first)), NOON + REFUSED_FOR
    told, past = ends_again(past, FailureClass.MALFORMED, over - SECOND)
    assert (told.owed, told.owed_until) == (True, over)
    told, past = ends_again(past, FailureClass.SERVER, over)
    assert (told.owed, told.owed_until) == (True, None)
    told, past = ends_again(past, FailureClass.NOT_FOUND, over)
    assert (told.owed, told.owed_until) == (False, None)
    stream = given(*past).world.connections[ONE].streams["days"]
    assert (stream.failed_days, stream.owed_until) == ((day(5),), {})


@pytest.mark.requirement("C4")
def test_a_day_that_was_refused_is_owed_no_more_once_it_comes():
    refused_ = succeeded(SYNC, failures=(lost_day(2, FailureClass.MALFORMED), lost_day(5)))
    world = given(*RUNNING, (ONE, refused_), (ONE, captured(9, days=(day(2),)))).world
    stream = world.connections[ONE].streams["days"]
    assert (stream.failed_days, stream.owed_until) == ((day(5),), {})


@pytest.mark.requirement("C4")
def test_what_was_refused_is_for_the_next_turn_and_for_no_retry():
    failures = (lost_day(2, FailureClass.MALFORMED), lost_day(5))
    world = given(*RUNNING, (ONE, succeeded(SYNC, failures=failures))).world
    stream = world.connections[ONE].streams["days"]
    assert stream.failed_days == (day(2), day(5))
    assert streams.may_come(stream) == (day(5),)


@pytest.mark.requirement("C4")
def test_a_turn_or_a_wish_that_takes_a_retry_along_is_none():
    """So what was refused is asked for with it, and left out by what comes to try again alone."""
    again = schema.RetryScheduled(
        due=NOON + HOUR,
        attempt=1,
        cause=FailureClass.TIMEOUT,
        priority=5,
        delay=HOUR,
        streams=("days",),
    )
    failing = failed(SYNC, lost_day(2, FailureClass.NOT_FOUND), lost_day(5))
    waits = (*RUNNING, (ONE, failing), (ONE, LATER), (ONE, again))
    for past, at, retries in (
        (waits, NOON + HOUR, True),
        (waits, NOON + 7 * HOUR, False),
        ((*waits, (ONE, REQUESTED)), NOON + MINUTE, False),
    ):
        [(_, begun), *_] = given(*past).when(START, at).decided
        there = given(*past, (ONE, begun)).world.connections[ONE].run
        assert (there.attempt, run.is_retry(there)) == (1, retries)


def test_a_failure_of_a_whole_stream_owes_no_day():
    assert owed(failed(SYNC, lost())) == ()


def test_what_failed_before_there_was_a_stream_is_of_none():
    world = given(*RUNNING, (ONE, failed(SYNC, lost("", FailureClass.AUTH)))).world
    assert world.connections[ONE].streams == {}
    assert world.connections[ONE].last.cause is FailureClass.AUTH


@pytest.mark.requirement("C4")
def test_no_more_days_are_owed_than_the_bound_and_the_oldest_go_first():
    first = day(1)
    days = [first + timedelta(days=count) for count in range(FAILED_DAYS_MAX + 2)]
    failures = tuple(replace(lost(), day=each, owed=True) for each in days)
    found = streams.failed({}, failures, SYNC, NOON)["days"].failed_days
    assert found == tuple(days[2:])
    more = streams.failed({"days": Stream(failed_days=found)}, (lost_day(1),), SYNC, NOON)
    assert more["days"].failed_days == found


# -- asking for the past --------------------------------------------------------------------------


def backfill(first=1, last=10, batch=3, **more):
    return commands.Backfill(subject=ONE, first=day(first), last=day(last), batch=batch, **more)


IDLE = (*KNOWN, (ONE, LATER))
"""Events 1 to 4: nothing is due before six in the evening."""


def of_backfill(*past):
    return given(*past).world.connections[ONE].backfill


@pytest.mark.requirement("C7")
def test_a_backfill_is_noted_with_its_batch_and_threshold_and_who_wanted_it():
    given(*IDLE).when(backfill(threshold=MINUTE, by=BY)).then(
        (ONE, wanted(threshold=MINUTE, by=BY))
    )


def test_another_backfill_takes_the_place_of_what_is_left_of_the_first():
    past = (*IDLE, (ONE, wanted()), (ONE, BackfillAdvanced(last=day(7), due=NOON)))
    given(*past).when(backfill(4, 5, by=BY)).then(
        (ONE, BackfillEnded(how=BackfillEnd.CANCELLED, last=day(7), by=BY)),
        (ONE, wanted(4, 5, by=BY)),
    )


def test_there_is_no_backfill_of_no_days_nor_of_what_is_gone():
    given(*IDLE).when(backfill(2, 1)).then()
    given(*IDLE).when(backfill(batch=0)).then()
    given(*IDLE, (ONE, REMOVED)).when(backfill()).then()
    given().when(backfill()).then()
    given(*IDLE).when(backfill(2, 2)).then((ONE, wanted(2, 2)))


@pytest.mark.requirement("C7")
def test_a_backfill_starts_with_its_newest_days_and_after_all_else():
    given(*IDLE, (ONE, wanted())).when(START).then((ONE, backfilling(8, 10)))


@pytest.mark.requirement("C7")
def test_a_backfill_has_its_own_threshold():
    past = (*IDLE, (ONE, wanted(threshold=MINUTE)))
    given(*past).when(START).then((ONE, backfilling(8, 10, threshold=MINUTE)))


def test_the_last_batch_of_a_backfill_may_be_smaller():
    given(*IDLE, (ONE, wanted(9, 10))).when(START).then((ONE, backfilling(9, 10)))
    given(*IDLE, (ONE, wanted(10, 10))).when(START).then((ONE, backfilling(10, 10)))


def test_what_is_due_goes_before_the_past():
    given(*KNOWN, (ONE, wanted())).when(START).then((ONE, started()))


def test_a_request_goes_before_the_past():
    past = (*IDLE, (ONE, wanted()), (ONE, REQUESTED))
    given(*past).when(START).then((ONE, started(NOON, 1, request=6)))


def test_a_connection_without_a_plan_can_have_its_past_fetched():
    past = (KNOWN[0], (ONE, ADDED), (ONE, wanted()))
    given(*past).when(START).then((ONE, backfilling(8, 10)))


def test_a_paused_connection_goes_on_with_its_past_once_it_is_resumed():
    past = (*IDLE, (ONE, wanted()), (ONE, PAUSED))
    given(*past).when(START, NOON + HOUR).then()
    given(*past, (ONE, RESUMED)).when(START, NOON + HOUR).then((ONE, backfilling(8, 10)))


# -- going on -------------------------------------------------------------------------------------

PAST = (*IDLE, (ONE, wanted()), (ONE, backfilling(8, 10)))
"""Event 6 started the first three days of ten."""
FIRST = 6


def advanced(last, due=NOON):
    return (ONE, BackfillAdvanced(last=day(last), due=due))


@pytest.mark.requirement("C7")
def test_a_backfill_goes_on_with_the_days_before_and_leaves_the_plan_alone():
    given(*PAST).when(finish(FIRST, "days"), NOON + MINUTE).then(
        (ONE, succeeded(FIRST)), advanced(7, NOON + MINUTE)
    )
    past = (*PAST, (ONE, succeeded(FIRST)), advanced(7))
    given(*past).when(START).then((ONE, backfilling(5, 7)))


@pytest.mark.requirement("C7")
def test_a_backfill_comes_to_its_end():
    past = (*PAST, (ONE, succeeded(FIRST)), advanced(1), (ONE, backfilling(1, 1)))
    done = BackfillEnded(how=BackfillEnd.DONE)
    given(*past).when(finish(9, "days")).then((ONE, succeeded(9)), (ONE, done))
    after = (*past, (ONE, succeeded(9)), (ONE, done))
    given(*after).when(START, NOON + HOUR).then()
    assert of_backfill(*after) is None


@pytest.mark.requirement("C4")
@pytest.mark.requirement("C7")
def test_a_backfill_goes_on_when_one_day_came_and_the_others_stay_owed():
    failures = (lost_day(9),)
    given(*PAST).when(finish(FIRST, "days", failures=failures)).then(
        (ONE, succeeded(FIRST, failures=failures)), advanced(7)
    )


@pytest.mark.parametrize(
    "cause",
    [
        FailureClass.NETWORK,
        FailureClass.TIMEOUT,
        FailureClass.SERVER,
        FailureClass.RATE_LIMITED,
    ],
)
def test_a_backfill_waits_for_what_goes_by_and_tries_the_same_days_again(cause):
    failures = (lost_day(8, cause), lost_day(9, FailureClass.SERVER))
    given(*PAST).when(finish(FIRST, failures=failures)).then(
        (ONE, failed(FIRST, *failures)), advanced(10, NOON + 6 * HOUR)
    )
    past = (*PAST, (ONE, failed(FIRST, *failures)), advanced(10, NOON + HOUR))
    given(*past).when(START, NOON + HOUR).then((ONE, backfilling(8, 10, NOON + HOUR)))


def test_a_backfill_waits_as_long_as_its_connection_does_between_syncs():
    own = (ONE, schema.ConnectionChanged(interval=HOUR))
    past = (*IDLE, own, (ONE, wanted()), (ONE, backfilling(8, 10)))
    given(*past).when(finish(7, failures=(lost(),))).then(
        (ONE, failed(7, lost())), advanced(10, NOON + HOUR)
    )


@pytest.mark.parametrize(
    "cause",
    [
        FailureClass.AUTH,
        FailureClass.NOT_FOUND,
        FailureClass.INVALID,
        FailureClass.MALFORMED,
        FailureClass.EMPTY,
        FailureClass.RETIRED,
        FailureClass.INTERNAL,
    ],
)
def test_a_backfill_ends_where_a_person_must_look(cause):
    failures = (lost_day(8, FailureClass.SERVER), lost_day(9, cause))
    given(*PAST).when(finish(FIRST, failures=failures)).then(
        (ONE, failed(FIRST, *failures)),
        (ONE, BackfillEnded(how=BackfillEnd.FAILED, last=day(10))),
    )


def test_a_backfill_that_has_nothing_to_fetch_ends():
    """Its provider's file has no windows any more, say: waiting would not bring them."""
    [_, (_, end)] = given(*PAST).when(finish(FIRST)).decided
    assert end == BackfillEnded(how=BackfillEnd.FAILED, last=day(10))


WINDOWS = ("days", "nights", "naps")


def of_windows(*events):
    """PAST at a provider with three window streams, and one that comes whole."""
    windows = (StreamPolicy(name=name, mode=Mode.WINDOW) for name in WINDOWS)
    streams = (*windows, *DECLARED.streams[1:])
    return ((PROVIDER, replace(DECLARED, streams=streams)), *PAST[1:], *events)


def limited(number, stream="days", **more):
    return lost_day(number, FailureClass.RATE_LIMITED, stream, **more)


def advanced_to(last, due, **reached):
    days = {stream: day(number) for stream, number in sorted(reached.items())}
    return (ONE, BackfillAdvanced(last=day(last), due=due, reached=days))


@pytest.mark.requirement("C7")
def test_a_backfill_goes_on_where_each_stream_was_cut():
    cut = (lost_day(10, FailureClass.NOT_FOUND), limited(8), limited(9, "nights", retry_after=HOUR))
    ending, due = (ONE, succeeded(FIRST, failures=cut)), NOON + HOUR
    on = advanced_to(9, due, days=9, naps=8)
    given(*of_windows()).when(finish(FIRST, "days", failures=cut)).then(ending, on)
    left = of_backfill(*of_windows(ending, on))
    assert (left.last, dict(left.reached)) == (day(9), {"days": day(9), "naps": day(8)})
    given(*of_windows(ending, on)).when(START, due).then((ONE, backfilling(7, 9, due)))


@pytest.mark.requirement("C7")
def test_who_was_ahead_waits_for_the_last_one():
    """The second run has the rest of the one stream; the third is of all of them again."""
    cut = (limited(10, "nights", retry_after=MINUTE),)
    first = ((ONE, succeeded(FIRST, failures=cut)), advanced_to(10, NOON, days=8, naps=8))
    on = (ONE, replace(first[1][1], due=NOON + MINUTE))
    given(*of_windows()).when(finish(FIRST, "days", failures=cut)).then(first[0], on)
    second = (*first, (ONE, backfilling(8, 10)))
    run = len(of_windows(*second))
    given(*of_windows(*second)).when(finish(run, "nights")).then((ONE, succeeded(run)), advanced(7))
    assert of_backfill(*of_windows(*second, (ONE, succeeded(run)), advanced(7))).reached == {}


def test_a_wait_of_which_nothing_came_forgets_not_who_was_ahead():
    cut = (limited(10, "nights"),)
    ahead = ((ONE, succeeded(FIRST, failures=cut)), advanced_to(10, NOON, days=8, naps=8))
    past = of_windows(*ahead, (ONE, backfilling(8, 10)))
    down = (lost_day(10, FailureClass.SERVER, "nights"),)
    given(*past).when(finish(len(past), failures=down)).then(
        (ONE, failed(len(past), *down)), advanced_to(10, NOON + 6 * HOUR, days=8, naps=8)
    )


@pytest.mark.parametrize("cause", [FailureClass.AUTH, FailureClass.RETIRED])
def test_a_stream_that_is_hopeless_stops_no_backfill_of_the_others(cause):
    failures = (lost_day(10, cause, "nights"), lost_day(9, cause, "nights"))
    given(*of_windows()).when(finish(FIRST, "days", failures=failures)).then(
        (ONE, succeeded(FIRST, failures=failures)), advanced(7)
    )


def test_a_backfill_waits_as_long_as_the_provider_asked():
    failures = (lost_day(9, retry_after=8 * HOUR), lost_day(10, retry_after=HOUR))
    asked = (ONE, scheduled(NOON + 8 * HOUR, ScheduleReason.ASKED_TO_WAIT))
    given(*PAST).when(finish(FIRST, "days", failures=failures)).then(
        (ONE, succeeded(FIRST, failures=failures)), asked, advanced(7, NOON + 8 * HOUR)
    )
    given(*PAST).when(finish(FIRST, failures=failures)).then(
        (ONE, failed(FIRST, *failures)), asked, advanced(10, NOON + 8 * HOUR)
    )


def test_a_short_wait_does_not_shorten_the_rest_after_a_failure():
    failures = (lost_day(9, retry_after=HOUR),)
    given(*PAST).when(finish(FIRST, failures=failures)).then(
        (ONE, failed(FIRST, *failures)), advanced(10, NOON + 6 * HOUR)
    )


def test_what_was_asked_for_meanwhile_is_left_as_it_is():
    past = (*PAST, (ONE, wanted(1, 4)))
    given(*past).when(finish(FIRST, "days")).then((ONE, succeeded(FIRST)))
    assert of_backfill(*past).last == day(4)


def test_what_was_ended_meanwhile_does_not_go_on():
    past = (*PAST, (ONE, BackfillEnded(how=BackfillEnd.CANCELLED)))
    given(*past).when(finish(FIRST, "days")).then((ONE, succeeded(FIRST)))


def test_another_sync_does_not_move_the_backfill_on():
    past = (*KNOWN, (ONE, wanted()), (ONE, started()))
    given(*past).when(finish(5, "days")).then((ONE, succeeded(5)), (ONE, LATER))
    given(*PAST).when(finish(99, "days")).then()


def test_a_backfill_that_the_clock_put_too_far_off_goes_on_after_a_rest():
    review = commands.Review(subject=ONE, by=-HOUR)
    past = (*IDLE, (ONE, wanted()))
    given(*past).when(review, NOON).then()
    before = NOON - timedelta(days=40)
    given(*past).when(review, before).then(
        advanced(10, before + 6 * HOUR),
        (ONE, scheduled(before + 6 * HOUR, ScheduleReason.CLOCK_STEPPED)),
    )
    unplanned = (KNOWN[0], (ONE, ADDED), (ONE, wanted()))
    given(*unplanned).when(review, before).then(advanced(10, before + 6 * HOUR))


# -- taking it back -------------------------------------------------------------------------------

CANCEL = commands.Cancel(subject=ONE, by=BY)


def cancelled(last):
    return (ONE, BackfillEnded(how=BackfillEnd.CANCELLED, last=day(last), by=BY))


def test_a_backfill_is_cancelled_with_its_run():
    given(*PAST).when(CANCEL, NOON + 7 * HOUR).then(
        (ONE, SyncCancelled(sync=FIRST, by=BY)), cancelled(10)
    )


def test_a_backfill_that_waits_is_cancelled_where_nothing_else_can_be():
    waiting = (*IDLE, (ONE, wanted()))
    given(*waiting).when(CANCEL).then(cancelled(10))
    given(*waiting, (ONE, REQUESTED)).when(CANCEL).then((ONE, SyncCancelled(by=BY)))
    scheduled_run = (*KNOWN, (ONE, wanted()), (ONE, started()))
    given(*scheduled_run).when(CANCEL).then((ONE, SyncCancelled(sync=5, by=BY)), (ONE, LATER))


def test_a_backfill_ends_with_its_connection():
    given(*IDLE, (ONE, wanted())).when(commands.Remove(subject=ONE, by=BY)).then(
        cancelled(10), (ONE, schema.ConnectionRemoved(by=BY))
    )


def test_an_interrupted_backfill_starts_with_the_same_days_again():
    interrupt = commands.Interrupt(subject=ONE, sync=FIRST, reason=InterruptReason.SHUTDOWN)
    [(_, interrupted)] = given(*PAST).when(interrupt).decided
    given(*PAST, (ONE, interrupted)).when(START).then((ONE, backfilling(8, 10)))


def test_a_crash_in_the_past_leaves_the_plan_alone():
    """What fell due meanwhile is still due: it was not served."""
    crash = commands.Crash(subject=ONE, error="E at x.py:1")
    decided = given(*PAST).when(crash, NOON + 7 * HOUR).decided
    assert [type(event) for _, event in decided] == [schema.SyncFailed, schema.ActorCrashed]
    after = (*PAST, *decided)
    rested = NOON + 7 * HOUR + 10 * SECOND
    given(*after).when(START, rested).then((ONE, started(NOON + 6 * HOUR, 7)))


def test_a_backfill_that_crashes_us_three_times_in_a_row_is_given_up():
    crash = commands.Crash(subject=ONE, error="E at x.py:1")
    past, ends = PAST, []
    for _ in range(3):
        decided = given(*past).when(crash).decided
        ends += [event for _, event in decided if isinstance(event, BackfillEnded)]
        past = (*past, *decided, (ONE, backfilling(8, 10)))
    assert ends == [BackfillEnded(how=BackfillEnd.FAILED, last=day(10))]


def test_a_sync_that_goes_before_the_past_says_when_it_was_due_itself():
    past = (*IDLE, (ONE, wanted()))
    given(*past).when(START, NOON + 7 * HOUR).then((ONE, started(NOON + 6 * HOUR)))
    given(*past, (ONE, REQUESTED, NOON + HOUR)).when(START, NOON + 2 * HOUR).then(
        (ONE, started(NOON + HOUR, 1, request=6))
    )


# -- what holds for one run alone -----------------------------------------------------------------


@pytest.mark.requirement("C7")
@pytest.mark.parametrize(
    "options",
    [RunOptions(days=30), RunOptions(threshold=MINUTE), RunOptions(failed_days=True)],
)
def test_what_is_asked_for_one_run_holds_for_that_run(options):
    wish = commands.Request(subject=ONE, options=options)
    asked = schema.SyncRequested(options=options)
    given(*IDLE).when(wish).then((ONE, asked))
    begun = started(NOON, 1, request=5, options=options)
    given(*IDLE, (ONE, asked)).when(START).then((ONE, begun))
    ended = (*IDLE, (ONE, asked), (ONE, begun), (ONE, succeeded(6)))
    given(*ended).when(START, NOON + 6 * HOUR).then((ONE, started(NOON + 6 * HOUR, 1)))


@pytest.mark.requirement("C7")
def test_what_was_asked_for_one_run_is_asked_for_again_when_that_is_interrupted():
    options = RunOptions(days=30)
    asked = (ONE, schema.SyncRequested(options=options))
    begun = (ONE, started(NOON, 1, request=5, options=options))
    past = (*IDLE, asked, begun)
    given(*past).when(commands.Recover(version="2")).then(
        (
            ONE,
            schema.SyncInterrupted(
                sync=6,
                reason=InterruptReason.DIED,
                request=5,
                options=options,
            ),
        ),
        (0, schema.DaemonStarted(version="2")),
    )


@pytest.mark.requirement("C4")
def test_a_run_of_failed_days_alone_does_not_stand_for_what_is_due():
    options = RunOptions(failed_days=True)
    past = (*KNOWN, (ONE, REQUESTED), (ONE, started(NOON, 1, request=4, options=options)))
    given(*past).when(finish(5, "days")).then((ONE, succeeded(5)))
    given(*past).when(commands.Cancel(subject=ONE)).then((ONE, SyncCancelled(sync=5)))
    given(*past, (ONE, succeeded(5))).when(START).then((ONE, started(NOON, 1)))


def test_a_backfill_of_another_connection_is_not_this_ones():
    past = (*IDLE, (OTHER, ADDED), (OTHER, wanted()))
    assert of_backfill(*past) is None
    given(*past).when(START, NOON + MINUTE).then()
