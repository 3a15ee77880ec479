"""Are one page's records found, whatever the answer looks like?"""

import base64
import json

import pytest

from daemon import rest
from daemon.exchange import CallLost
from events.terms import FailureClass
from tests.rest.provider import (
    SECRET,
    declared,
    fetch,
    fetch_lost,
    fetched,
    http,
    ok,
    serving,
)

ROWS = [{"id": number} for number in range(5)]
MALFORMED = FailureClass.MALFORMED


async def test_the_whole_body_is_the_list_unless_the_file_says_otherwise():
    done, asked = await fetched(ok(ROWS))
    assert (done.records, done.pages) == (ROWS, [5])
    assert done.fetched == rest.Fetched(pages=1, records=5, cursor=None)
    assert (asked[0].method, asked[0].target, asked[0].body) == ("GET", "/days", b"")


async def test_records_lie_where_the_file_says():
    done, _ = await fetched(ok({"data": {"rows": ROWS}}), {"records": "data.rows"})
    assert done.records == ROWS


async def test_the_base_urls_path_params_and_headers_are_sent():
    stream = {"params": {"n": 1, "f": 1.5, "b": True, "s": "a&b"}, "headers": {"X-Version": "2"}}
    async with serving(ok([])) as server:
        await fetch(declared(f"{server.url}/v1/", stream))
    assert server.asked[0].path == "/v1/days"
    assert server.asked[0].query == {"n": "1", "f": "1.5", "b": "true", "s": "a&b"}
    assert server.asked[0].headers["x-version"] == "2"
    assert server.asked[0].headers["accept"] == "application/json"


async def test_an_empty_list_is_a_page_without_records():
    done, _ = await fetched(ok([]))
    assert (done.fetched.records, done.fetched.pages, done.pages) == (0, 1, [])


async def test_no_content_is_no_records():
    done, _ = await fetched(http(b"", status=204))
    assert done.fetched.records == 0


async def test_a_byte_order_mark_is_forgiven():
    done, _ = await fetched(http(b"\xef\xbb\xbf" + json.dumps(ROWS).encode()))
    assert done.records == ROWS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
async def test_any_unicode_is_read(encoding):
    done, _ = await fetched(http('[{"id": "é€"}]'.encode(encoding)))
    assert done.records == [{"id": "é€"}]


async def test_a_charset_is_heeded_where_the_body_is_no_utf_8():
    latin = '[{"id": "é"}]'.encode("latin-1")
    done, _ = await fetched(http(latin, content_type="application/json; charset=ISO-8859-1"))
    assert done.records == [{"id": "é"}]


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "text/csv", ""])
async def test_a_type_that_is_wrong_and_does_no_harm_is_forgiven(content_type):
    done, _ = await fetched(http(json.dumps(ROWS).encode(), content_type=content_type))
    assert done.records == ROWS


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(http(b"<!DOCTYPE html>"), "web page", id="html"),
        pytest.param(http(b"  \n<html>"), "web page", id="html after space"),
        pytest.param(http(b"Sign in", content_type="text/html"), "web page", id="html type"),
        pytest.param(http(b'[{"id": 1}, {"i'), "well-formed JSON", id="truncated"),
        pytest.param(http(b""), "well-formed JSON", id="empty"),
        pytest.param(http(b'[{"id": "\xff"}]'), "well-formed JSON", id="invalid utf-8"),
        pytest.param(http(b"\xff\xfe[\0"), "well-formed JSON", id="half a utf-16"),
        pytest.param(http("<html>".encode("utf-16")), "web page", id="a page in utf-16"),
        pytest.param(http(b'[{"id": NaN}]'), "well-formed JSON", id="nan"),
        pytest.param(http(b"[" * 100_000), "well-formed JSON", id="nested"),
        pytest.param(ok({"error": "token expired"}), 'no list at "@"', id="error as 200"),
        pytest.param(ok(None), 'no list at "@"', id="null"),
        pytest.param(ok([[1]]), "no objects", id="entries are lists"),
        pytest.param(ok([*ROWS, None]), "no objects", id="an entry is null"),
        pytest.param(ok([{"date": 1}]), '"id"', id="no key"),
        pytest.param(ok([{"id": None}]), '"id"', id="key is null"),
        pytest.param(ok([{"id": {}}]), '"id"', id="key is an object"),
    ],
)
async def test_what_is_not_a_list_of_keyed_objects_is_malformed(answer, sentence):
    loss = await fetch_lost(answer)
    assert loss.cause is MALFORMED
    assert sentence in loss.message
    assert loss.status == 200


async def test_an_expression_that_does_not_fit_the_answer_is_malformed():
    assert (await fetch_lost(ok({"a": 1}), {"records": "sort(a)"})).cause is MALFORMED
    stream = {"paging": {"kind": "next_url", "path": "sort(@[0].id)"}}
    assert (await fetch_lost(ok(ROWS), stream)).cause is MALFORMED


async def test_an_api_key_goes_into_its_header_with_its_prefix():
    auth = {"kind": "api_key", "header": "Authorization", "prefix": "Bearer "}
    _, asked = await fetched(ok([]), auth=auth)
    assert asked[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_an_api_key_goes_into_its_parameter():
    _, asked = await fetched(ok([]), auth={"kind": "api_key", "query": "api_key"})
    assert asked[0].query == {"api_key": SECRET}


async def test_basic_credentials_are_encoded():
    async with serving(ok([])) as server:
        await fetch(declared(server.url, auth={"kind": "basic"}), credential="ü:p:w")
    sent = server.asked[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "ü:p:w"


async def test_without_authentication_no_credential_is_sent():
    _, asked = await fetched(ok([]))
    assert SECRET not in repr(asked)


@pytest.mark.parametrize("credential", [None, "", f"{SECRET}\n", f"{SECRET}\r\nx: y", "ключ", " "])
async def test_a_credential_that_cannot_be_sent_is_a_matter_for_a_person(credential):
    async with serving(ok([])) as server:
        provider = declared(server.url, auth={"kind": "api_key", "header": "x-api-key"})
        with pytest.raises(CallLost, match="credential") as caught:
            await fetch(provider, credential=credential)
    assert caught.value.cause is FailureClass.AUTH
    assert SECRET not in str(caught.value)
    assert server.asked == []


async def test_a_basic_credential_needs_both_halves():
    loss = await fetch_lost(ok([]), auth={"kind": "basic"})
    assert (loss.cause, "user:password" in loss.message) == (FailureClass.AUTH, True)


async def test_the_providers_refusal_arrives_as_it_is():
    loss = await fetch_lost(http(b"", status=429, retry_after="7"))
    assert loss.cause is FailureClass.RATE_LIMITED
    assert loss.retry_after is not None
