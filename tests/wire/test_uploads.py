"""How long is a provider waited for that does not take what it is sent?"""

from contextlib import asynccontextmanager

import pytest
import trio

from daemon.gateway.gateway import DOUBT
from daemon.transport import PART_BYTES, _wire_request
from events.terms import FailureClass
from tests.rest.provider import http, request, serving, way
from tests.wire.test_faults_through_the_gateway import NEXT_SYNC, Asking
from tests.wire.test_hostile import HUNG_S, MIB, SHORT_S, file

UPLOAD = bytes(range(256)) * (MIB // 256)
ENOUGH = {"method": "POST", "body": UPLOAD}


async def _never_reads(_):
    await trio.sleep_forever()


@asynccontextmanager
async def deaf():
    """A server that takes connections, and nothing that is sent on them. Gives its URL."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, _never_reads, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@pytest.mark.requirement("E2")
async def test_who_never_reads_is_not_waited_for_as_long_as_a_call_may_take():
    async with deaf() as url, way(file(url, silence_s=SHORT_S).limits) as wire:
        asking = Asking(file(url), wire)
        async with asking.life() as daemon:
            with trio.fail_after(HUNG_S):
                lost = await asking.ask(daemon, **ENOUGH)
    assert (lost.cause, lost.sent, lost.attempts) == (FailureClass.TIMEOUT, True, 1)
    assert f"took nothing more for {SHORT_S:g} s" in lost.message
    assert lost.message.endswith(DOUBT)
    assert NEXT_SYNC not in lost.message
    assert asking.made() == [(None, FailureClass.TIMEOUT)]


@pytest.mark.requirement("E2")
async def test_a_large_body_need_not_be_taken_in_the_time_of_silence_as_a_whole():
    """Each part has that time; the provider gets the same body, of the same length."""
    async with serving(http(b"{}")) as server, way(file(server.url).limits) as wire:
        upload = request(f"{server.url}/things", body=UPLOAD)
        wired = _wire_request(upload, SHORT_S)
        parts = [part async for part in wired.stream]
        await wire.send(upload)
    assert max(map(len, parts)) <= PART_BYTES
    assert wired.extensions["timeout"]["write"] == SHORT_S
    (asked,) = server.asked
    assert asked.body == b"".join(parts) == UPLOAD
    assert asked.headers["content-length"] == f"{MIB}"
    assert "transfer-encoding" not in asked.headers


@pytest.mark.parametrize("body", [None, b""])
async def test_what_has_no_body_is_sent_without(body):
    async with serving(http(b"{}")) as server, way(file(server.url).limits) as wire:
        await wire.send(request(f"{server.url}/things", body=body))
    (asked,) = server.asked
    assert asked.body == b""
