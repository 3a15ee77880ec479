"""Whatever a provider answers: the right class, a sentence, and the last good data in force."""

import json
import re
import socket

import pytest

from tests.e2e.daemon import running
from tests.rest import provider
from tests.rest.provider import http, ok

GOOD = [{"id": 1, "name": "ä"}, {"id": 2, "name": "b"}, {"id": 3, "name": None}]
KEY = "sk-live-do-not-show-4711"
PAGING = {"kind": "next_url", "path": "next"}


def page(rows, following=None):
    return ok({"rows": rows, "next": following})


def endless(asked):
    number = int(asked.query.get("p", "0"))
    return page([{"id": number}], f"/{asked.path.split('/')[1]}/days?p={number + 1}")


BAD = {
    "unauthorised": (http(b"no", 401), "auth"),
    "forbidden": (http(b"no", 403), "auth"),
    "unknown": (http(b"no", 404), "not-found"),
    "retired": (http(b"gone", 410), "retired"),
    "limited": (http(b"slow down", 429, retry_after="120"), "rate-limited"),
    "crashing": (http(b"Traceback: token=abc", 500), "server"),
    "overloaded": (http(b"", 503, retry_after="60"), "server"),
    "moved": (http(b"", 302, location="http://127.0.0.1:1/x"), "invalid"),
    "chatty": (http(b"hello"), "malformed"),
    "login": (http(b"<html>log in</html>", content_type="text/html"), "malformed"),
    "cut": (http(b'{"rows": [', content_length="999"), "network"),
    "half": (http(b'{"rows": [{"id": 1'), "malformed"),
    "huge": (page([{"id": 1, "name": "x" * 20_000}]), "malformed"),
    "endless": (endless, "malformed"),
    "circling": (lambda asked: page([{"id": 1}], asked.target), "malformed"),
    "keyless": (page([{"name": "nobody"}]), "malformed"),
    "listless": (ok({"rows": 7}), "malformed"),
    "silent": (provider.then_silence(b""), "timeout"),
    "empty": (page([]), "empty"),
}


def provide(home, name, url, **rest):
    """A provider with one stream of pages, an API key in a header, and small limits."""
    stream = {"path": "/days", "primary_key": ["id"], "records": "rows", "paging": PAGING}
    home.provide(
        name,
        url,
        streams={"days": stream},
        auth={"kind": "api_key", "header": "X-Api-Key"},
        limits={"timeout_s": 2, "body_bytes_max": 10_000, "pages_max": 4, **rest},
    )


def connections(home, *names):
    credential = home.secret("key", KEY)
    return [(f"acme/{name}", {"credential_file": credential}) for name in names]


def shown(home, name):
    rows = home.view(f"{name}_days")
    return [{"id": row["id"], "name": row["name"]} for row in rows]


def check_sentence(message):
    assert re.match(r"[a-z].{20,}", message), "a sentence says what happened and what to do"
    assert "?" not in message, "no query"
    assert KEY not in message, "no secret"
    assert "Traceback" not in message, "no word of the provider's"


async def test_each_way_of_failing_has_its_class_and_keeps_the_last_good_data(home):
    bad = False

    def answer(asked):
        reply = BAD[asked.path.split("/")[1]][0] if bad else page(GOOD)
        return reply(asked) if callable(reply) else reply

    async with provider.serving(answer) as server:
        for name in BAD:
            provide(home, name, f"{server.url}/{name}")
        home.configure(*connections(home, *BAD))
        async with running(home) as daemon:
            await daemon.heard(counted("sync-succeeded", len(BAD)))
            bad = True
            failed = {}
            for name in BAD:
                failed[name] = await daemon.sync(f"acme/{name}")
            view = {
                each["connection"].split("/")[1]: each
                for each in (await daemon.ask("connections"))["connections"]
            }
            assert await daemon.stop() == 0
    assert {name: line.get("cause") for name, line in failed.items()} == {
        name: cause for name, (_, cause) in BAD.items()
    }
    for name, line in failed.items():
        check_sentence(line["message"])
        assert view[name]["message"] == line["message"]
        assert shown(home, name) == GOOD, f"{name}: the last good data stays in force"
    hints = {
        event["cause"]: event["retry_after"]
        for event in home.log()
        if event["type"] == "call-failed" and event["retry_after"]
    }
    assert hints == {"rate-limited": "PT120S", "server": "PT60S"}


def counted(event, number):
    seen = []

    def wanted(line):
        seen.extend([line] if line["event"] == event else [])
        return len(seen) == number

    return wanted


async def test_a_provider_that_cannot_be_reached_or_trusted_says_so(home):
    with socket.socket() as nobody:  # bound, and not listening: nobody else gets the port
        nobody.bind(("127.0.0.1", 0))
        async with provider.serving(page(GOOD)) as server:
            provide(home, "nobody", f"http://127.0.0.1:{nobody.getsockname()[1]}")
            provide(home, "plain", server.url.replace("http:", "https:"))
            provide(home, "nowhere", "http://no-such-host.invalid")
            home.configure(*connections(home, "nobody", "plain", "nowhere"))
            async with running(home) as daemon:
                lines = await daemon.heard(counted("sync-failed", 3))
    failed = [line for line in lines if line["event"] == "sync-failed"]
    assert [line["cause"] for line in failed] == ["network"] * 3
    messages = " ".join(line["message"] for line in failed)
    assert "refused the connection" in messages
    assert "TLS" in messages
    for line in failed:
        check_sentence(line["message"])


async def test_a_next_link_to_another_host_is_never_called(home):
    async with provider.serving(page(GOOD)) as other:
        link = f"{other.url}/days?token=abc"
        async with provider.serving(page(GOOD, link)) as server:
            provide(home, "astray", server.url)
            home.configure(*connections(home, "astray"))
            async with running(home) as daemon:
                failed = await daemon.said("sync-failed")
                assert failed["cause"] == "invalid"
                check_sentence(failed["message"])
                assert "at another host" in failed["message"]
                assert other.url not in failed["message"]
                assert len(server.asked) == 1
        assert other.asked == []


async def test_an_empty_answer_is_good_at_first_and_refused_after_data(home):
    rows = []
    async with provider.serving(lambda _: page(rows)) as server:
        provide(home, "fickle", server.url)
        home.configure(*connections(home, "fickle"))
        async with running(home) as daemon:
            assert (await daemon.said("records-captured"))["rows"] == 0
            await daemon.said("sync-succeeded")
            rows = GOOD
            assert (await daemon.sync("acme/fickle"))["event"] == "sync-succeeded"
            before = home.records()
            rows = []
            failed = await daemon.sync("acme/fickle")
            assert (failed["event"], failed["cause"]) == ("sync-failed", "empty")
            refused = await daemon.said("records-refused")
            assert (refused["fetched"], refused["rows"]) == (0, 3)
            assert shown(home, "fickle") == GOOD
            assert home.records() == before


async def test_a_key_that_comes_twice_is_one_row_and_counted(home):
    def answer(asked):
        if "p" in asked.query:
            return page([{"id": 2, "name": "later"}, {"id": 3, "name": "c"}])
        return page([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "/days?p=2")

    async with provider.serving(answer) as server:
        provide(home, "twice", server.url)
        home.configure(*connections(home, "twice"))
        async with running(home) as daemon:
            captured = await daemon.said("records-captured")
            assert (captured["fetched"], captured["duplicates"]) == (4, 1)
            assert (captured["added"], captured["rows"]) == (3, 3)
            await daemon.said("sync-succeeded")
            again = await daemon.sync("acme/twice")
            captured = await daemon.said("records-captured", sync=again["sync"])
            assert captured["rows"] == 3
    names = ["a", "later", "c"]
    assert shown(home, "twice") == [{"id": n, "name": name} for n, name in enumerate(names, 1)]


AWKWARD = [
    {"id": 1, "": 1, "tenant": "t", "Connection": "c", "a.b": 2, "a'b": 3, 'a"b': 4, "[0]": 5},
    {"id": 2, "tab\t": 6, "nul\x00": 7, "back\\slash": 8, "ID": 9, "é": 10, "line\nbreak": 11},
    {"id": 3, "nested": {"deep": [1, {"x": None}]}, "flag": True, "big": 2**63, "huge": 10**30},
    {"id": "3", **{f"column {number}": number for number in range(600)}},
    {"id": 3.5, "text": "\x00\u2028\ud7ff😀", "x" * 1000: 1},
]


@pytest.mark.parametrize("row", AWKWARD)
async def test_awkward_fields_are_kept_and_break_nothing(home, row):
    async with provider.serving(ok({"rows": [row]})) as server:
        provide(home, "awkward", server.url, body_bytes_max=100_000)
        home.configure(*connections(home, "awkward"))
        async with running(home) as daemon:
            lines = await daemon.heard(
                lambda line: line["event"] in {"sync-succeeded", "sync-failed"}
            )
            assert lines[-1]["event"] == "sync-succeeded", lines[-3:]
            data = await daemon.ask("data", connection="acme/awkward", stream="days")
            assert data["records"] == [row]
            (shown_row,) = home.view("awkward_days")
            assert shown_row["id"] == row["id"]
            assert await daemon.stop() == 0
    assert "actor-crashed" not in json.dumps(daemon.lines)
