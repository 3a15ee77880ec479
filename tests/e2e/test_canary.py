"""Secrets are on the wire to their provider and sealed in the vault, and nowhere else at all.

Each secret of a day's work holds a word that is nowhere else; then that word is looked for in every
file, line and answer, in every spelling that such things get.
"""

import base64
import hashlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, quote_plus, urlencode, urlsplit

import httpx
import pytest
import trio

from daemon.past_worker import SNAPSHOTS
from events.snapshots import Snapshots
from tests.e2e.daemon import ROOT, Daemon, Home, Line, running
from tests.rest import provider
from tests.rest.provider import Asked, http, ok

pytestmark = [pytest.mark.requirement("B2"), pytest.mark.requirement("A16")]

KNOWN = "a-word-that-is-fetched-and-shown"
REDIRECT_URI = "http://127.0.0.1:8723/callback"
CLIENT_ID = "our-id"
WAIT_S = 45.0
CORE_BYTES = 10  # of a word; no two are alike, and none comes about by chance


def word(name: str) -> str:
    """The word by which a secret is known again."""
    return hashlib.sha256(name.encode()).hexdigest()[: 2 * CORE_BYTES]


def secret(name: str) -> str:
    """A secret whose other characters are written differently wherever they are escaped."""
    return f'c/{word(name)}+"%\\&=<{name}>'


# -- in which spellings ---------------------------------------------------------------------------


def spellings(text: str) -> set[bytes]:
    """How a text looks in files and answers; of base64, what is the same whatever stands around."""
    plain = text.encode()
    found = {plain, plain.upper(), plain.hex().encode(), plain.hex().upper().encode()}
    found |= {text.encode("utf-16-le"), text.encode("utf-16-be"), plain[::-1]}
    found |= {quote(text, safe="").encode(), json.dumps(text)[1:-1].encode()}
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(offset) + plain)
            found.add(whole[-(-offset * 8 // 6) : len(whole) - 4])
    return found


SPELT: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "hex": lambda text: text.hex().encode(),
    "HEX": lambda text: text.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 for URLs": base64.urlsafe_b64encode,
    "base64, one on": lambda text: base64.b64encode(b"x" + text),
    "base64, two on": lambda text: base64.b64encode(b"xy" + text + b"z"),
    "Basic": lambda text: base64.b64encode(b"user:" + text),
    "URL": lambda text: quote(text, safe="").encode(),
    "form": lambda text: quote_plus(text).encode(),
    "JSON": lambda text: json.dumps(text.decode()).encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text.decode())).encode(),
    "repr": lambda text: repr(text.decode()).encode(),
    "UTF-16": lambda text: text.decode().encode("utf-16"),
}


@pytest.mark.parametrize("spell", SPELT.values(), ids=SPELT)
def test_a_secret_is_found_however_it_is_spelt(spell):
    haystack = b"\x00some\xff" + spell(secret("needle").encode()) + b"more\x00"
    assert leaks({"needle": word("needle")}, {"there": haystack}) == ["needle in there"]
    assert not leaks({"needle": word("another")}, {"there": haystack})


def leaks(words: dict[str, str], places: dict[str, bytes]) -> list[str]:
    """Which secret is in which place."""
    return [
        f"{name} in {place}"
        for name, text in words.items()
        for spelt in [spellings(text)]
        for place, content in places.items()
        if any(each in content for each in spelt)
    ]


# -- a provider that repeats whatever it hears ----------------------------------------------------


@dataclass
class Parrot:
    """Takes what it is given, hands out tokens, and puts all it heard into every refusal."""

    heard: list[bytes] = field(default_factory=list)
    moods: dict[str, deque[str]] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    codes: int = 0

    def next(self, path: str, *moods: str) -> None:
        """How the next requests to that path are answered; then all is well again."""
        self.moods.setdefault(path, deque()).extend(moods)

    def answer(self, asked: Asked) -> bytes:
        said = json.dumps([asked.target, asked.headers, asked.body.decode()])
        self.heard.append(said.encode())
        planned = self.moods.get(asked.path)
        mood = planned.popleft() if planned else "good"
        gossip = {"error": "invalid_request", "error_description": said, "message": said}
        match mood:
            case "good":
                return self._tokens() if asked.path == "/token" else self._records()
            case "dead":
                return ok({**gossip, "error": "invalid_grant"}).replace(b"200", b"400", 1)
            case "elsewhere":
                away = f"http://127.0.0.1:1/?{urlencode({'token': said})}"
                return http(said.encode(), 302, location=away)
            case "page":
                return http(f"<p>{said}</p>".encode(), content_type="text/html")
            case "half":
                return http(said.encode(), content_length="99999")
            case "malformed":
                return http(said.encode() + b"}")
            case "strange":
                return ok({"token": said, "items": {said: said}})
        return http(json.dumps(gossip).encode(), int(mood), www_authenticate=f"Bearer x={said!r}")

    def _tokens(self) -> bytes:
        number = len(self.issued) // 2 + 1
        access, refresh = secret(f"access {number}"), secret(f"refresh {number}")
        self.issued += [f"access {number}", f"refresh {number}"]
        return ok({"access_token": access, "refresh_token": refresh, "expires_in": 3600})

    def _records(self) -> bytes:
        return ok([{"id": 1, "text": KNOWN}])

    def verifiers(self) -> dict[str, str]:
        """The PKCE verifiers that came, whole: they are made by the daemon."""
        forms = [parse_qs(json.loads(each)[2]) for each in self.heard]
        found = [form["code_verifier"][0] for form in forms if "code_verifier" in form]
        return {f"verifier {number}": each for number, each in enumerate(found, 1)}


FAILURES = ("401", "403", "400", "404", "410", "429", "500", "503")
ODDITIES = ("elsewhere", "page", "half", "malformed", "strange")


# -- a day ----------------------------------------------------------------------------------------


@dataclass
class Day:
    """Everything that was said on it, by whom."""

    home: Home
    parrot: Parrot
    said: dict[str, bytes] = field(default_factory=dict)
    written: set[Path] = field(default_factory=set)

    def note(self, who: str, what: bytes) -> None:
        self.said[f"{who} ({len(self.said)})"] = what

    async def rounds(self, *words: str, typed: str = "", code: int = 0) -> bytes:
        """Type a command; what it printed is noted."""
        done = await trio.run_process(
            [sys.executable, "-m", "daemon.cli", *words],
            stdin=typed.encode(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=ROOT,
            env=self.environment,
        )
        self.note(f"rounds {' '.join(words)}", done.stdout + done.stderr)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home.root),
            "TMPDIR": str(self.home.root / "tmp"),
            "ROUNDS_CONFIG": str(self.home.config),
            "ROUNDS_SOCKET": str(self.home.socket),
        }

    async def call(self, daemon: Daemon, method: str, operation: str, **rest) -> httpx.Response:
        """Ask the API; its answer is noted, headers and all."""
        answer = await daemon.call(method, operation, **rest)
        self.note(f"{method} {operation}", repr(answer.headers.raw).encode() + answer.content)
        return answer

    async def tell(self, daemon: Daemon, operation: str, **body) -> Line:
        answer = await self.call(daemon, "POST", operation, json=body)
        assert answer.status_code == 200, (operation, answer.text)
        return answer.json()

    async def authorise(self, daemon: Daemon, connection: str) -> None:
        begun = await self.tell(daemon, "authorize-begin", connection=connection)
        place = self.place(begun["url"])
        wish = {"connection": connection, "state": begun["state"], "answer": place}
        await self.tell(daemon, "authorize-finish", **wish)

    def place(self, url: str) -> str:
        """Where a browser ends that was sent to that address: with a code."""
        self.parrot.codes += 1
        state = parse_qs(urlsplit(url).query)["state"][0]
        query = {"code": secret(f"code {self.parrot.codes}").replace(" ", "_"), "state": state}
        return f"{REDIRECT_URI}?{urlencode(query)}"

    async def sync(self, daemon: Daemon, connection: str, **options) -> str:
        """How a sync ended; no breaker keeps it, not even after a 410."""
        done = await self.tell(daemon, "sync", connection=connection, force=True, **options)
        started = await daemon.said("sync-started", request=done["events"][0])
        return (await daemon.ending(started["seq"]))["event"]

    def write(self, name: str, text: str) -> str:
        """Write a file of the user's own, in which a secret may stand."""
        path = self.home.secret(name, text)
        self.written.add(Path(path))
        return path

    def listen(self, daemon: Daemon) -> None:
        """Note what a process has said in its life."""
        self.note("standard output", bytes(daemon.out))
        self.note("standard error", bytes(daemon.err))

    def look(self) -> None:
        """Note every file there is, but those that the user wrote."""
        for path in self.home.root.rglob("*"):
            if path.is_file() and path not in self.written:
                self.note(str(path.relative_to(self.home.root)), plain(path))
        for directory in (self.home.root, ROOT):
            assert not list(directory.glob("core*")), "a core was left"


def plain(path: Path) -> bytes:
    """What a file holds; a snapshot lies deflated."""
    content = path.read_bytes()
    if path.parent.name != SNAPSHOTS:
        return content
    pieces = Snapshots(path.parent, "").open(int(path.name)).pieces()
    return content + b"".join(body for _, _, _, body in pieces)


STREAM = {"path": "/records", "primary_key": ["id"], "empty": "accept"}
KEYED = {"kind": "api_key", "header": "X-Key"}


TRIED = "tried_"  # files that no connection has: nobody else calls there while they are tried


def declare(home: Home, url: str) -> None:
    (home.root / "tmp").mkdir()
    streams = {"records": STREAM}
    for name, auth in (
        ("keyed", KEYED),
        ("queried", {"kind": "api_key", "query": "key"}),
        ("basic", {"kind": "basic"}),
    ):
        for each in (name, TRIED + name):
            home.provide(each, f"{url}/{each}", auth=auth, streams=streams)
    home.provide("planted", f"{url}/planted", auth=KEYED, streams=streams)
    home.provide("planted_pair", f"{url}/planted", auth={"kind": "basic"}, streams=streams)
    oauth = {
        "kind": "oauth2",
        "authorize_url": f"{url}/authorize",
        "redirect_uri": REDIRECT_URI,
        "in_doubt": "introspect",
        "introspect_url": f"{url}/introspect",
        "expired": [401],
    }
    for name, client in (("health", "body"), ("fitness", "basic")):
        auth = {**oauth, "client": client, "token_url": f"{url}/token"}
        for each in (name, TRIED + name):
            home.provide(each, f"{url}/{each}", auth=auth, streams=streams)
    auth = {**oauth, "client": "body", "token_url": f"{url}/planted/token"}
    home.provide("planted_oauth", f"{url}/oauth", auth=auth, streams=streams)


async def add(day: Day, daemon: Daemon) -> None:
    """Every way in which a secret comes in."""
    await day.rounds(
        "connection", "add", "acme/queried", "--credential-stdin", typed=secret("query")
    )
    await day.rounds(
        "connection", "add", "acme/planted", "--credential-file",
        day.write("planted.txt", secret("planted")),
    )  # fmt: skip
    for name in ("basic", "planted_pair"):
        credential = f"user:{secret(name)}"
        await day.tell(daemon, "add", connection=f"acme/{name}", credential=credential)
    await day.rounds(
        "provider", "client", "health", "--client-id", CLIENT_ID, "--secret-stdin",
        typed=secret("client"),
    )  # fmt: skip
    for name in ("fitness", "planted_oauth"):
        wish = {"provider": name, "client_id": CLIENT_ID, "client_secret": secret("client")}
        await day.tell(daemon, "provider-client", **wish)
    for name in ("health", "fitness", "planted_oauth"):
        await day.tell(daemon, "add", connection=f"acme/{name}")
    bad = {"connection": "acme/basic", "credential": secret("bad") + "\n"}
    assert (await day.call(daemon, "POST", "add", json=bad)).status_code == 400
    bad = {"connection": "acme/basic", "credential": [secret("bad")]}
    assert (await day.call(daemon, "POST", "add", json=bad)).status_code == 400
    body = f'{{"connection": "acme/basic", "{secret("bad")}": 1, "credential": "x'
    assert (await day.call(daemon, "POST", "add", content=body)).status_code == 400


async def authorise(day: Day, daemon: Daemon) -> None:
    await day.authorise(daemon, "acme/health")
    begun = await day.tell(daemon, "authorize-begin", connection="acme/fitness")
    stranger = day.place(begun["url"]) + "x"  # another state
    wish = {"connection": "acme/fitness", "state": begun["state"], "answer": stranger}
    assert (await day.call(daemon, "POST", "authorize-finish", json=wish)).status_code == 409
    for mood in ("400", "500", "half", "page", "dead"):
        begun = await day.tell(daemon, "authorize-begin", connection="acme/fitness")
        wish = {
            "connection": "acme/fitness",
            "state": begun["state"],
            "answer": day.place(begun["url"]),
        }
        day.parrot.next("/token", mood)
        answer = await day.call(daemon, "POST", "authorize-finish", json=wish)
        assert answer.status_code >= 400
    await day.authorise(daemon, "acme/fitness")
    for name in ("health", "fitness"):
        assert await day.sync(daemon, f"acme/{name}") == "sync-succeeded"


async def go_wrong(day: Day, daemon: Daemon) -> None:
    for name in ("keyed", "queried", "basic", "health"):
        for mood in (*FAILURES, *ODDITIES):
            day.parrot.next(f"/{name}/records", *[mood] * 2)
            await day.sync(daemon, f"acme/{name}")
            day.parrot.moods.clear()
    for mood in (*FAILURES, *ODDITIES):
        for path in ("/token", "/introspect"):
            day.parrot.next(path, *[mood] * 2)
        for _ in range(2):
            await day.sync(daemon, "acme/fitness", threshold="2h")
        day.parrot.moods.clear()
        await recover(day, daemon)


async def recover(day: Day, daemon: Daemon) -> None:
    view = (await daemon.ask("connection", connection="acme/fitness"))["connection"]
    if view["state"] == "unauthorised" or view["grant"]["phase"] == "in-doubt":
        await day.authorise(daemon, "acme/fitness")
    await day.sync(daemon, "acme/fitness")


async def call_through(day: Day, daemon: Daemon) -> None:
    """Programs call providers that repeat to them whatever they were sent."""
    for name in ("keyed", "queried", "basic", "health"):
        for mood in ("good", *sorted({*FAILURES, *ODDITIES}, key="429".__eq__)):  # that holds all
            for method, path in (("GET", "/records"), ("GET", f"/{mood}"), ("POST", "/records")):
                await day.tell(daemon, "breaker-reset", connection=f"acme/{name}")
                day.parrot.next(f"/{name}{path}", *[mood] * 3)
                wish = {"connection": f"acme/{name}", "method": method, "path": path}
                await day.call(daemon, "POST", "request", json=wish | {"timeout_s": 2})
                day.parrot.moods.clear()
    await day.rounds("cache", "list", "acme/keyed")
    await day.call(daemon, "GET", "cache", params={"connection": "acme/keyed"})


async def crash(day: Day, daemon: Daemon) -> None:
    """Our own code fails, with every secret in what it says."""
    for name in ("planted", "planted_pair"):
        await day.tell(daemon, "sync", connection=f"acme/{name}")
        view = (await daemon.ask("connection", connection=f"acme/{name}"))["connection"]
        await daemon.said("actor-crashed", subject=view["subject"])
    begun = await day.tell(daemon, "authorize-begin", connection="acme/planted_oauth")
    place = day.place(begun["url"])
    wish = {"connection": "acme/planted_oauth", "state": begun["state"], "answer": place}
    answer = await day.call(daemon, "POST", "authorize-finish", json=wish)
    assert answer.status_code == 500
    await daemon.said("operation-failed")


async def look_around(day: Day, daemon: Daemon) -> None:
    """Every way in which something is shown."""
    for operation in ("status", "queue", "connections", "providers", "log-stats", "openapi.json"):
        await day.call(daemon, "GET", operation)
    views = [each["connection"] for each in (await daemon.ask("connections"))["connections"]]
    for name in views:
        await day.call(daemon, "GET", "connection", params={"connection": name})
        await day.rounds("connection", "show", name)
    head = (await daemon.ask("status"))["seq"]
    for after in range(0, head, 500):
        await day.call(daemon, "GET", "log", params={"after": after, "limit": 500})
    events = await daemon.events(after=0, last=head)
    day.note("tail", json.dumps(events).encode())
    shown = await day.rounds("data", "show", "acme/keyed", "records", "--json")
    assert KNOWN.encode() in shown
    for words in (
        ("status",), ("queue",), ("connection", "list"), ("connection", "list", "--json"),
        ("provider", "list"), ("provider", "show", "health"), ("config", "show"),
        ("log", "show"), ("log", "show", "--json"), ("log", "stats"), ("log", "verify"),
    ):  # fmt: skip
        await day.rounds(*words)
    for kind, credential in (
        ("keyed", secret("tried")),
        ("queried", secret("tried")),
        ("basic", f"user:{secret('tried')}"),
        ("health", secret("tried")),
    ):
        file = str(day.home.root / "providers" / f"{TRIED}{kind}.toml")
        for mood in ("good", "401", "elsewhere", "malformed", "strange"):
            day.parrot.next(f"/{TRIED}{kind}/records", mood)
            words = ("provider", "check", file, "--try", "--credential-stdin")
            await day.rounds(*words, typed=credential, code=int(mood != "good"))
            day.parrot.moods.clear()


async def test_no_secret_of_a_day_is_anywhere_but_where_it_belongs(home):
    parrot = Parrot()
    async with provider.serving(parrot.answer) as server:
        day = Day(home, parrot)
        declare(home, server.url)
        key = day.write("key.txt", secret("key"))
        home.configure(
            ("acme/keyed", {"credential_file": key}),
            sync={"interval": "7d", "stop_within": "1s"},
            crash={"delay": "1s"},
        )
        planted = {
            "module": "tests.e2e.blabbing",
            "environment": {"TMPDIR": str(home.root / "tmp")},
        }
        async with running(home, **planted) as daemon:
            await add(day, daemon)
            await authorise(day, daemon)
            await go_wrong(day, daemon)
            await call_through(day, daemon)
            await crash(day, daemon)
            await look_around(day, daemon)
            await day.rounds("vault", "rotate")
            assert await day.sync(daemon, "acme/health", threshold="2h") == "sync-succeeded"
            day.look()
            assert await daemon.stop(signal.SIGABRT) == -signal.SIGABRT
        day.listen(daemon)
        day.look()
        async with running(home, **planted) as daemon:
            for name in ("acme/keyed", "acme/queried", "acme/basic", "acme/health"):
                assert await day.sync(daemon, name) == "sync-succeeded"
            await day.tell(daemon, "remove", connection="acme/basic")
            assert await daemon.stop() == 0
        day.listen(daemon)
        day.look()
    check(day)


def check(day: Day) -> None:
    """Every secret went over the wire; what was fetched is found; no secret is."""
    given = ["key", "query", "basic", "client", "tried", *day.parrot.issued]
    given += [f"code {number}" for number in range(1, day.parrot.codes + 1)]
    words = {name: word(name) for name in [*given, "planted", "planted_pair", "bad"]}
    words |= day.parrot.verifiers()
    wire = {"the wire": b"".join(day.parrot.heard)}
    on_the_wire = {each.removesuffix(" in the wire") for each in leaks(words, wire)}
    assert {"key", "query", "basic", "client", "tried", "code 1", "verifier 1"} <= on_the_wire
    assert sum(name.startswith("access ") for name in on_the_wire) > 3
    assert sum(name.startswith("refresh ") for name in on_the_wire) > 3
    found = {each.partition(" in ")[2] for each in leaks({"known": KNOWN}, day.said)}
    assert any(place.startswith("state/data") for place in found), "the search finds what is there"
    assert any(place.startswith("rounds data show") for place in found)
    assert len([place for place in day.said if place.startswith("state/vault")]) >= 6
    everywhere = leaks(words, day.said)
    assert not everywhere, everywhere
