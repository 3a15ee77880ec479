"""Is a redirect followed within its origin, a few times and in time, and never anywhere else?"""

import pytest
import trio

from daemon import refusals
from daemon.cli import first_page
from daemon.exchange import CallLost, Moved, Request, Response
from daemon.rate_file import Rate
from daemon.refusals import HOPS_MAX, followed
from daemon.secret import Secret
from events.terms import FailureClass
from tests.rest.provider import (
    NOW,
    SECRET,
    Asked,
    declared,
    http,
    ok,
    request,
    serving,
    then_silence,
    transport,
)
from tests.rest.test_limited_calls import Asked as Limiter
from tests.rest.test_polling import Scene, ready

ROWS = [{"id": 1}]
FOLLOWED = [301, 302, 303, 307, 308]


def to(place: str, status: int = 302) -> bytes:
    return http(b"over there", status=status, location=place)


def leading(places: dict[str, str]):
    """A provider that sends on from these paths, and has rows at every other."""
    return lambda asked: to(places[asked.target]) if asked.target in places else ok(ROWS)


async def asked_of(server, limits=None, **fields) -> Response | CallLost:
    """What comes of asking for `/days`, its redirects followed."""
    async with transport(declared(server.url, limits=limits or {})) as wire:
        try:
            return await followed(wire.send, request(f"{server.url}/days", **fields))
        except CallLost as lost:
            return lost


def asking(method: str, server) -> Request:
    return Request(method=method, url=f"{server.url}/days", endpoint="days", stream="")


def places(server) -> list[str]:
    return [asked.target for asked in server.asked]


@pytest.mark.parametrize("status", FOLLOWED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_is_followed_within_the_origin(status, method):
    def answer(asked: Asked):
        if asked.path == "/days":
            return to("/v2/days?page=1", status)
        return http(b"", content_length="2") if asked.method == "HEAD" else ok(ROWS)

    async with serving(answer) as server, transport(declared(server.url)) as wire:
        response = await followed(wire.send, asking(method, server))
    assert response.status == 200
    assert [(asked.method, asked.target) for asked in server.asked] == [
        (method, "/days"),
        (method, "/v2/days?page=1"),
    ]


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("{origin}/v2", "/v2"),
        ("/v2", "/v2"),
        ("v2", "/v2"),
        ("?page=2", "/days?page=2"),
        ("//{host}/v2?a=%20b#part", "/v2?a=%20b"),
        ("{origin}", "/"),
    ],
)
async def test_where_it_leads_may_be_written_in_each_way_that_a_url_has(named, asked):
    async with serving(leading({})) as server:
        host = server.url.removeprefix("http://")
        there = named.format(origin=server.url, host=host)
        server.answer = leading({"/days": there})
        assert isinstance(await asked_of(server), Response)
    assert places(server) == ["/days", asked]


async def test_headers_and_secrets_go_along():
    secrets = {"secret_headers": {"x-key": Secret(SECRET)}, "secret_params": {"k": Secret("v")}}
    async with serving(leading({"/days?n=1&k=v": "/v2?n=1"})) as server:
        await asked_of(server, params={"n": "1"}, headers={"x-version": "2"}, **secrets)
    last = server.asked[-1]
    assert (last.path, last.query) == ("/v2", {"n": "1", "k": "v"})
    assert (last.headers["x-key"], last.headers["x-version"]) == (SECRET, "2")


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        pytest.param("http://127.0.0.1:{other}/days", "another origin", id="port"),
        pytest.param("http://localhost:{port}/days", "another origin", id="host"),
        pytest.param("https://127.0.0.1:{port}/days", "another origin", id="scheme"),
        pytest.param("//evil.example/days", "another origin", id="no scheme"),
        pytest.param("http://127.0.0.1:{port}@evil.example/", "another origin", id="user"),
        pytest.param("http://me@127.0.0.1:{port}/", "another origin", id="a user here"),
        pytest.param("ftp://127.0.0.1:{port}/", "another origin", id="ftp"),
        pytest.param("javascript:alert(1)", "another origin", id="javascript"),
        pytest.param("", "without saying where", id="empty"),
        pytest.param("   ", "without saying where", id="blank"),
        pytest.param("http://[::bad/", "not a URL", id="brackets"),
        pytest.param("http://127.0.0.1:port/", "not a URL", id="no port"),
        pytest.param("/two words", "not a URL", id="space"),
        pytest.param("\\\\evil.example\\days", "not a URL", id="backslash"),
        pytest.param("/" + "a" * 9000, "not a URL", id="endless"),
    ],
)
async def test_nothing_is_sent_anywhere_else(there, sentence):
    async with serving(ok(ROWS)) as other, serving(ok(ROWS)) as server:
        ports = {"port": server.url.rpartition(":")[2], "other": other.url.rpartition(":")[2]}
        location = there.format(**ports)
        server.answer = lambda _: to(location)
        lost = await asked_of(server)
    assert isinstance(lost, CallLost)
    assert (lost.cause, lost.status) == (FailureClass.INVALID, 302)
    assert sentence in lost.message
    assert "base_url" in lost.message
    assert location.strip() == "" or location not in lost.message
    assert (places(server), other.asked) == (["/days"], [])


async def test_without_a_place_it_is_refused():
    async with serving(http(b"", status=301)) as server:
        lost = await asked_of(server)
    assert isinstance(lost, CallLost)
    assert "without saying where" in lost.message


async def test_encryption_is_not_given_up():
    answer = Response(
        status=301, headers={"location": "http://h.example/"}, body=b"", duration_ms=1
    )
    lost = refusals.outcome(request("https://h.example/"), answer, rate=Rate(), now=NOW)
    assert "another origin" in lost.message
    assert not isinstance(lost, Moved)


@pytest.mark.parametrize("status", FOLLOWED)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_may_change_something_is_not_sent_twice(status, method):
    async with serving(to("/v2", status)) as server, transport(declared(server.url)) as wire:
        with pytest.raises(CallLost, match=f"sent a {method} elsewhere") as caught:
            await followed(wire.send, asking(method, server))
    assert caught.value.cause is FailureClass.INVALID
    assert places(server) == ["/days"]


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
async def test_any_other_3xx_is_no_redirect(status):
    async with serving(http(b"", status=status, location="/v2")) as server:
        lost = await asked_of(server)
    assert isinstance(lost, CallLost)
    assert (lost.cause, lost.status) == (FailureClass.INVALID, status)
    assert places(server) == ["/days"]


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        ({"/days": "/days"}, 1),
        ({"/days": "/a", "/a": "/days"}, 2),
        ({"/days": "/a", "/a": "/b", "/b": "/a"}, 3),
    ],
)
async def test_a_circle_is_left(way, asked):
    async with serving(leading(way)) as server:
        lost = await asked_of(server)
    assert isinstance(lost, CallLost)
    assert lost.cause is FailureClass.INVALID
    assert "in a circle" in lost.message
    assert len(server.asked) == asked


async def test_a_circle_is_known_by_its_whole_url():
    """The same path with less in its query is another place."""
    async with serving(leading({"/days?n=1": "/days", "/days": "/days?n=1"})) as server:
        lost = await asked_of(server, params={"n": "1"})
    assert isinstance(lost, CallLost)
    assert "in a circle" in lost.message
    assert places(server) == ["/days?n=1", "/days"]


@pytest.mark.parametrize("hops", [HOPS_MAX, HOPS_MAX + 1])
async def test_there_is_an_end_to_hops(hops):
    way = {f"/{n}": f"/{n + 1}" for n in range(1, hops)}
    async with serving(leading({"/days": "/1", **way})) as server:
        outcome = await asked_of(server)
    if hops <= HOPS_MAX:
        assert isinstance(outcome, Response)
    else:
        assert isinstance(outcome, CallLost)
        assert outcome.cause is FailureClass.INVALID
        assert f"redirected us {HOPS_MAX} times" in outcome.message
    assert len(server.asked) == HOPS_MAX + 1


async def test_one_deadline_is_around_all_hops():
    async def slowly(stream: trio.abc.Stream) -> None:
        await trio.sleep(0.3)
        await stream.send_all(to("/v2"))

    def answer(asked: Asked):
        return slowly if asked.path == "/days" else then_silence(b"")(asked)

    async with serving(answer) as server:
        began = trio.current_time()
        lost = await asked_of(server, limits={"timeout_s": 0.5})
    assert isinstance(lost, CallLost)
    assert lost.cause is FailureClass.TIMEOUT
    assert "within 0.5 s" in lost.message
    assert lost.duration_ms < 450, "the second hop had what the first one left"
    assert trio.current_time() - began < 5
    assert places(server) == ["/days", "/v2"]


async def test_who_does_not_follow_has_lost_its_call():
    async with serving(to("/v2")) as server, transport(declared(server.url)) as wire:
        with pytest.raises(CallLost, match="follows no redirect") as caught:
            await wire.send(request(server.url))
    assert caught.value.cause is FailureClass.INVALID
    assert len(server.asked) == 1


# What a hop costs.


class Redirected(Scene):
    """A sync whose calls go over a real wire, with a limiter that remembers."""

    def __init__(self, wire, file, lets=99):
        self.limiter = Limiter(lets)
        super().__init__(ready(), limiter=self.limiter)
        self.file, self.wire = file, wire

    async def send(self, request):
        return await self.wire.send(request)


async def synced(server, lets=99):
    file = declared(server.url)
    async with transport(file) as wire:
        scene = Redirected(wire, file, lets)
        return scene, await scene.fetch()


async def test_each_hop_asks_the_limits_for_its_place_and_is_counted():
    async with serving(leading({"/days": "/a", "/a": "/b"})) as server:
        scene, done = await synced(server)
    assert done.records == 1
    assert len(scene.limiter.asked) == 3
    assert [cause for _, cause, *_ in scene.limiter.told] == [None] * 3
    total = scene.calls.totals["GET /days"]
    assert (total.calls, total.endpoint, scene.journal.calls) == (3, "GET /days", [])


async def test_a_hop_that_the_limits_refuse_is_not_made():
    async with serving(leading({"/days": "/a"})) as server:
        scene, lost = await synced(server, lets=1)
    assert (lost.cause, lost.sent) == (FailureClass.RATE_LIMITED, False)
    assert (places(server), scene.journal.calls) == (["/days"], [])


async def test_a_redirect_that_leads_to_a_failure_is_one_failed_call_and_one_good_one():
    def answer(asked: Asked):
        return to("/gone") if asked.path == "/days" else http(b"", status=404)

    async with serving(answer) as server:
        scene, lost = await synced(server)
    assert (lost.cause, lost.status) == (FailureClass.NOT_FOUND, 404)
    assert [(call.status, call.cause) for call in scene.journal.calls] == [
        (404, FailureClass.NOT_FOUND)
    ]
    assert scene.calls.totals["GET /days"].calls == 1


async def test_a_redirect_that_is_not_followed_is_a_failed_call():
    async with serving(to("http://evil.example/")) as server:
        scene, lost = await synced(server)
    assert lost.cause is FailureClass.INVALID
    assert [(call.status, call.cause) for call in scene.journal.calls] == [
        (302, FailureClass.INVALID)
    ]
    assert scene.calls.totals == {}
    assert [cause for _, cause, *_ in scene.limiter.told] == [FailureClass.INVALID]


async def test_a_file_that_is_tried_goes_where_a_sync_would():
    async with serving(leading({"/days": "/v2"})) as server:
        file = declared(server.url)
        pages = await trio.to_thread.run_sync(first_page.fetch, file, None, {}, NOW)
    assert (pages["days"].records, pages["days"].failure) == (1, None)
