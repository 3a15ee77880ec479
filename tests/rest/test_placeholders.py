"""Does what a connection says of itself stand where the file wants it, and lead nowhere else?"""

import json
from urllib.parse import unquote

import httpx
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon import first_request, paging, placeholders, rest, windows
from daemon.exchange import CallLost
from daemon.provider_file import Setting
from daemon.stream_file import Window
from events.terms import FailureClass
from tests.rest.provider import declared, loss_of, ok, serving, transport

pytestmark = pytest.mark.requirement("C7")

ACCOUNT = {"account": {}}
FREE = {"account": {"default": ""}}
DAY = windows.date(2026, 11, 20)


def request(stream, values, settings=ACCOUNT, **rest_of_file):
    file = declared(
        rest_of_file.pop("url", "https://h.example"), stream, settings=settings, **rest_of_file
    )
    return first_request.build(file, "days", file.streams["days"], None, values=values)


async def sent(stream, values):
    """What arrives at a provider."""
    async with serving(ok([])) as server:
        asked = request(stream, values, url=f"{server.url}/v1/{{account}}")
        async with transport(declared(server.url)) as wire:
            await wire.send(asked)
    return server.asked[0]


UGLY = ["a b", "a/b", "../x", "..%2f", "?x=1", "#y", "a;b", "a&b=c", "%", "ü", "\\", "@z", "🌶"]


@pytest.mark.parametrize("value", UGLY)
async def test_a_value_is_one_segment_of_the_path_whatever_it_holds(value):
    asked = await sent({"path": "/of/{account}/days"}, {"account": value})
    segments = [unquote(each) for each in asked.target.split("/")]
    assert segments == ["", "v1", value, "of", value, "days"]


@pytest.mark.parametrize("value", UGLY)
async def test_a_value_is_one_parameter_whatever_it_holds(value):
    stream = {"params": {"q": "{account}", "named": "is {account}!"}}
    asked = await sent(stream, {"account": value})
    assert asked.query == {"q": value, "named": f"is {value}!"}


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_that_would_lead_up_the_path_is_no_setting(value):
    assert not Setting().allows(value)
    assert not Setting(choices=(value, "x")).allows(value)
    assert not Setting(pattern=".*").allows(value)


@example("...")
@example(".. ")
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(Setting().allows))
def test_no_setting_that_is_allowed_leaves_its_segment_or_its_host(value):
    url = httpx.URL(request({"path": "/a/{account}/b"}, {"account": value}).url)
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", b"h.example", b"", "")
    assert [unquote(each) for each in url.raw_path.decode().split("/")] == ["", "a", value, "b"]


def test_a_host_is_chosen_and_never_typed():
    settings = {"region": {"choices": ["eu", "us"]}}
    url = "https://{region}.example/{region}"
    asked = request({}, {"region": "eu"}, settings, url=url)
    assert asked.url == "https://eu.example/eu/days"
    with pytest.raises(msgspec.ValidationError, match="choices"):
        declared(url, settings={"region": {}})


def test_a_body_is_typed_and_what_is_no_name_stays():
    body = {
        "query": "{ orders(after: {account}) { edges { node{id} } } }",
        "variables": {"whole": "{start}", "in": "from {start} on", "n": 7, "none": None},
        "list": ["{account}", ["{end}"], True],
        "{account}": "keys are the file's own",
    }
    values = {"account": 'a"b', **windows.bounds(Window(format="unix_ms"), DAY)}
    asked = request({"method": "POST", "body": body}, values)
    start = 1_795_132_800_000
    assert json.loads(asked.body) == {
        "query": '{ orders(after: a"b) { edges { node{id} } } }',
        "variables": {"whole": start, "in": f"from {start} on", "n": 7, "none": None},
        "list": ['a"b', [start + 86_400_000], True],
        "{account}": "keys are the file's own",
    }


async def test_a_page_in_the_body_leads_into_what_was_filled_and_keeps_the_rest():
    """As GraphQL's variables do, day by day."""

    def answer(asked):
        after = json.loads(asked.body)["variables"]["page"]["after"]
        return ok({"rows": [{"id": str(after)}], "next": 7 if after is None else None})

    stream = {
        "method": "POST",
        "mode": "window",
        "window": {"format": "date", "end": "inclusive"},
        "records": "rows",
        "body": {
            "query": "query($day: Date){days(day: $day){id}}",
            "variables": {"from": "{start}", "to": "{end}", "page": {"size": 1, "after": None}},
        },
        "paging": {"kind": "cursor", "path": "next", "param": "variables.page.after", "in": "body"},
    }
    records = []
    async with serving(answer) as server:
        file = declared(server.url, stream)
        async with transport(file) as wire:

            async def sink(page):
                records.extend(page)

            bounds = windows.bounds(file.streams["days"].window, DAY)
            done = await rest.fetch(file, "days", None, wire.send, sink, values=bounds)
    assert (done.pages, records) == (2, [{"id": "None"}, {"id": "7"}])
    first, second = [json.loads(asked.body)["variables"] for asked in server.asked]
    assert first == {
        "from": "2026-11-20",
        "to": "2026-11-20",
        "page": {"size": 1, "after": None},
    }
    assert second == {**first, "page": {"size": 1, "after": 7}}


@pytest.mark.parametrize(
    ("param", "body"),
    [
        ("after", {"after": 7, "a": {"b": 1}}),
        ("a.after", {"a": {"b": 1, "after": 7}}),
        ("a.b.after", {"a": {"b": {"after": 7}}}),
        ("x.y.after", {"a": {"b": 1}, "x": {"y": {"after": 7}}}),
    ],
)
def test_a_dot_leads_into_an_object_which_is_made_where_there_is_none(param, body):
    asked = request({"method": "POST", "body": {"a": {"b": 1}}}, {}, {})
    assert json.loads(paging.put(asked, "body", param, 7).body) == body


def test_in_the_query_a_dot_is_part_of_the_name():
    asked = paging.put(request({}, {}, {}), "query", "page.after", 7)
    assert asked.params == {"page.after": "7"}


def test_a_value_is_never_read_as_a_template():
    values = {"account": "{other}", "other": "x"}
    settings = {"account": {}, "other": {}}
    stream = {"path": "/{account}", "params": {"p": "{account}"}, "headers": {"X-A": "{account}"}}
    asked = request({**stream, "method": "POST", "body": {"b": "{account}"}}, values, settings)
    assert unquote(asked.url) == "https://h.example/{other}"
    assert (asked.params, asked.headers["x-a"]) == ({"p": "{other}"}, "{other}")
    assert json.loads(asked.body) == {"b": "{other}"}


def test_a_setting_that_is_left_empty_leaves_its_parameter_out_and_no_other():
    params = {"filter": "{account}", "named": "of {account}", "blank": "", "n": 0, "off": False}
    left = {"named": "of ", "blank": "", "n": "0", "off": "false"}
    assert request({"params": params}, {"account": ""}, FREE).params == left
    filled = {**left, "filter": "x", "named": "of x"}
    assert request({"params": params}, {"account": "x"}, FREE).params == filled


def test_without_a_value_nothing_is_sent_and_its_name_is_said():
    with pytest.raises(CallLost, match=r"lacks the setting account;.*--set account=") as caught:
        request({}, {})
    assert caught.value.cause is FailureClass.INVALID


@pytest.mark.parametrize("value", ["ü", "a\r\nx: y", "a\nb", "\x00"])
async def test_what_no_header_can_hold_is_not_sent(value):
    anything = {"account": {"pattern": "(?s).+"}}
    asked = request({"headers": {"X-Account": "{account}"}}, {"account": value}, anything)
    loss = await loss_of(ok([]), headers=asked.headers)
    assert (loss.cause, loss.sent) == (FailureClass.INVALID, False)


@pytest.mark.parametrize("value", ["..", ".", "a\nb", ""])
def test_a_value_that_the_file_allows_no_more_is_not_sent(value):
    file = declared("https://h.example", {"path": "/{account}"}, settings=ACCOUNT)
    with pytest.raises(CallLost, match="setting account is not one that") as caught:
        first_request.check_allowed(file, {"account": value})
    assert caught.value.cause is FailureClass.INVALID
    first_request.check_allowed(file, {"account": "acme"})


@pytest.mark.parametrize(
    ("format_", "end", "bounds"),
    [
        ("date", "exclusive", ("2026-11-20", "2026-11-21")),
        ("date", "inclusive", ("2026-11-20", "2026-11-20")),
        ("datetime", "exclusive", ("2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z")),
        ("datetime", "inclusive", ("2026-11-19T23:00:00Z", "2026-11-20T22:59:59Z")),
        ("local_datetime", "inclusive", ("2026-11-20T00:00:00", "2026-11-20T23:59:59")),
        ("unix", "inclusive", (1795129200, 1795215599)),
        ("unix_ms", "inclusive", (1795129200000, 1795215599999)),
        ("unix_ns", "inclusive", (1795129200000000000, 1795215599999999999)),
        ("unix_ns", "exclusive", (1795129200000000000, 1795215600000000000)),
    ],
)
def test_a_days_bounds_are_written_as_its_provider_reads_them(format_, end, bounds):
    window = Window(format=format_, end=end, timezone="Europe/Madrid")
    named = windows.bounds(window, DAY)
    assert (named["start"], named["end"]) == bounds
    assert named["day"] == "2026-11-20"
    stream = {
        "mode": "window",
        "window": msgspec.to_builtins(window),
        "path": "/{day}/{start}",
        "params": {"from": "{start}", "to": "{end}"},
    }
    asked = request(stream, named, {})
    assert unquote(asked.url) == f"https://h.example/2026-11-20/{bounds[0]}"
    assert asked.params == {"from": str(bounds[0]), "to": str(bounds[1])}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Madrid", (2026, 3, 29), 23),
        ("Europe/Madrid", (2026, 10, 25), 25),
        ("America/Santiago", (2026, 9, 6), 23),  # its clocks change at midnight: there is none
        ("America/Santiago", (2026, 4, 4), 25),  # and here there are two
        ("Australia/Lord_Howe", (2026, 10, 4), 23.5),
        ("Pacific/Apia", (2011, 12, 29), 24),  # the day after never came
        ("UTC", (2026, 3, 29), 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(zone, day, hours):
    window = Window(format="unix", timezone=zone)
    named = windows.bounds(window, windows.date(*day))
    assert (named["end"] - named["start"]) / 3600 == hours
    following = windows.bounds(window, windows.date(*day) + windows.ONE_DAY)
    assert following["start"] == named["end"], "no instant lies in two days, or in none"


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_filled_without_a_word(template, values):
    for fill in (placeholders.text, placeholders.document):
        assert isinstance(fill(template, values), str)
