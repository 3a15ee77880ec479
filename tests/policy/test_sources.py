"""How is each source of a tenant, and all of them together (requirement D1)?"""

from datetime import timedelta

import pytest

from daemon.decide import sources
from daemon.decide.sources import LATE_AFTER, Freshness
from events.terms import FailureClass
from projections.health import STALE_AFTER
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    NOON,
    ONE,
    PAUSED,
    RUNNING,
    SYNC,
    captured,
    failed,
    given,
    lost,
    started,
    succeeded,
)

pytestmark = pytest.mark.requirement("D1")
GOOD = (*RUNNING, (ONE, captured(SYNC)), (ONE, succeeded(SYNC)))


def known(*past):
    return given(*past).world.connections[ONE]


def score(*past, stream="days", now=NOON):
    return sources.stream_score(known(*past), stream, now)


def test_data_is_fresh_for_two_intervals_then_late_and_stale_after_seven_days():
    def word(age, interval=HOUR):
        return sources.freshness(NOON - age, interval, NOON)

    late = LATE_AFTER * HOUR
    assert word(late - timedelta.resolution) is Freshness.FRESH
    assert word(late) is word(STALE_AFTER - timedelta.resolution) is Freshness.LATE
    assert word(STALE_AFTER) is Freshness.STALE
    assert sources.freshness(None, HOUR, NOON) is Freshness.NEVER


def test_what_comes_once_a_week_is_fresh_for_two_of_them():
    week = timedelta(days=7)
    assert sources.freshness(NOON - STALE_AFTER, week, NOON) is Freshness.FRESH
    assert sources.freshness(NOON - 2 * week, week, NOON) is Freshness.STALE


def test_a_tenants_score_is_the_mean_and_none_where_nothing_counts():
    assert sources.overall([100, 51]) == 76
    assert sources.overall([]) is None


def test_what_is_paused_or_has_ended_no_sync_does_not_count():
    assert sources.counts(known(*GOOD))
    assert not sources.counts(known(*GOOD, (ONE, PAUSED)))
    assert not sources.counts(known(*KNOWN))


def test_a_stream_to_which_no_sync_has_come_has_no_score():
    assert score(*KNOWN) is None
    assert score(*GOOD, stream="alerts") is None


def test_a_streams_score_falls_with_its_own_failures_and_its_own_age():
    assert score(*GOOD) == 100
    assert score(*GOOD, now=NOON + STALE_AFTER) == 80
    bad = (*GOOD, (ONE, started()), (ONE, failed(len(GOOD) + 1, lost())))
    assert score(*bad) == 50 - 10  # of two attempts one succeeded, and one failed in a row


def test_a_stream_that_never_came_is_stale_and_its_score_has_bounds():
    bad = (*RUNNING, (ONE, failed(SYNC, lost(cause=FailureClass.SERVER))))
    assert score(*bad) == 0
