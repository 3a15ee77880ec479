"""What people ask the SQL file says what the daemon says, whenever they ask."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.decide import condition, sources
from daemon.failures import by_status
from daemon.read_model import changed, scores
from daemon.read_model.file import ReadModel
from daemon.read_model.timestamps import iso
from events import gateway, schema
from events.envelope import Recorded
from events.terms import FailureClass
from projections import connection, health
from projections import world as worlds
from projections.world import World
from tests.benchmarks.history import BEGIN
from tests.benchmarks.history import history as weeks
from tests.laws.test_failures_in_sql import mixed
from tests.laws.test_journal import live, lives
from tests.laws.test_read_model import at_once, stands

WEEK = health.STALE_AFTER
LATER = (timedelta(seconds=1), WEEK - timedelta(milliseconds=1), WEEK, 8 * WEEK)
REMOVED = schema.ConnectionRemoved()
HEALTH = ("connection_health_metrics", "sync_connection_health", "sync_metadata", "sync_health")


def modelled(written, world):
    """All that it says, once all is in it."""
    model = at_once(written)
    everything = stands(world, changed.everything(world))
    model.write(replace(model.position(), whole=True), None, {}, everything)
    return model


def asked_at(model, now, sql):
    """As if it were then: SQL's functions of time get that for `now`."""
    with closing(sqlite3.connect(":memory:")) as clock:
        for name in ("strftime", "julianday"):

            def tell(*words, name=name):
                told = [iso(now) if each == "now" else each for each in words]
                marks = ", ".join("?" * len(told))
                return clock.execute(f"SELECT {name}({marks})", told).fetchone()[0]

            model.connection.create_function(name, -1, tell)
        return model.connection.execute(sql).fetchall()


def living(world):
    return {subject: known for subject, known in world.connections.items() if not known.removed}


def of_streams(world, now):
    """Each with its score, which is none where nothing is known."""
    for subject, known in living(world).items():
        for name in condition.names(known, world.providers.get(known.provider)):
            yield f"n{subject}/{name}", sources.stream_score(known, name, now)


def check_health(written, world, now):
    model = modelled(written, world)
    sql = (
        "SELECT id, health_score, total_syncs, consecutive_failures, uptime_percentage "
        "FROM connection_health_metrics"
    )
    assert {row[0]: row[1:] for row in asked_at(model, now, sql)} == {
        subject: (
            health.score(known.health, now),
            known.health.total,
            known.health.consecutive_failures,
            health.uptime_percentage(known.health, now),
        )
        for subject, known in living(world).items()
    }
    sql = "SELECT source, health_score FROM sync_health WHERE kind = 'stream'"
    found = dict(asked_at(model, now, sql))
    assert found == dict(of_streams(world, now))
    return model, found


@given(lives, st.sampled_from(LATER))
@settings(max_examples=100)
@pytest.mark.requirement("A5")
@pytest.mark.requirement("A13")
def test_how_each_does_is_what_the_daemon_says(life, later):
    """The scores of connections and of their streams, and uptime, of those that there still are."""
    written, world = live(life)
    model, _ = check_health(written, world, max(each.at for each in written) + later)
    queued = model.connection.execute(
        "SELECT count(*) FROM connection_sync_queue WHERE status = 'processing'"
    ).fetchone()
    assert queued == (len(world.fleet.running),)


def without_heart(written):
    """From the middle on that stream brings nothing, while others come."""
    for each in written:
        if isinstance(each.event, schema.RecordsCaptured) and each.seq > 1600:
            yield replace(each, event=replace(each.event, stream="days"))
        else:
            yield each


@pytest.mark.parametrize("seed", [31, 32])
@pytest.mark.parametrize("later", LATER)
@pytest.mark.requirement("A5")
def test_a_stream_scores_its_own_failures_and_its_own_week(seed, later):
    """Whatever its connection, and the others of it, score."""
    written, world = [*without_heart(mixed(seed))], World()
    for each in written:
        worlds.fold(world, each)
    _, found = check_health(written, world, max(each.at for each in written) + later)
    assert len(set(found.values())) > 2


def test_a_rate_of_syncs_is_rounded_as_the_daemon_rounds_it():
    """A half to what is even, less often than SQL would round it up."""
    model = ReadModel(None, "one")
    for total in range(1, 201):
        sql = "SELECT ? AS successful, ? AS total"
        for successful in range(total + 1):
            asked = f"SELECT {scores.RATE} FROM ({sql}) AS account"
            (found,) = model.connection.execute(asked, (successful, total)).fetchone()
            assert found == round(100 * successful / total), (successful, total)


@given(lives)
@settings(max_examples=60)
@pytest.mark.requirement("A13")
def test_what_is_pending_came_up_when_it_was_planned_or_asked_for(life):
    """However often its row was written since."""
    written, world = live(life)
    model, at = modelled(written, world), {each.seq: iso(each.at) for each in written}
    plans = {
        subject: known.schedule
        for subject, known in world.connections.items()
        if connection.next_start(known) is not None
    }
    sql = "SELECT id, created_at FROM {} WHERE status = '{}'"
    planned = model.connection.execute(sql.format("connection_rotation_schedule", "scheduled"))
    numbers = [each.planned for each in plans.values()]
    assert sorted(planned) == sorted((each, at[each]) for each in numbers)
    queued = model.connection.execute(sql.format("connection_sync_queue", "pending"))
    numbers = [each.request.seq if each.request else each.planned for each in plans.values()]
    assert sorted(queued) == sorted((each, at[each]) for each in numbers)


@pytest.mark.requirement("A13")
def test_of_who_was_removed_nothing_says_how_it_does():
    """It is an account still, and what happened to it stays."""
    written = weeks(2, 300, 1)
    at = written[-1].at
    written.append(Recorded(seq=len(written) + 1, at=at, subject=2, event=REMOVED))
    world = World()
    for each in written:
        worlds.fold(world, each)
    model = modelled(written, world)
    for view in HEALTH:
        found = {row[0] for row in model.connection.execute(f"SELECT user_id FROM {view}")}
        assert found == {"n3"}, view
    sql = "SELECT status FROM provider_accounts ORDER BY id"
    assert model.connection.execute(sql).fetchall() == [("removed",), ("active",)]
    sql = "SELECT count(*) FROM connection_sync_queue WHERE user_id = 'n2'"
    assert model.connection.execute(sql).fetchone()[0] > 10


@pytest.mark.requirement("B14")
def test_a_calls_failure_has_the_sentence_of_its_status():
    """Of a sync's call, and of a program's; nothing where no status says it."""
    rate, gone = FailureClass.RATE_LIMITED, FailureClass.NETWORK
    asked = {"endpoint": "GET /a", "method": "GET"}
    past = [
        schema.ConnectionAdded(tenant=2, provider=1),
        schema.CallFailed(sync=1, stream="days", cause=rate, status=429, **asked),
        gateway.CallMade(kind=gateway.CallKind.READ, began=1, cause=rate, status=429, **asked),
        schema.CallFailed(sync=1, stream="days", cause=gone, **asked),
    ]
    written = [
        Recorded(seq=seq, at=BEGIN, subject=3, event=event) for seq, event in enumerate(past, 1)
    ]
    found = at_once(written).connection.execute("SELECT message FROM failure ORDER BY seq")
    assert found.fetchall() == [(by_status(429)[1],), (by_status(429)[1],), ("",)]
