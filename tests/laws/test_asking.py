"""Status and queue ask few what keeps them, and answer as if they had asked everybody."""

from datetime import timedelta

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.control import health, queue, queue_health, status, tenant_status, views
from daemon.control.messages import Nothing
from daemon.control.rotation_messages import TenantName, Whose
from daemon.control.whose import LOOKS
from daemon.decide import hindrance
from daemon.decide.turn import turn_of
from events.terms import Caller
from tests.benchmarks.fleet import BEGIN, INTERVAL, fleet, subjects
from tests.fakes.standing import desk_of
from tests.fakes.unwalked import Unwalked
from tests.laws.test_journal import live, lives

BY = Caller(uid=0, role="viewer")
later = st.integers(-3, 30).map(lambda hours: timedelta(hours=hours))


def asked(desk, call, wish):
    return trio.run(call, desk, wish, BY)


def living(world):
    return [subject for subject, known in world.connections.items() if not known.removed]


def is_late(world, subject, now):
    if world.connections[subject].run:
        return False
    turn = turn_of(world, subject, now)
    return turn.due <= now and hindrance.is_late(hindrance.of(world, subject, now), turn, now)


@given(lives, later)
@settings(max_examples=60, deadline=None)
def test_status_counts_what_a_look_at_everybody_counts(life, more):
    _, world = live(life)
    now = world.at + more
    found = asked(desk_of(world, now), status.status, Nothing())
    starts = {subject: hindrance.start(world, subject, now) for subject in living(world)}
    told = [at for at in starts.values() if at]
    waits = [subject for subject, at in starts.items() if at is None or at > now]
    assert found.connections == len(starts)
    assert found.due == sum(at <= now for at in told)
    assert found.next_start == min((at for at in told if at > now), default=None)
    assert found.held == sum(is_late(world, subject, now) for subject in waits)
    assert found.paused == sum(world.connections[each].paused for each in starts)


@given(lives, later, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_queue_is_the_first_of_everybody(life, more, most):
    _, world = live(life)
    now = world.at + more
    desk = desk_of(world, now)
    whole = [views.queued(desk, subject, now) for subject in world.connections]
    ranks = sorted(views.order(each, now) for each in whole if each is not None)
    found = trio.run(queue.foremost, desk, Whose(), most)
    assert [views.order(each, now) for each in found.items] == ranks[:most]
    found = asked(desk, queue.queue, Whose())
    assert [views.order(each, now) for each in found.items] == ranks


# -- what it costs --------------------------------------------------------------------------------


@pytest.mark.requirement("D8")
@pytest.mark.parametrize(
    "call, wish",
    [
        (tenant_status.get_sync_health_status, TenantName),
        (queue_health.get_queue_health_metrics, Whose),
        (health.get_sync_system_health, Whose),
        (queue.queue, Whose),
    ],
)
def test_a_question_about_a_tenant_goes_through_nobody_elses_connections(call, wish):
    world = fleet(40)
    tenant = world.connections[subjects(40)[0]].tenant
    world.connections = Unwalked(world.connections)
    answer = asked(desk_of(world, BEGIN + INTERVAL), call, wish(tenant=f"t{tenant}"))
    assert answer.seq == world.seq


@pytest.mark.requirement("D8")
@pytest.mark.parametrize(
    "call, wish",
    [
        (status.status, Nothing()),
        (queue.queue, Whose()),
        (queue_health.get_queue_health_metrics, Whose()),
        (health.get_sync_system_health, Whose()),
    ],
)
@pytest.mark.parametrize("now", [BEGIN, BEGIN + INTERVAL], ids=["some due", "all due"])
def test_a_question_about_all_lets_everybody_else_have_their_turns(call, wish, now):
    many, turns = 8 * LOOKS, 0

    async def scene():
        nonlocal turns
        async with trio.open_nursery() as nursery:

            async def others():
                nonlocal turns
                while True:
                    turns += 1
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(others)
            await call(desk_of(fleet(many), now), wish, BY)
            nursery.cancel_scope.cancel()

    trio.run(scene)
    assert turns >= many // LOOKS - 1  # whose turn comes first is drawn
