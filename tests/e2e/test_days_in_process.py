"""Windows over weeks: nothing that a provider can give is passed over for good."""

import re
from datetime import date, timedelta

import pytest
import trio
from structlog.testing import capture_logs

from daemon import commands
from daemon.control import rollback
from daemon.control.rollback_messages import PreviewWish
from daemon.exchange import CallLost, Response
from daemon.provider_file import ProviderFile
from daemon.store.core import Store
from daemon.stream_file import Stream, Window
from events.schema import BackfillAdvanced, BackfillEnded, SyncStarted
from events.terms import BackfillEnd, Caller, FailureClass, Mode, RunOptions
from tests.fakes.in_process import DAY_S, EPOCH, NAME, InProcess, play

DAYS = 3
ONE_DAY = timedelta(days=1)


class Steps(InProcess):
    """Two streams, day by day. `refuse` says how a call is lost, if it is."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.refuse = lambda stream, day: None
        window = {
            "primary_key": ("id",),
            "params": {"day": "{day}"},
            "mode": Mode.WINDOW,
            "window": Window(days=DAYS),
        }
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={name: Stream(path=f"/{name}", **window) for name in ("steps", "sleep")},
        )

    async def send(self, request):
        await trio.sleep(0.1)
        day = date.fromisoformat(request.params["day"])
        self.asked.append((request.stream, day))
        if lost := self.refuse(request.stream, day):
            raise lost
        body = f'[{{"id": "{day}"}}]'.encode()
        return Response(status=200, headers={}, body=body, duration_ms=1)

    async def backfill(self, daemon, first, last, batch):
        wish = commands.Backfill(subject=self.subject, first=first, last=last, batch=batch)
        daemon.journal.execute(wish)
        await trio.sleep(2 * DAY_S)

    def asked_of(self, stream):
        return {day for name, day in self.asked if name == stream}


def ago(days):
    return EPOCH.date() - days * ONE_DAY


def span(first, last):
    return {first + each * ONE_DAY for each in range((last - first).days + 1)}


class Budget:
    """So many calls a minute; past them, a rest is asked for."""

    def __init__(self, calls):
        self.calls, self.served, self.used = calls, set(), []

    def __call__(self, stream, day):
        now = trio.current_time()
        self.used = [each for each in self.used if now - each < 60]
        if len(self.used) >= self.calls:
            rest = timedelta(seconds=60)
            return CallLost(FailureClass.RATE_LIMITED, "wait", status=429, retry_after=rest)
        self.used.append(now)
        self.served.add((stream, day))
        return None


def scene(test):
    """Play it with a fleet of its own, from the first sync's end on."""

    def played():
        async def whole():
            fleet = Steps()
            async with fleet.life() as daemon:
                await trio.sleep(60)
                fleet.asked.clear()
                await test(fleet, daemon)

        play(whole)

    played.__name__, played.__doc__ = test.__name__, test.__doc__
    return played


@pytest.mark.requirement("C7")
@scene
async def test_a_backfill_larger_than_what_a_provider_gives_at_a_time_comes_to_its_end(
    fleet, daemon
):
    budget = fleet.refuse = Budget(8)
    await fleet.backfill(daemon, ago(20), ago(11), batch=10)
    assert [each.event.how for each in fleet.events(BackfillEnded)] == [BackfillEnd.DONE]
    wanted = {(name, day) for name in ("steps", "sleep") for day in span(ago(20), ago(11))}
    assert budget.served == wanted
    runs = len(fleet.events(BackfillAdvanced)) + 1
    assert len(fleet.asked) <= len(wanted) + 2 * runs, "no day is asked for again that came"


@pytest.mark.requirement("C7")
@scene
async def test_a_stream_that_nobody_may_read_stops_no_backfill_of_the_others(fleet, daemon):
    forbidden = CallLost(FailureClass.AUTH, "not allowed", status=403)
    fleet.refuse = lambda stream, _: forbidden if stream == "sleep" else None
    await fleet.backfill(daemon, ago(60), ago(11), batch=10)
    assert [each.event.how for each in fleet.events(BackfillEnded)] == [BackfillEnd.DONE]
    assert fleet.asked_of("steps") == span(ago(60), ago(11))
    assert len([1 for name, _ in fleet.asked if name == "sleep"]) == 5, "once a batch"


@pytest.mark.requirement("C7")
@scene
async def test_a_backfill_of_which_nothing_is_allowed_any_more_ends(fleet, daemon):
    forbidden = CallLost(FailureClass.AUTH, "not allowed", status=401)
    fleet.refuse = lambda *_: forbidden
    await fleet.backfill(daemon, ago(60), ago(11), batch=10)
    (end,) = fleet.events(BackfillEnded)
    assert (end.event.how, end.event.last) == (BackfillEnd.FAILED, ago(11))


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("before", ["nothing", "a sync of today", "a backfill of today"])
def test_what_was_missed_is_caught_up_with_whatever_was_asked_for_first(before):
    @scene
    async def played(fleet, daemon):
        daemon.journal.execute(commands.Pause(subject=fleet.subject))
        await trio.sleep(15 * DAY_S)
        daemon.journal.execute(commands.Resume(subject=fleet.subject))
        today = fleet.clock.now().date()
        if before == "a sync of today":
            wish = commands.Request(subject=fleet.subject, options=RunOptions(days=1))
            daemon.journal.execute(wish)
            await trio.sleep(60)
        elif before == "a backfill of today":
            await fleet.backfill(daemon, today, today, batch=1)
        fleet.asked.clear()
        daemon.journal.execute(commands.Request(subject=fleet.subject))
        await trio.sleep(60)
        then = EPOCH.date() - (DAYS - 1) * ONE_DAY
        assert fleet.asked_of("steps") == span(then, fleet.clock.now().date()), (
            "the last window was not whole either: what arrives late was still to come"
        )

    played()


LOST = ago(-1)


async def missed(fleet, daemon, cause):
    """Five days later, of which the first one is lost when they are caught up with."""
    await trio.sleep(5 * DAY_S)
    failure = CallLost(cause, "lost")
    fleet.refuse = lambda _, day: failure if day == LOST else None
    fleet.asked.clear()
    daemon.journal.execute(commands.Request(subject=fleet.subject))


async def turn(fleet, daemon):
    """A day later; whether the lost day was asked for."""
    await trio.sleep(DAY_S)
    fleet.asked.clear()
    daemon.journal.execute(commands.Request(subject=fleet.subject))
    await trio.sleep(60)
    return LOST in fleet.asked_of("steps")


async def at_the_other_stream(fleet):
    reached, lose = trio.Event(), fleet.refuse

    def told(stream, day):
        if stream == "sleep":
            reached.set()
        return lose(stream, day)

    fleet.refuse = told
    await reached.wait()


def failed_days(fleet, daemon):
    return daemon.journal.world.connections[fleet.subject].streams["steps"].failed_days


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("end", ["cancelled", "interrupted"])
def test_a_day_that_failed_is_owed_although_its_sync_did_not_come_to_its_end(end):
    """The other days of its stream are in force by then, and its newest day has moved on."""

    async def whole():
        fleet = Steps()
        async with fleet.life() as daemon:
            await trio.sleep(60)
            await missed(fleet, daemon, FailureClass.SERVER)
            await at_the_other_stream(fleet)
            if end == "cancelled":
                daemon.journal.execute(commands.Cancel(subject=fleet.subject))
        fleet.refuse = lambda *_: None
        async with fleet.life() as daemon:
            await trio.sleep(60)
            assert await turn(fleet, daemon) is (end == "cancelled"), "else it starts again itself"
            assert failed_days(fleet, daemon) == ()
        rows = fleet.store.show(fleet.subject, "steps", after=None, limit=100).records
        assert {"id": str(LOST)} in rows

    play(whole)


@pytest.mark.requirement("C4")
@scene
async def test_a_day_that_is_refused_is_asked_for_with_each_turn_for_a_week(fleet, daemon):
    """It lies before the window by then; no retry asks for it."""
    await missed(fleet, daemon, FailureClass.MALFORMED)
    await trio.sleep(DAY_S / 2)
    assert fleet.asked.count(("steps", LOST)) == 1
    assert failed_days(fleet, daemon) == (LOST,)
    asked = [await turn(fleet, daemon) for _ in range(8)]
    assert asked == [True] * 7 + [False]
    assert failed_days(fleet, daemon) == ()


@pytest.mark.requirement("C4")
@scene
async def test_a_day_that_was_refused_and_is_mended_comes(fleet, daemon):
    await missed(fleet, daemon, FailureClass.NOT_FOUND)
    assert await turn(fleet, daemon)
    fleet.refuse = lambda *_: None
    assert await turn(fleet, daemon)
    assert failed_days(fleet, daemon) == ()
    rows = fleet.store.show(fleet.subject, "steps", after=None, limit=100).records
    assert {"id": str(LOST)} in rows
    assert not await turn(fleet, daemon)


async def named(fleet, daemon, to):
    """What a dry run says that its next sync does not ask for by itself, of each stream."""
    wish = PreviewWish(connection=NAME, to=str(to))
    found = await rollback.preview(fleet.desk(daemon), wish, Caller(uid=0, role="admin"))
    typed = re.compile(r"--from (\S+) --to (\S+?)`")
    return {each.stream: typed.findall(each.fetches) for each in found.streams}


@pytest.mark.requirement("F5")
@scene
async def test_a_dry_run_names_what_a_backfill_brought_since_whenever_it_was_asked_for(
    fleet, daemon
):
    before = daemon.journal.head.seq
    wish = commands.Backfill(subject=fleet.subject, first=ago(60), last=ago(11), batch=10)
    (asked,) = daemon.journal.execute(wish)
    await trio.sleep(DAY_S)
    (first, *_), end = fleet.events(BackfillAdvanced), fleet.events(BackfillEnded)[-1]
    whole, rest = (str(ago(60)), str(ago(11))), (str(ago(60)), str(ago(21)))
    for to, expected in ((before, whole), (asked.seq, whole), (first.seq, rest)):
        assert await named(fleet, daemon, to) == {"steps": [expected], "sleep": [expected]}
    assert await named(fleet, daemon, end.seq) == {}


@pytest.mark.requirement("F5")
@scene
async def test_going_back_to_before_the_first_sync_names_all_days_since(fleet, daemon):
    to = fleet.events(SyncStarted)[0].seq
    for _ in range(5):
        await turn(fleet, daemon)
    today = fleet.clock.now().date()
    lost = [(str(ago(DAYS - 1)), str(today - DAYS * ONE_DAY))]
    assert await named(fleet, daemon, to) == {"steps": lost, "sleep": lost}


@pytest.mark.parametrize("copy", ["older", "without one of them", "empty"])
def test_a_data_file_that_is_older_than_the_log_is_told_of_with_what_to_type(copy):
    """Days that lie before its windows are asked for by nobody."""

    async def whole():
        fleet = Steps()
        async with fleet.life():
            await trio.sleep(60)
        older = Store(None)
        if copy != "empty":
            fleet.store._connection.backup(older._connection)
        if copy == "without one of them":
            sleep = "(SELECT id FROM stream WHERE name = 'sleep')"
            older._connection.execute(f"DELETE FROM record WHERE stream = {sleep}")
        async with fleet.life() as daemon:
            for _ in range(5):
                await turn(fleet, daemon)
            today = fleet.clock.now().date()
        fleet.store = older
        with capture_logs() as said:
            async with fleet.life():
                pass
        (told,) = [each for each in said if each["event"] == "store-behind"]
        first = ago(0) if copy == "older" else "DAY"
        assert told["type"] == f"rounds backfill {NAME} --from {first} --to {today}"

    play(whole)
