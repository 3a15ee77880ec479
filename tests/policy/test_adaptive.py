"""When is an adaptive turn due, and does it find what is new sooner, with fewer syncs?"""

from datetime import timedelta

import pytest
from hypothesis import given as law
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from daemon.decide import adaptive, deciders
from events import schema
from events.policy import Adaptation, SettingsReset
from events.terms import HoldReason, ScheduleReason, StreamPolicy
from projections import policy, rhythm
from tests.policy.rhythms import DAY, MIDNIGHT, begun, daily
from tests.policy.transcript import DECLARED, HOUR, MINUTE, NOON, ONE, lost, setting

pytestmark = pytest.mark.requirement("A17")

ADAPTIVE = setting(adaptive=True)
STEADY = setting(spread=0.0)


def lived(came, days, *settings, **more):
    life = begun(ADAPTIVE, STEADY, *settings, **more)
    life.until(NOON + days * DAY, came)
    return life


def day(number):
    return MIDNIGHT + number * DAY


def whys(life, since=0):
    return {event.learnt.why for at, event in life.planned if at >= day(since)}


# -- is it better? --------------------------------------------------------------------------------


def test_what_comes_at_six_is_found_sooner_with_fewer_syncs_after_two_weeks(record_property):
    came = daily(6, 42)
    fixed = begun(STEADY)
    fixed.until(day(42), came)
    life = lived(came, 42)
    (syncs, delay), (before, was) = (each.between(day(14), day(42)) for each in (life, fixed))
    record_property("adaptive", f"{syncs:.2f} syncs a day, found after {delay:.2f} h")
    record_property("every_6_hours", f"{before:.2f} syncs a day, found after {was:.2f} h")
    assert syncs < before
    assert delay < was
    assert syncs < 2
    assert delay < 1


@pytest.mark.parametrize(("before", "after", "first"), [(6, 18, 28), (6, 18, 27), (18, 6, 28)])
def test_a_rhythm_that_moves_is_followed_within_two_weeks(before, after, first):
    """Also where, on the first day, what is new comes hours after one just looked, each day."""
    life = lived([*daily(before, 28), *daily(after, 70 - first, first)], 70)
    syncs, delay = life.between(day(42), day(70))
    assert syncs < 2
    assert delay < 1


def test_what_comes_twice_a_day_is_found_twice_a_day():
    syncs, delay = lived(sorted([*daily(6, 42), *daily(18, 42)]), 42).between(day(14), day(42))
    assert syncs < 4
    assert delay < 1


def test_what_comes_on_working_days_is_found_on_mondays_too():
    came = [each for each in daily(6, 56) if each.weekday() < 5]
    life = lived(came, 56)
    syncs, delay = life.between(day(14), day(56))
    assert syncs < 4
    assert delay < 1.5


def test_what_never_comes_is_looked_for_as_seldom_as_is_allowed_but_for_explorations():
    life = lived([], 42)
    syncs, _ = life.between(day(14), day(42))
    assert syncs < 1.3
    assert whys(life, since=14) == {Adaptation.SELDOM, Adaptation.EXPLORING}


def test_what_comes_always_is_looked_for_about_as_often_as_is_allowed():
    life = lived([NOON + n * 10 * MINUTE for n in range(42 * 144)], 42)
    syncs, delay = life.between(day(14), day(42))
    assert syncs > 14
    assert delay < 1


def test_what_stops_coming_is_looked_for_ever_more_seldom():
    """Also where it came each hour, so that it was expected often since."""
    life = lived([NOON + n * HOUR for n in range(20 * 24)], 42)
    syncs, _ = life.between(day(30), day(42))
    assert syncs < 1.5


# -- why it is then -------------------------------------------------------------------------------


def test_too_little_known_is_the_interval():
    life = begun(ADAPTIVE, STEADY)
    assert life.planned[-1][1].due == NOON + 6 * HOUR
    life.until(NOON + 6 * DAY, daily(6, 7))
    assert whys(life) == {Adaptation.LEARNING}
    assert {event.due - at for at, event in life.planned} == {6 * HOUR}
    assert not adaptive.is_enough(life.world.connections[ONE].rhythm)
    assert not adaptive.is_enough(rhythm.NOTHING)


def test_few_looks_are_too_little_however_long_they_took():
    life = begun(ADAPTIVE, STEADY, setting(interval=DAY))
    life.until(NOON + 14 * DAY, daily(6, 20))
    assert whys(life) == {Adaptation.LEARNING}
    life.until(NOON + 17 * DAY, daily(6, 20))
    assert Adaptation.LEARNING not in whys(life, since=16)


def test_the_event_says_why_and_when_something_new_is_expected():
    life = lived(daily(6, 30), 30)
    usual = [event for at, event in life.planned if event.learnt.why is Adaptation.USUAL]
    last = usual[-1]
    assert last.reason is ScheduleReason.ADAPTIVE
    assert last.learnt.since <= last.due <= last.learnt.until
    assert last.learnt.until - last.learnt.since <= 2 * HOUR
    assert last.learnt.arrivals > 20
    assert life.world.connections[ONE].schedule.learnt == life.planned[-1][1].learnt
    assert deciders.of(last) == ("adaptive", "adaptive_least", "adaptive_most")


def test_what_is_late_is_looked_for_soon_and_then_ever_more_seldom():
    life = lived(daily(6, 30), 35)
    late = [
        event.due - at
        for at, event in life.planned
        if day(30) <= at < day(31) and event.learnt.why is Adaptation.LATE
    ]
    assert late == sorted(late)
    assert late[0] == HOUR
    assert len(late) > 2


def test_explorations_are_every_fourth_look_and_no_two_alike():
    life = lived(daily(6, 60), 60)
    explored = [
        event.due - at
        for at, event in life.planned
        if event.learnt.why is Adaptation.EXPLORING and event.due - at > HOUR
    ]
    assert len(explored) > 5
    assert len(set(explored)) == len(explored)


def test_a_sync_that_fails_explores_nothing():
    life = lived(daily(6, 30), 30)
    looks = life.world.connections[ONE].rhythm.looks
    for _ in range(5):
        life.now = life.world.connections[ONE].schedule.due
        life.sync(failures=(lost(),))
        assert life.planned[-1][1].learnt.why is not Adaptation.EXPLORING
    assert life.world.connections[ONE].rhythm.looks == looks


def test_a_sync_by_hand_before_its_turn_moves_nothing():
    life = lived(daily(6, 30), 30)
    planned = life.world.connections[ONE].schedule
    life.now += MINUTE
    life.sync()
    assert life.world.connections[ONE].schedule.due == planned.due


# -- what settings allow --------------------------------------------------------------------------

spans = st.sampled_from([MINUTE, 30 * MINUTE, HOUR, 5 * HOUR, DAY, 3 * DAY, 9999 * DAY])


@examples(max_examples=60)
@law(spans, spans, spans, st.floats(0, 0.5), st.randoms(use_true_random=False), st.integers(0, 6))
def test_no_turn_lies_outside_of_the_bounds(least, most, interval, spread, dice, rate):
    """Whatever comes, fails, or steps; the least one goes before the most."""
    bounds = setting(adaptive_least=least, adaptive_most=most, interval=interval, spread=spread)
    life = begun(ADAPTIVE, bounds)
    for _ in range(60):
        plan = life.world.connections[ONE].schedule
        life.now = plan.due + dice.choice([timedelta(0), MINUTE, HOUR, 2 * DAY])
        if life.now.year > 2100:
            break
        life.sync(dice.randrange(7) < rate, failures=(lost(),) if dice.random() < 0.1 else ())
        at, event = life.planned[-1]
        assert at + least <= event.due <= at + max(least, most)


def test_neighbours_do_not_look_at_the_same_second():
    life = begun(ADAPTIVE, setting(spread=0.1))
    assert timedelta(0) < life.planned[-1][1].due - NOON - 6 * HOUR < HOUR / 10


def test_settings_that_become_adaptive_leave_the_turn_where_it_is():
    life = begun(STEADY, setting(interval=30 * HOUR))
    life.fold(ONE, setting(adaptive=True, adaptive_most=2 * DAY))
    life.decide(commands.Reconsider(subject=ONE))
    assert life.world.connections[ONE].schedule.due == NOON + 30 * HOUR


def test_a_shorter_bound_holds_at_once():
    life = lived([], 20, setting(adaptive_most=5 * DAY))
    life.fold(ONE, setting(adaptive_most=3 * HOUR))
    life.now = life.looks[-1] + MINUTE
    life.decide(commands.Reconsider(subject=ONE))
    assert life.world.connections[ONE].schedule.due == life.now + 3 * HOUR
    assert life.world.connections[ONE].schedule.learnt is None


def test_taken_back_the_interval_holds_again():
    life = lived([], 20, setting(adaptive_most=5 * DAY))
    life.fold(ONE, SettingsReset(names=("adaptive",)))
    life.now = life.looks[-1] + MINUTE
    life.decide(commands.Reconsider(subject=ONE))
    assert life.world.connections[ONE].schedule.due == life.now + 6 * HOUR
    life.until(life.now + DAY, [])
    assert life.planned[-1][1].reason is ScheduleReason.INTERVAL


def test_settings_that_do_not_concern_it_keep_what_was_learnt():
    life = lived(daily(6, 30), 30)
    before = life.world.connections[ONE].schedule
    life.fold(ONE, schema.SyncDeferred(due=before.due, reason=HoldReason.DISABLED, until=None))
    life.decide(commands.Reconsider(subject=ONE))
    after = life.world.connections[ONE].schedule
    assert (after.due, after.learnt, after.hold) == (before.due, before.learnt, None)


def test_streams_with_intervals_of_their_own_keep_them():
    own = replace(
        DECLARED, streams=(StreamPolicy(name="days"), StreamPolicy(name="x", interval=HOUR))
    )
    life = begun(ADAPTIVE, STEADY, declared=own)
    assert life.planned[-1][1].streams == {"days": NOON + 6 * HOUR, "x": NOON + HOUR}
    assert life.planned[-1][1].reason is ScheduleReason.INTERVAL


def test_the_longest_a_turn_can_be_off_is_what_an_issue_waits_for():
    life = lived([], 1)
    assert policy.longest(policy.of_connection(life.world, ONE)) == DAY
    life.fold(ONE, setting(adaptive_most=MINUTE))
    assert policy.longest(policy.of_connection(life.world, ONE)) == HOUR
