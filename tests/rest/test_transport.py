"""Does every way in which an exchange can fail arrive as the loss that it is?"""

import gzip
import zlib
from datetime import timedelta

import pytest
import trio
import trio.testing

from daemon.exchange import CallLost
from daemon.transport import CONNECTIONS_MAX
from events.terms import FailureClass
from tests.rest.provider import (
    SECRET,
    Asked,
    answer_to,
    declared,
    endless,
    http,
    loss_of,
    ok,
    request,
    serving,
    then_reset,
    then_silence,
    transport,
)

SHORT = {"timeout_s": 0.2}
START = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
MIB = 1024 * 1024


async def test_a_whole_answer_arrives_with_lower_case_headers():
    response = await answer_to(http(b"[1]", X_Some_Header="Yes"))
    assert (response.status, response.body) == (200, b"[1]")
    assert response.headers["x-some-header"] == "Yes"
    assert response.duration_ms > 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(then_reset(b""), id="reset before the answer"),
        pytest.param(then_reset(START + b"[1"), id="reset in the body"),
        pytest.param(b"", id="hung up"),
        pytest.param(START + b"[1", id="hung up in the body"),
        pytest.param(b"\x00\x01garbage\r\n\r\n", id="garbage"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n[]", id="malformed chunk"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000, id="endless header"),
    ],
)
async def test_a_broken_connection_is_the_networks_fault(answer):
    loss = await loss_of(answer)
    assert loss.cause is FailureClass.NETWORK
    assert "broke" in loss.message


async def test_a_refused_connection_is_the_networks_fault_and_named():
    async with serving(b"") as gone:
        pass
    with pytest.raises(CallLost) as caught:
        async with transport(declared(gone.url)) as wire:
            await wire.send(request(gone.url))
    assert caught.value.cause is FailureClass.NETWORK
    assert "refused the connection" in caught.value.message


async def test_an_unknown_host_is_the_networks_fault_and_named():
    url = "http://no-such-host.invalid"
    with pytest.raises(CallLost) as caught:
        async with transport(declared(url)) as wire:
            await wire.send(request(url))
    assert caught.value.cause is FailureClass.NETWORK


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(then_silence(b""), id="silence"),
        pytest.param(then_silence(START + b"["), id="silence in the body"),
        pytest.param(endless(START, b" ", pause=0.05), id="a dripped body"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", pause=0.05), id="drip header"),
    ],
)
async def test_the_deadline_holds_for_the_whole_exchange(answer):
    began = trio.current_time()
    loss = await loss_of(answer, SHORT)
    assert loss.cause is FailureClass.TIMEOUT
    assert "within 0.2 s" in loss.message
    assert trio.current_time() - began < 5
    assert loss.duration_ms >= 200


async def test_waiting_for_a_free_connection_counts_to_the_deadline():
    causes: list[FailureClass] = []

    async def one(server, wire) -> None:
        with pytest.raises(CallLost) as caught:
            await wire.send(request(server.url))
        causes.append(caught.value.cause)

    async with serving(then_silence(b"")) as server:
        provider = declared(server.url, limits=SHORT)
        async with transport(provider) as wire, trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(one, server, wire)
    assert causes == [FailureClass.TIMEOUT] * 20


async def test_no_more_connections_are_open_than_the_pool_may_hold():
    gate = trio.Event()

    async def when_opened(stream: trio.abc.Stream) -> None:
        await gate.wait()
        await stream.send_all(ok([]))

    async with serving(lambda _: when_opened) as server:
        provider = declared(server.url)
        async with transport(provider) as wire, trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(wire.send, request(server.url))
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert len(server.asked) <= CONNECTIONS_MAX
            gate.set()
    assert len(server.asked) == 20


async def test_after_losses_the_connections_are_free_again():
    answers = iter([then_silence(START), then_reset(START)] * 10)

    def answer(asked: Asked):
        return ok([]) if asked.path == "/fine" else next(answers)(asked)

    async with serving(answer) as server, transport(declared(server.url, limits=SHORT)) as wire:
        for _ in range(10):
            with pytest.raises(CallLost):
                await wire.send(request(f"{server.url}/days"))
        assert (await wire.send(request(f"{server.url}/fine"))).body == b"[]"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (301, FailureClass.INVALID),
        (302, FailureClass.INVALID),
        (304, FailureClass.INVALID),
        (307, FailureClass.INVALID),
        (400, FailureClass.INVALID),
        (401, FailureClass.AUTH),
        (403, FailureClass.AUTH),
        (404, FailureClass.NOT_FOUND),
        (408, FailureClass.TIMEOUT),
        (410, FailureClass.RETIRED),
        (418, FailureClass.INVALID),
        (429, FailureClass.RATE_LIMITED),
        (500, FailureClass.SERVER),
        (502, FailureClass.SERVER),
        (503, FailureClass.SERVER),
    ],
)
async def test_a_status_says_whose_turn_it_is(status, cause):
    body = b"" if status == 304 else b"the provider's own words"
    loss = await loss_of(http(body, status=status))
    assert (loss.cause, loss.status) == (cause, status)
    assert "own words" not in loss.message
    assert str(status) in loss.message


async def test_retry_after_arrives_where_waiting_helps():
    loss = await loss_of(http(b"", status=429, retry_after="120"))
    assert loss.retry_after == timedelta(seconds=120)
    loss = await loss_of(http(b"", status=503, retry_after="Sat, 21 Nov 2026 12:05:00 GMT"))
    assert loss.retry_after == timedelta(minutes=5)
    loss = await loss_of(http(b"", status=401, retry_after="120"))
    assert loss.retry_after is None


async def test_no_redirect_is_followed():
    async with serving(ok([])) as other:
        loss = await loss_of(http(b"", status=302, location=f"{other.url}/days"))
    assert loss.cause is FailureClass.INVALID
    assert other.asked == []


async def test_cookies_are_not_kept():
    async with (
        serving(http(b"[]", set_cookie="tenant=1; Path=/")) as server,
        transport(declared(server.url)) as wire,
    ):
        await wire.send(request(server.url))
        await wire.send(request(server.url))
    assert all("cookie" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "raw deflate"])
async def test_compressed_answers_are_inflated(encoding):
    bare = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(b"[1]"),
        "x-gzip": gzip.compress(b"[") + gzip.compress(b"1]"),
        "deflate": zlib.compress(b"[1]"),
        "raw deflate": bare.compress(b"[1]") + bare.flush(),
    }[encoding]
    answer = http(packed, content_encoding=encoding.removeprefix("raw "))
    assert (await answer_to(answer)).body == b"[1]"


async def test_we_ask_for_what_we_can_inflate_and_say_who_we_are():
    async with serving(ok([])) as server, transport(declared(server.url)) as wire:
        await wire.send(request(server.url))
    assert server.asked[0].headers["accept-encoding"] == "gzip, deflate"
    assert server.asked[0].headers["user-agent"].startswith("rounds/")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(
            http(gzip.compress(bytes(64 * MIB)), content_encoding="gzip"), "larger than", id="bomb"
        ),
        pytest.param(http(bytes(MIB + 1)), "larger than", id="too large"),
        pytest.param(
            endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)), "larger than", id="never ends"
        ),
        pytest.param(
            http(gzip.compress(bytes(9999))[:-9], content_encoding="gzip"),
            "ends in the middle",
            id="truncated gzip",
        ),
        pytest.param(http(b"not gzip", content_encoding="gzip"), "damaged", id="not gzip"),
        pytest.param(http(b"?", content_encoding="br"), "did not ask for", id="unknown encoding"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_malformed(answer, sentence):
    loss = await loss_of(answer, {"body_bytes_max": MIB, "timeout_s": 20})
    assert loss.cause is FailureClass.MALFORMED
    assert sentence in loss.message


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://[::bad/", "nothing"])
async def test_an_impossible_url_is_invalid_and_not_repeated(url):
    async with transport(declared("http://127.0.0.1")) as wire:
        with pytest.raises(CallLost) as caught:
            await wire.send(request(f"{url}?api_key={SECRET}"))
    assert caught.value.cause is FailureClass.INVALID
    assert SECRET not in caught.value.message


async def test_cancelling_is_not_a_loss():
    async with serving(then_silence(START)) as server, transport(declared(server.url)) as wire:
        with trio.move_on_after(0.1) as scope:
            await wire.send(request(server.url))
    assert scope.cancelled_caught


async def test_what_is_left_over_of_an_answer_is_not_taken_for_the_next_one():
    """Two tenants share the connections: one must not get what was meant for nobody."""

    async def mixed(stream: trio.abc.Stream) -> None:
        await stream.send_all(http(b"[]") + http(b'[{"id": 66}]'))
        await stream.receive_some()  # until it hangs up, or asks again here

    async with (
        serving(lambda asked: mixed if asked.path == "/mixed" else ok([])) as server,
        transport(declared(server.url)) as wire,
    ):
        for _ in range(3):
            assert (await wire.send(request(f"{server.url}/mixed"))).body == b"[]"
            assert (await wire.send(request(f"{server.url}/fine"))).body == b"[]"
        assert wire.statistics().opened == 6


async def test_a_connection_whose_answers_are_whole_serves_again():
    async def twice(stream: trio.abc.Stream) -> None:
        await stream.send_all(http(b"[]"))
        await stream.receive_some()
        await stream.send_all(http(b"[1]"))

    async with serving(lambda _: twice) as server, transport(declared(server.url)) as wire:
        assert (await wire.send(request(server.url))).body == b"[]"
        assert (await wire.send(request(server.url))).body == b"[1]"
        assert wire.statistics().opened == 1
