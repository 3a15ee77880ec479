"""A real daemon's port for reports: what it said it has, it has, whoever else is at the port."""

import random
import signal
import socket

import httpx
import pytest
import trio

from daemon.control.http_server import CONNECTIONS_MAX
from tests.e2e.daemon import WAIT_S, running, started

SEED = 20261129
KILLS = 4
PHONE = "alice/phone-calls"
AT = "2026-01-01T00:00:00Z"


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configured(home, port, **more):
    sources = {PHONE: {"pattern": "android"}, "bob/sms": {"pattern": "ios"}}
    home.configure(ingest={"listen": f"127.0.0.1:{port}", **more}, sources=sources)


async def token(daemon, source=PHONE):
    answer = await daemon.call("POST", "source-token", json={"source": source})
    assert answer.status_code == 200, answer.text
    return answer.json()["token"]


def phone(port, token):
    """A phone that has no proxy before it."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"authorization": f"Bearer {token}"},
        timeout=WAIT_S,
    )


async def now(daemon):
    return (await daemon.ask("status"))["now"]


def one(key, at, **metrics):
    return {"at": at, "key": key, "metrics": metrics}


@pytest.mark.requirement("D2")
async def test_what_was_acknowledged_is_there_after_any_death(home, port):
    """And what comes again after it, as a phone sends what it heard nothing of, counts once."""
    configured(home, port, requests_a_minute=6000)
    dice, acknowledged, sent = random.Random(SEED), set(), {}
    async with running(home) as daemon:
        key = await token(daemon)
        at = await now(daemon)
    for life in range(KILLS):
        async with running(home) as daemon, phone(port, key) as client:
            for number in range(dice.randint(3, 20)):
                name = f"{life}-{number}"
                sent[name] = one(name, at, records=1)
                answer = await client.post("/v1/report", json=sent[name])
                assert answer.status_code == 202, answer.text
                acknowledged.add(name)
            async with trio.open_nursery() as nursery:
                last = sent[f"{life}-last"] = one(f"{life}-last", at, records=1)
                nursery.start_soon(lost, client, last)
                await trio.sleep(dice.uniform(0, 0.02))
                assert await daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    async with running(home) as daemon:
        async with phone(port, key) as client:
            answer = await client.post("/v1/reports", json=[*sent.values()])
            assert answer.status_code == 202
            assert answer.json()["known"] >= len(acknowledged)
            assert answer.json()["new"] <= KILLS
        shown = await daemon.ask("source", source=PHONE)
        (day,) = shown["days"]
        assert (day["reports"], day["records"]) == (len(sent), len(sent))
        assert await daemon.stop() == 0
    reports = [each for each in home.log() if each["type"] == "report-received"]
    assert len(reports) == len({each["key"] for each in reports}) == len(sent)
    assert key.partition(".")[2] not in (home.state / "log").read_bytes().decode("latin-1")


async def lost(client, said):
    """It may be taken or not: the process dies under it."""
    try:
        await client.post("/v1/report", json=said)
    except httpx.TransportError:
        return


@pytest.mark.requirement("D2")
async def test_silent_and_slow_clients_harm_nobody(home, port):
    """Neither another phone nor the commands: as many as there may be get a place, and no more."""
    configured(home, port)
    async with running(home) as daemon:
        key, at = await token(daemon), await now(daemon)
        idle = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(CONNECTIONS_MAX - 2)]
        head = f"POST /v1/report HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 100\r\n"
        head += "content-type: application/json\r\n"
        for stream in idle[::2]:
            await stream.send_all(head.encode())
        await idle[1].send_all(f"{head}authorization: Bearer {key}\r\n\r\n{{".encode())
        async with phone(port, await token(daemon, "bob/sms")) as client:
            assert (await client.post("/v1/report", json=one("a", at))).status_code == 202
        with trio.fail_after(WAIT_S):
            assert (await daemon.ask("source", source="bob/sms"))["source"]["reported_at"]
        for stream in idle:
            await stream.aclose()
        assert await daemon.stop() == 0


@pytest.mark.requirement("D2")
async def test_the_port_knows_no_operation_and_the_socket_no_token(home, port):
    configured(home, port)
    async with running(home) as daemon:
        key = await token(daemon)
        async with phone(port, key) as client:
            for path in ("status", "openapi.json", "source", "tail", "source-token"):
                assert (await client.get(f"/v1/{path}")).status_code == 404
                assert (await client.post(f"/v1/{path}", json={})).status_code == 404
            flood = await client.post("/v1/report", content=b"{" * 400_000, headers=JSON)
            assert flood.status_code == 413
            wrong = await client.post(
                "/v1/report", json={}, headers={"authorization": "Bearer 1.x"}
            )
            assert wrong.status_code == 401
            page = await client.post("/v1/report", json={}, headers={"origin": "http://localhost"})
            assert page.status_code == 403
            rebound = await client.post("/v1/report", json={}, headers={"host": "evil.example"})
            assert rebound.status_code == 403
        assert key not in "".join(map(str, daemon.lines))


JSON = {"content-type": "application/json"}


async def test_who_goes_on_sending_after_a_refusal_hears_it(home, port):
    """As a proxy does that sends a whole body before it listens: nothing is reset under it."""
    configured(home, port)
    head = f"POST /v1/report HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: 4000000\r\n"
    head += "content-type: application/json\r\n"
    async with running(home) as daemon:
        known = f"authorization: Bearer {await token(daemon)}\r\n"
        for more, status in ((known, b"413"), ("", b"401")):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(f"{head}{more}\r\n".encode())
                with trio.fail_after(WAIT_S):
                    for _ in range(40):
                        await stream.send_all(b"{" * 100_000)
                        await daemon.ask("status")  # by now it has answered, and closed its end
                    assert b"".join([part async for part in stream])[9:12] == status


async def test_there_is_no_port_where_nobody_asked_for_one(home, port):
    home.configure(sources={PHONE: {"pattern": "android"}})
    async with running(home):
        with pytest.raises(OSError):  # noqa: PT011 - whichever way it is refused
            await trio.open_tcp_stream("127.0.0.1", port)


async def test_a_port_that_somebody_has_is_said_to_be_so(home, port):
    configured(home, port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        async with started(home) as daemon:
            assert await daemon.end() == 75
        assert f"cannot listen on 127.0.0.1:{port}" in daemon.complaint


@pytest.mark.requirement("D2")
async def test_what_the_configuration_no_longer_says_is_gone_and_its_token_void(home, port):
    configured(home, port)
    async with running(home) as daemon:
        key = await token(daemon)
        await daemon.stop()
    home.configure(ingest={"listen": f"127.0.0.1:{port}"}, sources={})
    async with running(home) as daemon:
        assert (await daemon.ask("sources"))["sources"] == []
        async with phone(port, key) as client:
            assert (await client.post("/v1/report", json=one("a", AT))).status_code == 401
        await daemon.stop()
    configured(home, port)
    async with running(home) as daemon:
        names = [each["source"] for each in (await daemon.ask("sources"))["sources"]]
        assert names == [PHONE, "bob/sms"]
        async with phone(port, key) as client:
            assert (await client.post("/v1/report", json=one("a", AT))).status_code == 401
