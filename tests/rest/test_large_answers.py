"""Is a large JSON answer read record by record, and is all else of it heeded as in a small one?"""

import json
import tracemalloc

import pytest

from daemon import configuration, json_place, json_stream, page, rest, transport
from daemon.calls import Calls
from daemon.exchange import CallLost, Response
from daemon.protected import Whose
from daemon.provider import Provider
from daemon.provider_file import load
from daemon.secret import Secret
from events.terms import FailureClass
from tests.policy.transcript import ONE
from tests.rest.provider import SECRET, declared, http, ok, serving, then_reset, way
from tests.rest.test_polling import NothingKept, Scene, Unlimited
from tests.rest.test_spool import held

MIB = 1024 * 1024
ROWS = [{"id": number, "name": f"é{number}"} for number in range(2500)]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Everything is large."""
    monkeypatch.setattr(transport, "WHOLE_BYTES_MAX", 100)


class Fetch:
    """A stream, fetched over a real wire with files in the directory, by a real sync's calls."""

    def __init__(self, directory):
        self.directory = directory
        self.records = []
        self.batches = []
        self.asked = []
        self.seen = 0

    async def of(self, answer, stream=None, cursor=None, **rest_of_file):
        async with serving(answer) as server:
            file = declared(server.url, stream, **rest_of_file)
            self.asked = server.asked
            async with way(file.limits, spool=self.directory) as wire:
                scene = Scene(Response(status=200, headers={}, body=b"[]", duration_ms=1))
                calls = _calls(scene, file, wire)
                try:
                    return await rest.fetch(
                        file, "days", Secret(SECRET), calls.send, self.sink, cursor=cursor
                    )
                except CallLost as lost:
                    loss = lost
        assert loss.__context__ is None
        return loss

    async def sink(self, page):
        self.seen = max(self.seen, held(self.directory))
        self.records += page
        self.batches.append(len(page))


def _calls(scene, file, wire):
    provider = Provider(file=file, send=wire.send, send_token=wire.send)
    whose = Whose(connection=ONE, sync=4)
    return Calls(scene.journal, scene.tokens, provider, whose, Unlimited(), excerpts=NothingKept())


@pytest.fixture
def fetch(tmp_path):
    fetch = Fetch(tmp_path)
    yield fetch
    assert held(tmp_path) == 0, "a file was left open"
    assert list(tmp_path.iterdir()) == []


async def test_it_comes_in_batches_out_of_a_file(fetch):
    done = await fetch.of(ok(ROWS))
    assert (done.records, done.pages, fetch.records) == (2500, 1, ROWS)
    assert fetch.batches == [1000, 1000, 500]
    assert fetch.seen == 1


async def test_a_small_one_stays_in_memory(fetch, monkeypatch):
    monkeypatch.setattr(transport, "WHOLE_BYTES_MAX", MIB)
    await fetch.of(ok(ROWS))
    assert (fetch.batches, fetch.seen) == ([2500], 0)


NEXT = {"kind": "next_url", "path": "meta.next"}


@pytest.mark.parametrize(
    ("stream", "errors", "apart"),
    [
        ({}, None, ()),
        ({"records": "data.rows"}, None, ("data", "rows")),
        ({"records": "data", "paging": NEXT}, {"path": "errors[0].code"}, ("data",)),
        ({"records": "data[?id >= `0`]"}, None, ("data",)),
        ({"records": "data || `[]`", "paging": NEXT}, None, ("data",)),
        ({"records": "(data || `[]`)[].merge(@, x)"}, {"path": "data[0].x"}, None),
        ({"records": "data || rows"}, None, None),
        ({"records": "data", "paging": {**NEXT, "path": "data[-1].next"}}, None, None),
        ({"records": "data", "paging": {**NEXT, "path": "data[0].next"}}, None, None),
        ({"records": "data.rows", "paging": {**NEXT, "path": "data"}}, None, None),
        ({"records": "data", "paging": {**NEXT, "path": "not_null(a, b)"}}, None, None),
        ({"records": "data"}, {"path": "length(data)"}, None),
        ({"records": "data"}, {"path": "status", "wait": "data[0].wait"}, None),
        ({"csv": {}}, None, None),
    ],
)
async def test_only_a_list_that_nothing_else_looks_into_is_read_so(stream, errors, apart):
    more = {"errors": errors} if errors else {}
    file = declared("https://h.example", stream, **more)
    assert json_place.apart(file.streams["days"], file.errors) == apart


@pytest.mark.parametrize("name", ["dexcom", "google_fit", "google_health"])
def test_shipped_lists_are_read_so_also_where_something_is_made_of_their_entries(name):
    file = load(configuration.SHIPPED / f"{name}.toml")
    whole = [
        name for name, each in file.streams.items() if json_place.apart(each, file.errors) is None
    ]
    assert whole == []


async def test_any_other_is_decoded_whole(fetch):
    await fetch.of(ok({"data": ROWS}), {"records": "data || rows"})
    assert (fetch.records, fetch.batches, fetch.seen) == (ROWS, [2500], 0)


async def test_a_list_that_may_be_left_out_comes_in_batches_with_what_is_made_of_its_entries(fetch):
    made = "(data || `[]`)[].merge(@, {text: join('-', [name, 'x'])})"
    await fetch.of(ok({"data": ROWS}), {"records": made})
    assert fetch.records == [{**row, "text": f"{row['name']}-x"} for row in ROWS]
    assert (fetch.batches, fetch.seen) == ([1000, 1000, 500], 1)


@pytest.mark.parametrize("data", [None, [], {}, "", False, ...])
async def test_a_list_that_is_left_out_is_one_without_records(fetch, data):
    said = {"more": "x" * 1000, **({} if data is ... else {"data": data})}
    for records in ("data || `[]`", "(data || `[]`)[?id]"):
        done = await fetch.of(ok(said), {"records": records})
        assert (done.records, fetch.records) == (0, [])


async def test_an_entry_that_the_expression_does_not_fit_is_said_so(fetch):
    lost = await fetch.of(ok({"data": ROWS}), {"records": "data[].join('', id)"})
    assert lost.cause is FailureClass.MALFORMED
    assert lost.message == page.NOT_APPLICABLE


async def test_one_that_must_be_whole_is_no_larger_than_its_bound(fetch):
    limits = {"body_bytes_max": 10_000}
    lost = await fetch.of(ok({"data": ROWS}), {"records": "data || rows"}, limits=limits)
    assert lost.cause is FailureClass.MALFORMED
    assert "larger than 10000 bytes; ask for less, or raise limits.body_bytes_max" in lost.message


@pytest.mark.parametrize("paged", ["next_url", "cursor", "link"])
async def test_the_next_page_is_found_wherever_it_is_named(fetch, paged):
    def answer(asked):
        if "page" in asked.query:
            return ok({"data": ROWS[100:200], "meta": {"next": None}})
        there = "two" if paged == "cursor" else f"{asked.path}?page=two"
        links = {"link": f'<{there}>; rel="next"'} if paged == "link" else {}
        return ok({"meta": {"next": there}, "data": ROWS[:100]}, **links)

    paging = {"kind": paged}
    paging |= {} if paged == "link" else {"path": "meta.next"}
    paging |= {"param": "page"} if paged == "cursor" else {}
    done = await fetch.of(answer, {"records": "data", "paging": paging})
    assert (done.pages, fetch.records) == (2, ROWS[:200])
    assert [asked.target for asked in fetch.asked] == ["/days", "/days?page=two"]
    assert fetch.seen == 1


async def test_pages_by_number_end_and_do_not_repeat(fetch):
    stream = {"paging": {"kind": "page"}}
    pages = iter([ok(ROWS[:50]), ok(ROWS[50:100]), ok([])])
    done = await fetch.of(lambda _: next(pages), stream)
    assert (done.pages, fetch.records) == (3, ROWS[:100])
    loss = await fetch.of(ok(ROWS[:50]), stream)
    assert (loss.cause, len(fetch.asked)) == (FailureClass.MALFORMED, 2)
    assert "pages repeat" in loss.message


async def test_the_cursor_is_the_greatest_of_all_batches(fetch):
    rows = [{"id": n, "at": (n * 7919) % 2500} for n in range(2500)]
    stream = {"mode": "incremental", "cursor": {"field": "at", "param": "since"}}
    assert (await fetch.of(ok(rows), stream, "7")).cursor == "2499"


@pytest.mark.parametrize(
    ("code", "cause"),
    [(100, FailureClass.AUTH), (601, FailureClass.RATE_LIMITED), (0, None), (None, None)],
)
async def test_an_error_beside_the_records_is_an_error(fetch, code, cause):
    errors = {"path": "status", "wait": "retry", "ok": [0], "auth": [100], "rate_limited": [601]}
    document = {"data": ROWS, "status": code, "retry": 30}
    outcome = await fetch.of(ok(document), {"records": "data"}, errors=errors)
    if cause is None:
        assert (outcome.records, fetch.seen) == (2500, 1)
        return
    assert (outcome.cause, fetch.records) == (cause, [])
    hinted = outcome.retry_after and outcome.retry_after.total_seconds()
    assert hinted == (30 if cause is FailureClass.RATE_LIMITED else None)


async def test_edges_give_their_nodes(fetch):
    document = {"data": {"edges": [{"node": row} for row in ROWS[:100]] + [None, {"node": None}]}}
    await fetch.of(ok(document), {"records": "data.edges[].node"})
    assert (fetch.records, fetch.seen) == (ROWS[:100], 1)


BODY = json.dumps(ROWS).encode()
WIDE = b" " * 200


@pytest.mark.parametrize(
    ("answer", "stream", "cause", "sentence"),
    [
        pytest.param(http(BODY[:-10]), {}, "MALFORMED", "well-formed JSON", id="cut"),
        pytest.param(http(BODY + b"]"), {}, "MALFORMED", "well-formed JSON", id="more after it"),
        pytest.param(http(BODY[:-1] + b", {]"), {}, "MALFORMED", "well-formed", id="damaged"),
        pytest.param(
            http(b'[{"id": "\xff"}]' + WIDE), {}, "MALFORMED", "well-formed JSON", id="no utf-8"
        ),
        pytest.param(http(b"<html>" + WIDE), {}, "MALFORMED", "web page", id="a page"),
        pytest.param(
            http(BODY, content_type="text/html"), {}, "MALFORMED", "web page", id="a page's type"
        ),
        pytest.param(ok({"error": "no" * 99}), {}, "MALFORMED", 'no list at "@"', id="an error"),
        pytest.param(
            ok({"data": {"x": "y" * 99}}),
            {"records": "data"},
            "MALFORMED",
            'no list at "data"',
            id="an object there",
        ),
        pytest.param(ok([*ROWS, 7]), {}, "MALFORMED", "no objects", id="an entry"),
        pytest.param(ok([*ROWS, {"x": 1}]), {}, "MALFORMED", '"id"', id="no key"),
        pytest.param(then_reset(http(BODY)[:-500]), {}, "NETWORK", "broke", id="reset"),
        pytest.param(http(WIDE, 503), {}, "SERVER", "503", id="refused"),
    ],
)
async def test_what_is_wrong_with_it_is_said_as_of_a_small_one(
    fetch, answer, stream, cause, sentence
):
    loss = await fetch.of(answer, stream)
    assert isinstance(loss, CallLost), loss
    assert loss.cause is FailureClass[cause]
    assert sentence in loss.message
    assert SECRET not in loss.message


async def test_a_record_that_nobody_could_hold_is_refused(fetch, monkeypatch):
    monkeypatch.setattr(json_stream, "PART_BYTES_MAX", 10_000)
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 1000)
    loss = await fetch.of(ok([{"id": 1, "x": "y" * 50_000}]))
    assert loss.cause is FailureClass.MALFORMED
    assert "ask for less" in loss.message


async def test_any_unicode_is_read(fetch):
    await fetch.of(http(json.dumps(ROWS, ensure_ascii=False).encode("utf-16")))
    assert (fetch.records, fetch.seen) == (ROWS, 1)


async def test_it_is_never_whole_in_memory(fetch):
    count = 25_000
    text = b"[" + b",".join(b'{"id": %d, "x": "%s"}' % (n, b"y" * 500) for n in range(count)) + b"]"
    answer, batches = http(text), []

    async def sink(page):
        batches.append(len(page))

    fetch.sink = sink
    del text
    tracemalloc.start()
    try:
        done = await fetch.of(answer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (done.records, sum(batches)) == (count, count)
    assert len(answer) > 10 * MIB
    assert peak < 6 * MIB
