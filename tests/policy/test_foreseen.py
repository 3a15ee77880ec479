"""How would a connection do, had its state gone back? As it does once it went (requirement F5)."""

import pytest
from msgspec.structs import replace

from daemon.commands import FinishRollback
from daemon.decide.foreseen import world_of
from daemon.decide.restoring import differing_state, ends_held, state_of
from events.schema import RetryScheduled
from events.terms import FailureClass, RollbackScope
from events.versions import RollbackStarted
from projections.connection import next_start
from tests.policy.transcript import (
    HOUR,
    MINUTE,
    NOON,
    ONE,
    RUNNING,
    captured,
    failed,
    given,
    lost,
    quarantined,
    scheduled,
    setting,
    succeeded,
)

pytestmark = pytest.mark.requirement("F5")

GOOD = (*RUNNING, (ONE, captured(4)), (ONE, succeeded(4)), (ONE, scheduled(NOON + 6 * HOUR)))
RETRY = RetryScheduled(
    due=NOON + 5 * MINUTE,
    attempt=2,
    cause=FailureClass.SERVER,
    priority=6,
    delay=10 * MINUTE,
    streams=("days",),
)
HELD = quarantined(9)


@pytest.mark.parametrize("jitter", [False, True])
def test_it_is_what_comes_of_it_and_changes_nothing(jitter):
    allowed = (0, setting(failover_enabled=True, retry_jitter=jitter))
    was = given(*GOOD, (ONE, failed(4, lost())), (ONE, RETRY)).world.connections[ONE]
    scene = given(allowed, *GOOD)
    known = scene.world.connections[ONE]
    then = world_of(ONE, was, scene.world, NOON + HOUR).connections[ONE]
    assert scene.world.connections[ONE] is known
    begun = scene.world.seq + 1
    scene.fold(ONE, RollbackStarted(to=6, scope=RollbackScope.STATE))
    real = FinishRollback(
        subject=ONE, started=begun, to=6, scope=RollbackScope.STATE, was=was, jitter=1.0
    )
    scene.when(real, NOON + HOUR)
    for subject, event in scene.decided:
        scene.fold(subject, event, NOON + HOUR)
    after = scene.world.connections[ONE]
    assert state_of(then, ["days"]) == state_of(after, ["days"])
    assert next_start(then) == next_start(after) == NOON + HOUR + 10 * MINUTE


def test_the_streams_that_did_otherwise_are_named():
    was = given(*GOOD).world.connections[ONE]
    known = given(*GOOD, (ONE, captured(9, "alerts")), (ONE, failed(9, lost()))).world
    assert differing_state(known.connections[ONE], was) == ["days"]


def test_what_is_held_can_be_accepted_until_its_stream_goes_back():
    held = given(*GOOD, (ONE, HELD)).world.connections[ONE]
    assert ends_held(held, ["days"]) == ["days"]
    late = given(*GOOD, (ONE, HELD), (ONE, captured(9))).world.connections[ONE]
    assert ends_held(late, ["days"]) == []
    none = replace(held, streams={"days": replace(held.streams["days"], held=None)})
    assert ends_held(none, ["days"]) == []
    assert ends_held(held, []) == []
