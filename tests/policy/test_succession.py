"""Who goes next, what holds it back, and how does one come forward (requirements A2, A12, A14)?"""

from datetime import time

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide import hindrance, succession
from daemon.decide.hindrance import Held, Hindrance
from daemon.decide.succession import Next
from events.breakers import BreakerOpened, BreakerReason
from events.policy import Settings, SettingsSet
from events.schema import (
    ActorCrashed,
    RetryScheduled,
    SyncDeferred,
    SyncRequested,
    SyncScheduled,
)
from events.terms import Caller, FailureClass, HoldReason, Kind, NeedReason, ScheduleReason
from tests.policy.holding import held, start
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
    PERSON,
    PROVIDER,
    REMOVED,
    REQUESTED,
    TENANT,
    account,
    given,
    needed,
    scheduled,
    started,
    wanted,
)

SECOND_PROVIDER = 9
MORE = (
    (SECOND_PROVIDER, replace(DECLARED, name="tides")),
    (OTHER, replace(ADDED, provider=SECOND_PROVIDER)),
    (OTHER, scheduled(NOON)),
)
BY = Caller(uid=1000, role="operator")


def settings(subject=TENANT, **given_):
    return (subject, SettingsSet(settings=Settings(**given_)))


QUIET = settings(quiet_hours_start=time(11), quiet_hours_end=time(14))
OFF = settings(enabled=False)


def shut(until, subject=ONE):
    return (subject, BreakerOpened(reason=BreakerReason.CALLS, until=until, failures=5))


# -- what holds back ------------------------------------------------------------------------------


@pytest.mark.requirement("A4")
def test_nothing_holds_back_what_may_start_or_runs():
    assert held() is None
    assert start() == NOON
    assert held((ONE, started()), (ONE, PAUSED)) is None
    assert start((ONE, started())) is None


@pytest.mark.requirement("A4")
def test_what_lasts_until_somebody_does_something_has_no_end():
    assert held((ONE, PAUSED)) == Held(why=Hindrance.PAUSED)
    assert held((ONE, needed(NeedReason.NEW))) == Held(why=Hindrance.TO_BE_AUTHORISED)
    assert held(OFF) == Held(why=Hindrance.DISABLED)
    assert held(shut(None)) == Held(why=Hindrance.BREAKER)
    assert held(shut(None, PROVIDER)) == Held(why=Hindrance.BREAKER)
    for each in ((ONE, PAUSED), OFF, shut(None), shut(None, PROVIDER)):
        assert start(each) is None


@pytest.mark.requirement("A4")
def test_a_breaker_holds_back_what_is_due_before_it_half_opens():
    until = NOON + HOUR
    assert held(shut(until)) == Held(why=Hindrance.BREAKER, until=until)
    assert held(shut(until, PROVIDER)) == Held(why=Hindrance.BREAKER, until=until)
    assert start(shut(until, PROVIDER)) == until
    assert held(shut(until), (ONE, scheduled(until))) is None
    assert held(shut(until), now=until) is None
    assert held(shut(until), (ONE, replace(REQUESTED, forced=True))) is None


@pytest.mark.requirement("A3")
def test_quiet_hours_hold_back_what_is_due_in_them_also_before_it_is():
    over = NOON + 2 * HOUR
    quiet = Held(why=Hindrance.QUIET_HOURS, until=over)
    assert held(QUIET) == quiet
    assert start(QUIET) == over
    assert held(QUIET, (ONE, scheduled(NOON + HOUR)), now=NOON - 4 * HOUR) == quiet
    assert held(QUIET, (ONE, scheduled(over))) is None
    deferred = SyncDeferred(due=NOON, reason=HoldReason.QUIET_HOURS, until=over)
    assert held(QUIET, (ONE, deferred), now=NOON + MINUTE) == quiet
    assert start(QUIET, (ONE, deferred), now=NOON + MINUTE) == over


@pytest.mark.requirement("A3")
def test_what_a_person_asked_for_heeds_neither_quiet_hours_nor_the_switch():
    assert held(QUIET, OFF, (ONE, REQUESTED)) is None
    failover = replace(REQUESTED, kind=Kind.FAILOVER)
    assert held(QUIET, (ONE, failover)) == Held(why=Hindrance.QUIET_HOURS, until=NOON + 2 * HOUR)


@pytest.mark.requirement("A4")
def test_of_two_that_hold_back_the_longer_is_told():
    until = NOON + 3 * HOUR
    assert held(QUIET, shut(until)) == Held(why=Hindrance.BREAKER, until=until)
    assert held(OFF, shut(until)) == Held(why=Hindrance.DISABLED)


@pytest.mark.requirement("A4")
def test_our_own_crash_holds_back_for_a_while():
    crashed = ActorCrashed(error="KeyError", crashes=1, until=NOON + MINUTE)
    assert held((ONE, crashed)) == Held(why=Hindrance.CRASHED, until=NOON + MINUTE)
    assert held((ONE, crashed), now=NOON + MINUTE) is None


def test_what_was_never_planned_is_not_held_back():
    declared, added, _ = KNOWN
    world = given(declared, added, shut(NOON + HOUR)).world
    assert hindrance.of(world, ONE, NOON) == Held(why=Hindrance.BREAKER, until=NOON + HOUR)
    assert hindrance.start(world, ONE, NOON) is None


# -- who is next ----------------------------------------------------------------------------------


def next_(*past, now=NOON):
    return succession.next_of(given(*KNOWN, *MORE, *past).world, (ONE, OTHER), now)


@pytest.mark.requirement("A2")
def test_of_what_is_due_the_first_by_its_rank_is_next():
    assert next_(now=NOON + HOUR) == Next(subject=ONE, at=NOON)
    assert next_((OTHER, REQUESTED)).subject == OTHER
    assert next_((ONE, scheduled(NOON + MINUTE)), now=NOON).subject == OTHER


@pytest.mark.requirement("A2")
def test_among_equals_the_tenants_order_decides():
    order = settings(priority_order=("tides", "weather"))
    assert next_(order).subject == OTHER
    later = [(each, scheduled(NOON + HOUR)) for each in (ONE, OTHER)]
    assert next_(*later) == Next(subject=ONE, at=NOON + HOUR)
    assert next_(*later, order).subject == OTHER


@pytest.mark.requirement("A2")
def test_of_what_is_to_come_the_earliest_is_next():
    past = [(ONE, scheduled(NOON + 2 * HOUR)), (OTHER, scheduled(NOON + 3 * HOUR))]
    assert next_(*past).subject == ONE
    retry = RetryScheduled(
        due=NOON + HOUR, attempt=1, cause=FailureClass.SERVER, priority=5, delay=HOUR
    )
    assert next_(*past, (OTHER, retry)) == Next(subject=OTHER, at=NOON + HOUR)


@pytest.mark.requirement("A2")
def test_what_runs_or_may_not_start_is_not_next():
    assert next_((ONE, PAUSED)).subject == OTHER
    assert next_((ONE, started())).subject == OTHER
    assert next_((ONE, PAUSED), (OTHER, PAUSED)) is None


@pytest.mark.requirement("A2")
def test_what_quiet_hours_hold_back_counts_from_their_end():
    quiet = settings(ONE, quiet_hours_start=time(11), quiet_hours_end=time(14))
    assert next_(quiet, (OTHER, scheduled(NOON + HOUR))).subject == OTHER


@pytest.mark.requirement("A2")
def test_where_nothing_else_is_to_come_what_runs_is_next_again_at_its_turn():
    runs, rest = (ONE, started()), (OTHER, PAUSED)
    assert next_(runs, rest) == Next(subject=ONE, at=NOON + 6 * HOUR, runs=True)
    assert next_(runs, (OTHER, started())).subject == ONE
    often = settings(OTHER, interval=HOUR)
    both = (runs, (OTHER, started()), often)
    assert next_(*both) == Next(subject=OTHER, at=NOON + HOUR, runs=True)


@pytest.mark.requirement("A2")
def test_what_runs_beside_its_turn_keeps_that_one():
    past = ((ONE, scheduled(NOON + HOUR)), (OTHER, PAUSED))
    by_hand = ((ONE, REQUESTED), (ONE, started(request=len(KNOWN) + 4)))
    assert next_(*past, *by_hand) == Next(subject=ONE, at=NOON + HOUR, runs=True)
    old = (ONE, started(kind=Kind.BACKFILL))
    assert next_((OTHER, PAUSED), old) == Next(subject=ONE, at=NOON, runs=True)


@pytest.mark.requirement("A2")
def test_what_runs_may_have_no_turn_after_it_or_one_after_quiet_hours():
    runs, rest = (ONE, started()), (OTHER, PAUSED)
    assert next_(runs, rest, (ONE, PAUSED)) == Next(subject=ONE, at=None, runs=True)
    assert next_(runs, rest, OFF) == Next(subject=ONE, at=None, runs=True)
    assert next_(runs, (OTHER, started()), settings(ONE, enabled=False)).subject == OTHER
    quiet = settings(quiet_hours_start=time(17), quiet_hours_end=time(20))
    assert next_(runs, rest, quiet).at == NOON + 8 * HOUR
    unplanned = given(*KNOWN[:2], runs).world
    assert succession.next_of(unplanned, (ONE,), NOON) == Next(subject=ONE, at=None, runs=True)


# -- coming forward -------------------------------------------------------------------------------


@pytest.mark.requirement("A14")
def test_a_turn_that_is_asked_for_is_due_now():
    later = (*KNOWN, (ONE, scheduled(NOON + HOUR)))
    wish = commands.Advance(subject=ONE, by=BY)
    asked = SyncScheduled(due=NOON, reason=ScheduleReason.ASKED, by=BY)
    given(*later).when(wish).then((ONE, asked))
    given(*KNOWN[:2]).when(wish).then((ONE, asked))
    found = given(*later, (ONE, asked)).world.connections[ONE].schedule
    assert (found.due, found.planned) == (NOON, len(later) + 1)


@pytest.mark.requirement("A14")
def test_what_is_due_already_or_may_not_start_does_not_come_forward():
    wish = commands.Advance(subject=ONE)
    given(*KNOWN).when(wish).then()
    later = (*KNOWN, (ONE, scheduled(NOON + HOUR)))
    for event in (PAUSED, REMOVED, needed(NeedReason.REFUSED)):
        given(*later, (ONE, event)).when(wish).then()
    given().when(wish).then()


@pytest.mark.requirement("A14")
def test_a_failover_that_is_asked_for_keeps_to_quiet_hours():
    wish = commands.Request(subject=ONE, kind=Kind.FAILOVER, by=BY)
    asked = SyncRequested(kind=Kind.FAILOVER, by=BY)
    given(*KNOWN).when(wish).then((ONE, asked))
    given(*KNOWN, (ONE, asked)).when(wish).then()  # a second one is the first


@pytest.mark.requirement("A12")
def test_a_run_does_not_forget_which_event_planned_its_turn():
    found = given(*KNOWN, (ONE, started())).world.connections[ONE].schedule
    assert found.planned == len(KNOWN)
    past = account(PERSON, wanted())
    assert given(*past).world.connections[ONE].schedule.planned == len(KNOWN)
