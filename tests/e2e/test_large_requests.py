"""Is a large body taken from a program, and does one that is too large, or slow, harm nobody?"""

import base64
import random
from contextlib import suppress

import pytest
import trio
from h2.connection import H2Connection
from h2.events import ResponseReceived
from h2.settings import SettingCodes

from daemon.control import server
from daemon.control.gateway_messages import (
    CONTENT_BYTES_MAX,
    HEADER_CHARACTERS_MAX,
    PATH_CHARACTERS_MAX,
    REQUEST_BYTES_MAX,
)
from daemon.control.http_server import BODY_BYTES_MAX, CONNECTIONS_MAX
from daemon.control.server import LARGE_MAX
from daemon.gateway.asking import PATH_MAX
from tests.e2e.daemon import WAIT_S, running
from tests.rest.provider import http, ok, serving

pytestmark = pytest.mark.requirement("E6")

CONNECTION = "acme/shelf"
OTHER = "acme/other"
LARGE = random.Random(3).randbytes(CONTENT_BYTES_MAX)
WHOLE = base64.b64encode(LARGE).decode()


def configure(home, url):
    days = {"path": "/days", "primary_key": ["id"]}
    for name in ("shelf", "other"):
        home.provide(name, url, streams={"days": days}, endpoints={"/files": {}})
    home.configure(CONNECTION, OTHER, policy={"caller_writes": 10_000})


def told(asked):
    return ok([]) if asked.method == "GET" else http(asked.body, 201, content_type="x/y")


def wish(**more):
    return {"connection": CONNECTION, "method": "POST", "path": "/files"} | more


async def told_to(daemon, connection=CONNECTION, **more):
    """Make that request, and expect that it is made."""
    return await daemon.tell("request", connection, method="POST", path="/files", **more)


def test_the_bound_of_a_path_is_the_gateways_too():
    assert PATH_CHARACTERS_MAX == PATH_MAX


async def test_bytes_go_to_the_provider_and_come_back_and_others_keep_their_bound(home):
    async with serving(told) as provider:
        configure(home, provider.url)
        async with running(home) as daemon:
            answer = await told_to(daemon, body_base64=WHOLE)
            assert provider.asked[-1].body == LARGE
            assert answer["body"] is None
            assert base64.b64decode(answer["body_base64"]) == LARGE
            text = "é" * (CONTENT_BYTES_MAX // 2)
            answer = await told_to(daemon, body=text)
            assert answer["body"] == text
            asked = len(provider.asked)
            for given, status, why in WRONG:
                refused = await daemon.call("POST", "request", json=wish(**given))
                assert (refused.status_code, why in refused.json()["message"]) == (status, True)
            many = b" " * BODY_BYTES_MAX + b"{}"
            refused = await daemon.call("POST", "pause", content=many)
            assert (refused.status_code, refused.json()["code"]) == (413, "too-large")
            assert "65,536 bytes" in refused.json()["message"]
            assert len(provider.asked) == asked, "nothing was sent"
            schemas = (await daemon.ask("openapi.json"))["components"]["schemas"]
            one, _ = schemas["RequestWish"]["properties"]["body_base64"]["anyOf"]
            assert one == {
                "type": "string", "contentEncoding": "base64", "maxLength": len(WHOLE),
            }  # fmt: skip


WRONG = [
    ({"body": "a", "body_base64": "YQ=="}, 400, "not as both"),
    ({"body": "", "body_base64": ""}, 400, "not as both"),
    ({"body_base64": "no base 64!"}, 400, "Invalid base64 encoded string - at `$.body_base64`"),
    ({"body_base64": "YQ"}, 400, "Invalid base64"),
    ({"body_base64": 7}, 400, "$.body_base64"),
    ({"body": "a" * (CONTENT_BYTES_MAX + 1)}, 413, "at most 1,048,576 bytes, and this one"),
    ({"body": "é" * (CONTENT_BYTES_MAX // 2 + 1)}, 413, "this one 1,048,578"),
    ({"body_base64": base64.b64encode(LARGE + b"a").decode()}, 413, "this one 1,048,577"),
    ({"body": "\0" * CONTENT_BYTES_MAX}, 413, f"at most {REQUEST_BYTES_MAX:,} bytes"),
    ({"headers": {"accept": "a" * (HEADER_CHARACTERS_MAX + 1)}}, 400, "$.headers"),
    ({"headers": {f"h{n}": "" for n in range(99)}}, 400, "$.headers"),
    ({"path": "/" + "%25" * CONTENT_BYTES_MAX}, 413, "a request has at most"),
    ({"path": "/" + "%25" * PATH_MAX}, 400, "$.path"),
]


async def test_large_ones_wait_for_their_place_and_small_ones_do_not(home):
    gate = trio.Event()

    async def held(stream):
        await gate.wait()
        await stream.send_all(http(b"{}", 201))

    def answer(asked):
        return held if len(asked.body) == CONTENT_BYTES_MAX else told(asked)

    codes = []

    async def upload(daemon):
        codes.append(await daemon.call("POST", "request", json=wish(body_base64=WHOLE)))

    async with serving(answer) as provider:
        configure(home, provider.url)
        async with running(home) as daemon:
            with trio.fail_after(WAIT_S):
                async with trio.open_nursery() as nursery:
                    for _ in range(LARGE_MAX):
                        nursery.start_soon(upload, daemon)
                    while sum(each.method == "POST" for each in provider.asked) < LARGE_MAX:
                        await trio.lowlevel.checkpoint()
                    late = await daemon.call("POST", "request", json=wish(body_base64=WHOLE))
                    assert (late.status_code, late.json()["code"]) == (429, "limited")
                    assert late.headers["retry-after"] == f"{server.PLACE_S:g}"
                    assert late.json()["retry_after_s"] == server.PLACE_S
                    small = await told_to(daemon, OTHER, body="small")
                    assert small["status"] == 201
                    gate.set()
            assert [each.status_code for each in codes] == [200] * LARGE_MAX
            assert (await told_to(daemon, body_base64=WHOLE))["status"] == 201


async def test_who_sends_without_end_is_told_and_keeps_no_place(home):
    """Declared or in chunks, to a route that takes much or little; as often as there are places."""

    async def flood(daemon, route, declared):
        async with await trio.open_unix_socket(str(daemon.home.socket)) as stream:
            how = f"Content-Length: {10**12}" if declared else "Transfer-Encoding: chunked"
            await stream.send_all(f"POST /v1/{route} HTTP/1.1\r\nHost: r\r\n{how}\r\n\r\n".encode())
            part = bytes(16 * 1024)
            try:
                while True:
                    await stream.send_all(part if declared else b"4000\r\n" + part + b"\r\n")
            except trio.BrokenResourceError:
                return (await stream.receive_some()).partition(b"\r\n")[0]

    async with serving(told) as provider:
        configure(home, provider.url)
        async with running(home) as daemon:
            with trio.fail_after(WAIT_S):
                for round_ in range(CONNECTIONS_MAX // 2):
                    for route in ("request", "pause"):
                        said = await flood(daemon, route, declared=bool(round_ % 2))
                        assert said.startswith(b"HTTP/1.1 413")
                for _ in range(3):
                    await daemon.ask("status")
            assert (await told_to(daemon, body="a"))["status"] == 201
            assert await daemon.stop() == 0
    assert daemon.complaint == ""


async def test_a_request_that_is_answered_before_its_end_frees_its_connection(home):
    """It waits for a place while its client goes on sending."""
    silent = b"POST /v1/request HTTP/1.1\r\nHost: r\r\nContent-Length: 1000000\r\n\r\n"

    async def impatient(daemon, said):
        stream = await trio.open_unix_socket(str(daemon.home.socket))
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(send_on, stream)
            said.append(await stream.receive_some())
            nursery.cancel_scope.cancel()

    async def send_on(stream):
        with suppress(trio.BrokenResourceError):
            await stream.send_all(silent + b" " * 999_000)

    home.configure()
    async with running(home) as daemon:
        held = [await trio.open_unix_socket(str(home.socket)) for _ in range(LARGE_MAX)]
        for each in held:
            await each.send_all(silent)
        await daemon.ask("status")
        said = []
        with trio.fail_after(WAIT_S):
            async with trio.open_nursery() as nursery:
                for _ in range(CONNECTIONS_MAX - LARGE_MAX - 1):
                    nursery.start_soon(impatient, daemon, said)
        assert [each[9:12] for each in said] == [b"429"] * len(said)
        for each in held:
            await each.aclose()
        await many_at_once(home, CONNECTIONS_MAX - 2)
        assert await daemon.stop() == 0


async def test_clients_that_go_in_the_midst_of_a_request_end_nobody_else(home):
    home.configure()
    async with running(home) as daemon:
        for _ in range(5):
            for head in (b"Content-Length: 1000000\r\n\r\n", b"Content-Length: 9\r\n\r\n{"):
                many = [await trio.open_unix_socket(str(home.socket)) for _ in range(8)]
                for each in many:
                    await each.send_all(b"POST /v1/request HTTP/1.1\r\nHost: r\r\n" + head)
                await daemon.ask("status")
                for each in many:
                    await each.aclose()
                await daemon.ask("status")
        assert await daemon.stop() == 0


async def test_a_length_says_nothing_of_what_comes_in_chunks(home):
    """Whoever gives both does not pass for small."""
    gate = trio.Event()

    async def held(stream):
        await gate.wait()
        await stream.send_all(http(b"{}", 201))

    async with serving(lambda asked: held if asked.body else ok([])) as provider:
        configure(home, provider.url)
        async with running(home) as daemon, trio.open_nursery() as nursery:
            for _ in range(LARGE_MAX):
                body = wish(body="x" * 2 * BODY_BYTES_MAX)
                nursery.start_soon(lambda b=body: daemon.call("POST", "request", json=b))
            while sum(each.method == "POST" for each in provider.asked) < LARGE_MAX:
                await trio.lowlevel.checkpoint()
            stream = await trio.open_unix_socket(str(home.socket))
            head = b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
            await stream.send_all(b"POST /v1/request HTTP/1.1\r\nHost: r\r\n" + head)
            with trio.fail_after(WAIT_S):
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 429")
            await stream.aclose()
            gate.set()


@pytest.mark.parametrize("most", [0, 65535])
async def test_only_http_1_is_spoken_since_streams_go_past_what_bounds_a_connection(home, most):
    """Also to a client that takes no answers."""
    h2 = H2Connection()
    h2.initiate_connection()
    h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: most})
    head = {":method": "GET", ":path": "/v1/status", ":scheme": "http", ":authority": "r"}
    h2.send_headers(1, [*head.items()], end_stream=True)
    home.configure()
    async with running(home) as daemon:
        stream, said = await trio.open_unix_socket(str(home.socket)), []
        with trio.fail_after(WAIT_S):
            await stream.send_all(h2.data_to_send())
            while not said:
                events = h2.receive_data(await stream.receive_some())
                said = [each for each in events if isinstance(each, ResponseReceived)]
        assert (b":status", b"505") in said[0].headers
        await stream.aclose()
        await daemon.ask("status")


async def many_at_once(home, number):
    """So many connections find a place, all together."""
    streams = [await trio.open_unix_socket(str(home.socket)) for _ in range(number)]
    for each in streams:
        await each.send_all(b"GET /v1/status HTTP/1.1\r\nHost: r\r\n\r\n")
    with trio.fail_after(WAIT_S):
        for each in streams:
            assert (await each.receive_some()).startswith(b"HTTP/1.1 200")
            await each.aclose()
