"""Do answers out of much of the log, or over a large fleet, leave everybody else their turns?"""

import random
from datetime import timedelta

import pytest
import trio
from msgspec.structs import replace

from daemon.control import audit, failure_log, issues, look, narrowed, whose
from daemon.control.audit_messages import ReadsQuery
from daemon.control.desk import Desk
from daemon.control.failure_log_messages import FailureLogQuery, FailureName
from daemon.control.issue_messages import IssuesQuery
from daemon.control.messages import LogQuery
from daemon.log_pages import PAGE_EVENTS, PAGE_NUMBERS
from daemon.read_model.failure_log import Failure
from events.access import TenantRead
from events.codec import encode
from events.envelope import Recorded
from events.issues import IssueKind, IssueOpened, Severity, Threshold
from events.schema import (
    FLEET,
    CallFailed,
    ConnectionRemoved,
    ProviderDeclared,
    SyncSkipped,
)
from events.sources import Expectation, Pattern, SourceAdded, SourceRemoved
from events.terms import Caller, FailureClass, SkipReason
from projections import world as worlds
from tests.benchmarks.fleet import BEGIN, PROVIDERS, fleet, subjects
from tests.fakes.memory_log import Disk, MemoryLog
from tests.fakes.standing import desk_of
from tests.fakes.turns import counted

CONNECTIONS = 600  # two of a tenant
BY = Caller(uid=7, role="viewer")
SKIPPED = SyncSkipped(reason=SkipReason.PAUSED, due=BEGIN)
FAILED = CallFailed(
    sync=1, stream="days", endpoint="/days", method="GET", cause=FailureClass.SERVER, duration_ms=1
)


class Scene:
    """A fleet, whose log has these events and no others."""

    def __init__(self, *told, connections=CONNECTIONS):
        self.world = fleet(connections)
        self.ours = [*subjects(connections)]
        self.disk = Disk()
        rows = [
            encode(Recorded(seq=seq, at=BEGIN, subject=subject, event=event))
            for seq, (subject, event) in enumerate(told, 1)
        ]
        if rows:
            self.disk.write(rows, b"")

    def happens(self, subject, event):
        recorded = Recorded(seq=self.world.seq + 1, at=BEGIN, subject=subject, event=event)
        worlds.fold(self.world, recorded)

    @property
    def tenants(self):
        return frozenset(self.world.tenants)

    def asked(self, question, sees=None):
        """What is answered to who sees these tenants alone, and what was read of the log for it."""

        async def asking():
            async with trio.open_nursery() as nursery:
                with counted(MemoryLog(self.disk, nursery, random.Random(1))) as log:
                    return await question(self.desk(log, sees)), log

        return trio.run(asking)

    def desk(self, log, sees):
        desk = desk_of(self.world, BEGIN)
        desk.journal.log, desk.journal.head.seq = log, len(self.disk.rows)
        desk.view = lambda each: Desk.view(desk, each)
        if sees is not None:
            desk.sees, desk.journal = sees, narrowed._SeenJournal(desk.journal, sees)
        return desk


def ours(count=CONNECTIONS):
    return [*subjects(count)]


# -- the log of who may see some tenants alone ----------------------------------------------------


@pytest.mark.requirement("D7")
@pytest.mark.parametrize("after", [None, 0])
def test_who_sees_some_tenants_is_shown_their_events_and_no_other_is_decoded(after):
    told = [(each, SKIPPED) for _ in range(10) for each in ours()]
    scene = Scene(*told)
    sees = scene.tenants - {scene.world.connections[ours()[0]].tenant}
    query = LogQuery(limit=300, after=after)
    found, log = scene.asked(lambda desk: look.log(desk, query, BY), sees)
    seen = [seq for seq, (each, _) in enumerate(told, 1) if each not in ours()[:2]]
    assert [each.seq for each in found.events] == (seen[:300] if after == 0 else seen[-300:])
    assert found.seq == len(told)
    assert (log.read_in_all, log.read_at_once) == (300, PAGE_EVENTS)
    assert log.numbered_at_once <= PAGE_NUMBERS


@pytest.mark.requirement("D7")
def test_they_are_shown_what_happened_to_a_connection_that_is_gone():
    scene = Scene(*[(each, SKIPPED) for each in ours()])
    gone, tenant = ours()[4], scene.world.connections[ours()[4]].tenant
    scene.happens(gone, ConnectionRemoved(by=BY))
    query, sees = LogQuery(), frozenset({tenant})
    found, _ = scene.asked(lambda desk: look.log(desk, query, BY), sees)
    assert [each.subject for each in found.events] == [gone, ours()[5]]


@pytest.mark.parametrize("query", [LogQuery(limit=1000), LogQuery(limit=1000, after=0)])
def test_whoever_sees_all_is_shown_the_log_a_page_a_turn(query):
    scene = Scene(*[(ours()[0], SKIPPED)] * 1500)
    found, log = scene.asked(lambda desk: look.log(desk, query, BY))
    assert len(found.events) == 1000
    assert log.read_at_once == PAGE_EVENTS


def test_a_world_that_is_narrowed_is_narrowed_once_for_each_event():
    scene = Scene()
    desk = scene.desk(None, scene.tenants)
    before = desk.journal.world
    assert desk.journal.world is before
    scene.happens(ours()[0], SKIPPED)
    assert desk.journal.world.seq == before.seq + 1


# -- who was told ---------------------------------------------------------------------------------


@pytest.mark.requirement("D7")
def test_the_reads_of_many_tenants_are_found_page_by_page_and_none_twice():
    """Each tenant has a few among thousands of others' events."""
    read = TenantRead(by=BY, since=BEGIN, operations={"status": 1})
    tenants = sorted(fleet(CONNECTIONS).tenants)
    scene = Scene(*[each for one in tenants * 4 for each in ((one, read), (ours()[0], SKIPPED))])
    found, after = [], 0
    while after is not None:
        query = ReadsQuery(after=after, limit=400)
        page, log = scene.asked(lambda desk, q=query: audit.reads(desk, q, BY), scene.tenants)
        assert log.read_at_once <= PAGE_EVENTS
        found, after = found + page.reads, page.after
    assert [each.event for each in found] == [*range(1, 2 * len(tenants) * 4, 2)]
    everybody, log = scene.asked(lambda desk: audit.reads(desk, ReadsQuery(limit=900), BY))
    assert [each.event for each in everybody.reads] == [each.event for each in found[:900]]
    assert log.read_at_once <= PAGE_EVENTS


# -- failures -------------------------------------------------------------------------------------


def failing(scene, rows):
    """A desk's parts that a list of failures is made with, besides its log."""

    def known(desk):
        async def ask_fresh(_):
            return 1, rows

        async def kept(_):
            return set()

        desk.reading = type("Reading", (), {"ask_fresh": staticmethod(ask_fresh)})
        desk.excerpts = type("Excerpts", (), {"kept": staticmethod(kept)})
        desk.ever = lambda _: (ours()[0], scene.world.connections[ours()[0]])
        return desk

    return known


def row(event, **more):
    usual = Failure(
        event=event, part=0, connection=ours()[0], at=BEGIN.isoformat(), operation="GET /days",
        sync=1, attempt=1, stream="days", day=None, cause="server", message="it failed",
        status=None, kind=None, sync_ms=None,
    )  # fmt: skip
    return usual._replace(**more)


@pytest.mark.requirement("B10")
def test_a_long_list_of_failures_reads_a_page_of_events_a_turn():
    scene = Scene(*[(ours()[0], FAILED)] * 600)
    rows = [row(600 - n) for n in range(499)] + [row(1, operation="sync")]
    on, query = failing(scene, rows), FailureLogQuery(connection="t1/1", limit=500)
    found, log = scene.asked(lambda desk: failure_log.listing(on(desk), query, BY))
    assert [each.duration_ms for each in found.failures] == [1] * 499 + [None]
    assert (log.read_in_all, log.read_at_once) == (499, PAGE_EVENTS)


@pytest.mark.requirement("B10")
def test_the_calls_of_a_long_sync_are_looked_for_a_page_a_turn_and_not_behind_its_end():
    referred = replace(FAILED, excerpt="ff")
    scene = Scene(*[(ours()[0], referred)] * 5_000)
    on = failing(scene, [row(3_001, operation="sync")])
    wish = FailureName(connection="t1/1", event=3_001)
    scene.disk.rows[3_000] = encode(Recorded(seq=3_001, at=BEGIN, subject=ours()[0], event=SKIPPED))
    found, log = scene.asked(lambda desk: failure_log.show(on(desk), wish, BY))
    assert found.missing == failure_log.WITHHELD
    assert log.read_at_once <= PAGE_EVENTS
    assert log.read_in_all == 3_000  # the calls in between, and the sync's end


# -- a fleet of which somebody sees a part --------------------------------------------------------


class Unwalked(dict):
    """Whose entries are found by their keys alone."""

    def __iter__(self):
        raise AssertionError("nobody goes through all of it")

    keys = values = items = __iter__


@pytest.mark.requirement("D7")
def test_who_sees_some_tenants_is_answered_without_a_look_at_all_connections():
    scene = Scene()
    gone, left = ours()[:2]
    tenant = scene.world.connections[gone].tenant
    scene.happens(left, opened())
    scene.happens(gone, ConnectionRemoved(by=BY))
    scene.world.connections = Unwalked(scene.world.connections)
    scene.world.issues = Unwalked(scene.world.issues)
    desk = scene.desk(None, frozenset({tenant}))
    assert [subject for subject, _ in whose.of(desk, None)] == [left]
    assert narrowed.counted(desk) == {scene.world.connections[left].provider: 1}
    found = trio.run(issues.show, desk, IssuesQuery(), BY)
    assert [each.name for each in found.issues] == [name_of(scene, left)]


# -- what is wrong --------------------------------------------------------------------------------


def opened(name="failing_after"):
    by = Threshold(name=name, whose="default", event=1)
    return IssueOpened(
        kind=IssueKind.FAILING, severity=Severity.MINOR, since=BEGIN, threshold=by, evidence=(1,)
    )


@pytest.mark.requirement("D3")
def test_of_a_large_fleet_nobody_is_looked_at_with_whom_nothing_is_wrong():
    scene = Scene()
    well, ill, gone = ours()[:3]
    unused, reporter = 9_998, 9_999
    scene.happens(unused, ProviderDeclared(name="unused", digest="1", streams=()))
    tenant, every = min(scene.tenants), timedelta(hours=1)
    expected = Expectation(pattern=Pattern.IOS, every=every, late_after=every)
    scene.happens(reporter, SourceAdded(tenant=tenant, expectation=expected))
    for each in (ill, gone, PROVIDERS[0], unused, reporter, FLEET):
        scene.happens(each, opened())
    scene.happens(gone, ConnectionRemoved(by=BY))
    scene.happens(reporter, SourceRemoved(by=BY))
    named = []

    def asked(desk):
        name, desk.vault.name = desk.vault.name, lambda each: named.append(each) or name(each)
        return issues.show(desk, IssuesQuery(), BY)

    found, _ = scene.asked(asked)
    assert [each.name for each in found.issues] == sorted(
        ["fleet", f"t{PROVIDERS[0]}", name_of(scene, ill)]
    )
    assert {*named} == {PROVIDERS[0], ill}
    assert well not in named
    own = frozenset({scene.world.connections[ill].tenant})
    seen, _ = scene.asked(lambda desk: issues.show(desk, IssuesQuery(), BY), own)
    assert name_of(scene, ill) in {each.name for each in seen.issues}


def name_of(scene, subject):
    return f"t{scene.world.connections[subject].tenant}/{subject}"


@pytest.mark.requirement("D3")
@pytest.mark.requirement("D7")
def test_who_sees_some_tenants_is_told_of_providers_that_these_have_and_of_no_others():
    scene = Scene()
    tenant = scene.world.connections[ours()[0]].tenant
    at = {scene.world.connections[each].provider for each in ours()[:2]}
    for each in PROVIDERS:
        scene.happens(each, opened())
    for each in ours():
        scene.happens(each, opened())
    found, _ = scene.asked(lambda desk: issues.show(desk, IssuesQuery(), BY), frozenset({tenant}))
    names = {f"t{each}" for each in at} | {name_of(scene, each) for each in ours()[:2]}
    assert {each.name for each in found.issues} == names
