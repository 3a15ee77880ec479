import io
import json
import time
from datetime import timedelta

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon import logs, supervisor
from daemon.logs import STRUCK
from daemon.secret import Secret

pytestmark = pytest.mark.requirement("F4")

SECRET = "Zm9vYmFyYmF6cXV4"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _as_before():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def said(event="tested", *, to=None, **fields):
    """The raw text of one line."""
    out = to or io.StringIO()
    logs.set_up(out)
    structlog.get_logger().info(event, **fields)
    return out.getvalue()


def line(event="tested", **fields):
    return json.loads(said(event, **fields))


# -- one JSON object a line -----------------------------------------------------------------------


def test_a_line_is_one_json_object_with_stable_names():
    out = io.StringIO()
    logs.set_up(out)
    log = structlog.get_logger()
    log.info("sync-started", seq=7, subject=3)
    log.warning("odd", text="two\nlines")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "sync-started", "level": "info", "seq": 7, "subject": 3}
    assert (second["level"], second["text"]) == ("warning", "two\nlines")


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()  # lone surrogates too
    | st.binary(max_size=3)
    | st.timedeltas()
    | st.builds(object)
    | st.sets(st.text(max_size=3), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.none(), inner, max_size=3)
    ),
)


@given(st.text(), st.dictionaries(st.text(), plain, max_size=4))
def test_whatever_is_logged_is_one_line_and_does_not_raise(event, fields):
    text = logs.render(None, "", logs.redact(None, "", {"event": event, **fields}))
    assert "\n" not in text
    assert isinstance(json.loads(text), dict)
    text.encode()


def test_a_lone_surrogate_survives():
    found = line("bad \ud800 text", also="fine")
    assert found["event"] == "bad ? text"
    assert found["also"] == "fine"


def test_a_number_of_any_size_survives():
    assert line(count=2**80)["count"] in (str(2**80), 2**80)


def test_what_contains_itself_survives():
    loop = []
    loop.append(loop)
    assert STRUCK in said(loop=loop)


def test_plain_values_stay_what_they_are():
    fields = {"count": 3, "ratio": 0.5, "good": True, "none": None, "list": [1, ["a"], {"b": 2}]}
    found = line(**fields)
    assert {name: found[name] for name in fields} == fields


def test_other_values_are_shown_as_text():
    assert line(took=timedelta(seconds=3))["took"] == "0:00:03"


# -- what must not be seen ------------------------------------------------------------------------


LEAKS = {
    "a secret": {"value": Secret(SECRET)},
    "a secret in a list": {"value": [Secret(SECRET)]},
    "a secret as a name": {"value": {Secret: Secret(SECRET)}},
    "bytes": {"value": SECRET.encode()},
    "more bytes": {"value": [bytearray(SECRET.encode()), memoryview(SECRET.encode())]},
    "a header": {"headers": {"Authorization": f"Bearer {SECRET}"}},
    "a key header": {"headers": {"X-Api-Key": SECRET}},
    "another key header": {"headers": {"apikey": SECRET}},
    "a list of headers": {
        "headers": [("x-tried", "1"), ("note", f"Authorization: Basic {SECRET}")]
    },
    "a cookie": {"headers": {"Set-Cookie": f"session={SECRET}"}},
    "a header as text": {"value": f"sent X-Api-Key: {SECRET} to it"},
    "a cookie as text": {"value": f"Cookie: a=b; session={SECRET}"},
    "a scheme as text": {"value": f"it was sent with Bearer {SECRET}"},
    "camel case": {"accessToken": SECRET},
    "a client's secret": {"client_secret": SECRET},
    "a dotted name": {"auth.password": SECRET},
    "deep inside": {"a": {"b": [{"c": {"refresh_token": SECRET}}]}},
    "too deep to look at": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": [SECRET]}}}}}}}},
    "a query": {"url": f"https://api.example.com/days?api_key={SECRET}&page=2"},
    "a query's end": {"url": f"https://api.example.com/days?page=2&sig={SECRET}"},
    "a fragment": {"url": f"https://example.com/back#access_token={SECRET}"},
    "a form": {"value": f"refresh_token={SECRET}&grant_type=refresh_token"},
    "a form in quotes": {"value": f'token="{SECRET}"'},
    "JSON as text": {"value": json.dumps({"access_token": SECRET})},
    "a dict as text": {"value": str({"password": SECRET})},
    "user and password": {"url": f"https://ada:{SECRET}@example.com/"},
    "a user alone": {"url": f"https://{SECRET}@example.com/"},
    "a password with an at sign": {"url": f"https://ada:p@{SECRET}@example.com/"},
    "a URL as a name": {"calls": {f"https://ada:{SECRET}@example.com/": 3}},
    "a URL in a tuple": {"calls": (f"https://ada:{SECRET}@example.com/",)},
    "a web token": {"value": f"got eyJ{SECRET}.{SECRET}.{SECRET}, thanks"},
    "an exception": {"error": ValueError(SECRET)},
    "an exception in a list": {"errors": [ValueError(SECRET)]},
    "an odd object": {"value": {f"https://ada:{SECRET}@example.com/"}},
}


@pytest.mark.parametrize("fields", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_what_looks_like_a_credential_is_struck_out(fields, out):
    text = said(to=out(), **fields)
    assert SECRET not in text
    assert SECRET[:8] not in text


@pytest.mark.parametrize(
    "event", [f"https://ada:{SECRET}@example.com/", f"Bearer {SECRET}", f"the token={SECRET}"]
)
def test_the_event_itself_is_looked_at_too(event):
    assert SECRET not in said(event)


def test_a_web_token_is_struck_out_whole():
    assert line(value=f"<{TOKEN}>")["value"] == f"<{STRUCK}>"


@pytest.mark.parametrize(
    "text",
    [
        "acme/weather",
        "the provider refused the key; check it, then sync again",
        "https://api.example.com/days?page=2&size=10",
        "GET /days/{id}",
        "the token expired",
        "/var/lib/rounds/control.sock",
        "x@example.com",
    ],
)
def test_what_operators_need_stays(text):
    assert line(text, value=text)["value"] == text


def raise_with(text):
    raise ValueError(text)


@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_an_exception_is_told_by_place_and_type_and_never_by_its_text(out):
    stream = out()
    logs.set_up(stream)
    try:
        try:
            raise_with(SECRET)
        except ValueError as error:
            raise ExceptionGroup(SECRET, [error]) from error
    except ExceptionGroup:
        structlog.get_logger().exception("actor-crashed", subject=3)
    text = stream.getvalue()
    assert SECRET not in text
    assert "test_logs.py" in text
    assert "ExceptionGroup: ValueError" in text


def test_the_place_of_a_mistake_in_a_file_about_tokens_is_shown():
    stream = io.StringIO()
    logs.set_up(stream)
    lines = compile("\nraise KeyError", "/daemon/token_endpoint.py", "exec")
    try:
        exec(lines)
    except KeyError as error:
        structlog.get_logger().exception("actor-crashed", why=supervisor.place(error))
    assert "/daemon/token_endpoint.py line 2 in <module>" in stream.getvalue()
    assert "KeyError at token_endpoint.py line 2" in stream.getvalue()


def test_redaction_takes_no_time_to_speak_of_on_hostile_text():
    """Twice the text takes about twice as long, whatever it looks like."""
    for part in ("?", "token", "-a", "eyJ", "://", "x-", "'", "a.", "Bearer ", "&key"):
        began = time.process_time()
        logs.redact(None, "", {"value": part * 10_000})
        assert time.process_time() - began < 2, part


# -- for people -----------------------------------------------------------------------------------


def test_a_terminal_gets_a_line_for_people():
    text = said("sync-started", to=Terminal(), seq=7)
    assert "sync-started" in text
    assert not text.startswith("{")


def test_a_terminal_survives_a_lone_surrogate():
    said("bad \ud800", to=Terminal(), value="\ud800", list=["\ud800"]).encode()
