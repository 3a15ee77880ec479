"""When is a source's report late?"""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.decide import punctuality
from daemon.decide.punctuality import Punctuality
from events.policy import Settings
from events.schema import SettingsSet
from events.sources import Expectation, Pattern, SourceAdded, SourceRemoved
from tests.policy.reporting import ADDED, PHONE, received
from tests.policy.transcript import HOUR, MINUTE, NOON, TENANT, given


def standing(now, *past, added=ADDED, at=NOON):
    world = given((PHONE, added, at), *past).world
    return punctuality.standing(world.sources[PHONE], world, now)


def expecting(**fields):
    usual = {"pattern": Pattern.MANUAL, "every": HOUR, "late_after": 3 * HOUR}
    return SourceAdded(tenant=TENANT, expectation=Expectation(**usual | fields))


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    ("after", "word"),
    [
        (59 * MINUTE, Punctuality.FRESH),
        (HOUR, Punctuality.DUE),
        (3 * HOUR - MINUTE, Punctuality.DUE),
        (3 * HOUR, Punctuality.LATE),
    ],
)
def test_a_report_is_fresh_then_due_then_late(after, word):
    told = (PHONE, received(at=NOON + HOUR))
    found = standing(NOON + HOUR + after, told, added=expecting())
    assert found.punctuality is word
    assert (found.due_at, found.late_at) == (NOON + 2 * HOUR, NOON + 4 * HOUR)


def test_what_has_never_reported_is_late_from_its_coming_on():
    assert standing(NOON + 2 * HOUR, added=expecting()).punctuality is Punctuality.DUE
    assert standing(NOON + 3 * HOUR, added=expecting()).punctuality is Punctuality.LATE


def test_an_old_report_is_old_however_lately_its_source_was_added():
    """It counts from its coming only until it has reported."""
    told = (PHONE, received(at=NOON - 48 * HOUR))
    found = standing(NOON + 7 * MINUTE, told, added=expecting())
    assert found.punctuality is Punctuality.LATE
    assert found.late_at == NOON - 45 * HOUR


def test_one_that_is_added_again_counts_from_then_until_it_reports():
    """While it was removed it could not report."""
    again = NOON + 30 * HOUR
    back = ((PHONE, received(at=NOON)), (PHONE, SourceRemoved()), (PHONE, expecting(), again))
    found = standing(again, *back, added=expecting())
    assert (found.punctuality, found.late_at) == (Punctuality.FRESH, again + 3 * HOUR)
    told = (PHONE, received(2, at=NOON + HOUR), again)
    found = standing(again, *back, told, added=expecting())
    assert (found.punctuality, found.late_at) == (Punctuality.LATE, NOON + 4 * HOUR)


def test_a_clock_that_goes_ahead_gains_no_time():
    told = (PHONE, received(at=NOON + 5 * MINUTE))
    assert standing(NOON, told, added=expecting()).late_at == NOON + 3 * HOUR


@pytest.mark.requirement("D2")
def test_a_phone_that_says_nothing_at_night_is_late_only_in_the_morning():
    """By 23:00 it would be late; the night ends at eight, and it has its hour then."""
    evening = datetime(2026, 5, 4, 20, tzinfo=UTC)
    late_at = datetime(2026, 5, 5, 9, tzinfo=UTC)
    told = (PHONE, received(at=evening))
    for now, word in ((late_at - MINUTE, Punctuality.DUE), (late_at, Punctuality.LATE)):
        found = standing(now, told, added=expecting(night=True))
        assert (found.punctuality, found.late_at) == (word, late_at)
    assert standing(late_at, told, added=expecting()).late_at == evening + 3 * HOUR


def test_the_night_is_the_one_where_its_tenant_is():
    """14:00 UTC is 23:00 in Tokyo, whose night ends at 23:00 UTC."""
    zone = (TENANT, SettingsSet(settings=Settings(timezone="Asia/Tokyo")))
    told = (PHONE, received(at=datetime(2026, 5, 4, 11, tzinfo=UTC)))
    found = standing(NOON, told, zone, added=expecting(night=True), at=NOON - 48 * HOUR)
    assert found.late_at == datetime(2026, 5, 5, 0, tzinfo=UTC)


def test_a_day_without_the_night_is_as_it_is():
    told = (PHONE, received(at=NOON))
    found = standing(NOON, told, added=expecting(night=True))
    assert found.late_at - NOON == timedelta(hours=3)
