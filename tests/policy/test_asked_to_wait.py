"""Does what a provider asked for hold, whatever else is decided anew meanwhile?"""

import pytest

from daemon import commands
from events.schema import ConnectionChanged, RetryScheduled, SyncScheduled
from events.terms import FailureClass, ScheduleReason
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    TENANT,
    given,
    scheduled,
    setting,
)

RECONSIDER = commands.Reconsider(subject=ONE)
UNTIL = NOON + 9 * HOUR
WAITS = (*KNOWN, (ONE, scheduled(UNTIL, ScheduleReason.ASKED_TO_WAIT)))
"""Asked at noon for longer than the interval of six hours."""


def anew(due, reason=ScheduleReason.SETTINGS, **more):
    return ONE, SyncScheduled(due=due, reason=reason, **more)


def retry(due, hint=None):
    return RetryScheduled(
        due=due,
        attempt=1,
        cause=FailureClass.RATE_LIMITED,
        priority=6,
        delay=5 * MINUTE,
        hint=hint,
    )


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
    waits = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)), (ONE, retry(NOON + 3 * HOUR, 3 * HOUR)))
    shorter = (ONE, setting(interval=HOUR, failover_enabled=True))
    given(*waits, shorter).when(RECONSIDER).then(anew(NOON + 3 * HOUR))
    unasked = (*waits[:-1], (ONE, retry(NOON + 3 * HOUR)))
    given(*unasked, shorter).when(RECONSIDER).then(anew(NOON + HOUR))
