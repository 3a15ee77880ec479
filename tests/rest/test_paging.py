"""Are all pages fetched, once, from their own provider, and from nowhere else?"""

import json

import pytest
import trio

from daemon import rest
from daemon.exchange import Response
from events.terms import FailureClass
from tests.rest.provider import (
    SECRET,
    Asked,
    declared,
    endless,
    fetch,
    fetch_lost,
    fetched,
    lost,
    ok,
    serving,
    then_silence,
)

ROWS = [{"id": number} for number in range(5)]
MALFORMED = FailureClass.MALFORMED


def in_pages(size: int, number: str = "page", start: int = 1, unit: int = 1):
    """Answer with slices of ROWS, by a number in the query."""

    def answer(asked: Asked) -> bytes:
        first = (int(asked.query[number]) - start) * size // unit
        return ok(ROWS[first : first + size])

    return answer


async def test_numbered_pages_end_at_an_empty_one():
    done, asked = await fetched(in_pages(2), {"paging": {"kind": "page"}})
    assert (done.records, done.pages) == (ROWS, [2, 2, 1])
    assert [each.query["page"] for each in asked] == ["1", "2", "3", "4"]


async def test_numbered_pages_end_at_a_short_one_where_the_file_says_so():
    paging = {"kind": "page", "param": "p", "start": 0, "size_param": "per", "size": 2}
    paging["last"] = "short"
    done, asked = await fetched(in_pages(2, "p", 0), {"paging": paging})
    assert done.records == ROWS
    assert [each.query for each in asked] == [{"p": str(n), "per": "2"} for n in range(3)]


async def test_offsets_count_records():
    paging = {"kind": "offset", "size": 2}
    done, asked = await fetched(in_pages(2, "offset", 0, 2), {"paging": paging})
    assert done.records == ROWS
    assert [each.query["offset"] for each in asked] == ["0", "2", "4", "5"]
    assert asked[0].query["limit"] == "2"


async def test_a_provider_that_caps_its_pages_below_the_size_loses_no_record():
    paging = {"kind": "offset", "size": 100}
    done, asked = await fetched(in_pages(2, "offset", 0, 2), {"paging": paging})
    assert done.records == ROWS
    assert [each.query["offset"] for each in asked] == ["0", "2", "4", "5"]


async def test_numbers_can_go_into_the_body():
    def answer(asked: Asked) -> bytes:
        return ok(ROWS if json.loads(asked.body)["page"] == 1 else [])

    paging = {"kind": "page", "in": "body"}
    done, asked = await fetched(answer, {"method": "POST", "body": {"q": "all"}, "paging": paging})
    assert done.records == ROWS
    assert [json.loads(each.body) for each in asked] == [{"q": "all", "page": n} for n in (1, 2)]
    assert asked[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("end", [None, "", False])
async def test_tokens_lead_on_until_there_is_none(end):
    def answer(asked: Asked) -> bytes:
        at = int(asked.query.get("after", "0"))
        return ok({"rows": ROWS[at : at + 2], "next": at + 2 if at < 4 else end})

    stream = {"records": "rows", "paging": {"kind": "cursor", "path": "next", "param": "after"}}
    done, asked = await fetched(answer, stream)
    assert done.records == ROWS
    assert [each.query.get("after") for each in asked] == [None, "2", "4"]


async def test_tokens_in_the_body_keep_their_type():
    def answer(asked: Asked) -> bytes:
        at = json.loads(asked.body).get("after", 0)
        return ok({"rows": ROWS[at : at + 2], **({"next": at + 2} if at < 4 else {})})

    paging = {"kind": "cursor", "path": "next", "param": "after", "in": "body"}
    done, _ = await fetched(answer, {"method": "POST", "records": "rows", "paging": paging})
    assert done.records == ROWS


async def test_empty_pages_in_between_do_not_end_tokens():
    pages = {None: ([], "a"), "a": (ROWS, "b"), "b": ([], None)}

    def answer(asked: Asked) -> bytes:
        rows, following = pages[asked.query.get("t")]
        return ok({"rows": rows, "next": following})

    stream = {"records": "rows", "paging": {"kind": "cursor", "path": "next", "param": "t"}}
    done, _ = await fetched(answer, stream)
    assert (done.fetched.pages, done.records) == (3, ROWS)


@pytest.mark.parametrize(
    "link",
    [
        "{url}/days?at=2",
        "/days?at=2",
        "?at=2",
        "{url}/days?at=2#part",
    ],
)
async def test_next_urls_are_followed_relative_to_the_page_with_the_credential(link):
    async with serving(lambda asked: by_at(asked, link.format(url=server.url))) as server:
        stream = {
            "records": "rows",
            "params": {"units": "metric"},
            "paging": {"kind": "next_url", "path": "links.next"},
        }
        auth = {"kind": "api_key", "header": "X-Api-Key"}
        done = await fetch(declared(server.url, stream, auth=auth))
    assert done.records == ROWS
    assert [each.target for each in server.asked] == ["/days?units=metric", "/days?at=2"]
    assert all(each.headers["x-api-key"] == SECRET for each in server.asked)


def by_at(asked: Asked, link: str) -> bytes:
    if "at" in asked.query:
        return ok({"rows": ROWS[2:], "links": {"next": None}})
    return ok({"rows": ROWS[:2], "links": {"next": link}})


async def test_a_credential_echoed_in_a_next_url_is_replaced_by_ours():
    async with serving(lambda asked: by_at(asked, "?at=2&api_key=old")) as server:
        paging = {"kind": "next_url", "path": "links.next"}
        auth = {"kind": "api_key", "query": "api_key"}
        await fetch(declared(server.url, {"records": "rows", "paging": paging}, auth=auth))
    assert server.asked[1].query == {"at": "2", "api_key": SECRET}


@pytest.mark.parametrize(
    "link",
    [
        "<?at=2>; rel=next",
        '<?at=1>; rel="prev", <?at=2>; title="a, \\"b; rel=prev"; REL="last Next"',
        '</other>; rel="nextish",<?at=2>;rel="next"',
    ],
)
async def test_link_headers_are_followed(link):
    def answer(asked: Asked) -> bytes:
        return ok(ROWS[2:]) if "at" in asked.query else ok(ROWS[:2], link=link)

    done, _ = await fetched(answer, {"paging": {"kind": "link"}})
    assert done.records == ROWS


NEXT = {"records": "rows", "paging": {"kind": "next_url", "path": "next"}}
TOKEN = {"records": "rows", "paging": {"kind": "cursor", "path": "next", "param": "t"}}


@pytest.mark.parametrize("scheme", ["http:", ""])
async def test_a_next_url_at_another_host_is_refused_and_never_called(scheme):
    async with serving(ok([])) as other:
        link = f"{scheme}{other.url.removeprefix('http:')}/days?token=x"
        async with serving(ok({"rows": ROWS, "next": link})) as server:
            loss = await lost(declared(server.url, NEXT))
    assert loss.cause is FailureClass.INVALID
    assert "at another host" in loss.message
    assert other.url not in loss.message, "that is the provider's word, not ours"
    assert "token" not in loss.message
    assert other.asked == []


@pytest.mark.parametrize(
    ("link", "cause"),
    [
        ("https://{host}/days", FailureClass.INVALID),
        ("http://user:pw@{host}/days", FailureClass.INVALID),
        ("http://evil.example/", FailureClass.INVALID),
        ("http://127.0.0.1.evil.example/", FailureClass.INVALID),
        ("file:///etc/passwd", FailureClass.INVALID),
        ("javascript:alert(1)", FailureClass.INVALID),
        ("http://{host}:99999999/", MALFORMED),
        ("http://[bad/", MALFORMED),
        ("http://evil.example\\@{host}/", MALFORMED),
        ("\thttp://{host}/", MALFORMED),
        ("http://{host}/" + "x" * 9000, MALFORMED),
        (7, MALFORMED),
        (True, MALFORMED),
        ({"href": "/days"}, MALFORMED),
    ],
)
async def test_a_crooked_next_url_ends_the_fetch(link, cause):
    def answer(_: Asked) -> bytes:
        host = server.url.removeprefix("http://")
        named = link.replace("{host}", host) if isinstance(link, str) else link
        return ok({"rows": ROWS, "next": named})

    async with serving(answer) as server:
        loss = await lost(declared(server.url, NEXT))
    assert loss.cause is cause
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "stream"),
    [
        pytest.param(ok({"rows": ROWS, "next": "/days"}), NEXT, id="next is itself"),
        pytest.param(ok({"rows": ROWS, "next": "?at=2"}), NEXT, id="next is the last"),
        pytest.param(ok({"rows": ROWS, "next": "same"}), TOKEN, id="token repeats"),
        pytest.param(ok(ROWS), {"paging": {"kind": "page"}}, id="page number is ignored"),
        pytest.param(ok(ROWS), {"paging": {"kind": "offset", "size": 5}}, id="offset is ignored"),
    ],
)
async def test_pages_that_repeat_are_noticed(answer, stream):
    loss = await fetch_lost(answer, stream)
    assert loss.cause is MALFORMED
    assert "pages repeat" in loss.message


async def test_endless_paging_is_bounded_and_the_bound_is_named():
    def answer(asked: Asked) -> bytes:
        return ok({"rows": ROWS, "next": int(asked.query.get("t", 0)) + 1})

    async with serving(answer) as server:
        loss = await lost(declared(server.url, TOKEN, limits={"pages_max": 7}))
    assert loss.cause is MALFORMED
    assert "after 7 pages" in loss.message
    assert "limits.pages_max" in loss.message
    assert len(server.asked) == 7


async def test_as_many_pages_as_allowed_are_allowed():
    done, _ = await fetched(in_pages(2), {"paging": {"kind": "page"}}, limits={"pages_max": 4})
    assert done.records == ROWS


async def test_a_whole_fetch_has_its_deadline():
    loss = await fetch_lost(then_silence(b""), limits={"sync_timeout_s": 0.2})
    assert loss.cause is FailureClass.TIMEOUT
    assert "limits.sync_timeout_s" in loss.message


async def test_one_call_has_its_own_deadline():
    drip = endless(b"HTTP/1.1 200 OK\r\n\r\n", b" ", pause=0.05)
    loss = await fetch_lost(drip, limits={"timeout_s": 0.2})
    assert (loss.cause, "0.2 s" in loss.message) == (FailureClass.TIMEOUT, True)


async def test_what_the_sink_raises_is_not_taken_for_the_providers_fault(mock_clock):
    async def send(_) -> Response:
        return Response(status=200, headers={}, body=b'[{"id": 1}]', duration_ms=1)

    async def sink(_) -> None:
        raise trio.TooSlowError

    provider = declared("http://127.0.0.1")
    with pytest.raises(trio.TooSlowError):
        await rest.fetch(provider, "days", None, send, sink)
