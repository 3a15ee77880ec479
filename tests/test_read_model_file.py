"""Is what lies in the SQL file found at once, written in turns, and read by anybody at all?"""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
import trio

from daemon.read_model import changed, failure_log, failures, pruning
from daemon.read_model.changed import Changed
from daemon.read_model.file import ReadModel
from daemon.read_model.gathering import SUBJECTS_PAGE, gathered
from daemon.read_model.metadata import VIEWS
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import ConnectionAdded, ProviderDeclared
from events.sources import Expectation, Pattern, SourceAdded
from projections import world as worlds
from projections.world import World

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
MANY = 200


@pytest.mark.requirement("B13")
def test_one_failure_is_found_by_its_number_however_many_its_tenant_has():
    model, said = ReadModel(None, "one"), []
    for seq in range(1, 5):
        row = (seq, 0, 7, 3, 1, iso(AT), "sync", None, 0, "", None, "server", "", None)
        model.connection.execute(f"INSERT INTO failure VALUES ({', '.join('?' * 14)})", row)
    asked = failure_log.Asked(
        tenant=3, connection=7, since=AT - timedelta(days=1), limit=9, event=2
    )
    model.connection.set_trace_callback(said.append)
    _, found = failure_log.read(asked, model.connection)
    model.connection.set_trace_callback(None)
    assert [each.event for each in found] == [2]
    (sql,) = (each for each in said if "FROM failure" in each)
    plan = [how for *_, how in model.connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert plan[0].startswith("SEARCH failure USING INDEX sqlite_autoindex_failure_1 (seq=?")


def peopled():
    """A provider, and many tenants, each with a source and a connection."""
    world = World()
    expectation = Expectation(
        pattern=Pattern.ANDROID, every=timedelta(hours=1), late_after=timedelta(hours=2), night=True
    )
    facts = [(1, ProviderDeclared(name="p", digest="d", streams=()))]
    for each in range(MANY):
        facts.append((1000 + each, ConnectionAdded(tenant=2000 + each, provider=1)))
        facts.append((3000 + each, SourceAdded(tenant=2000 + each, expectation=expectation)))
    for seq, (subject, event) in enumerate(facts, 1):
        worlds.fold(world, Recorded(seq=seq, at=AT, subject=subject, event=event))
    return world


@pytest.mark.parametrize("kind", ["connections", "tenants", "names", "sources"])
@pytest.mark.requirement("X1")
def test_others_have_their_turn_while_many_rows_of_any_kind_are_worked_out(kind):
    world, turns = peopled(), []
    some = Changed(**{kind: getattr(changed.everything(world), kind)})
    expected = len(getattr(some, kind))

    async def others():
        while True:
            turns.append(kind)
            await trio.lowlevel.checkpoint()

    async def scene():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            stands, _ = await gathered(world, some, str)
            nursery.cancel_scope.cancel()
        assert len(getattr(stands, kind)) == expected >= MANY
        assert len(turns) + 1 >= expected // SUBJECTS_PAGE, "it may begin after the first page"

    trio.run(scene)
    assert not some


def test_what_views_are_made_of_has_no_column_that_nobody_reads():
    model, read = ReadModel(None, "one"), set()

    def note(action, table, column, *_):
        if action == sqlite3.SQLITE_READ:
            read.add((table, column))
        return sqlite3.SQLITE_OK

    model.connection.set_authorizer(note)
    for view in VIEWS:
        model.connection.execute(f"SELECT * FROM {view}").fetchall()
    asked = failures.Asked(tenant=3, connection=7, since=AT)
    failures.read(asked, model.connection)
    listed = failure_log.Asked(tenant=3, connection=7, since=AT, limit=9)
    failure_log.read(listed, model.connection)
    pruning.prune(model.connection, 1, AT, timedelta(days=7))
    model.members()
    model.connection.set_authorizer(None)
    for table in ("member", "account", "stream", "tenant", "turn", "retry", "failure", "pass"):
        columns = model.connection.execute(f"PRAGMA table_info({table})").fetchall()
        assert {column for _, column, *_ in columns} - {
            of for at, of in read if at == table
        } == set()
