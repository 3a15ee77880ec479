"""Does what a provider asked for hold, whatever else is decided anew meanwhile?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide import hindrance
from daemon.decide.hindrance import Held, Hindrance
from events.limits import HoldReason as LimitHoldReason
from events.limits import LimitHeld
from events.schema import BackfillRequested, ConnectionChanged, SyncRequested, SyncScheduled
from events.terms import FailureClass, Kind, ScheduleReason
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    TENANT,
    failed,
    given,
    lost,
    scheduled,
    setting,
    started,
    succeeded,
)

DAY = NOON.date() - timedelta(days=40)
RECONSIDER = commands.Reconsider(subject=ONE)
UNTIL = NOON + 9 * HOUR


def failing(wait):
    loss = replace(lost(cause=FailureClass.RATE_LIMITED), retry_after=wait)
    return failed(4, loss)


def told(wait, *past, due=NOON + 6 * HOUR, at=NOON):
    """A sync has just ended, and heard of that wait; the next turn is at `due`."""
    ran = (*past, (ONE, started()))
    return (*ran, (ONE, failing(wait), at), (ONE, scheduled(due), at))


WAITS = told(9 * HOUR, *KNOWN, due=UNTIL)
"""Asked at noon for longer than the interval of six hours: events 4 to 6."""


def anew(due, reason=ScheduleReason.SETTINGS, **more):
    return ONE, SyncScheduled(due=due, reason=reason, **more)


@pytest.mark.requirement("E10")
def test_neither_a_restart_nor_a_shorter_interval_shortens_a_wait():
    given(*WAITS).when(RECONSIDER).then()
    given(*WAITS, (ONE, setting(interval=HOUR))).when(RECONSIDER, NOON + MINUTE).then()
    shorter = commands.Connect(subject=ONE, tenant=TENANT, provider=PROVIDER, interval=HOUR)
    given(*WAITS).when(shorter).then((ONE, ConnectionChanged(interval=HOUR)))
    later = (*WAITS, (ONE, scheduled(UNTIL + HOUR)))
    given(*later).when(shorter).then(
        (ONE, ConnectionChanged(interval=HOUR)), anew(UNTIL, ScheduleReason.INTERVAL_CHANGED)
    )


@pytest.mark.requirement("E10")
def test_a_turn_beyond_the_wait_comes_no_sooner_than_the_wait_is_over():
    later = (*WAITS, (ONE, scheduled(UNTIL + 9 * HOUR)))
    given(*later).when(RECONSIDER).then(anew(UNTIL))
    given(*later).when(RECONSIDER, UNTIL).then(anew(UNTIL + 6 * HOUR))


def test_after_a_step_back_to_before_it_was_asked_a_wait_counts_for_nothing():
    """Else it could last for as long as the clock was ahead."""
    before = NOON - 100 * HOUR
    given(*WAITS).when(RECONSIDER, before).then(anew(before + 6 * HOUR))


@pytest.mark.requirement("E10")
def test_a_wait_that_is_shorter_than_the_interval_holds_when_that_becomes_shorter_still():
    """No turn had to move for it; the retry alone waits for as long."""
    shorter = (ONE, setting(interval=HOUR))
    given(*told(3 * HOUR, *KNOWN), shorter).when(RECONSIDER).then(anew(NOON + 3 * HOUR))
    given(*told(None, *KNOWN), shorter).when(RECONSIDER).then(anew(NOON + HOUR))


# -- people ---------------------------------------------------------------------------------------


def asked(at=NOON, **more):
    return ONE, SyncRequested(**more), at


@pytest.mark.requirement("E10")
def test_what_a_person_asks_for_waits_as_well_unless_it_is_forced():
    start = commands.Start(subject=ONE)
    given(*WAITS, asked()).when(start, UNTIL - MINUTE).then()
    (started,) = given(*WAITS, asked()).when(start, UNTIL).decided
    assert started[1].kind == "manual"
    ((_, forced),) = given(*WAITS, asked(forced=True)).when(start).decided
    assert forced.forced
    after = (*WAITS, asked(forced=True), (ONE, forced), (ONE, succeeded(8)), asked())
    assert given(*after).when(start, NOON + MINUTE).decided, "its newest answer asked for nothing"


@pytest.mark.requirement("E10")
def test_it_waits_also_where_no_turn_and_no_retry_had_to_move_for_it():
    past = (*told(HOUR, *KNOWN), asked())
    given(*past).when(commands.Start(subject=ONE), NOON + HOUR - MINUTE).then()
    assert given(*past).when(commands.Start(subject=ONE), NOON + HOUR).decided


@pytest.mark.requirement("E10")
def test_what_was_asked_for_while_the_sync_ran_that_heard_of_it_waits_too():
    past = (*KNOWN, (ONE, started()), asked(NOON), (ONE, failing(HOUR), NOON + MINUTE))
    plan = (*past, (ONE, scheduled(NOON + 6 * HOUR)))
    given(*plan).when(commands.Start(subject=ONE), NOON + HOUR).then()
    assert given(*plan).when(commands.Start(subject=ONE), NOON + HOUR + MINUTE).decided


@pytest.mark.requirement("A10")
@pytest.mark.requirement("E10")
def test_neither_a_failover_nor_days_of_the_past_start_before_it_is_over():
    failover = (ONE, SyncRequested(kind=Kind.FAILOVER))
    start = commands.Start(subject=ONE)
    given(*WAITS, failover).when(start, UNTIL - MINUTE).then()
    days = (ONE, BackfillRequested(first=DAY, last=DAY, batch=1))
    given(*WAITS, days).when(start, UNTIL - MINUTE).then()
    given(*WAITS, days, asked()).when(start, UNTIL - MINUTE).then()


def test_what_a_persons_request_waits_for_is_said():
    waits = Held(why=Hindrance.ASKED_TO_WAIT, until=UNTIL)
    assert hindrance.of(given(*WAITS, asked()).world, ONE, NOON) == waits
    assert hindrance.of(given(*WAITS, asked(forced=True)).world, ONE, NOON) is None
    assert hindrance.of(given(*WAITS).world, ONE, NOON) is None, "its turn comes no sooner"


def test_a_clock_that_steps_back_makes_no_wait_of_a_person_longer():
    before = NOON - 100 * HOUR
    assert given(*WAITS, asked(before)).when(commands.Start(subject=ONE), before).decided


@pytest.mark.requirement("E10")
def test_where_connections_share_a_limit_what_one_was_told_holds_for_all():
    held = PROVIDER, LimitHeld(until=NOON + HOUR, reason=LimitHoldReason.HINT)
    start = commands.Start(subject=ONE)
    given(*KNOWN, held).when(start, NOON + HOUR - MINUTE).then()
    assert given(*KNOWN, held).when(start, NOON + HOUR).decided
    assert given(*KNOWN, held, asked(forced=True)).when(start).decided
    before = NOON - 700 * 24 * HOUR
    assert given(*KNOWN, held, asked(before)).when(start, before).decided, "a clock was wrong"
