"""Bad answers, one after the other: the last good data is in force all the while (document B)."""

import csv
import io
import signal
from contextlib import closing

import httpx
import pytest

from tests.e2e import faults
from tests.e2e.daemon import ENDINGS, TOLERANT, Daemon, Ended, Home, Line, running
from tests.rest import provider
from tests.rest.provider import http, ok

CONNECTION = "acme/finale"
STOCK = {"connection": CONNECTION, "stream": "stock"}
GOOD = [{"Product ID": f"P-{n}", "Qty": n, "Price": n + 0.5} for n in range(100)]
SWEEP_MAX = 40  # more than the commits of what is swept here


def report(rows: list[Line], *columns: str) -> bytes:
    text = io.StringIO(newline="")
    names = columns or (*GOOD[0],)
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


class Report:
    """What the provider answers next."""

    def __init__(self, rows: list[Line]) -> None:
        self.says(rows)

    def says(self, rows: list[Line], *columns: str) -> None:
        self.body = report(rows, *columns)

    def __call__(self, asked):
        return http(self.body)


def declare(home: Home, url: str, **stream) -> None:
    path = {"path": "/Report.csv", "primary_key": ["Product ID"], "csv": {}}
    home.provide("finale", url, streams={"stock": path | stream})
    home.configure(CONNECTION, policy=TOLERANT)


def seen(home: Home) -> list[Line]:
    rows = [{name: row[name] for name in GOOD[0]} for row in home.view("finale_stock")]
    return sorted(rows, key=lambda row: row["Qty"])


def then(home: Home, version: int) -> int:
    """How many rows were in force in that version."""
    with closing(home.open("data")) as connection:
        lived = "since <= ? AND (until IS NULL OR until > ?)"
        (found,) = connection.execute(
            f"SELECT count(*) FROM record WHERE {lived}", (version, version)
        ).fetchone()
        return found


async def stream_of(daemon: Daemon) -> Line:
    (stream,) = (await daemon.ask("connection", connection=CONNECTION))["connection"]["streams"]
    return stream


async def shown(daemon: Daemon) -> Line:
    return await daemon.ask("data", connection=CONNECTION, stream="stock", limit=1000)


async def doubts(daemon: Daemon) -> list[Line]:
    return (await daemon.ask("quarantine"))["doubts"]


async def reasons(daemon: Daemon) -> set[str]:
    health = await daemon.ask("get-sync-system-health")
    return {each["reason"] for each in health["reasons"]}


async def unchanged(daemon: Daemon, version: int) -> None:
    """What people see is the last good data, by the view and by the command's question."""
    assert seen(daemon.home) == GOOD
    page = await shown(daemon)
    assert (page["version"], page["rows"], len(page["records"])) == (version, 100, 100)


async def fails(daemon: Daemon, cause: str) -> str:
    ending = await daemon.sync(CONNECTION)
    assert (ending["event"], ending["cause"]) == ("sync-failed", cause)
    stream = await stream_of(daemon)
    assert (stream["condition"], stream["cause"]) == ("unhealthy", cause)
    assert stream["message"] == ending["message"]
    return ending["message"]


@pytest.mark.requirement("B5")
@pytest.mark.requirement("B6")
async def test_the_last_good_data_is_in_force_until_good_data_returns(home):
    answer = Report(GOOD)
    async with provider.serving(answer) as server:
        declare(home, server.url)
        async with running(home) as daemon:
            first = (await daemon.said("sync-started"))["seq"]
            assert (await daemon.ending(first))["event"] == "sync-succeeded"
            await unchanged(daemon, first)
            await it_turns_empty(daemon, answer, first)
            truncated = await it_is_cut_off(daemon, answer, first)
            await its_fields_break(daemon, answer, first, truncated)
            back = await it_comes_back(daemon, answer)
            accepted = await what_is_held_is_right_after_all(daemon, answer)
            assert await daemon.stop() == 0
    assert [then(home, each) for each in (first, back, accepted)] == [100, 100, 30]
    kinds = [event["type"] for event in home.log() if event["type"].startswith(("records-", "qu"))]
    assert kinds == [
        "records-captured",
        "records-refused",
        "records-quarantined",
        "records-quarantined",
        "records-captured",
        "quarantine-dropped",
        "records-quarantined",
        "records-captured",
        "quarantine-accepted",
        "records-captured",
    ]
    log = str(home.log())
    assert "Qty" not in log, "a field's name is the provider's word"


async def it_turns_empty(daemon: Daemon, answer: Report, good: int) -> None:
    answer.says([])
    assert "no records where there were some" in await fails(daemon, "empty")
    await unchanged(daemon, good)
    (doubt,) = await doubts(daemon)
    assert (doubt["kept"], doubt["guard"], doubt["rows"]) == ("refused", "empty", 100)


async def it_is_cut_off(daemon: Daemon, answer: Report, good: int) -> int:
    answer.says(GOOD[:30])
    message = await fails(daemon, "malformed")
    assert message.startswith("only 30 of 100 records are left")
    assert "70 % are missing, and 50 % may be" in message
    assert message.endswith("type `rounds data quarantine list`")
    await unchanged(daemon, good)
    (doubt,) = await doubts(daemon)
    assert (doubt["kept"], doubt["guard"], doubt["offered"]) == ("held", "shrunk", 30)
    assert {"answers-held", "waiting-for-a-person"} <= await reasons(daemon)
    one = await daemon.ask("quarantine-version", **STOCK)
    assert (one["held"]["removed"], one["held"]["rows"], one["held"]["base"]) == (70, 30, good)
    assert len(one["held"]["removed_examples"]) == 5
    assert (await shown(daemon))["held"] == doubt["version"]
    return doubt["version"]


async def its_fields_break(daemon: Daemon, answer: Report, good: int, before: int) -> None:
    answer.says(GOOD, "Product ID", "Price")
    message = await fails(daemon, "malformed")
    assert message.startswith("1 field that every record had is gone from all of them")
    await unchanged(daemon, good)
    (doubt,) = await doubts(daemon)
    assert doubt["guard"] == "schema"
    assert doubt["version"] > before, "the last one takes the place of the one before"
    one = await daemon.ask("quarantine-version", **STOCK)
    assert (one["gone"], one["held"]["changed"]) == (["Qty"], 100)
    assert "Qty" not in one["held"]["changed_examples"][0]["after"]


async def it_comes_back(daemon: Daemon, answer: Report) -> int:
    changed = [{**GOOD[0], "Price": 99.5}, *GOOD[1:]]
    answer.says(changed)
    ending = await daemon.sync(CONNECTION)
    assert ending["event"] == "sync-succeeded"
    assert seen(daemon.home) == changed
    stream = await stream_of(daemon)
    assert (stream["condition"], stream["cause"]) == ("degraded", None)  # three of five failed
    assert not {"answers-held", "waiting-for-a-person"} & await reasons(daemon)
    assert await told_by_explain(daemon) == [
        ("success", "sync-succeeded"),
        ("failure", "sync-failed"),
        ("refusal", "schema"),
        ("refusal", "shrunk"),
        ("refusal", "empty"),
    ]
    (doubt,) = await doubts(daemon)
    assert (doubt["kept"], doubt["obstacle"]) == ("held", "superseded")
    refusal = await daemon.call("POST", "quarantine-accept", json=STOCK)
    assert refusal.status_code == 400
    assert f"(version {ending['sync']}, of a sync)" in refusal.json()["message"]
    assert "rounds data quarantine drop acme/finale stock" in refusal.json()["message"]
    await daemon.tell("quarantine-drop", **STOCK)
    assert await doubts(daemon) == []
    return ending["sync"]


async def told_by_explain(daemon: Daemon) -> list[tuple[str, str]]:
    """What one question says that happened: of answers that were doubted, by which guard."""
    found = (await daemon.ask("explain", connection=CONNECTION))["last"]
    events = [(each["topic"], each["event"]["event"]) for each in found]
    return [(topic, event.get("guard", event["type"])) for topic, event in events]


async def what_is_held_is_right_after_all(daemon: Daemon, answer: Report) -> int:
    answer.says(GOOD[:30])
    await fails(daemon, "malformed")
    done = await daemon.tell("quarantine-accept", **STOCK)
    assert f"version {done['events'][0]}, with 30 rows" in done["message"]
    assert seen(daemon.home) == GOOD[:30]
    view = (await daemon.ask("connection", connection=CONNECTION))["connection"]
    assert (view["cause"], view["message"]) == (None, None)
    assert (await stream_of(daemon))["cause"] is None
    assert await doubts(daemon) == []
    assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
    last = [line for line in daemon.lines if line["event"] == "records-captured"][-1]
    assert (last["unchanged"], last["rows"]) == (30, 30)
    return done["events"][0]


# -- a source that says how many there are --------------------------------------------------------


@pytest.mark.requirement("B5")
async def test_that_all_is_gone_is_believed_where_the_source_itself_says_so(home):
    said = {"rows": [{"Product ID": "P-1"}, {"Product ID": "P-2"}], "meta": {"total": 2}}
    async with provider.serving(lambda _: ok(said)) as server:
        stream = {"path": "/stock", "primary_key": ["Product ID"], "records": "rows"}
        home.provide("finale", server.url, streams={"stock": {**stream, "total": "meta.total"}})
        home.configure(CONNECTION, policy=TOLERANT)
        async with running(home) as daemon:
            begun = await daemon.said("sync-started")
            assert (await daemon.ending(begun["seq"]))["event"] == "sync-succeeded"
            said = {"rows": [{"Product ID": "P-1"}], "meta": {"total": 2}}
            message = await fails(daemon, "malformed")
            assert "1 records came where the provider itself says that there are 2" in message
            said = {"rows": [], "meta": {"total": 2}}
            assert "no records" in await fails(daemon, "empty")
            said = {"rows": [], "meta": {"total": "many"}}
            assert 'no number of records at "meta.total"' in await fails(daemon, "malformed")
            assert len(home.view("finale_stock")) == 2
            said = {"rows": [], "meta": {"total": 0}}
            assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
            assert home.view("finale_stock") == []
            assert await daemon.stop() == 0


# -- who goes away --------------------------------------------------------------------------------


@pytest.mark.requirement("B5")
async def test_what_is_held_goes_with_its_connection_and_what_was_in_force_stays(home):
    answer = Report(GOOD)
    async with provider.serving(answer) as server:
        declare(home, server.url)
        home.configure(policy=TOLERANT)
        async with running(home) as daemon:
            await daemon.tell("add", CONNECTION)
            begun = await daemon.said("sync-started")
            await daemon.ending(begun["seq"])
            answer.says(GOOD[:30])
            await daemon.sync(CONNECTION)
            await daemon.tell("remove", CONNECTION)
            assert await doubts(daemon) == []
            assert seen(home) == GOOD
            answer.says(GOOD)
            await daemon.tell("add", CONNECTION)
            assert await daemon.stop() == 0
        async with running(home) as daemon:
            assert held(home) == []
            assert await daemon.stop() == 0


# -- deaths ---------------------------------------------------------------------------------------


def held(home: Home) -> list[tuple[int, int]]:
    """Which version lies there, with how many rows of its own."""
    with closing(home.open("data")) as connection:
        return connection.execute(
            "SELECT version, (SELECT count(*) FROM held WHERE held.stream = quarantine.stream) "
            "FROM quarantine"
        ).fetchall()


class Model:
    """What should be, as the log has it: what is in force, and what is held."""

    def __init__(self, home: Home) -> None:
        self.rows, self.held, self.open = 0, None, 0
        contents: dict[int, int] = {}
        for event in home.log():
            match event["type"]:
                case "records-captured":
                    self.rows = event["rows"]
                case "records-quarantined":
                    self.held = event["version"]
                    contents[event["version"]] = event["removed"]
                case "quarantine-dropped" | "quarantine-accepted":
                    self.held = None
                case "acceptance-started":
                    self.open = event["seq"]
                case "restore-abandoned":
                    assert event["started"] == self.open
                    self.open = 0
            if event["type"] == "quarantine-accepted":
                self.open = 0
        self.removed = contents.get(self.held) if self.held else None


async def agrees(daemon: Daemon) -> None:
    """The store is what the log says, and nothing is open, once what was cut short has ended."""
    home = daemon.home
    kinds = [event["type"] for event in home.log()]
    last = max(n for n, kind in enumerate(kinds) if kind in ENDINGS)
    open_ = {"sync-requested", "sync-started"} & {*kinds[last:]}  # asked for, and cut short or not
    if kinds[last] == "sync-interrupted" or open_:
        again = await daemon.said("sync-started")
        await daemon.ending(again["seq"])
    await shown(daemon)  # what goes from the store after an event, goes before this
    model = Model(home)
    assert len(seen(home)) == model.rows
    assert held(home) == ([(model.held, model.removed)] if model.held else [])
    assert model.open == 0, "what was cut short is closed"
    with closing(home.open("data")) as connection:
        assert connection.execute("SELECT count(*) FROM staged").fetchone() == (0,)


async def wish(daemon: Daemon, what: str) -> None:
    if what == "hold":
        ending = await daemon.sync(CONNECTION)
        assert ending["event"] == "sync-failed"
    else:
        await daemon.tell(f"quarantine-{what}", **STOCK)


async def outlives(daemon: Daemon, what: str, file: str, fault: str) -> bool:
    """Whether the wish comes to its end in a life with this fault."""
    async with faults.failing(daemon, file, fault):
        try:
            await wish(daemon, what)
            await shown(daemon)
            survived = True
        except (Ended, httpx.TransportError):
            survived = False
    await daemon.stop(signal.SIGKILL)
    return survived


@faults.traced
@pytest.mark.requirement("X5")
@pytest.mark.parametrize("what", ["hold", "accept", "drop"])
@pytest.mark.parametrize(
    ("file", "call"),
    [
        ("log-wal", "fdatasync"),
        ("data-wal", "fdatasync"),
        ("data-wal", "pwrite64"),
    ],
)
async def test_a_kill_at_any_write_of_what_is_held_is_survived(home, what, file, call):
    """Of holding, accepting and dropping: after each, store and log say the same again."""
    step = 1 if call == "fdatasync" else 5
    answer = Report(GOOD)
    async with provider.serving(answer) as server:
        declare(home, server.url)
        for kills in range(SWEEP_MAX):
            async with running(home) as daemon:
                if kills:
                    await agrees(daemon)
                await prepared(daemon, answer, what)
                fault = f"{call}:signal=KILL:when={1 + kills * step}"
                if await outlives(daemon, what, file, fault):
                    break
        async with running(home) as daemon:
            await agrees(daemon)
    assert 1 <= kills < SWEEP_MAX - 1


async def prepared(daemon: Daemon, answer: Report, what: str) -> None:
    """All rows are in force; and a part of them is held, where that is to be settled."""
    answer.says(GOOD)
    assert (await daemon.sync(CONNECTION))["event"] == "sync-succeeded"
    if await doubts(daemon):
        await daemon.tell("quarantine-drop", **STOCK)
    answer.says(GOOD[:30])
    if what != "hold":
        assert (await daemon.sync(CONNECTION))["event"] == "sync-failed"
