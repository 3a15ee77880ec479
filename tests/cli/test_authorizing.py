"""How does a person authorise a connection by typing, with a browser here or elsewhere?"""

import json
import os
import re
import select
import signal
import socket
import socketserver
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
import trio
from msgspec.structs import replace

from daemon.cli import client, connection_facts, loopback, pasting
from daemon.control.account_messages import AuthorizeWish, GrantView
from daemon.control.messages import ConnectionAnswer, ConnectionName, NewConnection
from events.terms import NeedReason
from tests.cli.world import Terminal, command, terminal, world
from tests.oauth import consent, toolkit
from tests.oauth.peer import CONFIDENTIAL, PAGE_ITEMS, PAGES

RECORDS = PAGES * PAGE_ITEMS
ADDRESS = re.compile(r"https?://\S+")


@pytest.fixture(scope="module")
def peer():
    """A real OAuth server, whose one user consents to everything."""
    with toolkit.serving() as made:
        yield made


@pytest.fixture(scope="module")
def daemon(peer):
    with world("acme/weather") as made:
        declare(made.home, peer, "health")
        for each in ("unset", "asked", "written"):
            declare(made.home, peer, each)
        made.home.configure("acme/weather", providers={"written": {"client_id": "theirs"}})
        made.start()
        words = ("provider", "client", "health", "--client-id", CONFIDENTIAL.id, "--secret-stdin")
        done = made.rounds(*words, stdin=f"{CONFIDENTIAL.secret}\n")
        assert (done.code, done.out) == (0, "health: client set\n")
        assert CONFIDENTIAL.secret not in done.err
        yield made


def declare(home, peer, name, **auth):
    """Write the file of a provider whose tokens and records are the peer's."""
    paging = {"kind": "cursor", "path": "next", "param": "page"}
    records = {"path": peer.paths.records, "records": "items", "primary_key": ["id"]}
    auth = {
        "kind": "oauth2",
        "token_url": peer.at("token"),
        "authorize_url": peer.at("authorize"),
        "scopes": peer.scope.split(),
        "client": "basic",
        "expired": [401, 403],
        **auth,
    }
    home.provide(name, peer.url, auth=auth, streams={"records": {**records, "paging": paging}})


@pytest.fixture
def name(daemon, request):
    """A connection of the test's own."""
    made = f"{request.node.name.partition('[')[0][5:60]}/health"
    client.reach(daemon.home.socket).post("add", NewConnection(connection=made))
    yield made
    client.reach(daemon.home.socket).post("remove", ConnectionName(connection=made))


class Waiting:
    """`authorize` without a terminal, at the point where it waits for the browser."""

    def __init__(self, daemon, *words, **more):
        self.process = daemon.open("connection", "authorize", *words, "--port", "0", **more)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    @property
    def back(self):
        return query(self.url, "redirect_uri")

    def end(self):
        out, err = self.process.communicate(timeout=45)
        return self.process.returncode, out, err


def query(url, name):
    return parse_qs(urlsplit(url).query)[name][0]


def browse(url):
    """Consent, and fetch the page that the redirect leads to."""
    return trio.run(consent.delivered, url)


def given(url):
    """Consent, and say where the browser ends; nobody listens there."""
    return trio.run(consent.given, url)


def get(url):
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.get(url)


# The browser comes back to this host.


@pytest.mark.requirement("C3")
def test_the_browser_comes_back_and_the_first_sync_follows(daemon, name):
    with Waiting(daemon, name) as waiting:
        page = browse(waiting.url)
        code, out, err = waiting.end()
    assert code == 0
    assert out == f"{name}: authorised; its next sync starts at once\n"
    assert f"rounds log tail --connection {name}" in err
    assert page.status_code == 200
    assert f"<h1>{name} is authorised</h1>" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "src=" not in page.text
    assert "href=" not in page.text
    assert daemon.rounds("sync", name, "--wait").code == 0
    shown = daemon.rounds("connection", "show", name).out
    assert re.search(rf"records +{RECORDS} ", shown)
    assert re.search(r"account +authorised\n", shown)
    assert re.search(r"token +number 1, good until .* \(in 60 min\)", shown)


def test_neither_code_nor_state_nor_secret_is_said_anywhere(daemon, name):
    with Waiting(daemon, name) as waiting:
        place = given(waiting.url)
        get(place)
        _, out, err = waiting.end()
    heard = f"{out}{err}{daemon.said}{daemon.rounds('log', 'show', '--json', '--limit', '99').out}"
    for secret in (query(place, "code"), query(place, "state"), CONFIDENTIAL.secret):
        assert secret not in heard


def test_programs_get_the_address_first_and_what_came_of_it_last(daemon, name):
    with daemon.open("connection", "authorize", name, "--port", "0", "--json") as waiting:
        begun = json.loads(waiting.stdout.readline())
        assert set(begun) == {"connection", "url", "redirect_uri", "until"}
        browse(begun["url"])
        done = json.loads(waiting.stdout.read())
    assert waiting.returncode == 0
    assert set(done) == {"seq", "events", "message"}


@pytest.mark.parametrize(
    "ask",
    [
        lambda back, state: get(f"{back}?code=stolen&state=another"),
        lambda back, state: get(f"{back}?code=stolen"),
        lambda back, state: get(f"{back}?code=stolen&state={state}&state={state}"),
        lambda back, state: get(back.replace("callback", "elsewhere") + f"?code=c&state={state}"),
        lambda back, state: get(back.replace("callback", "favicon.ico")),
        lambda back, state: post(f"{back}?code=stolen&state={state}"),
        lambda back, state: said(back, b"GET /callback?state=" + state.encode() + b"\r\n\r\n"),
        lambda back, state: said(back, b"\x16\x03\x01 this is no HTTP\r\n\r\n"),
        lambda back, state: said(back, b"GET /" + b"a" * 40_000),
    ],
    ids=["state", "no-state", "two-states", "path", "icon", "post", "line", "tls", "endless"],
)
def test_whatever_else_comes_gets_a_404_and_changes_nothing(daemon, name, ask):
    with Waiting(daemon, name) as waiting:
        answer = ask(waiting.back, query(waiting.url, "state"))
        assert answer.status_code == 404
        assert name not in answer.text
        assert "unauthorised" in daemon.rounds("connection", "show", name).out
        assert browse(waiting.url).status_code == 200
        assert waiting.end()[0] == 0


def post(url):
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.post(url, content=b"state=x")


def said(url, request):
    """What is answered to these very bytes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 10) as wire:
        wire.sendall(request)
        with wire.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            return httpx.Response(status, text=answer.read().decode())


def test_browsers_that_connect_and_say_nothing_are_in_nobodys_way(daemon, name):
    with Waiting(daemon, name) as waiting:
        parts = urlsplit(waiting.back)
        at = (parts.hostname, parts.port)
        silent = [socket.create_connection(at, 10) for _ in range(loopback.VISITS_MAX + 3)]
        try:
            assert browse(waiting.url).status_code == 200
            assert waiting.end()[0] == 0
        finally:
            for wire in silent:
                wire.close()


def test_who_does_not_allow_it_is_told_that_nothing_has_changed(daemon, name):
    with Waiting(daemon, name) as waiting:
        state = query(waiting.url, "state")
        page = get(f"{waiting.back}?error=access_denied&state={state}")
        code, out, err = waiting.end()
    assert (code, out) == (1, "")
    assert "access_denied" in err
    assert "nothing has changed" in err
    assert f"<h1>{name} is not authorised</h1>" in page.text
    assert "access_denied" in page.text


def test_a_code_that_the_provider_refuses_is_said_with_what_to_do(daemon, name):
    with Waiting(daemon, name) as waiting:
        page = get(f"{waiting.back}?code=made-up&state={query(waiting.url, 'state')}")
        code, out, err = waiting.end()
    assert (code, out) == (1, "")
    assert "not authorised: " in err
    assert "made-up" not in err + page.text


def test_a_beginning_that_the_daemon_forgot_is_begun_again(daemon, name):
    with Waiting(daemon, name) as waiting:
        daemon.stop()
        daemon.start()
        page = get(f"{waiting.back}?code=any&state={query(waiting.url, 'state')}")
        code, _, err = waiting.end()
    assert code == 1
    assert "begin again with `rounds connection authorize`" in err
    assert "is not authorised" in page.text


def test_ctrl_c_leaves_nothing_behind(daemon, name):
    with Waiting(daemon, name) as waiting:
        port = urlsplit(waiting.back).port
        waiting.process.send_signal(signal.SIGINT)
        code, out, _ = waiting.end()
        assert (code, out) == (130, "")
        with socket.create_server(("127.0.0.1", port)):
            pass
    assert "nobody has authorised it yet" in daemon.rounds("connection", "show", name).out


def test_a_port_in_use_is_said_before_anything_begins(daemon, name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        typed = daemon.rounds("connection", "authorize", name, "--port", str(port), "--json")
    assert (typed.code, typed.out) == (1, "")
    assert f"port {port} of 127.0.0.1 is in use; name another one with --port" in typed.err
    assert "--paste" in typed.err
    assert "authorisation begun" not in daemon.rounds("log", "show", "--connection", name).out


def test_the_browser_of_the_desktop_is_opened(daemon, name, tmp_path):
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o700)
    environment = daemon.environment(BROWSER=str(browser))
    with Waiting(daemon, name, "--browser", env=environment) as waiting:
        assert opened.read_text() == waiting.url
        browse(waiting.url)
        assert waiting.end()[0] == 0


def test_where_there_is_no_browser_the_address_is_opened_otherwise(daemon, name):
    with Waiting(daemon, name, "--browser") as waiting:
        browse(waiting.url)
        code, _, err = waiting.end()
    assert code == 0
    assert "there is no browser to start from here; open the address yourself" in err


# The address is pasted.


def pasting_at(daemon, *words, **more):
    return Terminal(daemon, "connection", "authorize", *words, **more)


def shown_address(at):
    at.until("paste here")
    return ADDRESS.search(at.seen)[0]


def test_the_address_is_pasted_and_not_shown(daemon, name):
    with pasting_at(daemon, name, "--paste") as at:
        place = given(shown_address(at))
        assert not at.echoes
        at.type(f"{place}\n")
        typed = at.end()
    assert typed.code == 0
    assert f"{name}: authorised; its next sync starts at once" in typed.out
    assert query(place, "code") not in typed.out
    assert place not in typed.out


def test_pasting_works_while_it_listens_too(daemon, name):
    with pasting_at(daemon, name, "--port", "0") as at:
        address = shown_address(at)
        assert "ssh -L " in at.until("THIS-HOST")
        at.type(f"{given(address)}\n")
        assert at.end().code == 0


def test_the_bare_code_will_do(daemon, name):
    with pasting_at(daemon, name, "--paste") as at:
        at.type(query(given(shown_address(at)), "code") + "\r")
        assert at.end().code == 0


def test_a_wrong_address_is_said_and_another_one_may_follow(daemon, name):
    with pasting_at(daemon, name, "--paste") as at:
        place = given(shown_address(at))
        at.type("http://127.0.0.1:8723/callback?code=c&state=another\n")
        at.until("That address belongs to another authorisation")
        at.type("two words\n")
        at.until("There is no code in what was pasted")
        at.type(f"{'x' * 9000}\n")
        at.until("has more than 8192 characters")
        at.type(f"mistyped\x15wrong\x7f\x7f\x7f\x7f\x7f{place}\n")
        assert at.end().code == 0


def test_an_address_longer_than_a_terminals_line_is_taken_whole(daemon, name):
    with pasting_at(daemon, name, "--paste") as at:
        address = shown_address(at)
        state = query(address, "state")
        at.type(f"http://127.0.0.1:8723/callback?code=made-up&more={'x' * 5000}&state={state}\n")
        typed = at.end()
    assert typed.code == 1
    assert "not authorised: " in typed.out


def test_the_terminal_shows_again_what_is_typed_whatever_happens(daemon, name):
    with pasting_at(daemon, name, "--paste") as at:
        shown_address(at)
        assert not at.echoes
        at.process.send_signal(signal.SIGINT)
        at.process.wait(45)
        assert at.echoes
        assert at.end().code == 130


def test_at_the_end_of_input_nothing_has_changed(daemon, name):
    with pasting_at(daemon, name, "--paste") as at:
        shown_address(at)
        at.type("\x04")
        typed = at.end()
    assert typed.code == 1
    assert f"nothing of use was pasted, so {name} is as it was" in typed.out


def test_the_address_can_be_piped_in(daemon, name):
    process = subprocess.Popen(
        command("connection", "authorize", name, "--paste"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=daemon.environment(),
    )  # fmt: skip
    place = given(process.stdout.readline().strip())
    out, err = process.communicate(f"{place}\n", timeout=45)
    assert (process.returncode, out) == (0, f"{name}: authorised; its next sync starts at once\n")
    assert query(place, "code") not in err


def test_over_ssh_it_is_said_how_to_forward_the_port(daemon, name):
    line = "192.0.2.1 50000 198.51.100.7 2222"
    with pasting_at(daemon, name, "--port", "0", SSH_CONNECTION=line, USER="casey") as at:
        shown_address(at)
        port = urlsplit(query(ADDRESS.search(at.seen)[0], "redirect_uri")).port
        at.until(f"ssh -L {port}:127.0.0.1:{port} -p 2222 casey@198.51.100.7")
        assert "over SSH" in at.seen


def test_a_redirect_elsewhere_can_only_be_pasted(daemon, name):
    elsewhere = ("connection", "authorize", name, "--redirect-uri", "https://example.org/back")
    typed = daemon.rounds(*elsewhere)
    assert typed.code == 2
    assert "add --paste, and give it on standard input" in typed.err
    assert daemon.rounds(*elsewhere, "--paste", "--port", "1234").code == 2
    assert daemon.rounds(*elsewhere, "--port", "1234").code == 2
    typed = daemon.rounds(*elsewhere, "--paste")
    assert typed.code == 1
    assert query(typed.out.strip(), "redirect_uri") == "https://example.org/back"
    with pasting_at(daemon, *elsewhere[2:]) as at:
        shown_address(at)
        assert "Waiting for the browser" not in at.seen


@pytest.mark.parametrize(
    "words", ["http://example.org/back --paste", "nonsense --paste", "http://127.0.0.1:99999/c"]
)
def test_a_redirect_uri_that_cannot_be_is_refused(daemon, name, words):
    typed = daemon.rounds("connection", "authorize", name, "--redirect-uri", *words.split())
    assert (typed.code, typed.out) == (2, "")


# What must be there first, and how long it waits.


def test_without_our_client_it_is_said_what_to_type_first(daemon):
    typed = daemon.rounds("connection", "add", "joe/unset")
    assert typed.out == (
        "joe/unset: added; type next: rounds provider client unset; then: rounds connection "
        "authorize joe/unset\n"
    )
    typed = daemon.rounds("connection", "authorize", "joe/unset", "--paste", "--json")
    assert (typed.code, typed.out, typed.problem["code"]) == (1, "", "no-client")
    assert "type first: rounds provider client unset" in typed.err


def test_only_what_a_person_authorises_is_authorised(daemon):
    typed = daemon.rounds("connection", "authorize", "acme/weather")
    assert typed.code == 2
    assert "acme/weather is not authorised by a person" in typed.err
    assert daemon.rounds("connection", "authorize", "no/pe").code == 3
    assert daemon.rounds("connection", "add", "zoe/weather", "--authorize").code == 2
    assert daemon.rounds("connection", "show", "zoe/weather").code == 3


def test_adding_asks_for_no_credential_and_can_go_on_at_once(daemon):
    typed = terminal(daemon, "connection", "add", "ann/health")
    assert typed.code == 0
    assert "waits to be authorised: rounds connection authorize ann/health" in typed.out
    with Terminal(daemon, "connection", "add", "may/health", "--authorize") as at:
        address = shown_address(at)
        at.type(f"{given(address)}\n")
        assert at.end().code == 0
    assert "account         authorised\n" in daemon.rounds("connection", "show", "may/health").out


def test_our_client_is_asked_for_with_its_secret_hidden(daemon):
    with Terminal(daemon, "provider", "client", "asked") as at:
        at.until("Client id at asked")
        at.type("an-id\n")
        at.until("Client secret at asked (hidden)")
        at.type("not-for-eyes\n")
        typed = at.end()
    assert typed.code == 0
    assert "asked: client set\n" in typed.out
    assert "register this redirect URI at asked: http://127.0.0.1:8723/callback" in typed.out
    assert "not-for-eyes" not in f"{typed.out}{daemon.said}"
    assert re.search(r"asked +own file +0 +oauth2 +set ", daemon.rounds("provider", "list").out)
    assert re.search(r"client +set\n", daemon.rounds("provider", "show", "asked").out)
    again = daemon.rounds("provider", "client", "asked", "--client-id", "other", "--public")
    assert (again.code, again.out) == (0, "asked: client set\n")


@pytest.mark.parametrize(
    "words, why",
    [
        ("asked", "--client-id"),
        ("asked --client-id c", "--secret-stdin or --secret-file, or say --public"),
        ("asked --client-id c --secret-stdin", "there is no secret in standard input"),
        ("asked --client-id c --secret-file /nowhere", "the secret file /nowhere cannot be read"),
        ("asked --client-id c:d --public", "the client id holds a colon"),
        ("weather --client-id c --public", "weather does not speak OAuth; it needs no client"),
    ],
)
def test_a_client_that_cannot_be_is_refused(daemon, words, why):
    typed = daemon.rounds("provider", "client", *words.split(), "--json")
    assert (typed.code, typed.out) == (2, "")
    assert why in typed.err


def test_a_client_of_the_configuration_is_changed_there(daemon):
    typed = daemon.rounds("provider", "client", "written", "--client-id", "c", "--public", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "declared")
    assert daemon.rounds("provider", "client", "nope", "--client-id", "c", "--public").code == 3


def test_what_a_provider_needs_is_shown(daemon):
    shown = daemon.rounds("provider", "show", "dexcom").out
    assert re.search(r"client +not set; type: rounds provider client dexcom\n", shown)
    assert re.search(r"setting host +.*one of api.dexcom.com, api.dexcom.eu", shown)
    assert re.search(r"streams +egvs \(window\), .*devices \(full\)", shown)
    retired = daemon.rounds("provider", "show", "fitbit").out
    assert re.search(
        r"retired +switched off on 2026-11-02; its successor is google_health", retired
    )
    assert "type: rounds provider client" not in retired
    refused = daemon.rounds("connection", "add", "acme/fitbit")
    assert refused.code == 2
    assert "rounds connection add acme/google_health" in refused.err


# What is shown of an account.


def test_those_that_wait_for_a_person_stand_out(daemon, name):
    assert daemon.rounds("status", "--json").document["unauthorised"] >= 1
    assert "to be authorised" in daemon.rounds("status").out.splitlines()[1]
    listed = daemon.rounds("connection", "list").out
    assert re.search(rf"{name} +unauthorised ", listed)
    assert "to be authorised, with `rounds connection authorize NAME`:\n" in listed
    assert re.search(rf"{name} +nobody has authorised it yet\n", listed)
    assert "\x1b[33m" in terminal(daemon, "connection", "list").out
    shown = daemon.rounds("connection", "show", name).out
    assert re.search(rf"type +rounds connection authorize {name}\n", shown)
    typed = daemon.rounds("sync", name, "--wait", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "not-authorised")


def test_one_that_is_paused_is_authorised_and_stays_paused(daemon, name):
    daemon.rounds("pause", name)
    assert re.search(rf"{name} +nobody has authorised it", daemon.rounds("connection", "list").out)
    resumed = daemon.rounds("resume", name).out
    assert resumed.endswith(
        f"resumed; it waits to be authorised: rounds connection authorize {name}\n"
    )
    daemon.rounds("pause", name)
    with Waiting(daemon, name) as waiting:
        browse(waiting.url)
        code, out, err = waiting.end()
    assert (code, out) == (0, f"{name}: authorised; it is paused: rounds resume {name}\n")
    assert "Follow it" not in err


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GOOD = GrantView(
    phase="good",
    reason=None,
    error="",
    generation=4,
    expires_at=NOW + timedelta(minutes=50),
    renew_by=NOW + timedelta(days=20),
    authorised_at=NOW - timedelta(days=3),
    refreshes=12,
    refreshed_at=NOW - timedelta(minutes=10),
)


@pytest.mark.requirement("C9")
@pytest.mark.parametrize(
    "grant, state, said",
    [
        (GOOD, "idle", {"account": "authorised", "refreshed": r"12 times, last .*\(10 min ago\)"}),
        (GOOD, "idle", {"token": r"number 4, good until .*\(in 50 min\)"}),
        (GOOD, "idle", {"next refresh": r"by .*\(in 20 days\) at the latest, lest it die of"}),
        (
            replace(GOOD, expires_at=NOW - timedelta(hours=3)),
            "idle",
            {"token": r"number 4, was good until .*\(3 h ago\)"},
        ),
        (replace(GOOD, phase="refreshing"), "running", {"account": "authorised; a new token is"}),
        (replace(GOOD, phase="in-doubt"), "idle", {"account": "in doubt: .*is found out soon, or"}),
        (
            replace(GOOD, phase="in-doubt", renew_by=NOW + timedelta(seconds=5)),
            "paused",
            {"looked into": r".*\(in 5 s\)"},
        ),
        (
            replace(GOOD, phase="needed", reason=NeedReason.IN_DOUBT),
            "paused",
            {"account": "its refresh token was sent .* there is nothing more to be tried$"},
        ),
        (
            replace(GOOD, phase="needed", reason=NeedReason.USED_UP, error="invalid_grant"),
            "unauthorised",
            {"account": r".* does not take the old one any more \(invalid_grant\)$"},
        ),
        (replace(GOOD, phase="needed"), "running", {"account": "to be authorised by a person"}),
        (
            replace(GOOD, phase="needed", reason=NeedReason.REFUSED, error="invalid_grant"),
            "unauthorised",
            {
                "account": r"the provider no longer honours its authorisation \(invalid_grant\)",
                "type": "rounds connection authorize acme/weather",
            },
        ),
    ],
)
def test_how_a_grant_stands_is_said_in_words(daemon, grant, state, said):
    shown = daemon.rounds("connection", "show", "acme/weather", "--json").out
    view = msgspec.json.decode(shown, type=ConnectionAnswer).connection
    found = dict(connection_facts.facts(replace(view, grant=grant, state=state), NOW))
    for fact, words in said.items():
        assert re.match(words, found[fact])


def test_nobody_came_back_in_time(daemon, name, tmp_path):
    with hurried(daemon, tmp_path / "s") as path:
        words = ("connection", "authorize", name, "--port", "0")
        typed = daemon.rounds("--socket", str(path), *words)
    assert typed.code == 6
    assert f"nobody came back in time, so {name} is as it was; begin again" in typed.err


@contextmanager
def hurried(daemon, path):
    """Lead to the daemon, but let people have no more than half a second."""

    class Ahead(BaseHTTPRequestHandler):
        def do_GET(self):
            self.lead(client.reach(daemon.home.socket).get(self.path.removeprefix("/v1/")))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            wish = AuthorizeWish(**body)
            begun = json.loads(client.reach(daemon.home.socket).post("authorize-begin", wish))
            soon = client.reach(daemon.home.socket).now() + timedelta(seconds=0.5)
            self.lead(json.dumps({**begun, "until": soon.isoformat()}).encode())

        def lead(self, answer):
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def address_string(self):
            return "a socket"

        def log_message(self, *_):
            pass

    with socketserver.ThreadingUnixStreamServer(str(path), Ahead) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


# What listens, by itself.


def test_a_visit_that_goes_away_in_its_middle_is_forgotten():
    with loopback.Loopback("http://127.0.0.1/callback", 0) as listening:
        with socket.create_connection(("127.0.0.1", listening.port), 10) as wire:
            wire.sendall(b"GET /call")
            take_all(listening)
            assert len(listening.wires) == 2
        take_all(listening)
        assert len(listening.wires) == 1


def take_all(listening):
    """Take what there is, once for whoever comes and once for what they say."""
    for _ in range(2):
        ready, _, _ = select.select(listening.wires, [], [], 1)
        for wire in ready:
            assert listening.take(wire, lambda query: True) is None


def test_no_more_visits_are_kept_than_a_browser_makes():
    with loopback.Loopback("http://127.0.0.1/callback", 0) as listening, ExitStack() as stack:
        for _ in range(2 * loopback.VISITS_MAX):
            at = ("127.0.0.1", listening.port)
            stack.enter_context(socket.create_connection(at, 10))
            take_all(listening)
        assert len(listening.wires) == 1 + loopback.VISITS_MAX


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_port_is_part_of_the_redirect_uri(host):
    with loopback.Loopback(f"http://{host}:8723/back", 0) as listening:
        assert listening.redirect_uri == f"http://{host}:{listening.port}/back"
    with loopback.Loopback(listening.redirect_uri, None) as again:
        assert again.redirect_uri == listening.redirect_uri


@pytest.mark.parametrize(
    "text, good",
    [
        ("http://h/c?code=c&state=right", True),
        ("http://h/c?code=c&state=right#fragment", True),
        ("?code=c&state=right", True),
        ("code=c&state=right", True),
        ("4/0AX4XfWh", True),
        ("http://h/c?code=c&state=wrong", False),
        ("http://h/c?code=c&state=right&state=right", False),
        ("http://h/c", False),
        ("a code", False),
        ("&".join("state=right" for _ in range(500)), False),
    ],
)
def test_what_is_pasted_belongs_to_this_beginning_or_not(text, good):
    assert (pasting.wrong(text, "right") is None) == good
