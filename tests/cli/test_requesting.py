"""Does who types `rounds request` learn what came of it, by words and by exit code?"""

import base64
import json
import random
import socket
import subprocess
import threading
from contextlib import ExitStack
from http.client import HTTPResponse

import pytest

from daemon.control.gateway_messages import CONTENT_BYTES_MAX, PATH_CHARACTERS_MAX
from daemon.control.server import LARGE_MAX
from tests.cli.world import WAIT_S, command, terminal, world
from tests.e2e.daemon import ROOT

pytestmark = pytest.mark.requirement("E6")

BINARY = random.Random(1).randbytes(100_000)
KEY = {"primary_key": ["date"]}
CONNECTIONS = (
    "acme/orders",
    "acme/keyed_orders",
    "acme/old_orders",
    "acme/aging_orders",
    "acme/busy",
)


@pytest.fixture(scope="module")
def daemon():
    with world(*CONNECTIONS) as made:
        more = {"streams": {"days": {"path": "/days", **KEY}}}
        for name in ("orders", "busy"):
            made.home.provide(name, made.provider.url, **more)
        made.home.provide(
            "keyed_orders", made.provider.url, idempotency_header="Idempotency-Key", **more
        )
        made.home.provide("old_orders", made.provider.url, retired=True, successor="orders", **more)
        made.home.provide("aging_orders", made.provider.url, successor="orders", **more)
        made.provider.forms["/entries"] = lambda _: (200, {})
        away = {"Location": "https://elsewhere.example/"}
        made.arrived = []
        made.provider.uploads["/upload"] = lambda body: (201, made.arrived.append(body) or body)
        made.provider.routes["/bytes"] = lambda *_: (200, BINARY)
        made.provider.routes["/hostile"] = lambda *_: (200, "red \x1b[31m,\ttab\nend\n")
        made.provider.routes["/moved"] = lambda *_: (302, {}, away)
        made.provider.routes["/later"] = lambda *_: (429, {}, {"Retry-After": "90"})
        made.provider.routes["/gone"] = lambda *_: (410, {})
        made.start()
        yield made


def test_a_key_that_its_provider_does_not_know_is_refused(daemon):
    line = ("POST", "/entries", "--data", "a line", "--key", "order-7")
    typed = daemon.rounds("request", "acme/orders", *line)
    assert (typed.code, typed.out) == (2, "")
    assert "nothing was sent: the file of orders names no header for a key" in typed.err
    assert "idempotency_header" in typed.err
    assert daemon.rounds("request", "acme/keyed_orders", *line).code == 0


@pytest.mark.parametrize("key", ["", "two words", "grün", "line\n", "k" * 256])
def test_a_key_that_fits_into_no_header_is_refused_in_plain_words(daemon, key):
    typed = daemon.rounds("request", "acme/keyed_orders", "POST", "/entries", "--key", key)
    assert (typed.code, typed.out) == (2, "")
    assert typed.err.startswith("rounds: nothing was sent: a --key is 1 to 255 characters")


def test_a_path_that_is_too_long_is_refused_in_plain_words(daemon):
    long = "/" + "a" * PATH_CHARACTERS_MAX
    typed = daemon.rounds("request", "acme/orders", "GET", long)
    assert (typed.code, typed.out) == (2, "")
    assert "a path has at most 4,096 characters" in typed.err
    assert "this one has 4,097" in typed.err


@pytest.mark.parametrize("seconds", ["nan", "NaN", "inf", "0", "-1"])
def test_a_time_that_is_none_is_refused(daemon, seconds):
    typed = daemon.rounds("request", "acme/orders", "GET", "/days", f"--timeout={seconds}")
    assert (typed.code, typed.out) == (2, "")
    assert "invalid value for '--timeout'" in typed.err


def test_a_redirect_that_is_not_followed_ends_with_1(daemon):
    typed = daemon.rounds("request", "acme/orders", "GET", "/moved")
    assert typed.code == 1
    assert typed.err.startswith("302 from the provider")


def test_who_is_to_come_back_is_told_when_by_words_and_by_a_header(daemon):
    with ExitStack() as stack:
        asked = stack.enter_context(socket.socket(socket.AF_UNIX))
        asked.connect(str(daemon.home.socket))
        wish = b'{"connection": "acme/busy", "path": "/later"}'
        head = f"POST /v1/request HTTP/1.0\r\nHost: r\r\nContent-Length: {len(wish)}\r\n\r\n"
        asked.sendall(head.encode() + wish)
        answer = HTTPResponse(asked)
        answer.begin()
        said = json.loads(answer.read())
    assert (answer.status, said["status"]) == (200, 429)
    assert (answer.headers["Retry-After"], said["retry_after_s"]) == ("90", 90)
    assert said["message"].endswith("; come back in 90 s")
    typed = daemon.rounds("request", "acme/busy", "GET", "/days", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "limited")
    assert 0 < typed.problem["retry_after_s"] <= 90


def test_a_path_that_is_gone_is_not_called_a_provider_that_is(daemon):
    typed = daemon.rounds("request", "acme/orders", "GET", "/gone")
    assert typed.code == 1
    assert typed.err.splitlines()[1] == "what is at this path is gone for good (410)"
    typed = daemon.rounds("request", "acme/old_orders", "GET", "/gone")
    assert typed.err.splitlines()[1] == (
        "what is at this path is gone for good (410); the provider was switched off for good: "
        "type `rounds connection relink acme/old_orders`"
    )
    typed = daemon.rounds("request", "acme/aging_orders", "GET", "/gone")
    assert typed.err.splitlines()[1] == (
        "what is at this path is gone for good (410); the connection goes on, and is to move to "
        "orders once its syncs end so"
    )


def test_answers_of_one_path_are_one_line_of_what_is_kept(daemon):
    for page in ("", "?page=2", "?page=3"):
        daemon.rounds("request", "acme/keyed_orders", "GET", f"/hostile{page}")
    typed = daemon.rounds("cache", "list", "acme/keyed_orders")
    (line,) = [each for each in typed.out.splitlines() if "/hostile" in each]
    assert "/hostile (3 answers)" in line
    document = daemon.rounds("cache", "list", "acme/keyed_orders", "--json").document
    assert [each["answers"] for each in document["answers"]] == [3]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("@{}/none", "the body cannot be read from {}/none: No such file or directory"),
        ("@{}", "the body cannot be read from {}: Is a directory"),
        ("@", "--data @ names no file"),
        ("@{}/large", "a request's body has at most 1,048,576 bytes (1 MiB)"),
        ("@/dev/zero", "a request's body has at most 1,048,576 bytes (1 MiB)"),
    ],
)
def test_a_body_that_cannot_be_sent_is_refused_with_a_sentence(daemon, tmp_path, given, why):
    (tmp_path / "large").write_bytes(bytes(CONTENT_BYTES_MAX + 1))
    data = given.format(tmp_path)
    arrived = len(daemon.arrived)
    typed = daemon.rounds("request", "acme/orders", "POST", "/upload", "--data", data)
    assert typed.code == 2
    assert typed.err.startswith(f"rounds: nothing was sent: {why.format(tmp_path)}")
    assert len(daemon.arrived) == arrived


def typed_bytes(daemon, *words, stdin=b""):
    """Type one line into a pipe: what comes out of it, and its end."""
    return subprocess.run(
        command(*words), input=stdin, capture_output=True, timeout=WAIT_S, check=False,
        env=daemon.environment(LC_ALL="C"), cwd=ROOT,
    )  # fmt: skip


BODIES = {
    "empty": b"",
    "text": "Grüße, 😀\r\n".encode(),
    "json": b'{"a": [1, 2]}\n',
    "nothing but quotes": b'"' * CONTENT_BYTES_MAX,
    "nothing but zeros": bytes(CONTENT_BYTES_MAX),
    "large text": ("é" * (CONTENT_BYTES_MAX // 2)).encode(),
    "large": random.Random(2).randbytes(CONTENT_BYTES_MAX),
    "cut in a character": b"\xf0\x9f\x98",
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("given", ["file", "stdin"])
def test_a_body_arrives_and_its_answer_comes_back_byte_for_byte(daemon, tmp_path, name, given):
    body = BODIES[name]
    (tmp_path / "body").write_bytes(body)
    data = f"@{tmp_path}/body" if given == "file" else "@-"
    line = ("request", "acme/orders", "POST", "/upload", "--data", data)
    done = typed_bytes(daemon, *line, stdin=body)
    assert done.returncode == 0, done.stderr
    assert daemon.arrived[-1] == body
    assert done.stdout == body


def test_a_text_that_is_typed_is_sent_as_the_bytes_that_were_typed(daemon):
    for text in ("grün", "a@b", "", b"\xff\x01"):
        done = typed_bytes(daemon, "request", "acme/orders", "POST", "/upload", "--data", text)
        assert done.returncode == 0, done.stderr
        assert daemon.arrived[-1] == (text if isinstance(text, bytes) else text.encode())


def test_who_comes_while_others_hold_all_places_is_told_so_and_not_that_nobody_is_there(daemon):
    begun = b"POST /v1/request HTTP/1.1\r\nHost: r\r\nContent-Length: 1000000\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(LARGE_MAX):
            held = stack.enter_context(socket.socket(socket.AF_UNIX))
            held.connect(str(daemon.home.socket))
            held.sendall(begun)
        assert daemon.rounds("status").code == 0
        line = ("request", "acme/orders", "POST", "/upload", "--data", "@-")
        done = typed_bytes(daemon, *line, stdin=BODIES["large"])
    assert done.returncode == 1
    assert b"8 requests of more than 65,536 bytes are under way" in done.stderr


def test_a_write_whose_daemon_dies_meanwhile_may_have_arrived_and_that_is_said():
    arrived, over = threading.Event(), threading.Event()
    with world("acme/orders") as made:
        days = {"days": {"path": "/days", **KEY}}
        made.home.provide("orders", made.provider.url, streams=days)
        made.provider.uploads["/upload"] = lambda _: (201, arrived.set() or over.wait(WAIT_S))
        made.start()
        line = ("request", "acme/orders", "POST", "/upload", "--data", "a line")
        with made.open(*line) as typed:
            assert arrived.wait(WAIT_S)
            made.process.kill()
            _, said = typed.communicate(timeout=WAIT_S)
        over.set()
    assert typed.returncode == 1, "5 would mean that nothing was asked at all"
    assert "went away; start it with `roundsd`; the write may have arrived, or not: look" in said


def test_an_answer_goes_to_a_file_byte_for_byte(daemon, tmp_path):
    place = tmp_path / "answer"
    place.write_text("what was there before, and longer than nothing")
    line = ("request", "acme/orders", "GET", "/bytes", "--output", str(place))
    typed = daemon.rounds(*line)
    assert (typed.code, typed.out) == (0, "")
    assert place.read_bytes() == BINARY
    place.unlink()
    found = daemon.rounds(*line, "--json").document
    assert base64.b64decode(found["body_base64"]) == place.read_bytes() == BINARY
    assert typed_bytes(daemon, *line[:-2]).stdout == BINARY


def test_where_an_answer_cannot_go_nothing_is_sent(daemon, tmp_path):
    arrived = len(daemon.arrived)
    for place, why in ((tmp_path, "it is a directory"), (tmp_path / "a/b", "no such directory")):
        line = ("POST", "/upload", "--data", "a", "--output", str(place))
        typed = daemon.rounds("request", "acme/orders", *line)
        assert typed.code == 2
        assert f"{place}: " in typed.err
        assert why in typed.err
    assert len(daemon.arrived) == arrived


def test_an_answer_that_cannot_be_written_is_not_passed_over(daemon):
    typed = daemon.rounds("request", "acme/orders", "GET", "/bytes", "--output", "/dev/full")
    assert typed.code == 1
    assert "the answer came, and cannot be written to /dev/full: No space left" in typed.err


def test_a_terminal_is_shown_no_bytes_and_no_escapes(daemon):
    typed = terminal(daemon, "request", "acme/orders", "GET", "/bytes")
    assert typed.code == 0
    assert "its body is 100,000 bytes that are no text" in typed.out
    assert "--output FILE" in typed.out
    assert "\ufffd" not in typed.out
    typed = terminal(daemon, "request", "acme/orders", "GET", "/hostile")
    assert "red \\x1b[31m,\ttab\nend\n" in typed.out
    assert "\x1b[31m" not in typed.out
    piped = typed_bytes(daemon, "request", "acme/orders", "GET", "/hostile")
    assert piped.stdout == b"red \x1b[31m,\ttab\nend\n", "a pipe gets it as it came"
