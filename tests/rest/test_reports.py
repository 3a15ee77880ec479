"""Are all records of a report fetched, typed as before, and is nothing left open ever?"""

import gzip
from pathlib import Path

import msgspec
import pytest
import trio

from daemon import reports
from daemon.exchange import CallLost
from daemon.provider_file import ProviderFile
from events.terms import FailureClass
from tests.csv.reports import CORPUS
from tests.rest.provider import (
    SECRET,
    declared,
    endless,
    fetch_lost,
    http,
    ok,
    serving,
    then_reset,
    then_silence,
    way,
)
from tests.rest.test_spool import held

pytestmark = pytest.mark.requirement("B11")

START = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SKU = {"primary_key": ["SKU"]}
POT = [{"SKU": "A-1", "Qty": 5}, {"SKU": "A-2", "Qty": 6}]


class Fetch:
    """One report, fetched over a real wire into a file of the directory."""

    def __init__(self, directory: Path, stream=None, csv=None, **rest_of_file):
        self.directory = directory
        self.stream = {**SKU, "csv": csv or {}, **(stream or {})}
        self.rest_of_file = rest_of_file
        self.records = []
        self.batches = []
        self.asked = []

    async def of(self, answer, types=None, sink=None):
        async with serving(answer) as server:
            file = declared(server.url, self.stream, **self.rest_of_file)
            self.asked = server.asked
            async with way(file.limits, spool=self.directory) as wire:
                try:
                    return await reports.fetch(
                        file, "days", None, wire.send, sink or self.sink, types=types or {}
                    )
                except CallLost as lost:
                    loss = lost
        assert SECRET not in f"{loss}{loss!r}"
        return loss

    async def sink(self, page):
        self.records += page
        self.batches.append(len(page))


@pytest.fixture
def fetch(tmp_path):
    yield Fetch(tmp_path)
    assert held(tmp_path) == 0, "a file was left open"
    assert list(tmp_path.iterdir()) == []


async def test_a_report_is_read_whole_in_its_types(fetch):
    rows = b"".join(b"A-%d,%d,%d.5,true\r\n" % (n, n, n) for n in range(2500))
    done = await fetch.of(http(b"SKU,Qty,Price,On\r\n" + rows, content_type="text/csv"))
    assert (done.pages, done.records, done.cursor) == (1, 2500, None)
    assert done.types == {"Qty": "integer", "Price": "number", "On": "boolean"}
    assert fetch.records[7] == {"SKU": "A-7", "Qty": 7, "Price": 7.5, "On": True}
    assert fetch.batches == [1000, 1000, 500]
    assert fetch.asked[0].headers["accept"] == "text/csv, */*"


async def test_a_type_that_was_wider_stays_so(fetch):
    known = {"Qty": "text", "Gone": "number"}
    done = await fetch.of(http(CORPUS["no_final_end"]), known)
    assert fetch.records == [{"SKU": "A-1", "Qty": "5"}, {"SKU": "A-2", "Qty": "6"}]
    assert done.types == known


async def test_a_key_is_text_whatever_it_looks_like(fetch):
    await fetch.of(http(b"SKU,Qty\n7,1\n007,2\n"))
    assert [record["SKU"] for record in fetch.records] == ["7", "007"]


async def test_a_key_is_of_another_type_where_the_file_says_so(tmp_path):
    fetch = Fetch(tmp_path, csv={"types": {"SKU": "integer"}})
    await fetch.of(http(b"SKU,Qty\n7,1\n"))
    assert fetch.records == [{"SKU": 7, "Qty": 1}]


@pytest.mark.parametrize("name", ["nothing", "nothing_but_bom", "nothing_but_space", "header_only"])
async def test_a_report_without_rows_is_a_fetch_without_records(fetch, name):
    known = {"Qty": "integer"}
    done = await fetch.of(http(CORPUS[name]), known)
    assert (done.records, fetch.records) == (0, [])
    assert done.types == known


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
async def test_no_content_is_a_fetch_without_records(fetch, kind):
    assert (await fetch.of(http(b"", status=204, content_type=kind))).records == 0


PLAIN = b"SKU,Qty\r\nA-1,5\r\nA-2,6\r\n"
TABS = PLAIN.replace(b",", b"\t")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", PLAIN),
        ("Text/CSV; charset=UTF-8; header=present", PLAIN),
        ("text/plain", PLAIN),
        ("application/csv", PLAIN),
        ("application/octet-stream", PLAIN),
        ("APPLICATION/VND.MS-EXCEL", PLAIN),
        ("text/tab-separated-values", TABS),
        ("", PLAIN),
        ("nonsense", PLAIN),
        ("application/json", PLAIN),
    ],
)
async def test_a_report_is_one_whatever_its_type_says(fetch, kind, body):
    done = await fetch.of(http(body, content_type=kind))
    assert (done.records, fetch.records) == (2, POT)


async def test_a_report_needs_no_type(fetch):
    done = await fetch.of(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(PLAIN), PLAIN))
    assert (done.records, fetch.records) == (2, POT)


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        ("text/html", b"Please log in, ACME", "what it calls a web page instead of CSV"),
        ("Text/HTML; charset=utf-8", b"SKU,Qty\nA-1,5\n", "a web page instead of CSV"),
        ("application/xhtml+xml", b"", "a web page instead of CSV"),
        ("text/plain", b" \n<!doctype html><p>ACME", "a web page or XML instead of CSV"),
        ("application/json", b'"no such report for ACME"', "with JSON instead of CSV"),
        ("application/json; charset=utf-8", b"[]", "with JSON instead of CSV"),
        ("application/problem+json", b' ["ACME"]', "with JSON instead of CSV"),
        ("APPLICATION/JSON", b"null", "with JSON instead of CSV"),
        ("text/csv", b'{"error": "ACME"}', "with JSON instead of CSV"),
        ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0ACME", "an Excel workbook instead of CSV"),
    ],
)
async def test_what_came_instead_of_a_report_is_told_by_its_type_too(fetch, kind, body, sentence):
    loss = await fetch.of(http(body, content_type=kind))
    assert isinstance(loss, CallLost)
    assert (loss.cause, fetch.records) == (FailureClass.MALFORMED, [])
    assert sentence in loss.message
    assert "ACME" not in f"{loss.message}{loss.refusal!r}"


@pytest.mark.parametrize(
    ("answer", "cause", "sentence"),
    [
        pytest.param(
            http(b"<html>log in", content_type="text/html"),
            FailureClass.MALFORMED,
            "web page",
            id="a page to log in",
        ),
        pytest.param(ok({"error": "no"}), FailureClass.MALFORMED, "JSON", id="an error"),
        pytest.param(
            http(gzip.compress(b"SKU\nA-1\n")), FailureClass.MALFORMED, "gzip", id="an archive"
        ),
        pytest.param(
            http(b"SKU,Qty\nA-1,5\nA-2"), FailureClass.MALFORMED, "cut off", id="cut off in a row"
        ),
        pytest.param(
            http(b'SKU,Qty\nA-1,5\nA-2,"6'), FailureClass.MALFORMED, "row 3", id="in quotes"
        ),
        pytest.param(
            http(b"Code,Qty\nA-1,5\n"), FailureClass.MALFORMED, '"SKU"', id="without its key"
        ),
        pytest.param(
            http(b"SKU,Qty\nA-1,5\n,6\n"), FailureClass.MALFORMED, '"SKU"', id="a row without one"
        ),
        pytest.param(http(b"x" * 2000), FailureClass.MALFORMED, "larger than", id="too large"),
        pytest.param(http(b"no", 404), FailureClass.NOT_FOUND, "404", id="gone"),
        pytest.param(then_reset(START + b"SKU,Qty\n"), FailureClass.NETWORK, "broke", id="reset"),
        pytest.param(START + b"SKU,Qty\n", FailureClass.NETWORK, "broke", id="shorter"),
        pytest.param(
            CHUNKED + b"8\r\nSKU,Qty\n\r\n", FailureClass.NETWORK, "broke", id="without an end"
        ),
        pytest.param(
            then_silence(START + b"SKU,Qty\n"), FailureClass.TIMEOUT, "did not answer", id="silence"
        ),
    ],
)
async def test_a_report_that_is_none_is_refused_in_words(tmp_path, answer, cause, sentence):
    limits = {"body_bytes_max": 1000, "timeout_s": 0.3 if cause is FailureClass.TIMEOUT else 20}
    fetch = Fetch(tmp_path, limits=limits)
    loss = await fetch.of(answer)
    assert isinstance(loss, CallLost)
    assert loss.cause is cause
    assert sentence in loss.message
    assert loss.__context__ is None
    assert held(tmp_path) == 0


@pytest.mark.parametrize("name", sorted(CORPUS))
async def test_any_report_of_the_corpus_is_read_or_refused_and_let_go(fetch, name):
    done = await fetch.of(http(CORPUS[name]))
    if isinstance(done, CallLost):
        assert done.cause is FailureClass.MALFORMED
    else:
        assert done.records == len(fetch.records)


async def test_a_stream_has_its_own_patience_for_a_call(tmp_path):
    fetch = Fetch(tmp_path, stream={"timeout_s": 20}, limits={"timeout_s": 0.2})

    async def slow(stream):
        await trio.sleep(0.5)
        await stream.send_all(http(CORPUS["no_final_end"]))

    await fetch.of(lambda _: slow)
    assert fetch.records == POT


async def test_a_report_that_drips_is_waited_for_to_the_streams_deadline(tmp_path):
    fetch = Fetch(tmp_path, limits={"sync_timeout_s": 0.3})
    loss = await fetch.of(endless(CHUNKED, b"3\r\nA-1\r\n", pause=0.02))
    assert loss.cause is FailureClass.TIMEOUT
    assert "not fetched within 0.3 s" in loss.message
    assert held(tmp_path) == 0


async def test_a_store_that_fails_half_way_lets_go_of_the_file(fetch):
    class Broken(Exception):
        pass

    async def sink(page):
        raise Broken

    with pytest.RaisesGroup(Broken):
        await fetch.of(http(CORPUS["no_final_end"]), sink=sink)


async def test_who_is_cancelled_while_it_is_read_lets_go_of_the_file(fetch):
    async def sink(page):
        scope.cancel()
        await trio.lowlevel.checkpoint()

    with trio.CancelScope() as scope:
        await fetch.of(http(CORPUS["no_final_end"]), sink=sink)
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    "stream",
    [
        {"primary_key": ["SKU"], "csv": {"rename": {"SKU": "sku"}}},
        {"primary_key": ["SKU"], "csv": {"header": False, "columns": ["sku"]}},
    ],
)
def test_a_key_that_no_column_will_have_is_found_when_the_file_is_read(stream):
    with pytest.raises(msgspec.ValidationError, match="SKU"):
        declared("https://h.example", stream)


async def test_a_report_may_be_asked_for_with_a_body(tmp_path):
    stream = {"method": "POST", "body": {"columns": ["SKU", "Qty"]}}
    fetch = Fetch(tmp_path, stream=stream)
    await fetch.of(http(CORPUS["no_final_end"]))
    assert fetch.records == POT
    assert fetch.asked[0].headers["content-type"] == "application/json"


def test_a_report_has_neither_pages_nor_a_cursor():
    for more in (
        {"paging": {"kind": "page"}},
        {"records": "rows"},
        {"mode": "incremental", "cursor": {"field": "at", "param": "since"}},
    ):
        with pytest.raises(msgspec.ValidationError, match="a csv stream"):
            declared("https://h.example", {**SKU, "csv": {}, **more})
    assert isinstance(declared("https://h.example", {**SKU, "csv": {}}), ProviderFile)


async def test_a_report_is_never_taken_for_json():
    assert "JSON" in (await fetch_lost(http(CORPUS["no_final_end"]))).message
