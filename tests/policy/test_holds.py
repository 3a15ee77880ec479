"""What keeps a start back that no person asked for, until when, and what ends it?"""

from datetime import time, timedelta

import pytest
from hypothesis import given as law
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.policy import SettingsReset
from events.schema import FLEET, SyncDeferred
from events.terms import HoldReason, Kind, RunOptions, ScheduleReason, SkipReason
from projections import connection
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    REQUESTED,
    TENANT,
    backfilling,
    finish,
    given,
    scheduled,
    setting,
    started,
    succeeded,
    wanted,
)

START = commands.Start(subject=ONE)
RECONSIDER = commands.Reconsider(subject=ONE)
REVIEW = commands.Review(subject=ONE, by=-HOUR)
SIESTA = setting(quiet_hours_start=time(11), quiet_hours_end=time(15))
OVER = NOON + 3 * HOUR
OFF, ON = setting(enabled=False), setting(enabled=True)

QUIET = (*KNOWN, (TENANT, SIESTA))
"""Events 1 to 4: due at noon, which is inside the tenant's quiet hours, 11 to 15 o'clock."""
SWITCHED_OFF = (*KNOWN, (FLEET, OFF))
"""Events 1 to 4: due at noon, while the master switch is off."""


def deferred(due=NOON, until=OVER):
    reason = HoldReason.QUIET_HOURS if until else HoldReason.DISABLED
    return SyncDeferred(due=due, reason=reason, until=until)


HELD = (*QUIET, (ONE, deferred()))
DISABLED = (*SWITCHED_OFF, (ONE, deferred(until=None)))


def anew(due=NOON, **more):
    return schema.SyncScheduled(due=due, reason=ScheduleReason.SETTINGS, **more)


def retry(due=NOON, **more):
    cause = terms.FailureClass.SERVER
    return schema.RetryScheduled(
        **{"due": due, "attempt": 1, "cause": cause, "priority": 6, "delay": HOUR} | more
    )


def next_start(past):
    return connection.next_start(given(*past).world.connections[ONE])


LATER = scheduled(NOON + 6 * HOUR)
FALLBACK = schema.SyncRequested(kind=Kind.FAILOVER, origin=OTHER)
UNASKED = {
    "scheduled": (),
    "retry": ((ONE, LATER), (ONE, retry())),
    "failover": ((ONE, LATER), (ONE, FALLBACK)),
}


# -- quiet hours ----------------------------------------------------------------------------------


@pytest.mark.requirement("A3")
@pytest.mark.parametrize("more", UNASKED.values(), ids=UNASKED)
def test_what_no_person_asked_for_is_put_off_until_quiet_hours_are_over(more):
    given(*QUIET, *more).when(START, NOON + MINUTE).then((ONE, deferred()))
    held = (*QUIET, *more, (ONE, deferred()))
    assert next_start(held) == OVER
    given(*held).when(START, OVER - MINUTE).then()


@pytest.mark.requirement("A3")
@pytest.mark.parametrize("more", UNASKED.values(), ids=UNASKED)
def test_what_was_put_off_runs_after_with_the_time_it_was_due(more):
    [(_, event)] = given(*QUIET, *more, (ONE, deferred())).when(START, OVER).decided
    assert isinstance(event, schema.SyncStarted)
    assert (event.due, event.quiet) == (NOON, False)


@pytest.mark.requirement("A3")
@pytest.mark.requirement("A4")
def test_after_quiet_hours_the_rotation_is_on_its_grid_again():
    """An hourly connection missed one, two and three o'clock, and is next due at four."""
    hourly = (*HELD, (ONE, setting(interval=HOUR)), (ONE, started()))
    given(*hourly).when(finish(7, "days"), OVER + MINUTE).then(
        (ONE, succeeded(7)),
        (ONE, schema.SyncSkipped(reason=SkipReason.MISSED, due=NOON + HOUR, count=3)),
        (ONE, scheduled(NOON + 4 * HOUR)),
    )


@pytest.mark.requirement("A3")
@pytest.mark.parametrize("past", [QUIET, HELD], ids=["not yet held", "held"])
def test_a_persons_manual_sync_runs_and_says_that_it_is_quiet(past):
    number = len(past) + 1
    manual = started(NOON, 1, request=number, quiet=True)
    given(*past, (ONE, REQUESTED)).when(START).then((ONE, manual))


@pytest.mark.requirement("A3")
def test_a_person_can_try_again_in_quiet_hours():
    past = (*HELD, (ONE, LATER), (ONE, retry(NOON + HOUR)))
    [(_, asked)] = given(*past).when(commands.Retry(subject=ONE)).decided
    given(*past, (ONE, asked)).when(START).then(
        (ONE, started(NOON, 1, request=8, kind=Kind.RETRY, attempt=1, quiet=True))
    )


@pytest.mark.requirement("A3")
def test_a_persons_request_goes_before_a_failover_that_waits_for_the_end_of_quiet_hours():
    past = (*UNASKED["failover"], (ONE, deferred()))
    given(*QUIET, *past).when(commands.Request(subject=ONE)).then((ONE, REQUESTED))
    given(*QUIET, *past, (ONE, REQUESTED)).when(START).then(
        (ONE, started(NOON, 1, request=8, quiet=True))
    )


@pytest.mark.parametrize("past", [HELD, DISABLED], ids=["quiet hours", "disabled"])
def test_a_backfill_runs_and_the_hold_stands(past):
    """Its batches follow one another without a word on what is held."""
    past = (*past, (ONE, wanted(1, 4, batch=2)))
    until = OVER if past[4] == HELD[4] else None
    quiet = until is not None
    given(*past).when(START).then((ONE, replace(backfilling(3, 4), quiet=quiet)))
    after = (*past, (ONE, backfilling(3, 4)), (ONE, succeeded(7)))
    advanced = (ONE, schema.BackfillAdvanced(last=wanted(1, 2).last, due=NOON))
    given(*after, advanced).when(START).then((ONE, replace(backfilling(1, 2), quiet=quiet)))
    done = schema.BackfillEnded(how=terms.BackfillEnd.DONE)
    assert next_start((*after, (ONE, done))) == until


def test_a_manual_sync_of_a_part_leaves_what_is_held_to_its_time():
    part = schema.SyncRequested(options=RunOptions(failed_days=True))
    ran = (*HELD, (ONE, part), (ONE, started(request=6)), (ONE, succeeded(7)))
    assert next_start(ran) == OVER
    given(*ran).when(START, OVER).then((ONE, started(priority=1)))


def test_what_is_held_does_not_keep_a_request_or_a_rest_from_counting():
    resting = schema.ActorCrashed(error="E at x.py:1", crashes=1, until=OVER + HOUR)
    assert next_start((*HELD, (ONE, resting))) == OVER + HOUR
    assert next_start((*DISABLED, (ONE, REQUESTED), (ONE, resting))) == OVER + HOUR
    assert next_start((*DISABLED, (ONE, resting))) is None


# -- the master switch ----------------------------------------------------------------------------


@pytest.mark.requirement("A1")
@pytest.mark.parametrize("of", [FLEET, TENANT])
@pytest.mark.parametrize("more", UNASKED.values(), ids=UNASKED)
def test_where_syncs_are_switched_off_nothing_starts_by_itself(of, more):
    past = (*KNOWN, (of, OFF), *more)
    given(*past).when(START).then((ONE, deferred(until=None)))
    held = (*past, (ONE, deferred(until=None)))
    assert next_start(held) is None
    given(*held).when(START, NOON + 1000 * HOUR).then()


@pytest.mark.requirement("A1")
def test_a_person_can_sync_what_is_switched_off():
    given(*DISABLED, (ONE, REQUESTED)).when(START).then((ONE, started(NOON, 1, request=6)))


@pytest.mark.requirement("A1")
def test_switching_it_on_releases_what_was_put_off():
    given(*DISABLED).when(RECONSIDER).then()
    on = (*DISABLED, (FLEET, ON))
    given(*on).when(RECONSIDER, NOON + HOUR).then((ONE, anew()))
    given(*on, (ONE, anew())).when(START, NOON + HOUR).then((ONE, started()))
    given(*on, (ONE, anew())).when(RECONSIDER, NOON + HOUR).then()


@pytest.mark.requirement("A1")
def test_the_fleets_switch_is_the_default_of_a_tenants():
    tenant_on = (*DISABLED, (TENANT, ON))
    given(*tenant_on).when(RECONSIDER).then((ONE, anew()))
    reset = SettingsReset(names=("enabled",))
    given(*tenant_on, (TENANT, reset)).when(RECONSIDER).then()


def test_what_is_switched_off_in_quiet_hours_waits_for_both():
    off = (*HELD, (TENANT, OFF))
    given(*off).when(RECONSIDER).then()
    given(*off).when(START, OVER).then((ONE, deferred(until=None)))


# -- other quiet hours ----------------------------------------------------------------------------


@pytest.mark.requirement("A3")
def test_without_quiet_hours_what_was_put_off_is_released():
    none = setting(quiet_hours_start=time(11), quiet_hours_end=time(11))
    past = (*HELD, (TENANT, none))
    given(*past).when(RECONSIDER).then((ONE, anew()))
    given(*past, (ONE, anew())).when(START).then((ONE, started()))


@pytest.mark.requirement("A3")
def test_with_other_quiet_hours_it_is_decided_anew_until_when():
    longer = (*HELD, (TENANT, setting(quiet_hours_end=time(16))), (ONE, anew()))
    given(*longer[:-1]).when(RECONSIDER).then((ONE, anew()))
    given(*longer).when(START).then((ONE, deferred(until=NOON + 4 * HOUR)))


@pytest.mark.requirement("A3")
def test_settings_that_change_nothing_about_it_leave_a_hold_alone():
    given(*HELD, (TENANT, setting(retry_jitter=True))).when(RECONSIDER).then()
    given(*HELD, (TENANT, SIESTA)).when(RECONSIDER, OVER + HOUR).then()


@pytest.mark.requirement("A3")
def test_a_step_of_the_clock_ends_a_hold_that_would_not_be_decided_again():
    stepped = schema.SyncScheduled(due=NOON, reason=ScheduleReason.CLOCK_STEPPED)
    given(*HELD).when(REVIEW, NOON - MINUTE).then()
    given(*HELD).when(REVIEW, NOON - 2 * HOUR).then((ONE, stepped))
    given(*HELD).when(REVIEW, OVER).then()


# -- no loop --------------------------------------------------------------------------------------

walls = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
zones = st.sampled_from(["UTC", "Europe/Madrid", "America/Santiago", "Australia/Lord_Howe"])
seconds = st.integers(0, 400 * 86_400).map(lambda count: timedelta(seconds=count))


@law(start=walls, end=walls, zone=zones, late=seconds, enabled=st.booleans())
@pytest.mark.requirement("A3")
def test_what_is_put_off_starts_strictly_later_or_not_before_settings_change(
    start, end, zone, late, enabled
):
    """And what may start then does: it is put off once a night."""
    night = setting(quiet_hours_start=start, quiet_hours_end=end, timezone=zone, enabled=enabled)
    past, now = (*KNOWN, (TENANT, night)), NOON + late
    [(_, event)] = given(*past).when(START, now).decided
    assert enabled or isinstance(event, SyncDeferred)
    if isinstance(event, SyncDeferred):
        held = (*past, (ONE, event))
        given(*held).when(START, now).then()
        given(*held).when(RECONSIDER, now).then()
        then = next_start(held)
        assert (then is None) == (not enabled)
        if then is not None:
            assert then > now
            given(*held).when(START, then).then((ONE, started()))
