"""Do secrets reach their provider, and nobody else?"""

import traceback

import pytest

from daemon.exchange import Response
from daemon.secret import Secret
from events.terms import FailureClass
from tests.rest.provider import (
    SECRET,
    declared,
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


async def test_secrets_reach_the_provider():
    async with serving(ok([])) as server, transport(declared(server.url)) as wire:
        await wire.send(
            request(
                f"{server.url}/days?api_key=echoed&x=1",
                params={"since": "a b"},
                secret_headers={"x-api-key": Secret(SECRET)},
                secret_params={"api_key": Secret(SECRET)},
            )
        )
    assert server.asked[0].headers["x-api-key"] == SECRET
    assert server.asked[0].query == {"x": "1", "since": "a b", "api_key": SECRET}


@pytest.mark.parametrize(
    "answer", [http(b"", status=401), then_reset(b""), then_silence(b""), b"garbage\r\n\r\n"]
)
async def test_secrets_stay_out_of_losses_and_what_hangs_on_them(answer):
    secrets = {
        "secret_headers": {"authorization": Secret(SECRET)},
        "secret_params": {"key": Secret(SECRET)},
    }
    loss = await loss_of(answer, SHORT, **secrets)
    assert loss.__cause__ is None
    assert loss.__context__ is None
    text = "".join(traceback.TracebackException.from_exception(loss, capture_locals=True).format())
    assert SECRET not in text
    assert SECRET not in repr(request("http://x", **secrets))


async def test_a_secret_that_no_header_can_hold_is_not_told():
    loss = await loss_of(ok([]), secret_headers={"x-api-key": Secret(f"{SECRET}\r\nx: y")})
    assert loss.cause is FailureClass.INVALID
    loss = await loss_of(ok([]), secret_headers={"x-api-key": Secret(f"{SECRET}ü")})
    assert (loss.cause, loss.__context__) == (FailureClass.INVALID, None)


async def test_an_answer_shows_neither_body_nor_headers():
    response = Response(status=200, headers={"x": SECRET}, body=SECRET.encode(), duration_ms=1)
    assert SECRET not in repr(response)
