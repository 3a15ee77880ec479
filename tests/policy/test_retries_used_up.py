"""What happens once retries are used up, or the provider has had its share?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.breakers import BreakerReason
from events.policy import Settings
from events.schema import RetriesEnded, RetryScheduled, SettingsSet, SyncRequested
from events.terms import FailureClass, Kind, RetriesEnd
from projections import provider
from projections.fleet import DEFAULT_POLICY
from tests.policy.retrying import (
    AGAIN,
    LATCHED,
    decided,
    fails,
    retried,
    rules,
    running,
)
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
    TENANT,
    failed,
    given,
    lost,
    needed,
    scheduled,
    started,
)

# -- used up --------------------------------------------------------------------------------------

SECOND = ((OTHER, ADDED), (OTHER, scheduled(NOON + HOUR)))
FALLS_BACK = (ONE, SettingsSet(settings=Settings(fallback=OTHER)))
USED_UP = (ONE, RetriesEnded(reason=RetriesEnd.USED_UP, attempts=3))
INSTEAD = (OTHER, SyncRequested(kind=Kind.FAILOVER, origin=ONE))


def last(*before, start=None, second=SECOND):
    """Its last retry runs."""
    start = start or started(kind=Kind.RETRY, attempt=3)
    return (*KNOWN, rules(), *second, FALLS_BACK, *before, (ONE, start))


@pytest.mark.requirement("A8")
@pytest.mark.parametrize("most", [1, 3, 10])
def test_retries_end_once_they_are_used_up(most):
    past = running(start=started(attempt=most), max_retry_attempts=most)
    ended = RetriesEnded(reason=RetriesEnd.USED_UP, attempts=most)
    assert decided(past, fails()) == [(ONE, ended)]
    assert retried(running(start=started(attempt=most - 1), max_retry_attempts=most))


@pytest.mark.requirement("A10")
def test_the_fallback_is_synced_once_where_retries_are_used_up():
    past = last()
    assert decided(past, fails(sync=len(past))) == [USED_UP, INSTEAD]
    after = (*past, (ONE, failed(len(past), lost())), USED_UP, INSTEAD)
    request = len(after)
    failover = started(NOON, 5, kind=Kind.FAILOVER, request=request)
    given(*after).when(commands.Start(subject=OTHER)).then((OTHER, failover))


@pytest.mark.requirement("A10")
@pytest.mark.parametrize(
    "event",
    [
        (OTHER, PAUSED),
        (OTHER, REMOVED),
        (OTHER, needed(terms.NeedReason.REFUSED)),
        (OTHER, REQUESTED),
        (OTHER, LATCHED),
        (ONE, SettingsSet(settings=Settings(fallback=99))),
    ],
)
def test_no_fallback_is_synced_in_vain(event):
    past = last(event)
    assert decided(past, fails(sync=len(past))) == [USED_UP]


@pytest.mark.requirement("A10")
def test_another_tenants_connection_is_no_fallback():
    theirs = schema.ConnectionAdded(tenant=TENANT + 90, provider=PROVIDER)
    past = last(second=((OTHER, theirs),))
    assert decided(past, fails(sync=len(past))) == [USED_UP]


@pytest.mark.requirement("A10")
def test_a_failover_that_fails_is_one_sync_and_no_more():
    """Two connections that stand in for each other would else go on for ever."""
    past = last(start=started(kind=Kind.FAILOVER))
    assert decided(past, fails(sync=len(past))) == []


def test_a_failover_that_served_a_retry_of_its_own_connection_carries_it_on():
    past = last(start=started(kind=Kind.FAILOVER, attempt=1))
    assert retried(past, fails(sync=len(past))).attempt == 2
    past = last(start=started(kind=Kind.FAILOVER, attempt=3))
    assert decided(past, fails(sync=len(past))) == [USED_UP]


RETIRED = lost(cause=FailureClass.RETIRED)


@pytest.mark.requirement("A10")
def test_the_fallback_is_synced_where_the_breaker_latches():
    past = last(start=started())
    assert decided(past, fails(RETIRED, sync=len(past))) == [INSTEAD]
    again = last((ONE, replace(LATCHED, reason=BreakerReason.RETIRED)), start=started())
    assert decided(again, fails(RETIRED, sync=len(again))) == []


@pytest.mark.requirement("A8")
def test_nothing_is_tried_again_where_failover_is_disabled():
    past = (*KNOWN, (0, DEFAULT_POLICY), *SECOND, FALLS_BACK, (ONE, started(attempt=3)))
    assert decided(past, fails(sync=len(past))) == []


def test_no_fallback_is_synced_where_failover_is_disabled():
    off = (ONE, SettingsSet(settings=Settings(failover_enabled=False)))
    past = last(off, start=started())
    assert decided(past, fails(RETIRED, sync=len(past))) == []


# -- the provider's budget ------------------------------------------------------------------------

MANY = 1000
FIRST = 10


@pytest.mark.parametrize(("many", "most"), [(8, 8), (40, 10), (MANY, MANY // 5)])
def test_an_outage_schedules_no_storm_of_retries(many, most):
    """All of a provider's connections fail within a minute, one after the other."""
    subjects = range(FIRST, FIRST + many)
    world = given(
        (PROVIDER, DECLARED),
        rules(),
        *((subject, ADDED) for subject in subjects),
        *((subject, started()) for subject in subjects),
    )
    for count, subject in enumerate(subjects):
        run = world.world.connections[subject].run
        command = replace(fails(sync=run.sync), subject=subject)
        for each in world.when(command, NOON + count * timedelta(milliseconds=50)).decided:
            world.fold(*each)
    waiting = [each.schedule.retry for each in world.world.connections.values()]
    assert len([each for each in waiting if each]) == most


@pytest.mark.requirement("A10")
def test_where_the_budget_is_used_up_the_fallback_stands_in():
    """An outage is when one is wanted."""
    minute = provider.Minute(minute=provider._minute(NOON), turns=50, retries=10)
    past = (*KNOWN, rules(), *SECOND, FALLS_BACK, (ONE, started()))
    at = given(*past)
    at.world.providers[PROVIDER] = replace(at.world.providers[PROVIDER], minutes=(minute,))
    ended = RetriesEnded(reason=RetriesEnd.BUDGET, attempts=0)
    assert at.when(fails(sync=len(past))).decided[-2:] == [(ONE, ended), INSTEAD]


def test_what_the_budget_forbids_says_so():
    minute = provider.Minute(minute=provider._minute(NOON), turns=50, retries=10)
    at = given(*running())
    at.world.providers[PROVIDER] = replace(at.world.providers[PROVIDER], minutes=(minute,))
    ended = RetriesEnded(reason=RetriesEnd.BUDGET, attempts=0)
    assert at.when(fails()).decided[-1] == (ONE, ended)
    assert isinstance(at.when(fails(), NOON + HOUR).decided[-1][1], RetryScheduled)


def test_a_share_of_nothing_leaves_what_any_fleet_may():
    assert isinstance(retried(running(retry_budget=0.0)), RetryScheduled)


def test_retries_are_counted_by_the_minute_for_an_hour():
    late = (ONE, AGAIN, NOON + 30 * MINUTE)
    at = given(*running(), (ONE, AGAIN), late).world.providers[PROVIDER]
    assert provider.last_hour(at, NOON + 30 * MINUTE) == (1, 2)
    assert provider.last_hour(at, NOON + HOUR) == (0, 1)
    assert provider.last_hour(at, NOON + 2 * HOUR) == (0, 0)


def test_an_hour_is_an_hour_again_after_a_clock_that_was_years_ahead():
    far = NOON + timedelta(days=20_000)
    past = (*running(), *((ONE, AGAIN, far + count * MINUTE) for count in range(5)))
    at = given(*past, (ONE, AGAIN, NOON + MINUTE)).world.providers[PROVIDER]
    assert provider.last_hour(at, NOON + MINUTE) == (1, 6)
    assert provider.last_hour(at, NOON + 2 * HOUR) == (0, 0)


def test_no_more_minutes_are_kept_than_an_hour_has():
    past = (*running(), *((ONE, AGAIN, NOON + count * MINUTE) for count in range(90)))
    at = given(*past).world.providers[PROVIDER]
    assert len(at.minutes) == provider.MINUTES_KEPT
