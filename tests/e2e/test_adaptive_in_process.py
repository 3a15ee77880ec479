"""Ten weeks of a daemon in this process, whose provider has something new once a day."""

from datetime import timedelta

import msgspec
import pytest
import trio
from msgspec.structs import replace

from daemon.cli import recommend as recommend_command
from daemon.cli import schedule as schedule_command
from daemon.cli import words
from daemon.control import policies, recommending, rotation
from daemon.control.policy_messages import PolicyWish
from daemon.control.recommend_messages import RecommendQuery
from daemon.control.rotation_messages import Whose
from daemon.exchange import Request, Response
from daemon.policy_file import PolicyTables
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.policy import Adaptation
from events.schema import SyncScheduled, SyncStarted
from events.terms import Caller, Mode
from tests.fakes.in_process import EPOCH, NAME, InProcess, play

pytestmark = pytest.mark.requirement("A17")

BY = Caller(uid=0, role="viewer")
A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
MOVES, DAYS = 35, 70
"""On that day what came at six comes at six in the evening; and when all is over."""


class Daily(InProcess):
    """A record more each day, from the hour on at which it comes."""

    file = ProviderFile(
        name="health",
        base_url="https://health.example",
        streams={
            "days": Stream(path="/days", records="@", primary_key=("id",), mode=Mode.INCREMENTAL)
        },
    )

    def __init__(self, *, adaptive):
        super().__init__()
        self.interval = "6h"
        self.policy = PolicyTables(adaptive=adaptive)

    async def send(self, request: Request) -> Response:
        now = self.clock.now()
        found = [{"id": -1}, *({"id": n} for n in range(DAYS) if came(n) <= now)]
        body = msgspec.json.encode(found[-10:])
        return Response(status=200, headers={}, body=body, duration_ms=1, size=len(body))


def came(day):
    return EPOCH + day * A_DAY + (6 if day < MOVES else 18) * AN_HOUR


async def live(days):
    """Let so many days pass by, ten minutes at a leap: a daemon that sleeps wakes every minute."""
    for _ in range(round(days * 144)):
        trio.lowlevel.current_clock().jump(590)
        await trio.sleep(10)


def lived(*, adaptive, lives=1):
    """The daemon after so many lives, and what was asked before it ended, by question."""
    answers = {}

    async def scene():
        made = answers["made"] = Daily(adaptive=adaptive)
        for number in range(lives):
            async with made.life() as daemon:
                await live(DAYS / lives)
                if number == lives - 1:
                    desk = made.desk(daemon)
                    answers["recommend"] = await recommending.recommend(desk, RecommendQuery(), BY)
                    answers["schedule"] = await rotation.schedule(desk, Whose(), BY)
                    answers["events"] = [desk.view(each) for each in made.events(SyncScheduled)]

    play(scene)
    return answers.pop("made"), answers


@pytest.fixture(scope="module")
def fixed():
    return lived(adaptive=False)


@pytest.fixture(scope="module")
def adaptive():
    return lived(adaptive=True, lives=3)


def between(made, first, last):
    """Syncs a day in these days, and how many hours it took on average until they were found."""
    starts = [each.at for each in made.events(SyncStarted)]
    syncs = [at for at in starts if first * A_DAY <= at - EPOCH < last * A_DAY]
    delays = [min(at for at in starts if at >= came(day)) - came(day) for day in range(first, last)]
    return len(syncs) / (last - first), sum(delays, timedelta()) / AN_HOUR / (last - first)


@pytest.mark.parametrize(("first", "last"), [(14, MOVES), (MOVES + 14, DAYS - 1)])
def test_after_two_weeks_it_is_found_sooner_with_fewer_syncs(fixed, adaptive, first, last):
    """And two weeks after it moved to the evening, in the third life, which read a snapshot."""
    before, was = between(fixed[0], first, last)
    syncs, delay = between(adaptive[0], first, last)
    assert syncs < before
    assert delay < was
    assert syncs < 2
    assert delay < 1


def test_every_turn_keeps_to_the_bounds(adaptive):
    for each in adaptive[0].events(SyncScheduled)[1:]:
        assert AN_HOUR <= each.event.due - each.at <= A_DAY


def test_who_is_not_adaptive_is_told_what_to_type(fixed, capsys):
    found = fixed[1]["recommend"]
    (row,) = found.recommendations
    assert (row.connection, row.word) == (NAME, "better")
    assert row.command == f"rounds policy set {NAME} adaptive=true"
    assert row.better.syncs_a_day < row.now.syncs_a_day
    recommend_command.show(found)
    out = capsys.readouterr().out
    assert f"    {row.command}" in out
    assert "found after about" in out.replace("\n", " ")


def test_it_is_told_when_new_data_usually_comes(fixed, capsys):
    """By then it was the evening: six, somewhere in the six hours that lie between two looks."""
    found = fixed[1]["recommend"]
    (row,) = found.recommendations
    assert row.usual_since.date() <= row.usual_until.date()
    assert found.now < row.usual_until <= found.now + A_DAY
    assert timedelta() < row.usual_until - row.usual_since <= 6.5 * AN_HOUR
    first, last = (at.astimezone() for at in (row.usual_since, row.usual_until))
    recommend_command.show(found)
    said = f"new data comes usually {first:%H:%M} to {last:%H:%M}, the next "
    assert said in capsys.readouterr().out
    several = replace(found, recommendations=[row, row])
    recommend_command.show(several)
    assert f"usually {first:%H:%M} to {last:%H:%M}" in " ".join(capsys.readouterr().out.split())


def test_the_line_that_is_recommended_is_taken_and_does_what_it_says():
    """After ten days it is typed, and in the next ten less is asked, sooner."""
    told = []

    async def scene():
        made = Daily(adaptive=False)
        async with made.life() as daemon:
            await live(10)
            desk = made.desk(daemon)
            (row,) = (await recommending.recommend(desk, RecommendQuery(), BY)).recommendations
            typed = row.command.removeprefix("rounds policy set ").split()
            settings = dict(each.split("=") for each in typed[1:])
            wish = PolicyWish(connection=typed[0], settings=settings)
            await policies.set_(desk, wish, Caller(uid=0, role="admin"))
            await live(12)
            told.extend([made, row])

    play(scene)
    made, row = told
    before, was = between(made, 2, 10)
    syncs, delay = between(made, 11, 21)
    assert (before, row.now.syncs_a_day) == (pytest.approx(4, abs=0.3), 4)
    assert syncs < 0.8 * before
    assert syncs == pytest.approx(row.better.syncs_a_day, rel=0.5)
    assert delay < was


def test_who_is_adaptive_sees_why_it_is_due_then(adaptive, capsys):
    (row,) = adaptive[1]["schedule"].rows
    assert (row.adaptive.least, row.adaptive.most) == (AN_HOUR, A_DAY)
    schedule_command.show(adaptive[1]["schedule"])
    assert "adaptive: " in capsys.readouterr().out


def test_the_log_says_why_each_turn_lies_where_it_does(adaptive):
    said = {
        each.event.learnt.why: words.sentence(each)
        for each in adaptive[1]["events"]
        if each.event.learnt
    }
    assert "(adaptive: not enough known yet, by " in said[Adaptation.LEARNING]
    assert "(adaptive: something new comes usually " in said[Adaptation.USUAL]
    assert "(adaptive: a look at another time; " in said[Adaptation.EXPLORING]
    assert "(adaptive: nothing new has come yet, which comes " in said[Adaptation.LATE]
