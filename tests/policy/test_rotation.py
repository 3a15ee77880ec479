"""When is a connection's next turn, and how are the turns of many spread over time?"""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given as law
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from events import schema
from events.policy import SettingsReset
from events.schema import FLEET, SyncScheduled, SyncSkipped
from events.terms import HoldReason, ScheduleReason, SkipReason
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    REMOVED,
    RUNNING,
    SECOND,
    SYNC,
    TENANT,
    finish,
    given,
    scheduled,
    setting,
    started,
)

DAY, WEEK = timedelta(days=1), timedelta(days=7)
RECONSIDER = commands.Reconsider(subject=ONE)
HOURLY, SPREAD = setting(interval=HOUR), setting(spread=0.1)


def planned(past, now=NOON, sync=SYNC):
    """What is decided on turns when that sync succeeds then."""
    decided = given(*past).when(finish(sync, "days"), now).decided
    return [event for _, event in decided if isinstance(event, SyncScheduled | SyncSkipped)]


def missed(due, count=1, stream=""):
    return SyncSkipped(reason=SkipReason.MISSED, due=due, count=count, stream=stream)


def anew(due, **more):
    return ONE, SyncScheduled(due=due, reason=ScheduleReason.SETTINGS, **more)


# -- whose interval it is -------------------------------------------------------------------------


@pytest.mark.requirement("A1")
def test_the_narrower_subjects_interval_goes_before_the_widers():
    """A connection's before its tenant's, that before its provider's, that before the fleet's."""
    layers = [
        (FLEET, setting(interval=2 * HOUR)),
        (PROVIDER, setting(interval=3 * HOUR)),
        (TENANT, setting(interval=4 * HOUR)),
        (ONE, setting(interval=5 * HOUR)),
    ]
    for many in range(len(layers) + 1):
        past = (*KNOWN, *reversed(layers[:many]), (ONE, started()))
        expected = NOON + (many + 1) * HOUR if many else NOON + 6 * HOUR
        assert planned(past, sync=SYNC + many) == [scheduled(expected)]


@pytest.mark.requirement("A1")
def test_what_was_set_by_command_goes_before_what_is_declared_and_comes_back_with_a_reset():
    declared = schema.SettingsDeclared(settings=setting(interval=DAY).settings)
    past = (*KNOWN, (TENANT, HOURLY), (TENANT, declared))
    assert planned((*past, (ONE, started())), sync=6) == [scheduled(NOON + HOUR)]
    reset = (*past, (TENANT, SettingsReset(names=("interval",))), (ONE, started()))
    assert planned(reset, sync=7) == [scheduled(NOON + DAY)]


@pytest.mark.requirement("A1")
@pytest.mark.parametrize("interval", [HOUR, 6 * HOUR, DAY, WEEK, 17 * MINUTE, 90 * SECOND])
@pytest.mark.parametrize("late", [timedelta(0), 3 * DAY + MINUTE])
def test_turns_keep_to_their_grid_however_late_they_run(interval, late):
    """What was missed is one skip, which says since when, and how many there were."""
    past = (*RUNNING, (FLEET, setting(interval=interval)))
    *skipped, event = planned(past, NOON + late)
    count = late // interval
    assert event.due == NOON + (count + 1) * interval
    assert skipped == ([missed(NOON + interval, count)] if count else [])


# -- spread ---------------------------------------------------------------------------------------


def fleet(many, settings, now=NOON):
    """So many connections after their first turn at noon: their numbers, and when they are next."""
    common = ((PROVIDER, DECLARED), (FLEET, settings))
    for subject in range(10, 10 + many):
        added = ((subject, ADDED), (subject, scheduled(NOON)), (subject, started()))
        end = replace(finish(5, "days"), subject=subject)
        decided = given(*common, *added).when(end, now).decided
        yield subject, next(event for _, event in decided if isinstance(event, SyncScheduled))


@pytest.mark.requirement("A17")
def test_a_thousand_that_were_added_at_once_are_not_due_at_once_afterwards():
    """An hour's tenth has 360 seconds: at most four of them share one."""
    plans = [plan for _, plan in fleet(1000, setting(interval=HOUR, spread=0.1))]
    per_second = Counter(plan.due for plan in plans)
    assert max(per_second.values()) <= 4
    assert len(per_second) > 300
    for plan in plans:
        assert timedelta(0) <= plan.spread < HOUR / 10
        assert plan.due + plan.spread == NOON + HOUR


@pytest.mark.requirement("A17")
def test_after_its_first_spread_turn_a_connection_steps_by_exactly_its_interval():
    past = (*RUNNING, (FLEET, setting(interval=HOUR, spread=0.5)))
    [first] = planned(past)
    assert first.spread > timedelta(0)
    for turns in range(1, 4):
        past = (*past, (ONE, first), (ONE, started(first.due), first.due))
        [event] = planned(past, first.due, sync=len(past))
        assert (event.due - first.due, event.spread) == (HOUR, first.spread), turns
        first = event


@pytest.mark.requirement("A17")
def test_without_a_share_nothing_is_spread():
    assert {plan.due for _, plan in fleet(20, setting(interval=HOUR))} == {NOON + HOUR}


@pytest.mark.requirement("A17")
@pytest.mark.parametrize("share", [0.0, 0.25])
def test_another_share_moves_a_connection_within_its_slot(share):
    """The slot stays where it was, and no turn is lost on the way there."""
    due = NOON + HOUR - 5 * MINUTE
    plan = SyncScheduled(due=due, reason="interval", spread=5 * MINUTE)
    past = (*KNOWN, (FLEET, setting(interval=HOUR, spread=share)), (ONE, plan), (ONE, started(due)))
    [event] = planned(past, due, sync=6)
    assert event.due + event.spread == NOON + 2 * HOUR


@pytest.mark.requirement("A17")
def test_a_missed_turn_is_named_by_when_it_would_have_been():
    past = (*RUNNING, (FLEET, setting(interval=HOUR, spread=0.5)))
    [on_time] = planned(past)
    assert planned(past, NOON + 2 * HOUR)[0] == missed(on_time.due, 2)


spans = st.integers(1, 10_000).map(lambda minutes: minutes * MINUTE)


@law(interval=spans, late=st.timedeltas(timedelta(0), 30 * DAY), share=st.floats(0, 0.5))
@pytest.mark.requirement("A4")
@pytest.mark.requirement("A17")
def test_the_next_turn_is_the_first_of_the_grid_after_now(interval, late, share):
    now = NOON + late
    past = (*RUNNING, (FLEET, setting(interval=interval, spread=share)))
    *skipped, event = planned(past, now)
    assert now < event.due
    assert timedelta(0) <= event.spread <= interval * share
    slots = (event.due + event.spread - NOON) / interval
    assert slots == 1 + sum(each.count for each in skipped)
    assert slots == 1 or event.due - interval <= now, "none is left out that is still to come"


# -- other settings -------------------------------------------------------------------------------

WEEKLY = (*KNOWN[:2], (ONE, scheduled(NOON + WEEK)), (FLEET, setting(interval=WEEK)))
"""Events 1 to 4: due in a week."""


@pytest.mark.requirement("A19")
@pytest.mark.parametrize("of", [FLEET, PROVIDER, TENANT, ONE])
def test_a_shorter_interval_brings_the_next_turn_forward(of):
    given(*WEEKLY).when(RECONSIDER).then()
    given(*WEEKLY, (of, HOURLY)).when(RECONSIDER).then(anew(NOON + HOUR))
    given(*WEEKLY, (of, HOURLY), anew(NOON + HOUR)).when(RECONSIDER).then()


@pytest.mark.requirement("A19")
def test_a_longer_interval_does_not_push_a_turn_back():
    given(*KNOWN, (FLEET, setting(interval=WEEK))).when(RECONSIDER).then()


@pytest.mark.requirement("A17")
def test_what_many_are_brought_forward_to_is_spread_like_any_turn():
    past = (*WEEKLY, (FLEET, setting(interval=HOUR, spread=0.5)))
    [(_, event)] = given(*past).when(RECONSIDER).decided
    assert event.spread > timedelta(0)
    assert event.due + event.spread == NOON + HOUR
    begun = (*past, (ONE, event), (ONE, started(event.due), event.due))
    assert planned(begun, event.due, sync=7)[0].due == event.due + HOUR


@pytest.mark.requirement("A19")
def test_a_turn_that_stays_where_it_is_keeps_how_it_was_spread():
    plan = SyncScheduled(due=NOON, reason="interval", spread=MINUTE)
    off = schema.SyncDeferred(due=NOON, reason=HoldReason.DISABLED, until=None)
    past = (*KNOWN, (ONE, plan), (ONE, off), (FLEET, SPREAD))
    given(*past).when(RECONSIDER).then(anew(NOON, spread=MINUTE))


@pytest.mark.parametrize("past", [(), KNOWN[:2], (*WEEKLY, (ONE, REMOVED), (FLEET, HOURLY))])
def test_what_is_unknown_unplanned_or_removed_is_not_reconsidered(past):
    given(*past).when(RECONSIDER).then()


def test_a_connection_whose_provider_was_never_declared_has_its_turns_all_the_same():
    past = ((ONE, ADDED), (ONE, scheduled(NOON)), (ONE, started()))
    assert planned(past, sync=3) == [scheduled(NOON + 6 * HOUR)]


# -- a clock that stepped -------------------------------------------------------------------------

REVIEW = commands.Review(subject=ONE, by=-HOUR)


@pytest.mark.requirement("A17")
def test_a_clock_that_stepped_back_leaves_turns_spread():
    past = (*KNOWN, (FLEET, setting(interval=HOUR, spread=0.5)))
    [(_, event)] = given(*past).when(REVIEW, NOON - DAY).decided
    assert event.reason is ScheduleReason.CLOCK_STEPPED
    assert event.spread > timedelta(0)
    assert event.due + event.spread == NOON - DAY + HOUR


@pytest.mark.requirement("A19")
def test_settings_put_nothing_off_that_a_step_made_due_before_its_streams():
    own = (ONE, setting(interval=HOUR, stream_intervals={"days": DAY}))
    plan = SyncScheduled(
        due=NOON, reason=ScheduleReason.CLOCK_STEPPED, streams={"days": NOON + DAY}
    )
    past = (*KNOWN[:2], own, (ONE, plan))
    given(*past).when(RECONSIDER).then()
