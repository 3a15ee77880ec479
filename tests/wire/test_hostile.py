"""Does every way in which a real server fails end as what it is, in time, and in a sentence?

Each row of the tables is one thing that WireMock does to us: the class that it must end in, what
happened, and what to do about it.
"""

import gzip
import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import trio

from daemon import failures, rest
from daemon.exchange import CallLost
from daemon.provider_file import ProviderFile
from daemon.refusals import followed
from daemon.secret import Secret
from events.terms import FailureClass
from tests.rest.provider import NOW, SECRET, declared, request, way
from tests.wire.wiremock import WireMock, whole

SHORT_S, LONG_S = 0.3, 30.0
HUNG_S = 10.0  # who has not ended by then had no deadline
MIB = 1024 * 1024
ROWS = [{"id": 1}, {"id": 2}]
GOOD = whole(json.dumps(ROWS).encode())
BOMB = whole(gzip.compress(bytes(64 * MIB)), Content_Encoding="gzip")
PAGE = b"<!DOCTYPE html><title>Sign in</title>"

NETWORK, TIMEOUT, MALFORMED = FailureClass.NETWORK, FailureClass.TIMEOUT, FailureClass.MALFORMED
INVALID, AUTH, SERVER = FailureClass.INVALID, FailureClass.AUTH, FailureClass.SERVER

BROKE = (NETWORK, "broke before its answer was whole", "next sync tries again")
SLOW = (TIMEOUT, f"did not answer in full within {SHORT_S:g} s", "next sync tries again")
NO_JSON = (MALFORMED, "not whole, well-formed JSON", "check path and params")
WEB_PAGE = (MALFORMED, "web page instead of JSON", "check base_url and path")
TOO_LARGE = (MALFORMED, f"larger than {MIB} bytes", "raise limits.body_bytes_max")

ON_THE_WIRE: dict[str, tuple[dict[str, Any], tuple[FailureClass, str, str]]] = {
    "RST": ({"fault": "CONNECTION_RESET_BY_PEER"}, BROKE),
    "FIN": ({"fault": "EMPTY_RESPONSE"}, BROKE),
    "garbage": ({"fault": "RANDOM_DATA_THEN_CLOSE"}, BROKE),
    "a malformed chunk": ({"fault": "MALFORMED_RESPONSE_CHUNK"}, BROKE),
    "a length that does not come": (whole(b"[]", Content_Length="100"), BROKE),
    "silence": ({**GOOD, "fixedDelayMilliseconds": 60_000}, SLOW),
    "a dribble": (
        {**GOOD, "chunkedDribbleDelay": {"numberOfChunks": 8, "totalDuration": 60_000}},
        SLOW,
    ),
    "a bomb": (BOMB, TOO_LARGE),
    "too much": (whole(bytes(MIB + 1)), TOO_LARGE),
    "no gzip": (
        whole(b"[]", Content_Encoding="gzip"),
        (MALFORMED, "cannot be decompressed", "tell the provider"),
    ),
    "half a gzip": (
        whole(gzip.compress(bytes(9999))[:-9], Content_Encoding="gzip"),
        (MALFORMED, "ends in the middle", "tell the provider"),
    ),
    "brotli": (
        whole(b"?", Content_Encoding="br"),
        (MALFORMED, "did not ask for", "tell the provider"),
    ),
}

IN_THE_ANSWER: dict[str, tuple[dict[str, Any], tuple[FailureClass, str, str]]] = {
    "truncated, with a length that matches": (whole(b'[{"id": 1}, {"i'), NO_JSON),
    "a length that cuts it": (whole(b'[{"id": 1}]', Content_Length="5"), NO_JSON),
    "nothing": (whole(b""), NO_JSON),
    "a page to log in": (whole(PAGE, Content_Type="text/html; charset=utf-8"), WEB_PAGE),
    "a page that calls itself JSON": (whole(PAGE), WEB_PAGE),
    "rows that call themselves a page": (
        whole(json.dumps(ROWS).encode(), Content_Type="text/html"),
        WEB_PAGE,
    ),
    "an error as 200": (
        whole(b'{"error": "expired"}'),
        (MALFORMED, 'no list at "@"', "check records"),
    ),
}

REFUSED: dict[int, tuple[FailureClass, str]] = {
    300: (INVALID, "check base_url and path"),
    304: (INVALID, "take If-None-Match"),
    400: (INVALID, "check path, params and body"),
    401: (AUTH, "set a new one with `rounds connection add`"),
    403: (AUTH, "set one that may"),
    404: (FailureClass.NOT_FOUND, "check base_url and path"),
    405: (INVALID, "check path, params and body"),
    408: (TIMEOUT, "next sync tries again"),
    410: (FailureClass.RETIRED, "rounds connection relink"),
    413: (INVALID, "check path, params and body"),
    422: (INVALID, "check path, params and body"),
    429: (FailureClass.RATE_LIMITED, "next sync tries again"),
    500: (SERVER, "next sync tries again"),
    502: (SERVER, "next sync tries again"),
    503: (SERVER, "next sync tries again"),
    504: (SERVER, "next sync tries again"),
    599: (SERVER, "next sync tries again"),
}

UNIX = int(NOW.timestamp())
TWO_MINUTES = timedelta(minutes=2)
LATER = NOW + TWO_MINUTES
LONGEST = failures.RETRY_AFTER_MAX
RESET = {"reset": "X-Reset", "remaining": "X-Left"}
LISTS = {"limit": "X-Limit", "used": "X-Used"}
WINDOWS = [{"calls": 200, "per_s": 900}, {"calls": 2000, "per_s": 86_400, "kind": "aligned"}]

WAITS: dict[str, tuple[dict[str, str], dict[str, Any], timedelta | None]] = {
    "seconds": ({"Retry_After": "120"}, {}, TWO_MINUTES),
    "a date": ({"Retry_After": format_datetime(LATER, usegmt=True)}, {}, TWO_MINUTES),
    "Unix seconds": ({"Retry_After": str(UNIX + 120)}, {}, TWO_MINUTES),
    "Unix milliseconds": ({"Retry_After": f"{UNIX + 120}000"}, {}, TWO_MINUTES),
    "none": ({}, {}, None),
    "no time at all": ({"Retry_After": "0"}, {}, None),
    "a word": ({"Retry_After": "soon"}, {}, None),
    "less than nothing": ({"Retry_After": "-5"}, {}, None),
    "a time that is over": ({"Retry_After": "Sat, 21 Nov 2026 11:00:00 GMT"}, {}, None),
    "a year": ({"Retry_After": "31536000"}, {}, LONGEST),
    "the end of time": ({"Retry_After": "Fri, 31 Dec 9999 23:59:59 GMT"}, {}, LONGEST),
    "more than a number": ({"Retry_After": "9" * 400}, {}, None),
    "seconds left": ({"X_Reset": "120", "X_Left": "0"}, RESET, TWO_MINUTES),
    "a moment": ({"X_Reset": str(UNIX + 120)}, {**RESET, "reset_as": "unix"}, TWO_MINUTES),
    "a fine moment": (
        {"X_Reset": f"{UNIX + 120}000"},
        {**RESET, "reset_as": "unix_ms"},
        TWO_MINUTES,
    ),
    "a moment as a date": (
        {"X_Reset": format_datetime(LATER, usegmt=True)},
        {**RESET, "reset_as": "date"},
        TWO_MINUTES,
    ),
    "another limit": ({"X_Reset": "120", "X_Left": "7"}, RESET, None),
    "the longer of two": ({"X_Reset": "120", "Retry_After": "60"}, RESET, TWO_MINUTES),
    "a list, the first": (
        {"X_Limit": "200,2000", "X_Used": "200,7"},
        LISTS,
        timedelta(minutes=15),
    ),
    "a list, the second": ({"X_Limit": "200,2000", "X_Used": "7,2000"}, LISTS, timedelta(hours=12)),
    "a list, none": ({"X_Limit": "200,2000", "X_Used": "7,7"}, LISTS, None),
}


def file(url: str, timeout_s: float = LONG_S, dialect: dict[str, Any] | None = None, **limits):
    rate = {"headers": [dialect], "windows": WINDOWS} if dialect else {}
    limits = {"timeout_s": timeout_s, "body_bytes_max": MIB, **limits}
    auth = {"kind": "api_key", "header": "Authorization", "prefix": "Bearer "}
    return declared(url, limits=limits, rate=rate, auth=auth)


async def fetched(provider: ProviderFile) -> list[dict[str, Any]] | CallLost:
    """What one fetch over a wire of its own came to, and that within any deadline."""

    records: list[dict[str, Any]] = []

    async def sink(page: list[dict[str, Any]]) -> None:
        records.extend(page)

    loss = None
    with trio.fail_after(LONG_S + HUNG_S):
        async with way(provider.limits, rate=provider.rate) as wire:
            try:
                await rest.fetch(provider, "days", Secret(SECRET), wire.send, sink)
            except CallLost as error:
                loss = error
    if loss is None:
        return records
    assert loss.__context__ is None
    assert SECRET not in f"{loss!r}{loss.message}"
    return loss


async def lost(provider: ProviderFile) -> CallLost:
    outcome = await fetched(provider)
    assert isinstance(outcome, CallLost), outcome
    return outcome


@pytest.mark.parametrize("what", ON_THE_WIRE)
async def test_what_goes_wrong_on_the_wire(hostile: WireMock, what):
    answer, (cause, happened, advice) = ON_THE_WIRE[what]
    timeout_s = SHORT_S if cause is TIMEOUT else LONG_S
    with trio.fail_after(timeout_s + HUNG_S):
        loss = await lost(file(hostile.stub(answer), timeout_s))
    assert loss.cause is cause
    assert happened in loss.message
    assert advice in loss.message
    assert loss.sent, "the provider may have seen it"


@pytest.mark.requirement("E2")
@pytest.mark.parametrize("what", ["silence", "a dribble"])
async def test_who_says_nothing_is_not_waited_for_as_long_as_a_call_may_take(
    hostile: WireMock, what
):
    answer, _ = ON_THE_WIRE[what]
    with trio.fail_after(HUNG_S):
        loss = await lost(file(hostile.stub(answer), silence_s=SHORT_S))
    assert loss.cause is TIMEOUT
    assert f"nothing came from the provider for {SHORT_S:g} s" in loss.message
    assert loss.sent, "the provider may have seen it"


@pytest.mark.parametrize("what", IN_THE_ANSWER)
async def test_what_is_wrong_with_an_answer(hostile: WireMock, what):
    answer, (cause, happened, advice) = IN_THE_ANSWER[what]
    loss = await lost(file(hostile.stub(answer)))
    assert (loss.cause, loss.status) == (cause, 200)
    assert happened in loss.message
    assert advice in loss.message


@pytest.mark.parametrize("status", REFUSED)
async def test_what_a_status_means(hostile: WireMock, status):
    cause, advice = REFUSED[status]
    words = b"" if status == 304 else b"the provider's own words"
    loss = await lost(file(hostile.stub(whole(words, status))))
    assert (loss.cause, loss.status) == (cause, status)
    assert str(status) in loss.message
    assert advice in loss.message
    assert "own words" not in loss.message


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_failing_server_may_say_when_to_come_back(hostile: WireMock, status):
    loss = await lost(file(hostile.stub(whole(b"", status, Retry_After="120"))))
    assert (loss.cause, loss.retry_after) == (SERVER, TWO_MINUTES)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
async def test_where_waiting_does_not_help_a_hint_is_none(hostile: WireMock, status):
    loss = await lost(file(hostile.stub(whole(b"", status, Retry_After="120"))))
    assert loss.retry_after is None


@pytest.mark.requirement("E10")
@pytest.mark.parametrize("what", WAITS)
async def test_a_limit_is_waited_for_as_long_as_it_says_and_then_lets_us(hostile: WireMock, what):
    headers, dialect, expected = WAITS[what]
    provider = file(hostile.stub(whole(b"", 429, **headers), GOOD), dialect=dialect)
    loss = await lost(provider)
    assert (loss.cause, loss.retry_after) == (FailureClass.RATE_LIMITED, expected)
    assert await fetched(provider) == ROWS


async def test_no_content_is_no_records(hostile: WireMock):
    assert await fetched(file(hostile.stub(whole(b"", 204)))) == []


@pytest.mark.parametrize(
    "slow",
    [
        {"fixedDelayMilliseconds": 50},
        {"chunkedDribbleDelay": {"numberOfChunks": 5, "totalDuration": 50}},
    ],
    ids=["late", "a dribble"],
)
async def test_what_is_slow_and_in_time_is_good(hostile: WireMock, slow):
    assert await fetched(file(hostile.stub({**GOOD, **slow}))) == ROWS


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/octet-stream", "application/problem+json", "nonsense", ""],
)
async def test_a_type_that_is_wrong_and_does_no_harm_is_forgiven(hostile: WireMock, content_type):
    answer = whole(json.dumps(ROWS).encode(), Content_Type=content_type)
    assert await fetched(file(hostile.stub(answer))) == ROWS


async def test_what_follows_an_answer_is_not_taken_for_the_next_one(hostile: WireMock):
    """One longer than its length leaves its rest on a connection that is kept alive."""
    smuggled = b'[]HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n[{"id": 66}]'
    first = file(hostile.stub(whole(smuggled, Content_Length="2"), GOOD))
    records = []

    async def sink(page: list[dict[str, Any]]) -> None:
        records.extend(page)

    async with way(first.limits) as wire:
        for _ in range(2):
            await rest.fetch(first, "days", Secret(SECRET), wire.send, sink)
    assert records == ROWS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_of_a_real_server_are_followed(hostile: WireMock, status):

    there = hostile.stub(GOOD)
    here = hostile.stub(whole(b"", status, Location=f"{there}/v2/days"))
    async with way(file(here).limits) as wire:
        response = await followed(wire.send, request(f"{here}/days"))
    assert json.loads(response.body) == ROWS
    assert hostile.asked(there) == ["GET /v2/days"]


async def test_one_transport_survives_all_of_it(hostile: WireMock):
    """Whatever a connection went through, the next call finds a good one."""

    limits = file("http://127.0.0.1", SHORT_S * 10).limits
    stubs = [
        hostile.stub(answer) for answer, (cause, *_) in ON_THE_WIRE.values() if cause is not TIMEOUT
    ]
    good = hostile.stub(GOOD)
    async with way(limits) as wire:
        for _ in range(3):
            for stub in stubs:
                with pytest.raises(CallLost):
                    await wire.send(request(f"{stub}/days"))
                response = await wire.send(request(f"{good}/days"))
                assert json.loads(response.body) == ROWS
        assert wire.statistics().under_way == 0
