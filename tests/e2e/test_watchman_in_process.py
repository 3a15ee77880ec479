"""Does the watchman tell in time, of what changed and of what is late, and of nothing twice?"""

from datetime import timedelta

import pytest
import trio
import trio.lowlevel
from msgspec.structs import replace

from daemon import commands, sources
from daemon.control import health, issues, reporting
from daemon.control.desk import Refused
from daemon.control.issue_messages import DetectQuery, IssuesQuery
from daemon.control.narrowed import desk_for
from daemon.control.rotation_messages import Whose
from daemon.control.source_messages import Metrics, MetricsWish
from daemon.exchange import CallLost, Response
from daemon.provider_file import ProviderFile
from daemon.source_file import PATTERNS
from daemon.stream_file import Stream
from events.issues import IssueClosed, IssueEvent, IssueOpened, IssueRegraded
from events.policy import Settings
from events.schema import FLEET, DaemonStarted, DaemonStopped
from events.sources import Pattern
from events.terms import Caller, FailureClass
from tests.fakes.in_process import DAY_S, NAME, InProcess, play

pytestmark = pytest.mark.requirement("D3")

BY = Caller(uid=0, role="operator")
HOUR_S = 3600
OUTAGES = 10
TOLD = (IssueOpened, IssueRegraded, IssueClosed)


class Moody(InProcess):
    """Answers, unless it is `lost`. It is synced each hour; another tenant's is beside it."""

    names = (NAME, "globex/health")

    def __init__(self):
        super().__init__()
        self.lost = None
        self.calls = 0
        self.interval = "1h"
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={"steps": Stream(path="/steps", primary_key=("id",))},
        )

    async def send(self, request):
        self.calls += 1
        if self.lost:
            raise self.lost
        return Response(status=200, headers={}, body=b'[{"id": 1}]', duration_ms=1)

    def told(self, subject=None):
        of = self.subject if subject is None else subject
        return [
            (type(each.event).__name__, each.event.kind.value)
            for each in self.events(*TOLD)
            if each.subject == of
        ]

    async def shown(self, daemon, **wish):
        return await issues.show(self.desk(daemon), IssuesQuery(**wish), BY)


DOWN = CallLost(FailureClass.SERVER, "the provider failed", status=500)


def test_what_fails_is_told_is_graver_and_is_closed_and_good_days_say_nothing():
    async def scene():
        moody = Moody()
        async with moody.life() as daemon:
            await trio.sleep(DAY_S)
            assert moody.told() == []
            moody.lost = DOWN
            await trio.sleep(DAY_S)
            told = moody.told()
            assert ("IssueOpened", "failing") in told
            assert ("IssueOpened", "stale") in told
            assert ("IssueRegraded", "stale") in told
            found = await moody.shown(daemon, tenant="acme")
            assert {each.name for each in found.issues} == {NAME}
            assert [each.kind for each in found.issues if each.severity == "critical"]
            assert all(each.command.startswith("rounds ") for each in found.issues)
            moody.lost = None
            await trio.sleep(2 * DAY_S)
            assert (await moody.shown(daemon)).issues == []
            opened = [each for each in moody.told() if each[0] == "IssueOpened"]
            closed = [each for each in moody.told() if each[0] == "IssueClosed"]
            assert len(opened) == len(closed) == len({*opened})
            ended = await moody.shown(daemon, closed=True, kind="stale", tenant="acme")
            (one,) = ended.issues
            assert (one.kind, one.reason) == ("stale", "over")
            assert one.closed > one.issue

    play(scene)


def test_what_is_late_is_told_at_the_moment_at_which_it_is_and_no_task_polls_for_it():
    """Nothing happens to it meanwhile: its turns are put off by hand."""

    async def scene():
        moody = Moody()
        async with moody.life() as daemon:
            await trio.sleep(60)
            subject = moody.subject
            calls = moody.calls
            wish = Settings(enabled=False, interval=None)
            daemon.journal.execute(commands.SetSettings(subject=subject, settings=wish))
            await trio.sleep(10 * HOUR_S)
            assert moody.told() == []
            await trio.lowlevel.checkpoint()
            assert moody.calls > calls, "the other tenant's goes on"
            longer = Settings(enabled=True)
            daemon.journal.execute(commands.SetSettings(subject=subject, settings=longer))
            await trio.sleep(60)
            assert {kind for _, kind in moody.told()} <= {"stale"}
            assert (await moody.shown(daemon)).issues == []

    play(scene)


def test_after_a_start_all_are_looked_at_and_what_was_open_stays_as_it_was():
    async def scene():
        moody = Moody()
        async with moody.life():
            moody.lost = DOWN
            await trio.sleep(DAY_S)
        told = moody.told()
        async with moody.life() as daemon:
            await trio.sleep(60)
            assert {each.kind for each in (await moody.shown(daemon)).issues} >= {"stale"}
            assert [each for each in moody.told()[len(told) :] if each[0] == "IssueOpened"] == []
        stopped = [each.seq for each in moody.events(DaemonStopped)]
        last = [each.seq for each in moody.events(*TOLD, DaemonStarted, DaemonStopped)][-1]
        assert last == stopped[-1], "nobody looks any more once it stops"

    play(scene)


def test_a_step_of_the_clock_is_told_of_the_fleet_to_nobody_but_who_asks_for_all():
    async def scene():
        moody = Moody()
        async with moody.life() as daemon:
            await trio.sleep(60)
            daemon.journal.execute(commands.StepClock(by=timedelta(hours=2)))
            await trio.sleep(60)
            assert moody.told(FLEET) == [("IssueOpened", "clock")]
            (found,) = (await moody.shown(daemon)).issues
            assert (found.name, found.kind, found.category) == ("fleet", "clock", "warnings")
            assert (await moody.shown(daemon, tenant="acme")).issues == []
            await trio.sleep(DAY_S)
            assert moody.told(FLEET)[1:] == [("IssueClosed", "clock")]

    play(scene)


def test_who_asks_with_a_threshold_is_told_and_nothing_is_recorded():
    async def scene():
        moody = Moody()
        async with moody.life() as daemon:
            await trio.sleep(30 * 60)
            before = daemon.journal.world.seq
            desk = moody.desk(daemon)
            wish = DetectQuery(tenant="acme", threshold_hours=0.25)
            found = await issues.detect_sync_issues(desk, wish, BY)
            assert [(each.name, each.kind, each.issue) for each in found.issues] == [
                (NAME, "stale", None)
            ]
            assert found.issues[0].category == "stale"
            wish = DetectQuery(tenant="acme", threshold_hours=1.0)
            assert (await issues.detect_sync_issues(desk, wish, BY)).issues == []
            assert daemon.journal.world.seq == before
            with pytest.raises(Refused, match="there is no connection of nobody"):
                await issues.detect_sync_issues(
                    desk, DetectQuery(tenant="nobody", threshold_hours=1.0), BY
                )

    play(scene)


def test_a_provider_that_comes_and_goes_makes_no_storm():
    """Each second hour it is down: that is told as flapping, and not anew each time."""

    async def scene():
        moody = Moody()
        async with moody.life():
            for _ in range(OUTAGES):
                moody.lost = DOWN
                await trio.sleep(2 * HOUR_S)
                moody.lost = None
                await trio.sleep(2 * HOUR_S)
        told = moody.told()
        assert told.count(("IssueOpened", "flapping")) == 1
        assert ("IssueRegraded", "flapping") in told
        assert len(told) <= 2 * OUTAGES + 8, "the failures of each outage, and little else"

    play(scene)


def test_a_source_that_reports_no_more_is_told_when_it_is_late_and_no_task_polls_for_it():
    async def scene():
        moody = Moody()
        async with moody.life() as daemon:
            await trio.sleep(60)
            name, manual = "alice/calls", PATTERNS[Pattern.MANUAL]
            expected = replace(manual, every=timedelta(hours=1), late_after=timedelta(hours=3))
            sources.add(daemon.journal, moody.vault, name, expected, by=BY)
            subject = moody.vault.subject("source", name)
            desk = moody.desk(daemon)

            async def report(key, **metrics):
                wish = MetricsWish(
                    tenant="alice", source="calls", key=key, metrics=Metrics(**metrics)
                )
                await reporting.update_sync_health_metrics(desk, wish, BY)

            for number in range(3):
                await trio.sleep(HOUR_S)
                await report(str(number), errors=2)
            await trio.sleep(60)
            assert moody.told(subject) == [("IssueOpened", "failing")]
            await trio.sleep(3 * HOUR_S - 120)
            assert len(moody.told(subject)) == 1
            await trio.sleep(120)
            assert moody.told(subject)[1:] == [("IssueOpened", "stale")]
            found = await moody.shown(daemon, tenant="alice")
            assert [(each.name, each.kind) for each in found.issues] == [
                (name, "failing"),
                (name, "stale"),
            ]
            assert {each.command for each in found.issues} == {f"rounds source show {name}"}
            assert (await moody.shown(daemon, tenant="alice", provider="calls")).issues
            for own, count in (("alice", 2), ("acme", 0)):
                theirs = desk_for(desk, frozenset({own}))
                assert len((await issues.show(theirs, IssuesQuery(), BY)).issues) == count
            asked = DetectQuery(tenant="alice", threshold_hours=2.0)
            anew = await issues.detect_sync_issues(desk, asked, BY)
            assert {each.kind for each in anew.issues} == {"failing", "stale"}
            whole = await health.get_sync_system_health(desk, Whose(tenant="alice"), BY)
            assert (whole.health, whole.sources) == ("degraded", 1)
            assert [each.reason for each in whole.reasons] == ["sources-failing", "sources-late"]
            told = len(moody.told(subject))
            daemon.journal.execute(commands.RemoveSource(subject=subject, by=BY))
            await trio.sleep(60)
            closed = [("IssueClosed", "failing"), ("IssueClosed", "stale")]
            assert moody.told(subject)[told:] == closed

    play(scene)


def test_where_only_a_tenants_settings_change_its_sources_are_looked_at_anew():
    async def scene():
        moody = Moody()
        async with moody.life() as daemon:
            expected = PATTERNS[Pattern.ANDROID]
            sources.add(daemon.journal, moody.vault, "alice/calls", expected, by=BY)
            subject = moody.vault.subject("source", "alice/calls")
            wish = MetricsWish(tenant="alice", source="calls", metrics=Metrics(errors=1))
            await trio.sleep(60)
            await reporting.update_sync_health_metrics(moody.desk(daemon), wish, BY)
            await trio.sleep(60)
            assert moody.told(subject) == []
            tenant = moody.vault.subject("tenant", "alice")
            one = Settings(failing_after=1)
            daemon.journal.execute(commands.SetSettings(subject=tenant, settings=one, by=BY))
            await trio.sleep(60)
            assert moody.told(subject) == [("IssueOpened", "failing")]

    play(scene)


def test_every_kind_of_event_about_issues_is_watched_for_here():
    assert {*TOLD} == {*IssueEvent.__args__}
