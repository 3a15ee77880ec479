from datetime import timedelta

import pytest

from daemon import commands
from events import schema, terms
from events.schema import SyncCancelled, SyncInterrupted, SyncSkipped
from events.terms import Caller, SkipReason
from projections import tenant
from projections.fleet import DEFAULT_POLICY
from projections.streams import Recorded
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PERSON,
    PROVIDER,
    REMOVED,
    REQUESTED,
    RUNNING,
    SYNC,
    TENANT,
    account,
    captured,
    given,
    in_doubt,
    intended,
    scheduled,
    started,
    succeeded,
)

BY = Caller(uid=0, role="admin")
STARTED = schema.DaemonStarted(version="1")


def connect(**settings):
    return commands.Connect(subject=ONE, tenant=TENANT, provider=PROVIDER, **settings)


# -- connections ----------------------------------------------------------------------------------


def test_a_new_connection_is_due_at_once():
    given().when(connect(declared=True, interval=HOUR, by=BY)).then(
        (
            ONE,
            schema.ConnectionAdded(
                tenant=TENANT, provider=PROVIDER, declared=True, interval=HOUR, by=BY
            ),
        ),
        (ONE, scheduled(NOON, "added")),
    )


def test_connecting_again_with_the_same_settings_changes_nothing():
    given(*KNOWN).when(connect()).then()


def test_other_settings_are_a_change():
    given(*KNOWN).when(connect(declared=True)).then(
        (ONE, schema.ConnectionChanged(declared=True, interval=None))
    )
    changed = given(*KNOWN, (ONE, schema.ConnectionChanged(declared=True, interval=HOUR))).world
    assert changed.connections[ONE].declared
    assert changed.connections[ONE].interval == HOUR


def test_a_shorter_interval_holds_from_now_on():
    past = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)))
    given(*past).when(connect(interval=HOUR)).then(
        (ONE, schema.ConnectionChanged(interval=HOUR)),
        (ONE, scheduled(NOON + HOUR, terms.ScheduleReason.INTERVAL_CHANGED)),
    )


def test_a_longer_interval_holds_from_the_next_sync_on():
    past = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)))
    given(*past).when(connect(interval=24 * HOUR)).then(
        (ONE, schema.ConnectionChanged(interval=24 * HOUR))
    )


def test_settings_can_change_before_anything_is_planned():
    given((ONE, ADDED)).when(connect(interval=HOUR)).then(
        (ONE, schema.ConnectionChanged(interval=HOUR))
    )


def test_removing_takes_back_what_runs_and_skips_what_was_requested():
    past = (*RUNNING, (ONE, REQUESTED))
    given(*past).when(commands.Remove(subject=ONE, by=BY)).then(
        (ONE, SyncCancelled(sync=SYNC, by=BY)),
        (ONE, SyncSkipped(reason=SkipReason.REMOVED, due=NOON, request=SYNC + 1)),
        (ONE, schema.ConnectionRemoved(by=BY)),
    )


def test_removing_what_is_idle_is_one_event():
    given(*KNOWN).when(commands.Remove(subject=ONE), NOON - HOUR).then((ONE, REMOVED))


@pytest.mark.parametrize("sync", [None, SYNC])
def test_removing_closes_a_refresh_that_is_open(sync):
    """Its outcome will be of no grant any more, and a renewal would hold its place for ever."""
    run = (started(),) if sync else (scheduled(NOON + 6 * HOUR),)
    past = account(PERSON, *run, intended(sync=sync))
    decided = given(*past).when(commands.Remove(subject=ONE)).decided
    overtaken = terms.DoubtReason.OVERTAKEN
    assert decided[0] == (ONE, in_doubt(0, overtaken, sync=4 if sync else None))
    assert given(*past, *decided).world.fleet.running == frozenset()


def test_a_due_sync_that_waited_when_its_connection_was_removed_is_skipped():
    given(*KNOWN).when(commands.Remove(subject=ONE)).then(
        (ONE, schema.SyncSkipped(reason=terms.SkipReason.REMOVED, due=NOON)),
        (ONE, REMOVED),
    )


def test_another_credential_is_a_fact_with_who_set_it():
    given(*KNOWN).when(connect(credential=True, by=BY)).then(
        (ONE, schema.CredentialSet(by=BY)),
    )


def test_removing_what_is_gone_or_unknown_changes_nothing():
    given(*KNOWN, (ONE, REMOVED)).when(commands.Remove(subject=ONE)).then()
    given(*KNOWN).when(commands.Remove(subject=OTHER)).then()


def test_a_removed_connection_can_be_added_again_and_starts():
    given(*KNOWN, (ONE, REMOVED)).when(connect()).then(
        (ONE, ADDED), (ONE, scheduled(NOON, "added"))
    )
    again = (*KNOWN, (ONE, REMOVED), (ONE, ADDED), (ONE, scheduled(NOON, "added")))
    given(*again).when(commands.Start(subject=ONE)).then((ONE, started()))
    given(*again).when(connect()).then()


def test_what_comes_back_is_new_but_for_its_data_and_its_past():
    past = (
        *RUNNING,
        (ONE, captured(SYNC)),
        (ONE, succeeded(SYNC)),
        (ONE, schema.ActorCrashed(error="E", crashes=4, until=NOON + HOUR)),
        (ONE, PAUSED),
    )
    before = given(*past).world.connections[ONE]
    back = given(*past, (ONE, REMOVED), (ONE, ADDED)).world.connections[ONE]
    assert (back.streams, back.health, back.last) == (before.streams, before.health, before.last)
    assert (back.paused, back.removed, back.crashes) == (False, False, 0)
    assert back.schedule == type(back.schedule)()


def test_connections_are_counted_for_fleet_provider_and_tenant():
    def counts(*past):
        world = given(*past).world
        provider, of_tenant = world.providers[PROVIDER], world.tenants[TENANT]
        return world.fleet.connections, provider.connections, of_tenant.connections

    both = (*KNOWN, (OTHER, ADDED))
    assert counts(*KNOWN) == (1, 1, 1)
    assert counts(*both) == (2, 2, 2)
    assert counts(*both, (ONE, REMOVED)) == (1, 1, 1)
    assert counts(*both, (ONE, REMOVED), (ONE, ADDED)) == (2, 2, 2)


def test_a_provider_is_counted_for_before_it_is_declared():
    world = given((ONE, ADDED), (PROVIDER, DECLARED)).world
    assert (world.providers[PROVIDER].name, world.providers[PROVIDER].connections) == ("weather", 1)


def test_a_tenant_knows_which_of_its_connections_were_removed():
    def removed(*past):
        return given(*KNOWN, (OTHER, ADDED), *past).world.tenants[TENANT].removed

    assert removed() == ()
    assert removed((OTHER, REMOVED), (ONE, REMOVED)) == (OTHER, ONE)
    assert removed((OTHER, REMOVED), (ONE, REMOVED), (OTHER, ADDED)) == (ONE,)


def test_a_tenant_does_not_mind_what_is_not_its_own():
    recorded = Recorded(seq=1, at=NOON, subject=0, event=schema.DaemonStopped())
    before = tenant.Tenant(connections=3)
    assert tenant.evolve(before, recorded) is before


# -- the host -------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [(), (ONE,), (ONE, OTHER)])
def test_recovery_closes_exactly_the_open_runs(running):
    past = [*KNOWN, (OTHER, ADDED), (OTHER, scheduled(NOON)), (0, STARTED)]
    past += [(subject, started()) for subject in running]
    first = len(past) - len(running) + 1
    died = [
        (subject, SyncInterrupted(sync=first + place, reason=terms.InterruptReason.DIED))
        for place, subject in enumerate(running)
    ]
    given(*past).when(commands.Recover(version="2")).then(
        *died, (0, schema.DaemonStarted(version="2"))
    )
    after = given(*past, *died, (0, schema.DaemonStarted(version="2"))).world
    assert after.fleet.running == frozenset()
    assert after.fleet.alive == after.seq


def test_recovery_restores_a_request():
    past = (*KNOWN, (ONE, REQUESTED), (ONE, started(request=4)))
    given(*past).when(commands.Recover(version="2")).then(
        (ONE, SyncInterrupted(sync=5, reason=terms.InterruptReason.DIED, request=4)),
        (0, schema.DaemonStarted(version="2")),
    )


def test_a_policy_is_set_only_when_it_is_another():
    other = schema.PolicySet(
        interval=HOUR, concurrency=3, crash_delay=HOUR, crash_delay_max=timedelta(days=1)
    )
    given().when(commands.SetPolicy(policy=DEFAULT_POLICY)).then()
    given().when(commands.SetPolicy(policy=other)).then((0, other))
    given((0, other)).when(commands.SetPolicy(policy=other)).then()
    given((0, other)).when(commands.SetPolicy(policy=DEFAULT_POLICY)).then((0, DEFAULT_POLICY))


def test_a_provider_is_declared_only_when_its_file_is_another():
    same = commands.DeclareProvider(subject=PROVIDER, declaration=DECLARED)
    other = schema.ProviderDeclared(name="weather", digest="d2", streams=())
    given().when(same).then((PROVIDER, DECLARED))
    given((PROVIDER, DECLARED)).when(same).then()
    given((PROVIDER, DECLARED)).when(
        commands.DeclareProvider(subject=PROVIDER, declaration=other)
    ).then((PROVIDER, other))


def test_a_good_end_is_noted():
    given((0, STARTED)).when(commands.Stop(interrupted=2)).then(
        (0, schema.DaemonStopped(interrupted=2))
    )
    stopped = given((0, STARTED), (0, schema.DaemonStopped())).world
    assert stopped.fleet.alive == 0


def test_a_step_of_the_clock_is_noted():
    given().when(commands.StepClock(by=-HOUR)).then((0, schema.ClockStepped(step=-HOUR)))


def test_an_event_of_an_unknown_subject_is_no_state():
    with pytest.raises(AssertionError, match="speaks of 3, which is not known"):
        given((ONE, REQUESTED))


def test_what_is_no_wish_is_our_own_mistake():
    with pytest.raises(AssertionError):
        given().when("abracadabra")


def test_replay_under_other_settings_cannot_rewrite_the_past():
    """Folds read no policy: the same story gives the same connections, whatever holds today."""
    hasty = schema.PolicySet(interval=HOUR, concurrency=1, crash_delay=HOUR, crash_delay_max=HOUR)
    crashed = schema.ActorCrashed(error="E at x.py:1", crashes=1, until=NOON)
    story = (*KNOWN, (ONE, started()), (ONE, crashed))
    usual = given((0, DEFAULT_POLICY), *story).world.connections
    assert given((0, hasty), *story).world.connections == usual
