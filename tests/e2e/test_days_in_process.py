"""Windows over weeks: nothing that a provider can give is passed over for good."""

from datetime import date, timedelta

import pytest
import trio

from daemon import commands
from daemon.exchange import CallLost, Response
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream, Window
from events.schema import BackfillAdvanced, BackfillEnded
from events.terms import BackfillEnd, FailureClass, Mode, RunOptions
from tests.fakes.in_process import DAY_S, EPOCH, InProcess, play

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


async def missed(fleet, daemon, *, lost, cause):
    """Fifteen days later, of which one is lost when they are caught up with."""
    daemon.journal.execute(commands.Pause(subject=fleet.subject))
    await trio.sleep(15 * DAY_S)
    daemon.journal.execute(commands.Resume(subject=fleet.subject))
    failure = CallLost(cause, "lost")
    fleet.refuse = lambda _, day: failure if day == lost else None
    daemon.journal.execute(commands.Request(subject=fleet.subject))


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("end", ["cancelled", "interrupted"])
def test_a_day_that_failed_is_owed_although_its_sync_did_not_come_to_its_end(end):
    """The other days of its stream are in force by then, and its newest day has moved on."""

    async def whole():
        fleet, lost = Steps(), ago(-5)
        async with fleet.life() as daemon:
            await trio.sleep(60)
            await missed(fleet, daemon, lost=lost, cause=FailureClass.SERVER)
            await trio.sleep(2.5)  # the one stream is through, the other one is not
            assert fleet.asked[-1][0] == "sleep"
            if end == "cancelled":
                daemon.journal.execute(commands.Cancel(subject=fleet.subject))
        fleet.refuse = lambda *_: None
        fleet.asked.clear()
        async with fleet.life() as daemon:
            daemon.journal.execute(commands.Request(subject=fleet.subject))
            await trio.sleep(60)
            assert lost in fleet.asked_of("steps")
            streams = daemon.journal.world.connections[fleet.subject].streams
            assert [each.failed_days for each in streams.values()] == [(), ()]

    play(whole)


@pytest.mark.requirement("C4")
@scene
async def test_a_day_that_is_refused_is_asked_for_with_each_turn_for_a_week(fleet, daemon):
    """It lies before the window by then; nothing is asked for between two turns."""
    lost = ago(-5)
    await missed(fleet, daemon, lost=lost, cause=FailureClass.MALFORMED)
    await trio.sleep(DAY_S)
    known = daemon.journal.world.connections[fleet.subject]
    assert {each.failed_days for each in known.streams.values()} == {(lost,)}
    asked = [day for name, day in fleet.asked if name == "steps"].count(lost)
    assert 2 <= asked <= 6, "four turns a day"
    await trio.sleep(7 * DAY_S)
    known = daemon.journal.world.connections[fleet.subject]
    assert {each.failed_days for each in known.streams.values()} == {()}
    fleet.asked.clear()
    await trio.sleep(DAY_S)
    assert lost not in fleet.asked_of("steps")


@pytest.mark.requirement("C4")
@scene
async def test_a_day_that_was_refused_and_is_mended_comes(fleet, daemon):
    lost = ago(-5)
    await missed(fleet, daemon, lost=lost, cause=FailureClass.NOT_FOUND)
    await trio.sleep(3 * DAY_S)
    fleet.refuse = lambda *_: None
    await trio.sleep(DAY_S)
    known = daemon.journal.world.connections[fleet.subject]
    assert {each.failed_days for each in known.streams.values()} == {()}
    rows = fleet.store.show(fleet.subject, "steps", after=None, limit=100).records
    assert {"id": str(lost)} in rows
