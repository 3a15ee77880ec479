"""When is it told that a grant or a provider ends, and that the clock has jumped?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import issues
from events import schema
from events.schema import FLEET
from events.terms import DoubtReason, NeedReason
from tests.policy.test_issues_late import FAR
from tests.policy.transcript import (
    DECLARED,
    HOUR,
    KNOWN,
    MACHINE,
    NOON,
    ONE,
    PERSON,
    PROVIDER,
    REMOVED,
    SECOND,
    account,
    authorised,
    in_doubt,
    needed,
    refreshed,
    setting,
)
from tests.policy.troubled import Scene

pytestmark = pytest.mark.requirement("D3")

DAY = timedelta(days=1)


def grants(told):
    return [each for each in told if each[1] == "grant"]


# -- grants ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [each for each in NeedReason if each is not NeedReason.NEW])
def test_a_grant_that_ended_is_critical_at_once(reason):
    scene = Scene(*account(PERSON, authorised(), needed(reason)))
    (opened,) = scene.look(NOON)
    assert (opened.kind, opened.severity, opened.need) == ("grant", "critical", reason)
    assert (opened.evidence, opened.since) == ((5,), NOON)
    scene.then(authorised(2, expires_at=NOON + 900 * DAY), NOON + HOUR)
    assert grants(scene.told(NOON + HOUR)) == [("closed", "grant", "over")]


def test_who_adds_a_connection_has_an_hour_to_authorise_it():
    scene = Scene(*account(PERSON, needed(NeedReason.NEW, 0)))
    assert scene.told(NOON + HOUR - SECOND) == []
    assert issues.judged(scene.world, ONE, NOON).again == NOON + HOUR
    assert scene.told(NOON + HOUR) == [("opened", "grant", "major")]
    assert scene.told(NOON) == []


def test_a_doubt_that_does_not_settle_is_told():
    doubt = in_doubt(1, DoubtReason.DIED)
    scene = Scene(*account(PERSON, authorised(), FAR, doubt))
    assert scene.told(NOON + HOUR - SECOND) == []
    assert scene.told(NOON + HOUR) == [("opened", "grant", "minor")]
    assert grants(scene.told(NOON + DAY)) == [("graver", "grant", "major")]


def test_what_cannot_be_renewed_is_told_a_week_before_its_end():
    end = NOON + 30 * DAY
    scene = Scene(*account(PERSON, authorised(expires_at=end, token=""), FAR))
    assert grants(scene.told(end - 7 * DAY - SECOND)) == []
    (opened,) = [each for each in scene.look(end - 7 * DAY) if each.kind == "grant"]
    assert (opened.severity, opened.until, opened.evidence) == ("minor", end, (4,))
    assert (opened.threshold.name, opened.threshold.span) == ("token_before", 7 * DAY)
    assert grants(scene.told(end - 42 * HOUR)) == [("graver", "grant", "major")]
    assert grants(scene.told(end)) == [("graver", "grant", "critical")]


def test_what_lies_idle_is_told_before_its_provider_lets_it_die():
    idle = replace(PERSON, idle=30 * DAY)
    scene = Scene(*account(idle, authorised(), FAR))
    end = NOON + 30 * DAY
    assert grants(scene.told(end - 7 * DAY)) == [("opened", "grant", "minor")]
    scene.then(refreshed(), end - 7 * DAY)
    assert grants(scene.told(end - 7 * DAY)) == [("closed", "grant", "over")]


def test_how_long_before_can_be_set():
    end = NOON + 30 * DAY
    scene = Scene(*account(PERSON, authorised(expires_at=end, token=""), FAR))
    scene.then(setting(token_before=20 * DAY))
    assert grants(scene.told(end - 20 * DAY)) == [("opened", "grant", "minor")]


@pytest.mark.parametrize(
    "scene",
    [
        account(PERSON, authorised(), FAR),
        account(MACHINE, authorised(token=""), FAR),
        account(None, authorised(token=""), FAR),
        account(PERSON, schema.CredentialSet(), FAR),
    ],
    ids=["renews itself", "needs no person", "no OAuth any more", "a key"],
)
def test_what_needs_no_person_has_no_end(scene):
    assert grants(Scene(*scene).told(NOON + 90 * DAY)) == []


def test_a_grant_without_an_end_is_none_to_tell_of():
    scene = Scene(*account(PERSON, authorised(expires_at=None, token=""), FAR))
    assert grants(scene.told(NOON + 90 * DAY)) == []


# -- providers ------------------------------------------------------------------------------------


def announced(**more):
    return PROVIDER, schema.RetirementAnnounced(**more)


def test_a_provider_that_was_switched_off_is_critical():
    gone = schema.ProviderRetired(cause="retired", connection=ONE)
    scene = Scene(*KNOWN, (PROVIDER, gone))
    (opened,) = scene.look(NOON, PROVIDER)
    assert (opened.kind, opened.severity, opened.evidence) == ("retired", "critical", (4,))
    scene.then(schema.ProviderReturned(connection=ONE), NOON, PROVIDER)
    assert scene.told(NOON, PROVIDER) == [("closed", "retired", "over")]


def test_one_whose_file_says_so_is_told():
    scene = Scene(*KNOWN, (PROVIDER, replace(DECLARED, digest="d2", retired=True)))
    (opened,) = scene.look(NOON, PROVIDER)
    assert (opened.severity, opened.evidence) == ("major", (4,))


def test_an_end_that_was_announced_gets_graver_a_month_before_it():
    sunset = NOON + 90 * DAY
    scene = Scene(*KNOWN, announced(sunset=sunset))
    (opened,) = scene.look(NOON, PROVIDER)
    assert (opened.severity, opened.until, opened.evidence) == ("minor", sunset, (4,))
    assert issues.judged(scene.world, PROVIDER, NOON).again == sunset - 30 * DAY
    assert scene.told(sunset - 30 * DAY, PROVIDER) == [("graver", "retired", "major")]


def test_one_that_should_not_be_built_upon_is_told_without_a_day():
    scene = Scene(*KNOWN, announced(deprecated=True))
    (opened,) = scene.look(NOON, PROVIDER)
    assert (opened.severity, opened.until) == ("minor", None)


def test_a_provider_that_nobody_needs_has_no_issue():
    scene = Scene(*KNOWN, announced(deprecated=True))
    scene.look(NOON, PROVIDER)
    scene.then(REMOVED)
    assert scene.told(NOON, PROVIDER) == [("closed", "retired", "over")]
    assert Scene(*KNOWN).told(NOON, PROVIDER) == []


# -- the clock ------------------------------------------------------------------------------------


def stepped(by):
    return schema.ClockStepped(step=by)


def test_a_step_of_the_clock_is_told_for_a_day():
    scene = Scene((FLEET, stepped(-2 * SECOND * 60)))
    (opened,) = scene.look(NOON, FLEET)
    assert (opened.kind, opened.severity, opened.evidence) == ("clock", "minor", (1,))
    assert (opened.measured, opened.count) == (-120, 1)
    assert issues.judged(scene.world, FLEET, NOON).again == NOON + DAY
    scene.then(stepped(2 * HOUR), NOON + HOUR, FLEET)
    assert scene.told(NOON + HOUR, FLEET) == [("graver", "clock", "major")]
    assert scene.told(NOON + DAY, FLEET) == []
    assert scene.told(NOON + DAY + HOUR, FLEET) == [("closed", "clock", "over")]


def test_a_clock_that_goes_right_is_no_issue():
    assert Scene().told(NOON, FLEET) == []
