"""When is the next turn of streams that have intervals of their own?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from events.schema import (
    FLEET,
    ConnectionChanged,
    RetryScheduled,
    SyncCancelled,
    SyncScheduled,
    SyncSkipped,
)
from events.terms import FailureClass, ScheduleReason, SkipReason, StreamPolicy
from projections.fleet import DEFAULT_POLICY as FLEET_RULES
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    REQUESTED,
    TENANT,
    finish,
    given,
    lost,
    scheduled,
    setting,
    started,
)

pytestmark = pytest.mark.requirement("B12")
FINAL = FailureClass.NOT_FOUND
RECONSIDER = commands.Reconsider(subject=ONE)
START = commands.Start(subject=ONE)
QUARTER, DAY = 15 * MINUTE, timedelta(days=1)

ORDERS = replace(
    DECLARED, streams=(StreamPolicy(name="days"), StreamPolicy(name="orders", interval=QUARTER))
)
"""By its provider's file, one of the streams is fetched every quarter of an hour."""
FIRST = ((PROVIDER, ORDERS), (ONE, ADDED), (ONE, scheduled(NOON, "added")))
"""Events 1 to 3: due at noon for the first time."""


def plan(days, orders, reason=ScheduleReason.INTERVAL):
    streams = {"days": days, "orders": orders}
    return SyncScheduled(due=min(days, orders), reason=reason, streams=streams)


LATER = NOON + 6 * HOUR
PLANNED = (*FIRST, (ONE, plan(LATER, NOON)))
"""Events 1 to 4: orders are due at noon, days in the evening."""
AFTER_ORDERS = (*PLANNED, (ONE, started(streams=("orders",))))
"""Event 5 started a sync of the orders."""


def turns(past, now=NOON):
    decided = given(*past).when(finish(len(past), "orders"), now).decided
    return [event for _, event in decided if isinstance(event, SyncScheduled | SyncSkipped)]


def missed(stream, due, count):
    return SyncSkipped(reason=SkipReason.MISSED, due=due, count=count, stream=stream)


# -- one turn after the other ---------------------------------------------------------------------


def test_after_the_first_sync_each_stream_has_its_own_turn():
    assert turns((*FIRST, (ONE, started()))) == [plan(LATER, NOON + QUARTER)]


def test_a_stream_that_ran_steps_on_and_the_others_keep_their_turn():
    assert turns(AFTER_ORDERS) == [plan(LATER, NOON + QUARTER)]


def test_what_fell_due_meanwhile_is_not_lost():
    """The sync of the orders took until after the turn of the days, which is then due at once."""
    late = LATER + MINUTE
    after = (*AFTER_ORDERS, (ONE, plan(LATER, LATER + QUARTER)))
    assert turns(AFTER_ORDERS, late) == [
        missed("orders", NOON + QUARTER, 24),
        plan(LATER, LATER + QUARTER),
    ]
    ended = (*after[:4], after[-1])
    given(*ended).when(START, late).then((ONE, started(LATER, streams=("days",))))


def test_missed_turns_are_counted_by_stream():
    """After a day's rest both are fetched at once; the days missed four turns, the orders more."""
    begun = (*PLANNED, (ONE, started(streams=("days", "orders"))))
    assert turns(begun, LATER + DAY) == [
        missed("days", LATER + 6 * HOUR, 4),
        missed("orders", NOON + QUARTER, 120),
        plan(LATER + DAY + 6 * HOUR, LATER + DAY + QUARTER),
    ]


def test_a_sync_of_all_of_them_steps_those_that_were_due():
    manual = (*PLANNED, (ONE, REQUESTED), (ONE, started(request=5)))
    assert turns(manual) == [plan(LATER, NOON + QUARTER)]


def test_a_manual_sync_before_any_turn_leaves_the_plan_alone():
    manual = (*PLANNED, (ONE, REQUESTED), (ONE, started(request=5)))
    assert turns(manual, NOON - MINUTE) == []


def test_where_one_interval_holds_for_all_a_part_leaves_the_turn_pending():
    one = (FLEET, setting(interval=QUARTER))
    assert turns((*FIRST, one, (ONE, started(streams=("orders",))))) == []
    assert turns((*FIRST, one, (ONE, started()))) == [scheduled(NOON + QUARTER)]


# -- whose interval it is -------------------------------------------------------------------------


@pytest.mark.requirement("A1")
def test_what_people_set_goes_before_the_providers_file_the_narrower_first():
    layers = [
        (FLEET, setting(stream_intervals={"orders": HOUR})),
        (PROVIDER, setting(stream_intervals={"orders": 2 * HOUR})),
        (TENANT, setting(stream_intervals={"orders": 3 * HOUR})),
        (ONE, setting(stream_intervals={"orders": 4 * HOUR})),
    ]
    for many in range(1, len(layers) + 1):
        past = (*FIRST, *layers[:many], (ONE, started()))
        assert turns(past) == [plan(LATER, NOON + many * HOUR)]


# -- spread ---------------------------------------------------------------------------------------


@pytest.mark.requirement("A17")
def test_the_first_turns_of_streams_are_spread_each_within_its_interval_and_the_later_ones_step():
    past = (*FIRST, (FLEET, setting(spread=0.5)), (ONE, started()))
    [first] = turns(past)
    for name, interval in (("days", 6 * HOUR), ("orders", QUARTER)):
        assert interval / 2 < first.streams[name] - NOON < interval
    due = first.streams["orders"]
    begun = (*past, (ONE, first), (ONE, started(due, streams=("orders",)), due))
    [second] = turns(begun, due)
    assert second.streams == {"days": first.streams["days"], "orders": due + QUARTER}


@pytest.mark.requirement("A17")
def test_a_connection_that_was_spread_before_its_streams_had_turns_is_not_spread_twice():
    """The slot of the days is what it was: six hours, and not less, lie between their turns."""
    rules = (FLEET, setting(spread=0.5))
    whole = replace(ORDERS, streams=DECLARED.streams)
    [first] = turns(((PROVIDER, whole), *FIRST[1:], rules, (ONE, started())))
    own = setting(stream_intervals={"alerts": DAY})
    past = ((PROVIDER, whole), *FIRST[1:], rules, (ONE, first), (ONE, own))
    begun = (*past, (ONE, started(first.due), first.due))
    [second] = turns(begun, first.due)
    assert second.streams["days"] - first.due == 6 * HOUR


# -- other settings -------------------------------------------------------------------------------

RARELY = (*PLANNED[:3], (ONE, plan(NOON + DAY, NOON + DAY)))
SLOW = (ONE, setting(stream_intervals={"orders": DAY, "days": DAY}))


@pytest.mark.requirement("A19")
def test_a_shorter_interval_of_a_stream_brings_its_turn_forward_and_no_other():
    past = (*PLANNED[:3], (ONE, plan(LATER, NOON + DAY)))
    given(*past).when(RECONSIDER).then((ONE, plan(LATER, NOON + QUARTER, ScheduleReason.SETTINGS)))


@pytest.mark.requirement("A19")
def test_an_interval_that_holds_for_no_stream_moves_none():
    """Each stream has a longer one of its own: nothing is due after the connection's six hours."""
    given(*RARELY, SLOW).when(RECONSIDER).then()


@pytest.mark.requirement("A19")
def test_streams_that_get_turns_of_their_own_begin_with_the_connections():
    past = (
        (PROVIDER, DECLARED),
        *FIRST[1:2],
        (ONE, scheduled(LATER)),
        (ONE, setting(stream_intervals={"alerts": HOUR})),
    )
    sooner = SyncScheduled(due=NOON + HOUR, reason=ScheduleReason.SETTINGS)
    given(*past).when(RECONSIDER).then((ONE, sooner))
    given(*past, (ONE, sooner)).when(START, NOON + HOUR).then((ONE, started(NOON + HOUR)))


@pytest.mark.requirement("A19")
def test_streams_that_lose_their_turns_go_on_with_the_connections():
    past = (*PLANNED[:3], (ONE, plan(LATER, NOON + QUARTER)), (ONE, setting(interval=QUARTER)))
    again = SyncScheduled(due=NOON + QUARTER, reason=ScheduleReason.SETTINGS)
    given(*past).when(RECONSIDER).then((ONE, again))
    given(*past, (ONE, again)).when(START, LATER).then((ONE, started(NOON + QUARTER)))


@pytest.mark.requirement("A19")
def test_a_stream_that_the_provider_no_longer_has_leaves_the_plan():
    streams = {"days": LATER, "orders": NOON + QUARTER, "old": NOON}
    old = SyncScheduled(due=NOON, reason=ScheduleReason.INTERVAL, streams=streams)
    past = (*FIRST, (ONE, old))
    given(*past).when(RECONSIDER).then((ONE, plan(LATER, NOON + QUARTER, ScheduleReason.SETTINGS)))


# -- a clock that stepped -------------------------------------------------------------------------


@pytest.mark.parametrize("back", [HOUR, DAY])
def test_a_step_of_the_clock_leaves_no_stream_further_off_than_its_own_interval(back):
    now, reason = NOON - back, ScheduleReason.CLOCK_STEPPED
    expected = plan(now + 6 * HOUR, now + QUARTER, reason)
    review = commands.Review(subject=ONE, by=-back)
    given(*PLANNED).when(review, now).then((ONE, expected))


def test_a_request_from_before_the_step_does_not_make_all_streams_due():
    past = (*PLANNED, (ONE, REQUESTED))
    review = commands.Review(subject=ONE, by=-MINUTE)
    [(_, event)] = given(*past).when(review, NOON - MINUTE).decided
    assert (event.due, event.streams) == (NOON - MINUTE, {"days": LATER - MINUTE, "orders": NOON})


# -- those that wait for others -------------------------------------------------------------------


@pytest.mark.requirement("B13")
def test_a_stream_that_was_left_waiting_goes_with_the_next_turn_of_another():
    """Days wait for orders, which failed: they need not wait until the evening after."""
    past = (*FIRST, (ONE, plan(NOON, NOON)), (ONE, started()))
    finished = replace(finish(5, failures=(lost("orders", cause=FINAL),)), waiting=("days",))
    [*_, (_, last)] = given(*past).when(finished).decided
    assert last == plan(NOON + QUARTER, NOON + QUARTER)


@pytest.mark.requirement("B13")
def test_a_stream_that_was_left_waiting_is_tried_again_with_what_it_waits_for():
    may_retry = replace(FLEET_RULES, failover_enabled=True)
    past = (*FIRST, (FLEET, may_retry), (ONE, started()))
    finished = replace(finish(5, failures=(lost("orders"),)), waiting=("days",))
    decided = given(*past).when(finished).decided
    [again] = [event for _, event in decided if isinstance(event, RetryScheduled)]
    assert again.streams == ("orders", "days")


@pytest.mark.requirement("B13")
def test_a_sync_in_which_all_waited_neither_succeeded_nor_failed():
    past = (*PLANNED, (ONE, started(streams=("days",))))
    decided = given(*past).when(replace(finish(5), waiting=("days",))).decided
    assert decided[0] == (ONE, SyncCancelled(sync=5))


def test_a_connections_shorter_interval_leaves_streams_their_own():
    shorter = commands.Connect(subject=ONE, tenant=TENANT, provider=PROVIDER, interval=HOUR)
    past = (*FIRST, (ONE, plan(LATER, LATER)))
    [_, (_, sooner)] = given(*past).when(shorter).decided
    assert (sooner.due, sooner.streams) == (NOON + HOUR, {"days": NOON + HOUR, "orders": LATER})


def test_a_connections_configured_interval_does_not_go_before_what_was_set():
    past = (*FIRST, (ONE, plan(LATER, LATER)), (ONE, setting(interval=DAY)))
    shorter = commands.Connect(subject=ONE, tenant=TENANT, provider=PROVIDER, interval=HOUR)
    assert [type(event) for _, event in given(*past).when(shorter).decided] == [ConnectionChanged]
