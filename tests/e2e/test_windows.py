"""Day by day: what fails is owed until it is fetched, however the daemon dies in between."""

import json
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
import trio

from daemon.clock import SystemClock
from tests.e2e.daemon import TOLERANT, WAIT_S, Daemon, Ended, Home, Line, running, started
from tests.rest import provider
from tests.rest.provider import Asked, http, ok

pytestmark = [pytest.mark.requirement("C4"), pytest.mark.requirement("C7")]

CONNECTION = "acme/steps"
STREAM = "days"
SEED = 20261123
A_DAY = 2  # records of each


def noon_somewhere() -> tuple[str, date]:
    """A time zone in which it is about noon, and its date: no test runs over midnight there."""
    now = SystemClock().now()
    ahead = 12 - now.hour
    return f"Etc/GMT{-ahead:+d}", (now + timedelta(hours=ahead)).date()


ZONE, TODAY = noon_somewhere()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


BAD: dict[str, Callable[[Asked], provider.Answer]] = {
    "server": lambda _: http(b"no", 500),
    "network": provider.then_reset(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n["),
    "malformed": lambda _: http(b'[{"id": '),
    "timeout": provider.then_silence(b""),
    "auth": lambda _: http(b"no", 401),
    "rate-limited": lambda _: http(b"slow down", 429, retry_after="1"),
}
"""How a day can fail, by the class that it then has."""


@dataclass
class Steps:
    """A provider of records by day: two of each, unless a test says otherwise."""

    moods: dict[date, str] = field(default_factory=dict)
    days: dict[date, list[Line]] = field(default_factory=dict)
    asked: list[date] = field(default_factory=list)
    tokens: int = 0
    expires_s: int = 600
    signed: list[str | None] = field(default_factory=list)
    _more: trio.Event = field(default_factory=trio.Event)

    def answer(self, asked: Asked) -> provider.Answer:
        if asked.path == "/token":
            self.tokens += 1
            return ok({"access_token": f"token {self.tokens}", "expires_in": self.expires_s})
        day = date.fromisoformat(asked.query["day"])
        self.asked.append(day)
        self.signed.append(asked.headers.get("authorization"))
        self._more.set()
        self._more = trio.Event()
        mood = self.moods.get(day)
        if mood == "stale":  # the token, once
            del self.moods[day]
            return http(b"no", 401)
        return BAD[mood](asked) if mood else ok(self.of(day))

    def of(self, day: date) -> list[Line]:
        return self.days.setdefault(day, [{"id": f"{day} {n}", "n": n} for n in range(A_DAY)])

    def of_all(self, days: list[date]) -> list[Line]:
        return sorted((each for day in days for each in self.of(day)), key=lambda row: row["id"])

    def forget(self) -> None:
        self.asked.clear()

    async def reached(self, count: int) -> None:
        with trio.fail_after(WAIT_S):
            while len(self.asked) < count:
                await self._more.wait()


def declare(
    home: Home, url: str, days: int, *, empty: str = "rollback", patience_s: int = 15, **rest: Line
) -> None:
    home.provide(
        "steps",
        url,
        streams={
            STREAM: {
                "path": "/days",
                "primary_key": ["id"],
                "params": {"day": "{day}"},
                "mode": "window",
                "window": {"days": days, "timezone": ZONE},
                "empty": empty,
            }
        },
        limits={"timeout_s": patience_s},
        **rest,
    )


def machine(url: str) -> Line:
    """How an application without a person asks for its tokens."""
    return {"kind": "oauth2", "grant": "client_credentials", "token_url": f"{url}/token"}


def shown(home: Home) -> list[Line]:
    rows = [{"id": row["id"], "n": row["n"]} for row in home.view("steps_days")]
    return sorted(rows, key=lambda row: row["id"])


async def first_sync(daemon: Daemon) -> Line:
    begun = await daemon.said("sync-started")
    return await daemon.ending(begun["seq"])


async def synced(daemon: Daemon, **options: object) -> Line:
    """Sync once more, with these options for the run alone; how that ended."""
    (seq,) = (await daemon.tell("sync", CONNECTION, **options))["events"]
    begun = await daemon.said("sync-started", request=seq)
    return await daemon.ending(begun["seq"])


async def told(daemon: Daemon, type_: str, **fields: object) -> Line:
    """Wait for an event of that type with those fields: the event, and when it was recorded."""
    wanted = {"type": type_, **fields}.items()
    *_, found = await daemon.tail(lambda event: wanted <= event.items())
    return {**found["event"], "at": datetime.fromisoformat(found["at"])}


async def view(daemon: Daemon) -> Line:
    return (await daemon.ask("connection", connection=CONNECTION))["connection"]


async def owed(daemon: Daemon) -> list[date]:
    streams = (await view(daemon))["streams"]
    return [date.fromisoformat(day) for each in streams for day in each["failed_days"]]


def event(home: Home, seq: int) -> Line:
    return home.log()[seq - 1]


def failures(ending: Line) -> dict[date, str]:
    return {date.fromisoformat(each["day"]): each["cause"] for each in ending["failures"]}


async def test_days_that_fail_are_named_owed_over_a_kill_and_fetched_with_the_next_sync(home):
    steps = Steps()
    causes = ["server", "network", "timeout"]
    steps.moods = dict(zip(span(ago(4), ago(2)), causes, strict=True))
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=5, patience_s=3)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 2 * A_DAY)
            assert steps.asked == span(ago(4), ago(0)), "one that fails does not stop the others"
            assert failures(event(home, ending["seq"])) == steps.moods
            assert await owed(daemon) == span(ago(4), ago(2))
            assert shown(home) == steps.of_all(span(ago(1), ago(0)))
            assert await daemon.stop(signal.SIGKILL)

        steps.moods = {ago(4): "server"}
        declare(home, server.url, days=2)  # what is owed now lies before the window
        async with running(home) as daemon:
            assert await owed(daemon) == span(ago(4), ago(2))
            steps.forget()
            ending = await synced(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 4 * A_DAY)
            assert steps.asked == span(ago(4), ago(0))
            assert await owed(daemon) == [ago(4)]
            assert shown(home) == steps.of_all(span(ago(3), ago(0)))
            assert await daemon.stop(signal.SIGKILL)

        steps.moods = {}
        async with running(home) as daemon:
            steps.forget()
            ending = await synced(daemon, failed_days=True)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", A_DAY)
            assert steps.asked == [ago(4)], "what failed is fetched alone"
            assert await owed(daemon) == []
            nothing = await daemon.tell("sync", CONNECTION, failed_days=True)
            assert (nothing["events"], nothing["message"]) == ([], "no day is owed")
            assert await daemon.stop() == 0
    assert shown(home) == steps.of_all(span(ago(4), ago(0)))


@pytest.mark.requirement("B3")
async def test_a_day_that_trying_again_soon_does_not_mend_is_named_and_asked_for_with_its_turns(
    home,
):
    steps = Steps(moods={ago(2): "malformed"})
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=3)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 2 * A_DAY)
            assert failures(event(home, ending["seq"])) == {ago(2): "malformed"}
            assert await owed(daemon) == [ago(2)]
            steps.forget()
            steps.moods = {}
            await synced(daemon, days=1)
            assert steps.asked == [ago(2), ago(0)]
            assert await owed(daemon) == []
    assert shown(home) == steps.of_all(span(ago(2), ago(0)))


async def test_a_sync_of_which_no_day_comes_has_failed_and_changes_nothing(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=3)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            before = home.records()
            steps.moods = {ago(2): "network", ago(1): "server", ago(0): "server"}
            ending = await synced(daemon)
            assert (ending["event"], ending["cause"]) == ("sync-failed", "network")
            assert await owed(daemon) == span(ago(2), ago(0))
            assert home.records() == before
            steps.moods = {}
            assert (await synced(daemon, failed_days=True))["event"] == "sync-succeeded"
            assert await owed(daemon) == []
            assert home.records() == before
    assert shown(home) == steps.of_all(span(ago(2), ago(0)))


@pytest.mark.requirement("B5")
async def test_a_day_that_comes_empty_after_data_keeps_it_until_it_returns(home):
    steps = Steps(days={ago(3): []})
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=4)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 3 * A_DAY)
            assert event(home, ending["seq"])["failures"] == [], "it may be empty at first"
            kept = steps.days[ago(2)]
            steps.days[ago(2)], steps.days[ago(1)] = [], [{"id": "new", "n": 9}]
            ending = await synced(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 1 + A_DAY)
            assert failures(event(home, ending["seq"])) == {ago(2): "empty"}
            refused = await daemon.said("records-refused", sync=ending["sync"])
            assert (refused["fetched"], refused["rows"]) == (0, A_DAY)
            assert shown(home) == sorted(
                [*kept, *steps.of(ago(1)), *steps.of(ago(0))], key=lambda row: row["id"]
            )
            steps.days[ago(2)] = kept[:1]
            ending = await synced(daemon)
            assert event(home, ending["seq"])["failures"] == []
    assert shown(home) == steps.of_all(span(ago(3), ago(0)))


async def test_a_day_may_become_empty_where_the_file_says_so(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=3, empty="accept")
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            steps.days = {day: [] for day in span(ago(2), ago(0))}
            ending = await synced(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 0)
            assert shown(home) == []


async def test_absence_deletes_only_in_days_that_came(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=3)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            lost = steps.of(ago(2)).pop(), steps.of(ago(1)).pop()
            steps.moods = {ago(2): "server"}
            await synced(daemon)
            there = [*steps.of_all(span(ago(2), ago(0))), lost[0]]
            assert shown(home) == sorted(there, key=lambda row: row["id"])
            steps.moods = {}
            await synced(daemon, days=1)  # and the one that is owed
            assert shown(home) == steps.of_all(span(ago(2), ago(0)))

            steps.of(ago(2)).append({"id": "back", "n": 7})
            steps.of(ago(0)).append({"id": "today", "n": 7})
            await synced(daemon, days=1)
            assert {"id": "today", "n": 7} in shown(home)
            assert {"id": "back", "n": 7} not in shown(home), "a day outside was not asked for"


@pytest.mark.requirement("B11")
async def test_a_report_a_day_is_read_like_any_other(home):
    """One of them comes cut off, one empty, one with a text where numbers were: that one widens."""
    texts = {ago(3): "id,n\na,1\n", ago(2): "id,n\nb,2\n", ago(1): "id,n\nc,3\nd", ago(0): ""}

    def answer(asked):
        return http(texts[date.fromisoformat(asked.query["day"])].encode())

    async with provider.serving(answer) as server:
        window = {"days": 4, "timezone": ZONE}
        days = {"path": "/days", "primary_key": ["id"], "params": {"day": "{day}"}, "csv": {}}
        home.provide(
            "steps", server.url, streams={STREAM: {**days, "mode": "window", "window": window}}
        )
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 2)
            assert failures(event(home, ending["seq"])) == {ago(1): "malformed"}
            assert shown(home) == [{"id": "a", "n": 1}, {"id": "b", "n": 2}]
            texts[ago(1)], texts[ago(0)] = "id,n\nc,3\nd,x\n", "id,n\ne,4\n"
            await synced(daemon)
            await synced(daemon)  # what came before the text, in the same run, is text now too
            assert shown(home) == [
                {"id": id_, "n": n} for id_, n in zip("abcde", "123x4", strict=True)
            ]


async def test_a_record_that_moves_over_midnight_is_one_record(home):
    steps = Steps()
    night = {"id": "night", "n": 1}
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=3)
        home.configure(CONNECTION)
        steps.of(ago(1)).append(night)
        async with running(home) as daemon:
            await first_sync(daemon)
            before = home.records()
            steps.of(ago(1)).remove(night)
            steps.of(ago(0)).append(night)
            await synced(daemon)
            assert shown(home) == steps.of_all(span(ago(2), ago(0)))
            assert home.records()[1] == before[1] + 1, "written anew, for the day that it lies in"

            steps.of(ago(0)).remove(night)  # and back, while yesterday cannot be asked for
            steps.of(ago(1)).append(night)
            steps.moods = {ago(1): "server"}
            await synced(daemon)
            assert night not in shown(home)
            steps.moods = {}
            await synced(daemon)
            assert shown(home) == steps.of_all(span(ago(2), ago(0)))

            steps.of(ago(0)).append({**night, "n": 2})  # in two windows at once: the later counts
            await synced(daemon)
            assert [row for row in shown(home) if row["id"] == "night"] == [{**night, "n": 2}]


async def test_days_and_threshold_can_be_given_for_one_run(home):
    """The token lasts ten minutes: enough for a manual sync, not for one that wants an hour."""
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=2, auth=machine(server.url))
        client = {"client_id": "us", "client_secret_file": home.secret("client", "our secret")}
        home.configure(CONNECTION, providers={"steps": client})
        async with running(home) as daemon:
            assert (await first_sync(daemon))["event"] == "sync-succeeded"
            assert (steps.asked, steps.tokens) == (span(ago(1), ago(0)), 1)
            for options, days, tokens in (
                ({"days": 1}, 1, 1),
                ({"days": 5}, 5, 1),
                ({"days": 1, "threshold": "1h"}, 1, 2),
                ({"threshold": "9m"}, 2, 2),
                ({}, 2, 2),
            ):
                steps.forget()
                assert (await synced(daemon, **options))["event"] == "sync-succeeded"
                assert steps.asked == span(ago(days - 1), ago(0)), options
                assert steps.tokens == tokens, options
            steps.forget()
            await daemon.tell(
                "backfill", CONNECTION, first=str(ago(9)), last=str(ago(8)), threshold="1h"
            )
            await daemon.said("backfill-ended", how="done")
            assert (steps.asked, steps.tokens) == ([ago(8), ago(9)], 3), "the newest first"
            wrong = {"connection": CONNECTION, "days": 0}
            assert (await daemon.call("POST", "sync", json=wrong)).status_code == 400


async def test_a_token_that_is_refused_half_way_is_replaced_and_no_day_is_lost(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=4, auth=machine(server.url))
        home.configure(CONNECTION, providers={"steps": {"client_id": "us"}})
        steps.moods = {ago(1): "stale"}
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 4 * A_DAY)
            assert steps.asked == [ago(3), ago(2), ago(1), ago(1), ago(0)]
            assert steps.signed == [f"Bearer token {n}" for n in (1, 1, 1, 2, 2)]
            assert await owed(daemon) == []


async def test_a_refused_credential_half_way_ends_the_asking_and_keeps_what_came(home):
    steps = Steps(moods={ago(2): "auth"})
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=5)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            ending = await first_sync(daemon)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 2 * A_DAY)
            assert steps.asked == span(ago(4), ago(2)), "the others would only fail alike"
            assert failures(event(home, ending["seq"])) == dict.fromkeys(
                span(ago(2), ago(0)), "auth"
            )
            assert await owed(daemon) == span(ago(2), ago(0))
            steps.forget()
            await daemon.tell("backfill", CONNECTION, first=str(ago(30)), last=str(ago(20)))
            steps.moods = {ago(25): "auth"}
            await daemon.said("backfill-ended", how="done")
            assert steps.asked == span(ago(25), ago(20))[::-1]
            assert await owed(daemon) == [*span(ago(30), ago(25)), *span(ago(2), ago(0))]


# Days of the past, in batches.


def check_backfill(home: Home, steps: Steps, first: date, last: date) -> None:
    """Each day was fetched by one sync that went through; what was cut off was fetched again."""
    log = home.log()
    begun = {each["seq"]: each for each in log if each["type"] == "sync-started"}
    batches = [each for each in begun.values() if each["kind"] == "backfill"]
    endings = {
        each["sync"]: each["type"]
        for each in log
        if each["type"].startswith("sync-") and each.get("sync")
    }
    goes_on = last
    cut_off: Counter[date] = Counter()
    for batch in batches:
        days = span(*(date.fromisoformat(batch["options"][key]) for key in ("first", "last")))
        assert days[-1] == goes_on, "the newest that are left"
        if endings[batch["seq"]] == "sync-succeeded":
            goes_on = days[0] - timedelta(days=1)
        else:
            assert endings[batch["seq"]] == "sync-interrupted"
            cut_off.update(days)
    assert goes_on == first - timedelta(days=1), "all of it was fetched"
    asked = Counter(day for day in steps.asked if first <= day <= last)
    assert set(asked) == set(span(first, last))
    for day, times in asked.items():
        assert times <= 1 + cut_off[day], f"{day} was asked for {times} times"
    assert [each["how"] for each in log if each["type"] == "backfill-ended"] == ["done"]


async def test_a_backfill_of_months_survives_any_kill_and_fetches_each_day_once(home):
    dice = random.Random(SEED)
    steps = Steps()
    first, last = ago(130), ago(11)
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=2)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            await daemon.tell("backfill", CONNECTION, first=str(first), last=str(last), batch=15)
            await steps.reached(len(steps.asked) + 20)
            assert await daemon.stop(signal.SIGKILL)
        for kill in range(4):
            async with started(home) as daemon:
                if kill % 2:
                    await steps.reached(len(steps.asked) + dice.randint(3, 25))
                else:
                    await daemon.said(dice.choice(["records-captured", "backfill-advanced"]))
                assert await daemon.stop(signal.SIGKILL)
        async with running(home) as daemon:
            left = (await view(daemon))["backfill"]
            assert left is None or left["first"] == str(first)
            if left is not None:
                await daemon.said("backfill-ended", how="done")
            assert (await view(daemon))["backfill"] is None
            assert await owed(daemon) == []
            assert await daemon.stop() == 0
        async with running(home) as daemon:
            asked = len(steps.asked)
            assert (await synced(daemon))["event"] == "sync-succeeded"
            assert len(steps.asked) == asked + 2, "it is over"
    check_backfill(home, steps, first, last)
    assert shown(home) == steps.of_all([*span(first, last), ago(1), ago(0)])


async def test_other_syncs_run_between_the_batches_and_take_no_day_from_them(home):
    steps = Steps()
    first, last = ago(60), ago(11)
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=2)
        home.configure((CONNECTION, {"interval": "1s"}))
        async with running(home) as daemon:
            await first_sync(daemon)
            await daemon.tell("backfill", CONNECTION, first=str(first), last=str(last), batch=5)
            await daemon.said("backfill-advanced")
            ending = await synced(daemon, days=3)
            assert (ending["event"], ending["records"]) == ("sync-succeeded", 3 * A_DAY)
            await daemon.said("backfill-ended", how="done")
            assert await daemon.stop() == 0
    kinds = [each["kind"] for each in home.log() if each["type"] == "sync-started"]
    between = kinds[kinds.index("backfill") : len(kinds) - kinds[::-1].index("backfill")]
    assert "manual" in between
    check_backfill(home, steps, first, last)


async def test_a_backfill_is_taken_back_with_what_runs_of_it_and_stays_so(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=2)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            steps.moods = {ago(25): "timeout"}
            wish = {"first": str(ago(40)), "last": str(ago(11)), "batch": 10}
            await daemon.tell("backfill", CONNECTION, **wish)
            await steps.reached(2 + 10 + 6)  # the second batch waits for an answer
            done = await daemon.tell("cancel", CONNECTION)
            assert done["message"] == "backfill cancelled; what it fetched is kept"
            ended = await told(daemon, "backfill-ended")
            assert (ended["how"], ended["last"]) == ("cancelled", str(ago(21)))
            assert shown(home) == steps.of_all([*span(ago(20), ago(11)), ago(1), ago(0)])
            assert await daemon.stop() == 0
        steps.forget()
        async with running(home) as daemon:
            assert (await view(daemon))["backfill"] is None
            assert (await synced(daemon))["event"] == "sync-succeeded"
            assert steps.asked == span(ago(1), ago(0))
            nothing = await daemon.tell("cancel", CONNECTION)
            assert nothing["events"] == []


async def test_a_provider_that_wants_a_rest_gets_it_and_the_backfill_goes_on(home):
    """Where a batch is cut, the next one begins; what came of it stays."""
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=2)
        home.configure((CONNECTION, {"interval": "7d"}))
        async with running(home) as daemon:
            await first_sync(daemon)
            steps.moods = {ago(17): "rate-limited"}
            wish = {"first": str(ago(40)), "last": str(ago(11)), "batch": 10}
            await daemon.tell("backfill", CONNECTION, **wish)
            went_on = await told(daemon, "backfill-advanced", last=str(ago(17)))
            due = datetime.fromisoformat(went_on["due"])
            assert due - went_on["at"] == timedelta(seconds=1)
            steps.moods = {}
            await daemon.said("backfill-ended", how="done")
            assert await owed(daemon) == []
            assert await daemon.stop() == 0
    begun = [each for each in home.log() if each.get("kind") == "backfill"]
    assert datetime.fromtimestamp(begun[1]["at"] / 1e6, UTC) >= due
    assert shown(home) == steps.of_all([*span(ago(40), ago(11)), ago(1), ago(0)])


async def test_a_batch_of_which_nothing_comes_is_tried_again_an_interval_later(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=1)
        home.configure((CONNECTION, {"interval": "1s"}), policy=TOLERANT)
        async with running(home) as daemon:
            await first_sync(daemon)
            steps.moods = dict.fromkeys(span(ago(30), ago(11)), "server")
            wish = {"first": str(ago(30)), "last": str(ago(11)), "batch": 10}
            await daemon.tell("backfill", CONNECTION, **wish)
            stays = await told(daemon, "backfill-advanced", last=str(ago(11)))
            assert datetime.fromisoformat(stays["due"]) - stays["at"] == timedelta(seconds=1)
            steps.moods = {}
            await daemon.said("backfill-ended", how="done")
            assert await daemon.stop() == 0
    assert shown(home) == steps.of_all([*span(ago(30), ago(11)), ago(0)])


async def test_a_backfill_that_nobody_can_carry_out_ends_in_words(home):
    steps = Steps()
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=1)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            steps.moods = dict.fromkeys(span(ago(30), ago(11)), "auth")
            wish = {"first": str(ago(30)), "last": str(ago(11)), "batch": 10}
            await daemon.tell("backfill", CONNECTION, **wish)
            ended = await told(daemon, "backfill-ended")
            assert (ended["how"], ended["last"]) == ("failed", str(ago(11)))
            for first, last in ((ago(3), ago(9)), (ago(1), ago(-1)), (ago(99_999), ago(1))):
                refused = await daemon.call(
                    "POST",
                    "backfill",
                    json={"connection": CONNECTION, "first": str(first), "last": str(last)},
                )
                assert refused.status_code == 400, refused.text
            assert json.loads(refused.text)["code"] == "invalid"


async def test_a_kill_between_the_records_and_the_outcome_loses_no_day(home):
    """A run is over when its outcome is on disk; one that is cut off before that runs again."""
    steps = Steps(moods={ago(3): "server"})
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=4)
        home.configure(CONNECTION)
        for _ in range(2):
            async with started(home) as daemon:
                try:
                    await daemon.said("records-captured")
                except Ended as ended:
                    raise AssertionError(daemon.complaint) from ended
                assert await daemon.stop(signal.SIGKILL)
        async with running(home) as daemon:
            if not await owed(daemon):
                assert (await first_sync(daemon))["event"] == "sync-succeeded"
            assert await owed(daemon) == [ago(3)]


async def test_what_a_run_was_asked_for_survives_its_death(home):
    """Nobody asked for the whole window: the next life fetches what is owed, and no more."""
    steps = Steps(moods={ago(3): "server", ago(1): "server"})
    async with provider.serving(steps.answer) as server:
        declare(home, server.url, days=4)
        home.configure(CONNECTION)
        async with running(home) as daemon:
            await first_sync(daemon)
            steps.forget()
            steps.moods = {ago(1): "timeout"}
            await daemon.tell("sync", CONNECTION, failed_days=True)
            await steps.reached(2)
            assert await daemon.stop(signal.SIGKILL)
        steps.forget()
        steps.moods = {}
        async with running(home) as daemon:
            assert (await first_sync(daemon))["records"] == 2 * A_DAY
            assert steps.asked == [ago(3), ago(1)]
            assert await owed(daemon) == []
