"""What was fetched by mistake is taken back, and what comes after is as if it had never been."""

import random
from datetime import date, timedelta

import msgspec
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from daemon.control import rollback_goal
from daemon.control.desk import Refused
from daemon.control.rollback_messages import RollbackTo
from daemon.exchange import Response
from daemon.policy_file import PolicyTables
from daemon.provider_file import ProviderFile
from daemon.restoring import Wish
from daemon.restoring_words import NotBack
from daemon.store.core import StoreFull
from daemon.stream_file import Cursor, Stream, Window
from events.codec import decode
from events.schema import RecordsCaptured, SyncFailed, SyncScheduled, SyncStarted, SyncSucceeded
from events.terms import Mode, Reaction, RestoreEnd, RollbackScope
from events.versions import RestoreAbandoned, RollbackStarted, RolledBack, VersionsPruned
from projections import world as worlds
from projections.world import World
from tests.fakes.in_process import DAY_S, EPOCH, InProcess, play
from tests.laws.stores import digest_of

ONE_DAY = timedelta(days=1)
WHOLE, DAILY, NEWS = "whole", "daily", "news"
MODES = {WHOLE: Mode.FULL, DAILY: Mode.WINDOW, NEWS: Mode.INCREMENTAL}
FIELDS = {"primary_key": ("id",), "empty": Reaction.ACCEPT}


class Shop(InProcess):
    """One connection with a stream of each mode. While it is `broken`, the provider errs.

    While it is `unfiltered`, it brings all days, whichever it was asked for.

    It shows the same to every life: what changes in a day is drawn from that day's number.
    """

    def __init__(self):
        super().__init__()
        self.broken = False
        self.unfiltered = False
        self.down = False
        self.records = {}  # id → record; `updated` grows, as `news` wants it
        self.days = {}  # day → id → record
        self.asked = []
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={
                WHOLE: Stream(path="/whole", **FIELDS),
                DAILY: Stream(
                    path="/daily",
                    mode=Mode.WINDOW,
                    window=Window(days=3),
                    params={"day": "{day}"},
                    **FIELDS,
                ),
                NEWS: Stream(
                    path="/news",
                    mode=Mode.INCREMENTAL,
                    cursor=Cursor(field="updated", param="since"),
                    **FIELDS,
                ),
            },
        )

    def pass_day(self, number):
        dice = random.Random(number)
        today = EPOCH.date() + number * ONE_DAY
        for _ in range(dice.randint(1, 3)):
            at = f"{today}T{dice.randint(0, 23):02}:00:00Z"
            key = dice.randint(1, 8)
            self.records[key] = {"id": key, "value": dice.randint(0, 9), "updated": at}
        for back in range(3):
            day = today - back * ONE_DAY
            inside = self.days.setdefault(day, {})
            key = f"{day}/{dice.randint(1, 3)}"
            inside[key] = {"id": key, "value": dice.randint(0, 9)}
            inside.pop(f"{day}/{dice.randint(1, 3)}", None)

    def answer(self, request):
        if request.stream == DAILY:
            return [*self.days.get(date.fromisoformat(request.params["day"]), {}).values()]
        found = [*self.records.values()]
        if request.stream == NEWS:
            since = request.params.get("since", "")
            found = sorted(
                (each for each in found if each["updated"] >= since),
                key=lambda each: each["updated"],
            )
        return found

    async def send(self, request):
        await trio.sleep(0.1)
        self.asked.append((request.stream, {**request.params}))
        if self.down:
            return Response(status=400, headers={}, body=b"{}", duration_ms=1)
        found = self.answer(request)
        if self.unfiltered and request.stream == DAILY:
            found += [each for inside in self.days.values() for each in inside.values()]
        if self.broken:
            found = [{**each, "value": "?"} for each in found[::2]]
            found += [{"id": "bad", "value": "?", "updated": "2099-01-01T00:00:00Z"}]
        body = msgspec.json.encode(found)
        return Response(status=200, headers={}, body=body, duration_ms=1)

    async def sync(self, daemon):
        followed = daemon.journal.subscribe(daemon.journal.world.seq)
        daemon.journal.execute(commands.Request(subject=self.subject))
        async for batch in followed:
            if any(isinstance(each.event, SyncSucceeded | SyncFailed) for each in batch):
                return

    async def back(self, daemon, to, **more):
        return await daemon.restorer.go_back(Wish(subject=self.subject, to=to, **more))

    def holds(self):
        """Of each stream: its records, its digest as it should be, and where it goes on."""
        secret = self.vault.digest_key(self.vault.subject("tenant", "acme"))
        found = {}
        for stream in MODES:
            page = self.store.show(self.subject, stream, after=None, limit=1000)
            if page is None:
                continue
            known = decoded(self).connections[self.subject].streams[stream]
            assert (known.version, known.rows) == (page.version, len(page.records))
            assert known.digest == (digest_of(page.records, secret) if known.version else "")
            found[stream] = (page.records, self.store.position(self.subject, stream).cursor)
        return found


def decoded(shop):
    """The World, folded anew from what is on disk: what replay makes of it."""
    world = World()
    for row in shop.disk.rows:
        worlds.fold(world, decode(row))
    return world


def scene(test):
    def played(*given_):
        async def whole():
            shop = Shop()
            shop.pass_day(0)
            async with shop.life() as daemon:
                await trio.sleep(60)
                await test(shop, daemon, *given_)

        play(whole)

    played.__name__, played.__doc__ = test.__name__, test.__doc__
    return played


# -- the law --------------------------------------------------------------------------------------

DAYS = st.lists(
    st.sampled_from(
        ["good", "broken", "unfiltered", "down", "there and back", "restart", "nothing"]
    ),
    min_size=1,
    max_size=6,
)


async def lived(days, *, taken_back):
    """So many days, and what is held after a last, good sync. Is it `taken_back` before that?

    Else the provider was never broken.
    """
    shop = Shop()
    shop.pass_day(0)
    last_good, began = 0, trio.current_time()
    for number, day in enumerate([*days, "good"], 1):
        async with shop.life() as daemon:
            if number == 1:
                await trio.sleep(60)
                last_good = daemon.journal.head.seq
            at = number * DAY_S
            await trio.sleep(at - (trio.current_time() - began))
            shop.pass_day(number)
            last = number > len(days)
            shop.broken, shop.down = taken_back and day == "broken", day == "down"
            shop.unfiltered = taken_back and day == "unfiltered"
            if last and taken_back:
                await back_and_forth(shop, daemon, last_good, days)
            if day not in {"restart", "nothing"}:
                await shop.sync(daemon)
            if taken_back and day == "there and back":
                now = daemon.journal.head.seq
                await shop.back(daemon, last_good)
                await shop.back(daemon, now)
            if day == "good" and not {"broken", "unfiltered"} & {*days[:number]}:
                last_good = daemon.journal.head.seq
            assert decoded(shop).connections == daemon.journal.world.connections
    return shop.holds(), {
        name: (stream.newest_day, stream.failed_days)
        for name, stream in decoded(shop).connections[shop.subject].streams.items()
    }


async def back_and_forth(shop, daemon, to, days):
    """Take back what was broken; where there is an even number of days, twice over."""
    now, then = shop.holds(), daemon.journal.head.seq
    await shop.back(daemon, to)
    gone = shop.holds()
    if len(days) % 2 == 0:
        await shop.back(daemon, then)
        assert shop.holds() == now, "a rollback is rolled back"
        await shop.back(daemon, to)
        assert shop.holds() == gone


@pytest.mark.requirement("F5")
@pytest.mark.requirement("X4")
@given(DAYS)
@example(["good", "broken", "good", "restart", "broken"])
@example(["broken"])
@example(["good", "good", "good", "good", "unfiltered"])
@settings(max_examples=25, deadline=None)
def test_after_going_back_the_next_sync_ends_equal_to_a_run_that_never_broke(days):
    """Records, digest, cursor, newest day and days owed, of a stream of each mode; over restarts.

    Every life also replays to what the last one had in memory.
    """
    found = []

    async def one(taken_back):
        found.append(await lived(days, taken_back=taken_back))

    play(lambda: one(True))
    play(lambda: one(False))
    assert found[0] == found[1]


# -- one by one -----------------------------------------------------------------------------------


async def two_versions(shop, daemon):
    """A good version of each stream, then a broken one; the last event of the good one."""
    good = daemon.journal.head.seq
    shop.broken = True
    await shop.sync(daemon)
    shop.broken = False
    return good


def replays(shop, daemon):
    return decoded(shop).connections == daemon.journal.world.connections


@pytest.mark.requirement("X4")
@scene
async def test_one_stream_goes_back_and_the_others_stay(shop, daemon):
    before = shop.holds()
    good = await two_versions(shop, daemon)
    broken = shop.holds()
    found = await shop.back(daemon, good, streams=(NEWS,))
    assert [each.stream for each in found.streams] == [NEWS]
    assert shop.holds() == {**broken, NEWS: before[NEWS]}
    assert replays(shop, daemon)


@pytest.mark.requirement("F5")
@scene
async def test_what_differs_in_nothing_is_not_recorded(shop, daemon):
    now = daemon.journal.head.seq
    assert await shop.back(daemon, now) == await shop.back(daemon, now, scope=RollbackScope.STATE)
    assert daemon.journal.head.seq == now


@pytest.mark.requirement("X4")
@scene
async def test_before_there_was_any_data_there_was_none(shop, daemon):
    (added,) = [each.seq for each in shop.events(SyncStarted)]
    await shop.back(daemon, added)
    assert shop.holds() == dict.fromkeys(MODES, ([], None))
    assert replays(shop, daemon)
    shop.asked.clear()
    await shop.sync(daemon)
    assert {**shop.records}.keys() == {each["id"] for each in shop.holds()[NEWS][0]}
    assert [params for stream, params in shop.asked if stream == NEWS] == [{}], "all of it anew"


@scene
async def test_what_cannot_go_back_says_why(shop, daemon):
    async def why(to, **more):
        with pytest.raises(NotBack) as refused:
            await shop.back(daemon, to, **more)
        return refused.value.why

    assert await why(1) == "was not there yet at event 1"
    head = daemon.journal.head.seq
    assert await why(head, streams=("steps",)) == (
        "has no stream steps (it has: daily, news, whole)"
    )
    assert daemon.journal.head.seq == head


@pytest.mark.requirement("F5")
@pytest.mark.parametrize("waits", [False, True])
def test_one_that_syncs_is_left_alone_or_waited_for(waits):
    @scene
    async def played(shop, daemon):
        before = shop.holds()
        good = await two_versions(shop, daemon)
        shop.broken = True
        daemon.journal.execute(commands.Request(subject=shop.subject))
        await trio.sleep(0.15)
        assert daemon.journal.world.connections[shop.subject].run
        if not waits:
            with pytest.raises(NotBack, match=r"syncs just now: type it again .*, or with --wait"):
                await shop.back(daemon, good)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial_back(shop, daemon, good))
            await trio.sleep(0.1)
            with pytest.raises(NotBack, match="goes back already"):
                await shop.back(daemon, good)
            daemon.journal.execute(commands.Request(subject=shop.subject))  # of another one
        back = shop.events(RolledBack)[-1].seq
        started = [each.seq for each in shop.events(SyncStarted)]
        assert len([each for each in started if each > back]) <= 1
        assert max(each for each in started if each < back) < shop.events(RollbackStarted)[0].seq
        assert {name: rows for name, (rows, _) in shop.holds().items()} == {
            name: rows for name, (rows, _) in before.items()
        }
        shop.broken = False
        await trio.sleep(60)
        last = shop.events(SyncStarted, SyncSucceeded)[-1]
        assert isinstance(last.event, SyncSucceeded), "what was asked for meanwhile runs after it"

    played()


@pytest.mark.requirement("F5")
@scene
async def test_of_two_at_the_same_moment_one_goes_back_and_the_other_is_told(shop, daemon):
    before = shop.holds()
    good, told = await two_versions(shop, daemon), []

    async def back():
        try:
            told.append((await shop.back(daemon, good)).visible)
        except NotBack as refused:
            told.append(refused.why.partition(",")[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(back)
        nursery.start_soon(back)
    assert sorted(map(str, told)) == ["True", "goes back already"]
    assert shop.holds() == before


@scene
async def test_a_sync_does_not_start_in_the_moment_before_one_goes_back(shop, daemon):
    good = await two_versions(shop, daemon)
    asked = len(shop.asked)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shop.back, daemon, good)
        await trio.lowlevel.checkpoint()
        daemon.journal.execute(commands.Request(subject=shop.subject))
    assert len(shop.asked) == asked, "it was not waited for"
    await trio.sleep(60)
    assert isinstance(shop.events(SyncStarted, SyncSucceeded)[-1].event, SyncSucceeded)


def partial_back(shop, daemon, to):
    async def back():
        await shop.back(daemon, to, waits=True)

    return back


@pytest.mark.requirement("F5")
@scene
async def test_state_goes_back_without_what_it_counts(shop, daemon):
    good = daemon.journal.head.seq
    shop.down = True
    for _ in range(3):
        await shop.sync(daemon)
    failing = daemon.journal.head.seq
    before = daemon.journal.world.connections[shop.subject]
    assert before.health.consecutive_failures == 3
    await shop.back(daemon, good, scope=RollbackScope.STATE)
    after = daemon.journal.world.connections[shop.subject]
    assert (after.health.consecutive_failures, after.health.total) == (0, before.health.total)
    assert {name: each.failures for name, each in after.streams.items()} == dict.fromkeys(MODES, 0)
    assert after.last.word == "succeeded"
    assert after.schedule.due > daemon.journal.clock.now()
    assert replays(shop, daemon)
    await shop.back(daemon, failing, scope=RollbackScope.STATE)
    again = daemon.journal.world.connections[shop.subject]
    assert (again.health, again.last) == (before.health, before.last)
    assert again.breaker == replace(before.breaker, failures=())  # calls of seconds ago, at most
    assert replays(shop, daemon)
    assert [each.event.reason for each in shop.events(SyncScheduled)][-2:] == ["rolled-back"] * 2


@scene
async def test_one_that_is_removed_meanwhile_keeps_what_it_had(shop, daemon):
    good = await two_versions(shop, daemon)
    broken = shop.holds()
    daemon.journal.observe(
        lambda recorded: trio.lowlevel.spawn_system_task(remove) if is_start(recorded) else None
    )

    async def remove():
        daemon.journal.execute(commands.Remove(subject=shop.subject))

    with pytest.raises(NotBack, match="removed meanwhile"):
        await shop.back(daemon, good)
    await trio.sleep(10)
    (end,) = shop.events(RestoreAbandoned)
    assert end.event.reason is RestoreEnd.REMOVED
    assert shop.holds() == broken


def is_start(recorded):
    return isinstance(recorded.event, RollbackStarted)


@pytest.mark.requirement("F5")
@scene
async def test_a_disk_that_is_full_while_it_is_put_together_changes_nothing(shop, daemon):
    good = await two_versions(shop, daemon)
    broken, begin = shop.holds(), shop.store.begin

    def full(*_, **__):
        shop.store.begin = begin
        raise StoreFull

    shop.store.begin = full
    with pytest.raises(NotBack, match="the disk is full"):
        await shop.back(daemon, good)
    assert shop.holds() == broken
    assert [each.event.reason for each in shop.events(RestoreAbandoned)] == [RestoreEnd.DISK_FULL]
    assert daemon.journal.world.connections[shop.subject].restoring is None
    await shop.sync(daemon)


@pytest.mark.requirement("F5")
@scene
async def test_what_changed_nothing_is_not_undone(shop, daemon):
    """A rollback was given up on a full disk: undoing it would take away what came since."""
    good = await two_versions(shop, daemon)
    begin = shop.store.begin

    def full(*_, **__):
        shop.store.begin = begin
        raise StoreFull

    shop.store.begin = full
    with pytest.raises(NotBack):
        await shop.back(daemon, good)
    await shop.sync(daemon)
    (given_up,) = shop.events(RollbackStarted)
    desk = shop.desk(daemon)
    with pytest.raises(Refused, match="changed nothing of acme/health, so there is nothing"):
        await rollback_goal.find(desk, RollbackTo(undo=given_up.seq), shop.subject)
    back = await shop.back(daemon, good)
    for number in (back.started, back.event):
        found = await rollback_goal.find(desk, RollbackTo(undo=number), shop.subject)
        assert found.to == back.started - 1


@scene
async def test_what_is_recorded_on_a_full_disk_is_seen_once_there_is_room(shop, daemon):
    before = shop.holds()
    good = await two_versions(shop, daemon)
    shop.fill_up(2)
    found = await shop.back(daemon, good)
    assert not found.visible
    assert not daemon.journal.has_room, "nothing new begins before that"
    await trio.sleep(5)
    assert shop.holds() == before
    assert daemon.journal.has_room


@scene
async def test_our_own_failure_changes_nothing_and_is_said(shop, daemon):
    good = await two_versions(shop, daemon)
    broken, change = shop.holds(), shop.store.change

    def fail(_):
        raise KeyError("ours")

    shop.store.change = fail
    with pytest.raises(NotBack, match="rounds itself failed"):
        await shop.back(daemon, good)
    shop.store.change = change
    assert shop.holds() == broken
    assert [each.event.reason for each in shop.events(RestoreAbandoned)] == [RestoreEnd.FAILED]


@scene
async def test_what_was_damaged_since_is_refused_loudly(shop, daemon):
    good = await two_versions(shop, daemon)
    broken = shop.holds()
    shop.store._connection.execute("UPDATE record SET body = '{}' WHERE until IS NOT NULL")
    with pytest.raises(NotBack, match="the data store is damaged there"):
        await shop.back(daemon, good)
    assert shop.holds() == broken


@scene
async def test_what_the_store_has_lost_is_not_gone_back_to(shop, daemon):
    good = await two_versions(shop, daemon)
    shop.store._connection.execute(
        "DELETE FROM version WHERE version = (SELECT min(version) FROM version)"
    )
    with pytest.raises(NotBack, match=r"does not hold version .* an older copy, or damaged"):
        await shop.back(daemon, good)


def test_a_stop_in_the_middle_changes_nothing():
    async def whole():
        shop = Shop()
        shop.pass_day(0)
        async with shop.life() as daemon:
            await trio.sleep(60)
            good = await two_versions(shop, daemon)
            broken, begin = shop.holds(), daemon.storage.begin

            async def slow(*given_, **more):
                await trio.sleep(100)
                return await begin(*given_, **more)

            daemon.storage.begin = slow
            why = []

            async def back():
                with pytest.raises(NotBack) as refused:
                    await shop.back(daemon, good)
                why.append(refused.value.why)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(back)
                await trio.sleep(1)
                await daemon.restorer.stop()
            assert why == ["did not go back, and all is as it was: rounds is stopping"]
        assert shop.holds() == broken
        reasons = [each.event.reason for each in shop.events(RestoreAbandoned)]
        assert reasons == [RestoreEnd.DIED]

    play(whole)


# -- what is not kept any more --------------------------------------------------------------------


def kept(shop, stream=WHOLE):
    found = shop.store._connection.execute(
        "SELECT version FROM version JOIN stream ON stream.id = version.stream "
        "WHERE stream.name = ? ORDER BY version",
        (stream,),
    )
    return [version for (version,) in found]


def versions_of(shop, stream):
    captured = [each.event for each in shop.events(RecordsCaptured)]
    return [each.version for each in captured if each.stream == stream]


def rows_needed(shop):
    """How many rows no version that is kept needs."""
    (count,) = shop.store._connection.execute(
        "SELECT count(*) FROM record JOIN stream ON stream.id = record.stream WHERE until <= "
        "(SELECT min(version) FROM version WHERE version.stream = stream.id)"
    ).fetchone()
    return count


@pytest.mark.requirement("B13")
def test_old_versions_go_some_time_after_newer_ones_came_and_the_log_says_so():
    async def whole():
        shop = Shop()
        shop.policy = PolicyTables(versions_kept=3, versions_age="2d")
        shop.pass_day(0)
        async with shop.life() as daemon:
            began = trio.current_time()
            for number in range(1, 8):
                await trio.sleep(began + number * DAY_S - trio.current_time())
                shop.pass_day(number)
                await shop.sync(daemon)
            versions = versions_of(shop, WHOLE)
            assert len(kept(shop)) == 4, (
                "that of now, two within two days of the last look, one more"
            )
            await trio.sleep(2 * 3600)
            assert kept(shop) == versions_of(shop, WHOLE)[-3:], (
                "two days ago the first was in force"
            )
            assert rows_needed(shop) == 0
            last = shop.events(VersionsPruned)[-1]
            known = daemon.journal.world.connections[shop.subject].streams[last.event.stream]
            assert (known.pruned_before, known.pruned_in) == (kept(shop)[0], last.seq)
            assert replays(shop, daemon)
            with pytest.raises(NotBack) as refused:
                await shop.back(daemon, versions[0] + 3)
            assert refused.value.code == "pruned"
            assert "is not kept any more (event " in refused.value.why
            assert f"the oldest that is kept is {kept(shop)[0]}" in refused.value.why
            await shop.back(daemon, kept(shop)[1] + 5)

    play(whole)


@pytest.mark.requirement("B13")
def test_what_a_life_said_is_pruned_and_did_not_delete_the_next_one_does():
    async def whole():
        shop = Shop()
        shop.pass_day(0)
        async with shop.life() as daemon:
            await trio.sleep(60)
            for number in range(1, 4):
                shop.pass_day(number)
                await shop.sync(daemon)
            world = daemon.journal.world
            before = kept(shop)[2]
            oldest = tuple(
                commands.KeptVersion(version=each, at=EPOCH - 100 * ONE_DAY)
                for each in kept(shop)[:3]
            )
            wish = commands.PruneVersions(
                subject=shop.subject, stream=WHOLE, oldest=oldest, newer=100
            )
            daemon.journal.execute(wish)
            assert world.connections[shop.subject].streams[WHOLE].pruned_before == before
            assert len(kept(shop)) == 4
        async with shop.life():
            await trio.sleep(60)
            assert kept(shop)[0] == before
            assert rows_needed(shop) == 0

    play(whole)


@pytest.mark.requirement("B13")
def test_a_full_disk_puts_pruning_off():
    async def whole():
        shop = Shop()
        shop.policy = PolicyTables(versions_kept=1, versions_age="1s")
        shop.pass_day(0)
        async with shop.life() as daemon:
            await trio.sleep(60)
            shop.pass_day(1)
            await shop.sync(daemon)
            change, fulls = shop.store.change, iter([True, True, True])

            def full(given_):
                if next(fulls, False):
                    raise StoreFull
                return change(given_)

            shop.store.change = full
            await trio.sleep(2 * 3600)
            assert len(kept(shop)) == 1

    play(whole)
