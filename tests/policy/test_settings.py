"""Whose setting holds, who has set it, and since when is it in force?"""

from datetime import time, timedelta

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.policy import Backoff, PolicySet, Settings
from events.schema import FLEET, SettingsDeclared, SettingsReset, SettingsSet
from projections import policy, settings
from projections.fleet import DEFAULT_POLICY
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    TENANT,
    given,
    scheduled,
    started,
)

BY = terms.Caller(uid=1000, role="operator")
PLACES = (FLEET, PROVIDER, TENANT, ONE)
"""From the widest to the narrowest."""


def own(subject, **given_):
    return (subject, SettingsSet(settings=Settings(**given_)))


def declared(subject, **given_):
    return (subject, SettingsDeclared(settings=Settings(**given_)))


def back(subject, *names):
    return (subject, SettingsReset(names=names))


def set_(subject, by=BY, **given_):
    return commands.SetSettings(subject=subject, settings=Settings(**given_), by=by)


def reset(subject, *names):
    return commands.ResetSettings(subject=subject, names=names, by=BY)


def held(*past, subject=ONE):
    return policy.of_connection(given(*KNOWN, *past).world, subject)


# -- as facts -------------------------------------------------------------------------------------


@pytest.mark.requirement("A19")
@pytest.mark.parametrize("subject", PLACES)
def test_settings_are_set_and_taken_back_as_facts_with_who_did_it(subject):
    wanted = {"retry_delay": 15 * MINUTE, "max_retry_attempts": 5}
    given(*KNOWN).when(set_(subject, **wanted)).then(
        (subject, SettingsSet(settings=Settings(**wanted), by=BY))
    )
    past = (*KNOWN, own(subject, **wanted))
    given(*past).when(reset(subject, "retry_delay", "interval")).then(
        (subject, SettingsReset(names=("retry_delay",), by=BY))
    )
    given(*past).when(reset(subject)).then(
        (subject, SettingsReset(names=("max_retry_attempts", "retry_delay"), by=BY))
    )


def test_only_what_differs_is_set_and_nothing_where_nothing_does():
    past = (*KNOWN, own(ONE, retry_jitter=False, spread=0.1))
    given(*past).when(set_(ONE, retry_jitter=False, spread=0.2)).then(
        (ONE, SettingsSet(settings=Settings(spread=0.2), by=BY))
    )
    given(*past).when(set_(ONE, retry_jitter=False, spread=0.1)).then()
    given(*KNOWN).when(set_(ONE)).then()


def test_what_the_configuration_says_can_be_set_by_command_too():
    """It holds then even if the configuration changes its mind."""
    past = (*KNOWN, declared(ONE, spread=0.1))
    given(*past).when(set_(ONE, spread=0.1)).then(
        (ONE, SettingsSet(settings=Settings(spread=0.1), by=BY))
    )


def test_nothing_is_set_of_what_is_not_there_and_nothing_taken_back_that_was_not_set():
    given(*KNOWN).when(set_(99, spread=0.1)).then()
    given(*KNOWN, declared(ONE, spread=0.1)).when(reset(ONE)).then()
    given(*KNOWN, own(ONE, spread=0.1)).when(reset(ONE, "interval")).then()


def test_what_the_configuration_declares_is_declared_when_it_differs():
    said = Settings(interval=HOUR)
    declare = commands.DeclareSettings(subject=ONE, settings=said)
    given(*KNOWN).when(declare).then((ONE, SettingsDeclared(settings=said)))
    given(*KNOWN, declared(ONE, interval=HOUR)).when(declare).then()
    nothing = replace(declare, settings=Settings())
    given(*KNOWN).when(nothing).then()
    given(*KNOWN, declared(ONE, interval=HOUR)).when(nothing).then(
        (ONE, SettingsDeclared(settings=Settings()))
    )


@pytest.mark.requirement("A19")
def test_it_is_known_since_which_event_a_setting_holds():
    past = (*KNOWN, own(ONE, spread=0.1, interval=HOUR), own(ONE, interval=MINUTE))
    assert given(*past).world.scopes[ONE].since == {"spread": 4, "interval": 5}
    scope = given(*past, back(ONE, "interval")).world.scopes[ONE]
    assert (scope.since, scope.own) == ({"spread": 4}, Settings(spread=0.1))


def test_another_event_is_none_of_a_scopes_concern():
    scope = settings.Scope()
    other = settings.Recorded(seq=1, at=NOON, subject=ONE, event=schema.DaemonStopped())
    assert settings.evolve(scope, other) is scope


# -- whose holds ----------------------------------------------------------------------------------


@pytest.mark.requirement("A19")
@pytest.mark.parametrize("write", [own, declared])
def test_the_narrower_goes_before_the_wider_one(write):
    past = []
    for minutes, place in enumerate(PLACES, 1):
        past.append(write(place, retry_delay=minutes * MINUTE))
        assert held(*past).retry_delay == minutes * MINUTE
        assert held(*reversed(past)).retry_delay == minutes * MINUTE
    assert held(*past).breaker_failures == DEFAULT_POLICY.breaker_failures


@pytest.mark.requirement("A19")
@pytest.mark.parametrize("subject", PLACES)
def test_a_command_goes_before_the_configuration_until_it_is_taken_back(subject):
    file = declared(subject, retry_delay=MINUTE)
    assert held(file, own(subject, retry_delay=HOUR)).retry_delay == HOUR
    assert held(own(subject, retry_delay=HOUR), file).retry_delay == HOUR
    past = (file, own(subject, retry_delay=HOUR), back(subject, "retry_delay"))
    assert held(*past).retry_delay == MINUTE
    assert held(*past, declared(subject)).retry_delay == DEFAULT_POLICY.retry_delay


def test_the_configuration_of_a_connection_goes_before_a_command_for_its_tenant():
    past = (own(TENANT, retry_delay=HOUR), declared(ONE, retry_delay=MINUTE))
    assert held(*past).retry_delay == MINUTE


def test_the_interval_a_connection_was_added_with_is_its_own():
    changed = (ONE, schema.ConnectionChanged(interval=HOUR))
    assert held(changed).interval == HOUR
    assert held(changed, own(TENANT, interval=MINUTE)).interval == HOUR
    assert held(changed, own(ONE, interval=MINUTE)).interval == MINUTE
    world = given(*KNOWN, changed, own(TENANT, interval=MINUTE)).world
    assert policy.of_others(world, ONE).interval == MINUTE


def test_settings_of_others_are_not_ones_own():
    stranger = (OTHER, schema.ConnectionAdded(tenant=8, provider=9))
    past = (stranger, *(own(place, retry_delay=HOUR) for place in (PROVIDER, TENANT, ONE)))
    assert held(*past, subject=OTHER) == DEFAULT_POLICY


def test_what_is_counted_over_a_provider_or_the_fleet_is_asked_there():
    world = given(*KNOWN, own(FLEET, concurrency=3), own(PROVIDER, retry_budget=0.5)).world
    assert (policy.of_fleet(world).concurrency, policy.of_fleet(world).retry_budget) == (3, 0.2)
    found = policy.of_provider(world, PROVIDER)
    assert (found.concurrency, found.retry_budget) == (3, 0.5)


def test_a_setting_can_be_false_or_nothing_and_still_be_set():
    nothing = {"enabled": False, "retry_delay": timedelta(0), "quiet_hours_start": time()}
    found = held(own(TENANT, enabled=True, retry_delay=HOUR), own(ONE, **nothing))
    assert (found.enabled, found.retry_delay) == (False, timedelta(0))


# -- streams, and the fallback --------------------------------------------------------------------


def interval(*past, stream="days"):
    return policy.stream_interval(given(*KNOWN, *past).world, ONE, stream)


def of_streams(**spans):
    return {"stream_intervals": spans}


@pytest.mark.requirement("A1")
def test_a_streams_interval_is_set_at_any_place_and_the_narrower_goes_first():
    past = []
    for minutes, place in enumerate(PLACES, 1):
        past.append(own(place, **of_streams(days=minutes * MINUTE)))
        assert interval(*past) == minutes * MINUTE
    assert interval(*past, stream="alerts") is None


def test_people_go_before_the_providers_file():
    file = replace(DECLARED, streams=(terms.StreamPolicy(name="days", interval=HOUR),))
    assert interval((PROVIDER, file)) == HOUR
    assert interval((PROVIDER, file), own(FLEET, **of_streams(days=MINUTE))) == MINUTE
    assert interval((PROVIDER, file), stream="gone") is None


def test_streams_intervals_are_set_one_by_one():
    past = (*KNOWN, own(ONE, **of_streams(days=HOUR)))
    both = set_(ONE, **of_streams(days=HOUR, alerts=MINUTE))
    given(*past).when(both).then(
        (ONE, SettingsSet(settings=Settings(**of_streams(alerts=MINUTE)), by=BY))
    )
    scope = given(*past, own(ONE, **of_streams(alerts=MINUTE))).world.scopes[ONE]
    assert scope.own == Settings(**of_streams(days=HOUR, alerts=MINUTE))
    assert scope.since == {"interval.days": 4, "interval.alerts": 5}


def test_streams_intervals_are_taken_back_one_by_one():
    past = (*KNOWN, own(ONE, spread=0.1, **of_streams(days=HOUR, alerts=MINUTE)))
    taken = SettingsReset(names=("interval.days",), by=BY)
    given(*past).when(reset(ONE, "interval.days")).then((ONE, taken))
    assert given(*past, (ONE, taken)).world.scopes[ONE].own == Settings(
        spread=0.1, **of_streams(alerts=MINUTE)
    )
    given(*past).when(reset(ONE)).then(
        (ONE, SettingsReset(names=("spread", "interval.days", "interval.alerts"), by=BY))
    )


def test_one_stream_set_by_command_leaves_another_that_is_declared():
    past = (
        declared(ONE, **of_streams(days=HOUR, alerts=HOUR)),
        own(ONE, **of_streams(days=MINUTE)),
    )
    assert interval(*past) == MINUTE
    assert interval(*past, stream="alerts") == HOUR
    assert interval(*past, back(ONE, "interval.days")) == HOUR


@drawn(
    st.dictionaries(st.sampled_from("abc"), st.timedeltas(timedelta(0))),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(Backoff),
)
def test_settings_by_name_and_as_one_are_the_same(intervals, jitter, backoff):
    found = Settings(
        stream_intervals=intervals or None, retry_jitter=jitter, retry_backoff=backoff, fallback=7
    )
    assert settings.joined(settings.named(found)) == found


@pytest.mark.requirement("A10")
def test_a_fallback_is_the_connections_own():
    assert policy.fallback(given(*KNOWN).world, ONE) is None
    assert policy.fallback(given(*KNOWN, own(ONE, spread=0.1)).world, ONE) is None
    assert policy.fallback(given(*KNOWN, declared(ONE, fallback=OTHER)).world, ONE) == OTHER
    assert policy.fallback(given(*KNOWN, own(TENANT, fallback=OTHER)).world, ONE) is None


# -- at once --------------------------------------------------------------------------------------


@pytest.mark.requirement("A19")
@pytest.mark.parametrize("subject", PLACES)
def test_a_setting_is_in_force_with_the_next_decision(subject):
    past = (*KNOWN, own(subject, enabled=False))
    start = commands.Start(subject=ONE)
    held_back = schema.SyncDeferred(due=NOON, reason=terms.HoldReason.DISABLED, until=None)
    given(*past).when(start).then((ONE, held_back))
    given(*past, back(subject, "enabled")).when(start).then((ONE, started()))


@pytest.mark.requirement("A19")
@pytest.mark.parametrize("subject", PLACES)
def test_a_shorter_interval_does_not_wait_for_the_longer_one_to_pass(subject):
    past = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)), own(subject, interval=HOUR))
    given(*past).when(commands.Reconsider(subject=ONE)).then(
        (ONE, scheduled(NOON + HOUR, terms.ScheduleReason.SETTINGS))
    )


def test_an_interval_that_was_set_by_command_is_not_moved_by_another_way_to_say_it():
    connect = commands.Connect(subject=ONE, tenant=TENANT, provider=PROVIDER, interval=MINUTE)
    past = (*KNOWN, (ONE, scheduled(NOON + 6 * HOUR)), own(ONE, interval=6 * HOUR))
    given(*past).when(connect).then((ONE, schema.ConnectionChanged(interval=MINUTE)))


def test_the_configuration_of_the_fleet_is_a_fact_when_it_differs():
    other: PolicySet = replace(DEFAULT_POLICY, concurrency=3)
    given(*KNOWN).when(commands.SetPolicy(policy=other)).then((FLEET, other))
    given(*KNOWN, (FLEET, other)).when(commands.SetPolicy(policy=other)).then()
    past = (*KNOWN, (FLEET, other), (OTHER, ADDED))
    assert held(*past[len(KNOWN) :], subject=OTHER).concurrency == 3
