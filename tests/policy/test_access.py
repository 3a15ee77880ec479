"""Who was told of whom: which events does it take to note that?"""

from datetime import timedelta

import pytest

from daemon.commands import NoteExcerpts, NoteReads
from daemon.commands.access import Told
from daemon.decide import access
from events.access import ExcerptRead, FleetRead, TenantRead
from events.schema import FLEET
from events.terms import Caller
from tests.policy.transcript import ADDED, DECLARED, NOON, ONE, PROVIDER, TENANT, given

pytestmark = pytest.mark.requirement("D7")

BY, OTHER = Caller(uid=1000, role="viewer"), Caller(uid=1001, role="admin")
PAST = ((PROVIDER, DECLARED), (ONE, ADDED))


def told(tenants, by=BY, since=NOON, **operations):
    whom = None if tenants is None else frozenset(tenants)
    return Told(by=by, tenants=whom, since=since, operations=operations)


def note(*each):
    return NoteReads(told=each)


def test_what_was_told_of_one_tenant_is_an_event_of_that_tenant():
    read = TenantRead(by=BY, since=NOON, operations={"status": 3})
    given(*PAST).when(note(told([TENANT], status=3))).then((TENANT, read))


def test_what_was_told_of_all_is_one_event_of_the_fleet():
    read = FleetRead(by=BY, since=NOON, operations={"status": 3})
    given(*PAST).when(note(told(None, status=3))).then((FLEET, read))


def test_what_was_told_of_several_at_once_is_one_event_that_names_them():
    read = FleetRead(by=BY, since=NOON, operations={"queue": 1}, tenants=(2, 7))
    given(*PAST).when(note(told([7, 2], queue=1))).then((FLEET, read))


def test_callers_are_never_taken_together():
    given(*PAST).when(note(told([TENANT], data=1), told([TENANT], by=OTHER, data=2))).then(
        (TENANT, TenantRead(by=BY, since=NOON, operations={"data": 1})),
        (TENANT, TenantRead(by=OTHER, since=NOON, operations={"data": 2})),
    )


def test_who_goes_through_a_thousand_tenants_is_few_events_that_name_them_all():
    later = NOON + timedelta(seconds=9)
    many = [told([each], since=later if each % 2 else NOON, health=2) for each in range(1, 2102)]
    decided = given(*PAST).when(note(*many)).decided
    assert [subject for subject, _ in decided] == [FLEET] * 3
    assert [tenant for _, read in decided for tenant in read.tenants] == [*range(1, 2102)]
    assert sum(read.operations["health"] for _, read in decided) == 2 * 2101
    assert {read.since for _, read in decided} == {NOON}
    assert all(len(read.tenants) <= access.NAMED_MAX for _, read in decided)


def test_as_many_as_a_person_looks_at_are_an_event_each():
    many = [told([each], health=1) for each in range(1, access.ALONE_MAX + 1)]
    decided = given(*PAST).when(note(*many)).decided
    assert [subject for subject, _ in decided] == [*range(1, access.ALONE_MAX + 1)]


def test_such_an_event_changes_nothing_that_is_true():
    """But the number of the last event."""
    scene = given(*PAST)
    tenants, fleet = dict(scene.world.tenants), scene.world.fleet
    scene.fold(TENANT, TenantRead(by=BY, since=NOON, operations={"status": 1}))
    scene.fold(FLEET, FleetRead(by=BY, since=NOON, operations={"status": 1}))
    assert (scene.world.tenants, scene.world.fleet) == (tenants, fleet)


def test_who_is_shown_what_a_provider_said_is_an_event_for_each_failure():
    wish = NoteExcerpts(subject=ONE, events=(7, 9), by=BY)
    given(*PAST).when(wish).then(
        (TENANT, ExcerptRead(by=BY, connection=ONE, failure=7)),
        (TENANT, ExcerptRead(by=BY, connection=ONE, failure=9)),
    )
