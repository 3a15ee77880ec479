"""The daemon runs on: one actor a connection, a socket to talk to, lines that say what it does."""

import base64
import json
import signal

import pytest
import trio

from daemon.control.http_server import CONNECTIONS_MAX
from tests.e2e.daemon import WAIT_S, running
from tests.rest import provider
from tests.rest.provider import http, ok

GOOD = ok([{"id": 1}, {"id": 2}])
DAYS = {"days": {"path": "/days", "primary_key": ["id"]}}
KEY = "sk-live-9f8e7d6c5b4a"
PAIR = "ops@example.org:correct-horse-battery"


@pytest.mark.requirement("F1")
async def test_a_connection_that_hangs_and_one_that_crashes_leave_the_others_alone(home):
    def answer(asked):
        hangs = asked.path.startswith("/hanging")
        return provider.then_silence(b"")(asked) if hangs else GOOD

    async with provider.serving(answer) as server:
        home.provide("lively", f"{server.url}/lively", streams=DAYS)
        home.provide("hanging", f"{server.url}/hanging", streams=DAYS)
        home.provide("crashing", "http://planted", streams=DAYS)
        home.configure("a/lively", "b/hanging", "c/crashing", sync={"stop_within": "1s"})
        async with running(home, module="tests.e2e.crashing") as daemon:
            *_, crashed = await daemon.tail(lambda event: event["type"] == "actor-crashed")
            await daemon.said("sync-failed", subject=crashed["subject"], cause="internal")
            for _ in range(3):
                assert (await daemon.sync("a/lively"))["event"] == "sync-succeeded"
            queue = (await daemon.ask("queue"))["items"]
            hanging = next(item for item in queue if item["connection"] == "b/hanging")
            assert hanging["status"] == "processing", "its sync runs all the while"
            shown = await daemon.ask("connection", connection="c/crashing")
            assert shown["connection"]["next_start"] >= crashed["event"]["until"], (
                "it rests for a while"
            )
            assert (await daemon.ask("status"))["connections"] == 3
            assert await daemon.stop() == 0
    assert "ZeroDivisionError at crashing.py line " in crashed["event"]["error"]
    assert home.view("lively_days", "a") == [
        {"tenant": "a", "connection": "a/lively", "id": 1},
        {"tenant": "a", "connection": "a/lively", "id": 2},
    ]


@pytest.mark.requirement("F2")
async def test_everything_can_be_asked_and_told_over_the_socket(home):
    async with provider.serving(GOOD) as server:
        home.provide("shop", server.url, streams=DAYS)
        home.configure()
        async with running(home) as daemon:
            assert (home.socket.stat().st_mode & 0o777) == 0o600
            added = await daemon.tell("add", "acme/shop", interval="7d")
            *_, ended = await daemon.tail(lambda event: event["type"] == "sync-succeeded")
            assert ended["seq"] > max(added["events"])
            assert ended["name"] == "acme/shop"
            await daemon.tell("pause", "acme/shop")
            refusal = await daemon.call("POST", "sync", json={"connection": "acme/shop"})
            assert (refusal.status_code, refusal.json()["code"]) == (409, "paused")
            await daemon.tell("resume", "acme/shop")
            done = await daemon.tell("sync", "acme/shop")
            (requested,) = done["events"]
            events = await daemon.tail(
                lambda event: event.get("request") == requested, after=requested - 1
            )
            assert [event["event"]["type"] for event in events] == [
                "sync-requested",
                "sync-started",
            ]
            assert events[0]["event"]["by"]["role"] == "admin"
            assert (await daemon.ending(events[1]["seq"]))["event"] == "sync-succeeded"
            stats = await daemon.ask("log-stats")
            log = await daemon.ask("log", after=0, limit=1000)
            assert [event["seq"] for event in log["events"]] == list(range(1, stats["seq"] + 1))
            described = await daemon.ask("openapi.json")
            assert {"/v1/sync", "/v1/tail", "/v1/status"} <= set(described["paths"])
            await daemon.tell("remove", "acme/shop")
            missing = await daemon.call("GET", "connection", params={"connection": "acme/shop"})
            assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
            assert await daemon.stop() == 0
    assert not home.socket.exists()


async def test_any_number_of_clients_may_come_and_go(home):
    home.configure()
    async with running(home) as daemon:
        with trio.fail_after(8):
            for _ in range(200):
                await daemon.ask("status")


@pytest.mark.requirement("F4")
async def test_every_line_is_one_json_object_and_every_event_has_its_line(home):
    async with provider.serving(GOOD) as server:
        home.provide("shop", server.url, streams=DAYS)
        home.configure("acme/shop")
        async with running(home) as daemon:
            await daemon.sync("acme/shop")
            head = (await daemon.ask("status"))["seq"]
            await daemon.heard(lambda line: line.get("seq") == head)
            assert await daemon.stop() == 0
    assert daemon.complaint == ""
    for line in daemon.out.decode().splitlines():
        said = json.loads(line)
        assert isinstance(said, dict)
        assert {"event", "level", "timestamp"} <= said.keys()
    events = [line for line in daemon.lines if "subject" in line]
    log = home.log()
    assert [line["seq"] for line in events[:head]] == list(range(1, head + 1))
    for line, event in zip(events, log, strict=False):
        assert (line["event"], line["subject"]) == (event["type"], event["subject"])
    started = [line for line in events if line["event"] == "sync-started"]
    assert [line["sync"] for line in started] == [line["seq"] for line in started]


async def test_a_credential_is_nowhere_but_in_the_vault_sealed_and_on_the_wire(home):
    def answer(asked):
        if asked.path.startswith("/sour"):
            return http(json.dumps(asked.headers).encode(), 401, x_echo=KEY)
        return GOOD

    async with provider.serving(answer) as server:
        header = {"kind": "api_key", "header": "X-Api-Key"}
        home.provide("keyed", f"{server.url}/keyed", streams=DAYS, auth=header)
        home.provide("sour", f"{server.url}/sour", streams=DAYS, auth=header)
        home.provide(
            "asked", f"{server.url}/asked", streams=DAYS, auth={"kind": "api_key", "query": "k"}
        )
        home.provide("basic", f"{server.url}/basic", streams=DAYS, auth={"kind": "basic"})
        key = {"credential_file": home.secret("key", KEY)}
        home.configure(("acme/keyed", key), ("acme/sour", key), ("acme/asked", key))
        async with running(home) as daemon:
            await daemon.tell("add", "acme/basic", credential=PAIR)
            wrong = await daemon.call(
                "POST", "add", json={"connection": "a/none", "credential": KEY}
            )
            answers = [wrong.text]
            await daemon.sync("acme/basic")
            await daemon.sync("acme/sour")
            await daemon.sync("acme/asked")
            names = ("status", "queue", "connections", "providers", "log", "log-stats")
            answers += [json.dumps(await daemon.ask(name)) for name in names]
            await daemon.stop(signal.SIGKILL)
        said = b"".join([daemon.out, daemon.err, *(text.encode() for text in answers)])
    encoded = base64.b64encode(PAIR.encode())
    assert {asked.headers.get("x-api-key") for asked in server.asked} >= {KEY}
    assert f"Basic {encoded.decode()}" in {
        asked.headers.get("authorization") for asked in server.asked
    }
    files = {path.name: path.read_bytes() for path in home.state.rglob("*") if path.is_file()}
    assert {"log", "log-wal", "data", "data-wal", "vault"} <= files.keys()
    for secret in (KEY.encode(), PAIR.encode(), PAIR.split(":")[1].encode(), encoded):
        assert secret not in said
        for name, content in files.items():
            assert secret not in content, f"{name} holds a credential"


@pytest.mark.requirement("F2")
async def test_clients_that_take_every_place_are_told_apart_from_a_dead_daemon(home):
    """One more is refused at once, in words, and there is room again when the others have left."""
    home.configure()
    async with running(home) as daemon:
        await daemon.said("ready")
        silent = [await trio.open_unix_socket(str(home.socket)) for _ in range(CONNECTIONS_MAX)]
        with trio.fail_after(WAIT_S):
            while (refused := await daemon.call("GET", "status")).status_code != 503:
                pass  # the last of the silent ones has yet to be taken in
            assert refused.json()["code"] == "busy"
            for stream in silent:
                await stream.aclose()
            while (await daemon.call("GET", "status")).status_code != 200:
                pass
        assert await daemon.stop() == 0


async def test_a_wish_that_is_beyond_any_number_is_refused_in_words(home):
    home.configure()
    async with running(home) as daemon:
        await daemon.said("ready")
        for after in ("9223372036854775808", "-1", "1e999", "٣"):
            answer = await daemon.call("GET", "log", params={"after": after})
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert await daemon.stop() == 0
