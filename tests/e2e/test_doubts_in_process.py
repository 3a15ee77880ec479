"""What is held goes into force whole: all its days, and the cursor that it came with."""

import json
from datetime import timedelta

import pytest
import trio

from daemon import commands
from daemon.exchange import Response
from daemon.guard_file import Guards
from daemon.paging_file import PagePaging
from daemon.provider_file import ProviderFile
from daemon.restoring import Wish
from daemon.restoring_words import NotBack
from daemon.stream_file import Cursor, Stream, Window
from events.schema import RecordsCaptured, RecordsRefused, SyncFailed, SyncSucceeded
from events.terms import FailureClass, Guard, Mode, Reaction, RestoreEnd
from events.versions import QuarantineAccepted, RecordsQuarantined, RestoreAbandoned
from tests.fakes.in_process import EPOCH, InProcess, play

pytestmark = pytest.mark.requirement("B5")

TODAY = EPOCH.date()
YESTERDAY = TODAY - timedelta(days=1)


class Source(InProcess):
    """One stream, `days` or `items`; `answers` says what is answered to a query."""

    def __init__(self, stream):
        super().__init__()
        self.asked = []
        self.answers = lambda query: []
        self.file = ProviderFile(
            name="health", base_url="https://health.example", streams={"items": stream}
        )

    async def send(self, request):
        await trio.sleep(0.1)
        self.asked.append(dict(request.params))
        body = json.dumps(self.answers(request.params)).encode()
        return Response(status=200, headers={}, body=body, duration_ms=1)

    async def sync(self, daemon):
        daemon.journal.execute(commands.Request(subject=self.subject))
        await trio.sleep(60)
        return self.events(SyncSucceeded, SyncFailed)[-1].event

    async def accept(self, daemon):
        """Take over what is held; how that ended, None for well."""
        acceptance = daemon.quarantine.accept(
            commands.AcceptHeld(subject=self.subject, stream="items"), daemon.supervisor
        )
        await acceptance.done.wait()
        return acceptance.abandoned

    def shown(self):
        page = self.store.show(self.subject, "items", after=None, limit=1000)
        return {record["id"]: record for record in page.records}


def scene(make):
    """Play it with what that makes, from the first sync's end on."""

    def of(test):
        def played():
            async def whole():
                source = make()
                async with source.life() as daemon:
                    await trio.sleep(60)
                    await test(source, daemon)

            play(whole)

        played.__name__, played.__doc__ = test.__name__, test.__doc__
        return played

    return of


def days(stale):
    def make():
        source = Source(
            Stream(
                path="/items",
                primary_key=("id",),
                params={"day": "{day}"},
                mode=Mode.WINDOW,
                window=Window(days=2),
                guards=Guards(stale=stale),
            )
        )
        source.answers = two
        return source

    return make


def two(query):
    return [{"id": f"{query['day']} {each}"} for each in range(2)]


def items(first, last, **fields):
    return [{"id": each, "at": each, **fields} for each in range(first, last)]


def incremental():
    source = Source(
        Stream(
            path="/items",
            primary_key=("id",),
            mode=Mode.INCREMENTAL,
            cursor=Cursor(field="at", param="since"),
        )
    )
    source.answers = lambda query: items(0, 20, name="x")
    return source


def holding():
    """A whole stream of which a part is held, once it has synced again."""
    source = Source(Stream(path="/items", primary_key=("id",)))
    source.answers = lambda query: items(0, 500, text="x" * 500)
    return source


@scene(days(Reaction.QUARANTINE))
async def test_where_a_day_is_to_be_held_all_days_of_its_sync_are(source, daemon):
    before = source.shown()
    assert len(before) == 4
    more = {"id": "new"}
    source.answers = lambda query: (
        two({"day": str(YESTERDAY)}) if query["day"] == str(TODAY) else [*two(query), more]
    )
    ending = await source.sync(daemon)
    assert (ending.cause, "what lies in other days" in ending.message) == ("malformed", True)
    (held,) = source.events(RecordsQuarantined)
    assert (held.event.guard, held.event.day) == (Guard.STALE, TODAY)
    assert source.shown() == before
    assert await source.accept(daemon) is None
    assert source.shown().keys() == {*(row["id"] for row in two({"day": YESTERDAY})), "new"}
    accepted = source.events(RecordsCaptured)[-1].event
    assert accepted.days == (YESTERDAY, TODAY)
    stream = daemon.journal.world.connections[source.subject].streams["items"]
    assert (stream.newest_day, stream.held) == (TODAY, None)


@scene(days(Reaction.ROLLBACK))
async def test_where_a_day_is_refused_the_others_are_taken_over(source, daemon):
    source.answers = lambda query: two({"day": str(YESTERDAY)})
    ending = await source.sync(daemon)
    assert isinstance(ending, SyncSucceeded)
    (lost,) = ending.failures
    assert (lost.day, lost.cause) == (TODAY, FailureClass.MALFORMED)
    (refused,) = source.events(RecordsRefused)
    assert (refused.event.guard, refused.event.day) == (Guard.STALE, TODAY)
    assert len(source.shown()) == 4
    stream = daemon.journal.world.connections[source.subject].streams["items"]
    assert stream.doubt is Guard.STALE


@scene(incremental)
async def test_what_is_new_goes_on_behind_what_was_held(source, daemon):
    """The cursor of what is refused or held is not in force; that of what is accepted is."""
    source.answers = lambda query: items(20, 40)
    ending = await source.sync(daemon)
    assert (ending.cause, "1 field" in ending.message) == ("malformed", True)
    assert len(source.shown()) == 20
    await source.sync(daemon)
    assert [query.get("since") for query in source.asked] == [None, "19", "19"]
    assert await source.accept(daemon) is None
    assert len(source.shown()) == 40
    source.answers = lambda query: []
    assert isinstance(await source.sync(daemon), SyncSucceeded)
    assert source.asked[-1]["since"] == "39"


@scene(holding)
async def test_what_was_taken_over_on_a_full_disk_is_seen_once_there_is_room(source, daemon):
    before = source.shown()
    source.answers = lambda query: items(1000, 1100)
    assert isinstance(await source.sync(daemon), SyncFailed)
    source.fill_up(2)
    assert await source.accept(daemon) is None
    assert source.shown() == before
    assert not daemon.journal.has_room, "nothing new begins before that"
    await trio.sleep(5)
    assert len(source.shown()) == 100
    assert daemon.journal.has_room


@scene(holding)
async def test_an_acceptance_that_finds_no_room_changes_nothing_and_can_be_tried_again(
    source, daemon
):
    source.answers = lambda query: items(1000, 1100, text="y" * 500)
    await source.sync(daemon)
    store = source.store._connection
    store.execute("VACUUM")
    (pages,) = store.execute("PRAGMA page_count").fetchone()
    store.execute(f"PRAGMA max_page_count = {pages}")
    assert await source.accept(daemon) is RestoreEnd.DISK_FULL
    (abandoned,) = source.events(RestoreAbandoned)
    assert abandoned.event.reason is RestoreEnd.DISK_FULL
    assert len(source.shown()) == 500
    store.execute("PRAGMA max_page_count = 1000000")
    assert await source.accept(daemon) is None
    assert len(source.shown()) == 100


@scene(holding)
async def test_an_acceptance_in_which_our_own_code_fails_is_closed_and_what_is_held_stays(
    source, daemon
):
    source.answers = lambda query: items(0, 100, text="y")
    await source.sync(daemon)
    source.store._connection.execute("UPDATE quarantine SET offer = '{}'")
    assert await source.accept(daemon) is RestoreEnd.FAILED
    assert daemon.journal.world.connections[source.subject].restoring is None
    assert len(source.shown()) == 500


@scene(holding)
async def test_what_the_data_store_does_not_hold_cannot_be_taken_over(source, daemon):
    """It may be an older copy."""
    source.answers = lambda query: items(0, 100, text="y")
    await source.sync(daemon)
    source.store._connection.execute("DELETE FROM quarantine")
    assert await source.accept(daemon) is RestoreEnd.SUPERSEDED
    assert source.events(QuarantineAccepted) == []
    dropping = commands.DropHeld(subject=source.subject, stream="items")
    assert daemon.journal.execute(dropping)


@scene(holding)
async def test_no_sync_starts_while_something_is_taken_over_and_it_starts_then(source, daemon):
    source.answers = lambda query: items(0, 100, text="y")
    await source.sync(daemon)
    asked = len(source.asked)
    acceptance = daemon.quarantine.accept(
        commands.AcceptHeld(subject=source.subject, stream="items"), daemon.supervisor
    )
    daemon.journal.execute(commands.Request(subject=source.subject))
    assert daemon.journal.execute(commands.Start(subject=source.subject)) == []
    assert len(source.asked) == asked
    await acceptance.done.wait()
    await trio.sleep(60)
    assert len(source.asked) == asked + 1
    assert isinstance(source.events(SyncSucceeded, SyncFailed)[-1].event, SyncSucceeded)


@scene(holding)
async def test_what_is_taken_over_while_it_goes_back_is_so_before_or_after_it(source, daemon):
    """It is asked for while it is worked out what going back comes to."""
    good = daemon.journal.head.seq
    source.answers = lambda query: items(0, 500, text="z")
    await source.sync(daemon)
    source.answers = lambda query: items(0, 100, text="y")
    await source.sync(daemon)
    ended = []

    async def back():
        try:
            await daemon.restorer.go_back(Wish(subject=source.subject, to=good))
        except NotBack as refused:
            ended.append(refused.why)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(back)
        await trio.lowlevel.checkpoint()
        accepted = await source.accept(daemon)
    assert daemon.journal.world.connections[source.subject].restoring is None
    assert accepted in {None, RestoreEnd.SUPERSEDED}
    if ended:
        assert "or a held version is taken over" in ended[0]
        assert len(source.shown()) == 100
    else:
        assert source.shown()[0]["text"] == "x" * 500


@scene(holding)
async def test_a_connection_that_is_removed_meanwhile_ends_it(source, daemon):
    source.answers = lambda query: items(0, 100, text="y")
    await source.sync(daemon)
    acceptance = daemon.quarantine.accept(
        commands.AcceptHeld(subject=source.subject, stream="items"), daemon.supervisor
    )
    daemon.journal.execute(commands.Remove(subject=source.subject))
    await acceptance.done.wait()
    assert acceptance.abandoned is RestoreEnd.REMOVED
    await trio.sleep(1)
    assert len(source.shown()) == 500
    held = source.store._connection.execute("SELECT count(*) FROM held").fetchone()
    assert held == (0,)
    assert daemon.journal.world.fleet.restoring == frozenset()


@scene(holding)
async def test_what_is_held_while_its_connection_is_removed_is_not_left_behind(source, daemon):
    source.answers = lambda query: items(0, 100, text="y")
    removed = trio.Event()

    def remove(recorded):
        if isinstance(recorded.event, RecordsQuarantined) and not removed.is_set():
            removed.set()

    daemon.journal.observe(remove)
    daemon.journal.execute(commands.Request(subject=source.subject))
    await removed.wait()
    daemon.journal.execute(commands.Remove(subject=source.subject))
    await trio.sleep(60)
    held = source.store._connection.execute("SELECT count(*) FROM quarantine").fetchone()
    assert held == (0,)


def paged():
    return Source(
        Stream(
            path="/items",
            primary_key=("id",),
            records="rows",
            total="total",
            paging=PagePaging(param="page"),
        )
    )


@scene(paged)
async def test_a_page_that_comes_in_place_of_another_is_noticed(source, daemon):
    """There are as many records as the provider says, and a third of what it has is missing."""

    def answers(query):
        page = int(query["page"])
        page = 1 if page == 3 and flawed else page
        ids = range((page - 1) * 100, page * 100) if page <= 3 else ()
        return {"rows": [{"id": each} for each in ids], "total": 300}

    source.answers, flawed = answers, False
    await source.sync(daemon)
    assert len(source.shown()) == 300
    flawed = True
    ended = await source.sync(daemon)
    assert isinstance(ended, SyncFailed)
    assert "some came twice" in ended.message
    assert source.events(RecordsRefused)[-1].event.guard is Guard.INCOMPLETE
    assert len(source.shown()) == 300
