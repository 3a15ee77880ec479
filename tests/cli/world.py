"""How does a test type `rounds` at a real daemon, whose provider answers on loopback?"""

import json
import os
import select
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl

from tests.e2e.daemon import ROOT, Home

WAIT_S = 45.0  # far beyond what anything here takes; a deadline, not a measure
KEY = "hunter2-and-more"
Said: TypeAlias = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""A status, a document, a text or bytes, and perhaps headers."""

Route = Callable[[BaseHTTPRequestHandler, dict[str, str]], Said]
"""Is given the request and its query."""
DAYS = [{"date": f"2026-01-{day:02}", "rain": day / 2, "note": None} for day in range(1, 31)]


class Provider(ThreadingHTTPServer):
    """Answers /days in pages of ten, /wide, /broken with 500, /keyed to the key, /slow if let.

    A test's own `routes` go before: from a path to what makes an answer of the request; `forms`
    are posted, and `uploads` are bodies of any kind.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.slow = threading.Event()
        self.routes: dict[str, Route] = {}
        self.uploads: dict[str, Callable[[bytes], Said]] = {}
        self.forms: dict[str, Callable[[dict[str, str]], tuple[int, Any]]] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if route := self.server.routes.get(path):
            self._say(*route(self, dict(parse_qsl(query))))
        elif path == "/days":
            page = int(query.partition("=")[2] or 0)
            self._say(200, DAYS[page * 10 :][:10])
        elif path == "/slow":
            self.server.slow.wait(WAIT_S)
            self._say(200, DAYS)
        elif path == "/keyed":
            known = self.headers["X-Key"] == KEY
            self._say(200 if known else 401, DAYS[:3])
        elif path == "/wide":
            red = "\x1b[31m"
            rows = ({f"f{red}{n:02}": f"{row}{red}{n}" for n in range(40)} for row in range(3))
            self._say(200, [{**each, "id": row} for row, each in enumerate(rows)])
        else:
            self._say(500, [])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if upload := self.server.uploads.get(self.path):
            self._say(*upload(body))
            return
        self._say(*self.server.forms[self.path](dict(parse_qsl(body.decode()))))

    def log_message(self, *_: Any) -> None:
        pass

    def _say(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        text = document if isinstance(document, str | bytes) else json.dumps(document)
        body = text if isinstance(text, bytes) else text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the daemon hung up first: some tests want that


@dataclass
class Typed:
    """What one line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON documents that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def problem(self) -> Any:
        """The JSON document that it complained with."""
        return json.loads(self.err.splitlines()[-1])


@dataclass
class World:
    """One home, its provider, and perhaps its daemon."""

    home: Home
    provider: Provider
    said: list[dict[str, Any]] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    process: subprocess.Popen[str] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home.root),
            "ROUNDS_CONFIG": str(self.home.config),
            "ROUNDS_SOCKET": str(self.home.socket),
            "TZ": "UTC",
            **more,
        }

    def rounds(self, *words: str, stdin: str | None = None, **more: str) -> Typed:
        """Type one line, and wait for its end."""
        run = subprocess.run(
            command(*words),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            env=self.environment(**more),
            cwd=ROOT,
        )
        assert "Traceback" not in run.stderr, run.stderr
        return Typed(run.returncode, run.stdout, run.stderr)

    def open(self, *words: str, **rest: Any) -> subprocess.Popen[str]:
        """Type one line, and go on at once."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            command(*words),
            text=True,
            cwd=ROOT,
            **{**pipes, "env": self.environment(), **rest},
        )

    def start(self, within_s: float = WAIT_S) -> None:
        """Start the daemon, and wait until it is ready."""
        self.said = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daemon.roundsd", "--config", str(self.home.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment(),
            cwd=ROOT,
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        self.hear("ready", within_s)

    def hear(self, event: str, within_s: float = WAIT_S, /, **fields: Any) -> dict[str, Any]:
        """Wait until the daemon has said that; it is what waits in these tests."""

        def heard() -> list[dict[str, Any]]:
            return [
                line
                for line in self.said
                if line["event"] == event and fields.items() <= line.items()
            ]

        with self.more:
            assert self.more.wait_for(heard, within_s), f"no {event}: {self.said[-3:]}"
            return heard()[-1]

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(WAIT_S)
            self.process = None

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as out:
            for text in out:
                with self.more:
                    self.said.append(json.loads(text))
                    self.more.notify_all()


def terminal(world: World, *words: str, typed: str = "", after: str = "", **more: str) -> Typed:
    """Type one line at a terminal of 80 columns, and `typed` where it asks for it with `after`."""
    with Terminal(world, *words, **more) as at:
        if typed:
            at.until(after)
            at.type(f"{typed}\n")
        return at.end()


class Terminal:
    """One line that was typed at a terminal, and all that it has shown.

    It has 80 columns, unless `COLUMNS` says otherwise.
    """

    def __init__(self, world: World, *words: str, **more: str) -> None:
        self._ours, theirs = os.openpty()
        usual = {"TERM": "xterm-256color", "COLUMNS": "80"}
        environment = world.environment(**{**usual, **more})
        self.process = subprocess.Popen(
            command(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        os.close(self._ours)

    @property
    def seen(self) -> str:
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown now."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def until(self, text: str) -> str:
        """Wait until it shows that; all that was seen by then."""
        while text not in self.seen:
            chunk = self._read()
            assert chunk, f"it ended without {text!r}: {self.seen}"
            self._seen += chunk
        return self.seen

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> Typed:
        """Wait for its end."""
        while chunk := self._read():
            self._seen += chunk
        return Typed(self.process.wait(WAIT_S), self.seen, "")

    def _read(self) -> bytes:
        """What was written to it; nothing once everybody has let go of its other end."""
        assert select.select([self._ours], [], [], WAIT_S)[0], f"it waits: {self.seen}"
        try:
            return os.read(self._ours, 65536)
        except OSError:
            return b""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "daemon.cli", *words]


@contextmanager
def world(*connections: str, **tables: Any) -> Iterator[World]:
    """A home with providers for all that the loopback one answers; no daemon runs yet."""
    provider = Provider()
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="rounds-", dir="/tmp") as root:
        made = World(Home(Path(root)), provider)
        _declare(made.home, provider.url)
        made.home.configure(*connections, **tables)
        try:
            yield made
        finally:
            provider.slow.set()
            made.stop()
            provider.shutdown()
            provider.server_close()


def _declare(home: Home, url: str) -> None:
    paging = {"kind": "page", "start": 0, "size": 10}
    days = {"path": "/days", "primary_key": ["date"], "paging": paging}
    home.provide("weather", url, title="Weather", streams={"days": days})
    key = {"primary_key": ["date"]}
    home.provide("broken", url, streams={"days": {"path": "/broken", **key}})
    home.provide("slow", url, streams={"days": {"path": "/slow", **key}})
    home.provide("wide", url, streams={"rows": {"path": "/wide", "primary_key": ["id"]}})
    home.provide(
        "keyed",
        url,
        auth={"kind": "api_key", "header": "X-Key"},
        streams={"days": {"path": "/keyed", **key}},
    )
