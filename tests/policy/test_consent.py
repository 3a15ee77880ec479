"""Who consents to detailed monitoring, and what is believed of those who said nothing?"""

import pytest

from daemon.commands import GrantConsent, SetMonitoring, WithdrawConsent
from events.consent import Believed, ConsentGranted, ConsentWithdrawn, MonitoringSet
from events.schema import FLEET
from events.terms import Caller
from projections.consent import monitored, of_connection
from tests.policy.transcript import ADDED, DECLARED, ONE, PROVIDER, TENANT, given

pytestmark = pytest.mark.requirement("D7")

BY = Caller(uid=0, role="admin")
PAST = ((PROVIDER, DECLARED), (ONE, ADDED))
REQUIRED = (FLEET, MonitoringSet(consent=Believed.REQUIRED))
GRANTED = (TENANT, ConsentGranted(words=True, by=BY))
WITHDRAWN = (TENANT, ConsentWithdrawn(by=BY))


def believed(*past):
    world = given(*PAST, *past).world
    assert monitored(world, TENANT) == of_connection(world, ONE)
    return monitored(world, TENANT)


def test_of_who_said_nothing_the_configuration_believes_what_it_says():
    assert believed()
    assert not believed(REQUIRED)
    assert believed(REQUIRED, (FLEET, MonitoringSet(consent=Believed.ASSUMED)))


def test_what_a_tenant_said_last_holds_whatever_is_believed_of_others():
    assert not believed(WITHDRAWN)
    assert believed(REQUIRED, GRANTED)
    assert not believed(GRANTED, WITHDRAWN)
    assert believed(WITHDRAWN, GRANTED)


def test_of_whom_nothing_is_known_the_configuration_is_believed():
    assert monitored(given().world, 77)
    assert not monitored(given(REQUIRED).world, 77)


def test_what_is_believed_is_a_fact_once_it_differs():
    given().when(SetMonitoring(consent=Believed.ASSUMED)).then()
    given().when(SetMonitoring(consent=Believed.REQUIRED)).then(REQUIRED)
    given(REQUIRED).when(SetMonitoring(consent=Believed.REQUIRED)).then()


def test_consent_is_noted_with_who_typed_it_and_once():
    grant = GrantConsent(subject=TENANT, words=True, by=BY)
    given(*PAST).when(grant).then(GRANTED)
    given(*PAST, GRANTED).when(grant).then()
    given(*PAST, WITHDRAWN).when(grant).then(GRANTED)


def test_that_it_ends_is_noted_also_of_who_never_said_anything():
    withdraw = WithdrawConsent(subject=TENANT, by=BY)
    given(*PAST).when(withdraw).then(WITHDRAWN)
    given(*PAST, WITHDRAWN).when(withdraw).then()


def test_nobody_consents_who_is_not_there():
    given().when(GrantConsent(subject=77)).then()
    given().when(WithdrawConsent(subject=77)).then()
