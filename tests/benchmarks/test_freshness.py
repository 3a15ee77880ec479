"""A few hours of two users, counted: the same figures on any machine."""

from datetime import timedelta

import pytest

from tests.benchmarks import cron, day
from tests.benchmarks.day import BEGIN, Way

USERS = 2
FIVE, QUARTER, HOUR = (timedelta(minutes=minutes) for minutes in (5, 15, 60))
HOURS = 3
SLOTS = HOURS * 12


@pytest.mark.requirement("C8")
def test_the_documents_two_jobs_and_its_one_job_run_as_often_as_it_says():
    assert cron.two_jobs(USERS, BEGIN, tokens=QUARTER, data=FIVE).invocations == 384
    assert cron.two_jobs(USERS, BEGIN, tokens=QUARTER, data=2 * FIVE).invocations == 96 + 144
    assert cron.one_job(USERS, BEGIN, every=2 * FIVE).invocations == 144


@pytest.mark.requirement("C8")
def test_the_daemon_wakes_once_a_slot_and_never_finds_nothing_to_do():
    lived = day.lived(USERS, Way(interval="5m"), HOURS * HOUR)
    assert lived.invocations == SLOTS
    assert lived.empty == 0
    assert lived.looks == USERS * SLOTS, "it looked at nobody who was not due"
    assert lived.data_calls == lived.looks * cron.DAYS


@pytest.mark.requirement("C8")
def test_spread_turns_wake_it_for_each_user_and_still_never_for_nothing():
    lived = day.lived(USERS, Way(interval="5m", spread=0.1), HOURS * HOUR)
    assert lived.invocations == lived.looks == USERS * SLOTS
    assert lived.empty == 0


@pytest.mark.requirement("C1")
@pytest.mark.requirement("C8")
def test_a_token_is_refreshed_only_when_it_is_about_to_be_used():
    """Once in six hours it is, while a job every 15 minutes goes on refreshing it."""
    lived = day.lived(USERS, Way(interval="6h"), timedelta(days=1))
    jobs = cron.two_jobs(USERS, BEGIN, tokens=QUARTER, data=timedelta(hours=6))
    assert lived.token_calls == lived.looks == USERS * 4
    assert jobs.token_calls >= USERS * 30
    assert lived.data_calls == jobs.data_calls


@pytest.mark.requirement("C1")
def test_a_smaller_threshold_saves_refreshes_and_loses_no_data():
    careful = day.lived(USERS, Way(interval="5m"), HOURS * HOUR)
    just_in_time = day.lived(USERS, Way(interval="5m", refresh_before="5m"), HOURS * HOUR)
    assert just_in_time.token_calls < careful.token_calls
    assert just_in_time.data_calls == careful.data_calls
