"""Is an answer kept, and does a kept one do?"""

from datetime import timedelta

import pytest

from daemon.decide import caching
from daemon.decide.caching import IF_ERROR, LONGEST, UNREACHED, Lifetime, Rules, Said, Use
from daemon.decide.calling import Held
from events.terms import FailureClass, SkipReason
from tests.policy.transcript import HOUR, MINUTE, NOON, SECOND

pytestmark = pytest.mark.requirement("E6")

NONE = timedelta()
KEPT = Lifetime(fresh=MINUTE, while_revalidate=MINUTE, if_error=HOUR)


def lifetime(said=None, rules=None, status=200):
    return caching.lifetime(status, said or Said(), rules or Rules())


def test_what_says_nothing_is_kept_for_bad_times():
    assert lifetime() == Lifetime(fresh=NONE, while_revalidate=NONE, if_error=IF_ERROR)


@pytest.mark.parametrize(
    "said, rules, status",
    [
        (Said(no_store=True), Rules(), 200),
        (Said(fresh=MINUTE), Rules(cached=False), 200),
        (Said(fresh=MINUTE), Rules(), 203),
        (Said(), Rules(if_error=NONE), 200),
    ],
    ids=["no-store", "the file's word", "another status", "for no time"],
)
def test_what_is_not_kept(said, rules, status):
    assert lifetime(said, rules, status) is None


def test_the_answers_own_times_count():
    said = Said(fresh=MINUTE, while_revalidate=2 * MINUTE, if_error=HOUR)
    assert lifetime(said) == Lifetime(fresh=MINUTE, while_revalidate=2 * MINUTE, if_error=HOUR)


def test_the_files_times_go_before_them():
    said = Said(fresh=MINUTE, while_revalidate=MINUTE, if_error=MINUTE)
    rules = Rules(fresh=HOUR, while_revalidate=NONE, if_error=2 * HOUR)
    assert lifetime(said, rules) == Lifetime(fresh=HOUR, while_revalidate=NONE, if_error=2 * HOUR)


def test_no_cache_means_asked_anew_each_time():
    found = lifetime(Said(no_cache=True, fresh=HOUR, while_revalidate=HOUR))
    assert (found.fresh, found.while_revalidate) == (NONE, NONE)


def test_must_revalidate_means_not_passed_off_as_good_once_its_time_is_over():
    found = lifetime(Said(must_revalidate=True, fresh=HOUR, while_revalidate=HOUR))
    assert (found.fresh, found.while_revalidate) == (HOUR, NONE)


def test_nothing_is_kept_for_ever():
    assert lifetime(Said(fresh=timedelta(days=99_999))).fresh == LONGEST


def test_what_is_unchanged_is_kept_as_before_unless_it_says_otherwise():
    rules = Rules()
    assert caching.renewed(KEPT, Said(), rules) == KEPT
    assert caching.renewed(KEPT, Said(fresh=HOUR), rules).fresh == HOUR
    assert caching.renewed(KEPT, Said(no_store=True), rules) is None


@pytest.mark.parametrize(
    "age, found",
    [
        (NONE, Use.FRESH),
        (MINUTE - SECOND, Use.FRESH),
        (MINUTE, Use.STALE),
        (2 * MINUTE, Use.OLD),
        (HOUR + 2 * MINUTE - SECOND, Use.OLD),
        (HOUR + 2 * MINUTE, Use.NONE),
        (-SECOND, Use.OLD),
    ],
)
def test_what_age_is_good_for(age, found):
    assert caching.use(KEPT, NOON, NOON + age) is found


def test_what_a_write_may_have_changed_is_old():
    assert caching.use(KEPT, NOON, NOON, doubted=True) is Use.OLD


@pytest.mark.parametrize("cause", list(FailureClass))
def test_a_kept_answer_helps_where_the_provider_was_not_reached(cause):
    assert caching.falls_back(Use.OLD, cause) is (cause in UNREACHED)


@pytest.mark.parametrize("reason", list(SkipReason))
def test_a_kept_answer_helps_behind_a_breaker_and_nothing_else(reason):
    held = Held(reason=reason)
    assert caching.falls_back(Use.OLD, held) is (reason is SkipReason.BREAKER)


def test_one_that_is_too_old_helps_nobody():
    assert not caching.falls_back(Use.NONE, FailureClass.NETWORK)


@pytest.mark.parametrize(
    ("turn_in_s", "probes", "waits_s"),
    [(0.0, False, 5.0), (4.9, False, 5.0), (5.0, False, 0.0), (0.0, True, 0.0)],
)
def test_nobody_waits_beside_a_kept_answer_for_what_cannot_come_in_time(turn_in_s, probes, waits_s):
    assert caching.patience(5.0, turn_in_s=turn_in_s, probes=probes) == waits_s
