"""Seven weeks of a daemon in this process, whose provider brings less for some days, or nothing."""

from datetime import timedelta

import msgspec
import pytest
import trio

from daemon import commands, issue_words, judge
from daemon.exchange import Request, Response
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.issues import DriftJudged, IssueClosed, IssueKind, IssueOpened
from events.schema import RecordsCaptured
from events.terms import Mode, Reaction
from projections.issues import NOTHING
from tests.fakes.in_process import EPOCH, InProcess, play

pytestmark = pytest.mark.requirement("D3")

A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
LOW = range(40, 43)
"""On these days every sixth hour has a record."""

ONE_BAD_DAY = 38


class Hours(InProcess):
    """The answer has a day's hours; the sync is four times a day."""

    file = ProviderFile(
        name="health",
        base_url="https://health.example",
        streams={
            name: Stream(
                path=f"/{name}",
                records="@",
                primary_key=("id",),
                mode=Mode.INCREMENTAL,
                empty=Reaction.ACCEPT,
            )
            for name in ("hours", "calm")
        },
    )
    every = "6h"

    def __init__(self):
        super().__init__()
        self.interval = self.every

    async def send(self, request: Request) -> Response:
        hour = int((self.clock.now() - EPOCH) / AN_HOUR)
        calm = request.stream == "calm"
        found = [{"id": n} for n in range(max(0, hour - 24), hour) if calm or self.has(n)]
        body = msgspec.json.encode(found)
        return Response(status=200, headers={}, body=body, duration_ms=1, size=len(body))

    def has(self, hour):
        return hour // 24 not in (ONE_BAD_DAY, *LOW) or hour % 6 == 0

    def told(self):
        """What was said of it, and on which day."""
        found = self.events(DriftJudged, IssueOpened, IssueClosed)
        return [((each.at - EPOCH) // A_DAY, each.event) for each in found]

    def issue(self, daemon):
        there = daemon.journal.world.issues.get(self.subject, NOTHING)
        return next((each for each in there.open if each.what.kind is IssueKind.DRIFTING), None)


async def live(days):
    """Let so many days pass by, an hour at a leap: a daemon that sleeps wakes every minute."""
    for _ in range(round(days * 24)):
        trio.lowlevel.current_clock().jump(3590)
        await trio.sleep(10)


def lived(*lives):
    """So many days in each of some lives, and what was told."""
    made, issues = [], []

    async def scene():
        made.append(Hours())
        for days in lives:
            async with made[0].life() as daemon:
                await live(days)
                issues.append(made[0].issue(daemon))

    play(scene)
    return made[0], issues


@pytest.fixture(scope="module")
def once():
    return lived(42.5, 4)


def test_two_low_days_open_an_issue_and_a_fine_one_closes_it(once):
    """What came on a day is known when it is over; one bad day is none."""
    made, (issue, none) = once
    told = [(day, each) for day, each in made.told() if getattr(each, "stream", "") == "hours"]
    opened = next(each for _, each in told if isinstance(each, IssueOpened))
    assert [
        (day, type(each).__name__) for day, each in told if not isinstance(each, DriftJudged)
    ] == [
        (LOW[1] + 1, "IssueOpened"),
        (LOW[-1] + 2, "IssueClosed"),
    ]
    assert issue.what == opened
    assert none is None
    assert opened.since == EPOCH + LOW[0] * A_DAY
    assert opened.usual == 24
    assert 0 < opened.measured < 12
    assert issue_words.command(opened, "acme/health") == "rounds drift acme/health --stream hours"
    words = issue_words.sentence(opened)
    assert words.startswith("2 days in a row hours brought fewer than usual: ")
    assert words.endswith(", where 24 are usual")


def test_its_evidence_is_what_was_captured_last_and_what_was_judged(once):
    made, (issue, _) = once
    types = {each.seq: type(each.event) for each in made.events(RecordsCaptured, DriftJudged)}
    assert [types[each] for each in issue.what.evidence] == [RecordsCaptured, DriftJudged]


def test_a_stream_that_brings_what_it_usually_brings_is_never_spoken_of(once):
    assert {each.stream for _, each in once[0].told()} == {"hours"}


def test_stopped_and_started_in_between_it_says_the_same(once):
    """Also where it does not run as the day ends: what came then is judged when it starts."""
    made, _ = lived(40.99, 1.02, 0.5, 4)
    days = [(day, type(each).__name__) for day, each in made.told()]
    assert days == [(day, type(each).__name__) for day, each in once[0].told()]


def test_a_withdrawn_consent_closes_it_and_nobody_is_judged_from_then_on():
    async def scene():
        made = Hours()
        async with made.life() as daemon:
            await live(42.5)
            assert made.issue(daemon)
            tenant = daemon.journal.world.connections[made.subject].tenant
            daemon.journal.execute(commands.WithdrawConsent(subject=tenant, words=False, by=None))
            before = len(made.events(DriftJudged))
            await live(3)
            assert made.issue(daemon) is None
            (closed,) = made.events(IssueClosed)
            assert closed.event.reason == "unmonitored"
            assert len(made.events(DriftJudged)) == before

    play(scene)


def test_who_brought_something_while_the_clock_was_ahead_is_judged_once_it_is_right():
    ahead = timedelta(days=400)

    async def scene():
        made = Hours()
        async with made.life() as daemon:
            await live(10)
            made.clock.step(ahead)
            await live(0.5)
            made.clock.step(-ahead)
            await live(32)
            assert made.issue(daemon)

    play(scene)


def test_of_whom_a_verdict_says_nothing_the_next_hour_is_judged_as_well(monkeypatch):
    """Who was paused or loaded may be synced by the hour, and is not left alone until midnight."""
    judged = []

    class Hourly(Hours):
        every = "1h"

    def nothing(*_):
        judged.append(len(judged))

    monkeypatch.setattr(judge.drifted, "judged", nothing)

    async def scene():
        async with Hourly().life():
            await trio.sleep(6.5 * 3600)

    play(scene)
    assert len(judged) >= 2 * 5, "both streams, for each hour that is over"


def test_no_more_are_judged_a_second_than_may_be(monkeypatch):
    """However many have come at once: the heap holds each once, and they take turns."""
    judged = []

    class Many(Hours):
        names = tuple(f"t{n}/health" for n in range(60))
        every = "1h"

    async def counted(place, subject, since):
        judged.append((trio.current_time(), subject))
        return await real(place, subject, since)

    real = judge.came.came
    monkeypatch.setattr(judge.came, "came", counted)

    async def scene():
        made = Many()
        async with made.life():
            await trio.sleep(2.5 * 3600)

    play(scene)
    assert len({subject for _, subject in judged}) == 60
    assert len(judged) <= 3 * 60, "once an hour in which anything came"
    times = [at for at, _ in judged]
    for index in range(len(times) - judge.A_SECOND_MAX):
        assert times[index + judge.A_SECOND_MAX] - times[index] >= 0.99
