"""How does a test run a real `roundsd`, hear what it says, and end it?"""

import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

from events import verify

ROOT = Path(__file__).parents[2]
WAIT_S = 20.0  # far beyond what anything here takes; a deadline, not a measure
LAST_LINES = 20  # shown when one never comes
ENDINGS = ("sync-succeeded", "sync-failed", "sync-cancelled", "sync-interrupted")

TOLERANT = {"breaker_failures": 64, "breaker_syncs_in_a_row": 20, "breaker_syncs_share": 1.0}
"""A policy under which one failure after another opens no breaker."""

Line = dict[str, Any]


class Ended(AssertionError):
    """The process ended before it said what was waited for."""


@dataclass
class Home:
    """One daemon's own directory: configuration, providers, state and socket."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "rounds.toml"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def socket(self) -> Path:
        return self.root / "s"

    def configure(self, *connections: str | tuple[str, Line], **tables: Any) -> None:
        """Write `rounds.toml`: connections by name, or with their settings, then other keys."""
        named = dict((each, {}) if isinstance(each, str) else each for each in connections)
        document = {"state": str(self.state), "socket": str(self.socket), "connections": named}
        self.config.write_text(_toml(document | tables))

    def provide(self, name: str, base_url: str, **rest_of_file: Any) -> None:
        """Write a provider's file."""
        directory = self.root / "providers"
        directory.mkdir(exist_ok=True)
        here = {"private_hosts": ["127.0.0.1", "localhost"]}
        document = {"name": name, "base_url": base_url, **here, **rest_of_file}
        (directory / f"{name}.toml").write_text(_toml(document))

    def secret(self, name: str, text: str) -> str:
        """Write a credential's file; its path."""
        path = self.root / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def view(self, name: str, tenant: str | None = None) -> list[Line]:
        """What people see of a stream, as plain `sqlite3` shows it; none before there is one."""
        with closing(self.open("data")) as connection:
            connection.row_factory = sqlite3.Row
            if not connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = ?", (name,)
            ).fetchone():
                return []
            rows = [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]
        return [row for row in rows if tenant in (None, row["tenant"])]

    def open(self, file: str) -> sqlite3.Connection:
        """Open one of its databases as people should: read-only."""
        return sqlite3.connect(f"file:{self.state / file}?mode=ro", uri=True)

    def records(self) -> tuple[int, ...]:
        """How the records' table stands: any row written, replaced or deleted shows in it."""
        with closing(self.open("data")) as connection:
            return connection.execute(
                "SELECT max(id), count(*), total(since), total(until) FROM record"
            ).fetchone()

    def log(self) -> list[Line]:
        """Every event on disk, from a log that verifies: its fields, with seq, at and subject."""
        with closing(self.open("log")) as connection:
            *_, verdict = verify.verify(connection, verify.read_mark(self.state))
            assert verdict.fault is None, f"the log is not sound: {verdict.fault}"
            rows = connection.execute("SELECT seq, at, subject, body FROM event ORDER BY seq")
            return [
                {"seq": seq, "at": at, "subject": subject, **json.loads(body)}
                for seq, at, subject, body in rows
            ]


def _toml(document: Line) -> str:
    return "".join(f"{json.dumps(key)} = {_inline(value)}\n" for key, value in document.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)


@dataclass
class Daemon:
    """A running process, and everything it has said."""

    home: Home
    process: trio.Process
    out: bytearray = field(default_factory=bytearray, repr=False)
    err: bytearray = field(default_factory=bytearray, repr=False)
    lines: list[Line] = field(default_factory=list, repr=False)
    silent: bool = False  # it has closed its output: nothing more will come
    _more: trio.Event = field(default_factory=trio.Event, repr=False)

    async def hear(self) -> None:
        """Take in what it writes, until it ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._gather_errors)
            rest = b""
            async for chunk in self.process.stdout:
                self.out += chunk
                *whole, rest = (rest + chunk).split(b"\n")
                self.lines += [json.loads(line) for line in whole]
                self._tell()
        self.silent = True
        self._tell()

    async def said(self, event: str, **fields: Any) -> Line:
        """Wait for a line of that name with those fields."""
        return (await self.heard(lambda line: line["event"] == event and _has(line, fields)))[-1]

    async def heard(self, wanted: Callable[[Line], Any]) -> list[Line]:
        """Wait for the first line that is wanted; all lines up to it."""
        looked_at = 0
        with trio.move_on_after(WAIT_S):
            while True:
                while looked_at < len(self.lines):
                    looked_at += 1
                    if wanted(self.lines[looked_at - 1]):
                        return self.lines[:looked_at]
                if self.silent:
                    raise Ended(self.complaint or str(self.lines[-5:]))
                await self._more.wait()
        last = "\n".join(str(line) for line in self.lines[-LAST_LINES:])
        raise trio.TooSlowError(f"it never said so; its last lines:\n{last}")

    async def ending(self, sync: int) -> Line:
        """Wait for the outcome of that sync."""
        lines = await self.heard(lambda line: line["event"] in ENDINGS and line["sync"] == sync)
        return lines[-1]

    async def ask(self, operation: str, **query: Any) -> Line:
        """Ask over the control socket, and expect an answer."""
        return _answer(await self.call("GET", operation, params=query))

    async def tell(self, operation: str, connection: str, **fields: Any) -> Line:
        """Make it do something over the control socket, and expect that it does."""
        body = {"connection": connection, **fields}
        return _answer(await self.call("POST", operation, json=body))

    async def sync(self, connection: str) -> Line:
        """Sync a connection now; how that ended."""
        (seq,) = (await self.tell("sync", connection))["events"]
        started = await self.said("sync-started", request=seq)
        return await self.ending(started["seq"])

    async def call(self, method: str, operation: str, **rest: Any) -> httpx.Response:
        async with self.client() as client:
            return await client.request(method, f"/v1/{operation}", **rest)

    def client(self) -> httpx.AsyncClient:
        wire = httpx.AsyncHTTPTransport(uds=str(self.home.socket), verify=False)
        return httpx.AsyncClient(transport=wire, base_url="http://rounds", timeout=WAIT_S)

    async def tail(
        self, wanted: Callable[[Line], Any], after: int = 0, *, within_s: float = WAIT_S
    ) -> list[Line]:
        """Follow the event stream up to the first event that is wanted; all that came by then."""
        return await self._tail(lambda item: wanted(item["event"]), after, within_s)

    async def events(self, *, after: int, last: int) -> list[Line]:
        """Follow the event stream from one number to another."""
        return await self._tail(lambda item: item["seq"] == last, after)

    async def follow(self, after: int) -> trio.SocketStream:
        """Open the event stream, as plain HTTP/1.0, so that nothing frames its lines."""
        stream = await trio.open_unix_socket(str(self.home.socket))
        await stream.send_all(f"GET /v1/tail?after={after} HTTP/1.0\r\nHost: r\r\n\r\n".encode())
        return stream

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal this very process, and wait for its end; its exit code."""
        self.process.send_signal(number)
        return await self.end()

    async def end(self) -> int:
        """Wait for its end, and for all that it said; its exit code."""
        with trio.fail_after(WAIT_S):
            code = await self.process.wait()
            while not self.silent:
                await self._more.wait()
        return code

    @property
    def complaint(self) -> str:
        """What it wrote to standard error."""
        return self.err.decode()

    async def _tail(
        self, wanted: Callable[[Line], Any], after: int, within_s: float = WAIT_S
    ) -> list[Line]:
        items: list[Line] = []
        async with await self.follow(after) as stream:
            with trio.fail_after(within_s):
                rest = b""
                async for chunk in stream:
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        if line.startswith(b"data: "):
                            items.append(json.loads(line.removeprefix(b"data: ")))
                            if wanted(items[-1]):
                                return items
        raise AssertionError(f"the stream ended after {items[-3:]}")

    async def _gather_errors(self) -> None:
        async for chunk in self.process.stderr:
            self.err += chunk

    def _tell(self) -> None:
        self._more.set()
        self._more = trio.Event()


def _has(line: Line, fields: Line) -> bool:
    return all(line.get(name) == value for name, value in fields.items())


def _answer(response: httpx.Response) -> Line:
    assert response.status_code == 200, response.text
    return response.json()


@asynccontextmanager
async def started(
    home: Home, *before: str, module: str = "daemon.roundsd", environment: Line | None = None
) -> AsyncIterator[Daemon]:
    """Start a daemon without waiting for it; whatever happens, it is dead afterwards."""
    command = [*before, sys.executable, "-m", module, "--config", str(home.config)]
    env = {"PATH": os.environ["PATH"], "HOME": str(home.root), **(environment or {})}
    process = await trio.lowlevel.open_process(
        command, stdin=-3, stdout=-1, stderr=-1, cwd=ROOT, env=env
    )
    daemon = Daemon(home, process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.hear)
            yield daemon
            nursery.cancel_scope.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@asynccontextmanager
async def running(home: Home, *before: str, **rest: Any) -> AsyncIterator[Daemon]:
    """Start a daemon and wait until it is ready."""
    async with started(home, *before, **rest) as daemon:
        await daemon.said("ready")
        yield daemon


async def refused(home: Home, **rest: Any) -> tuple[int, str]:
    """Start a daemon that should not come up: its exit code, and what it says about it."""
    async with started(home, **rest) as daemon:
        code = await daemon.end()
    assert "ready" not in [line["event"] for line in daemon.lines]
    return code, daemon.complaint


def unended(events: Sequence[Line]) -> list[int]:
    """The syncs that have no ending. That none has two is checked on the way."""
    endings: dict[int, int] = {}
    for event in events:
        if event["type"] == "sync-started":
            endings[event["seq"]] = 0
        elif event["type"] in ENDINGS and event.get("sync") is not None:
            assert event["sync"] in endings, f"{event} ends a sync that never started"
            endings[event["sync"]] += 1
    assert all(count <= 1 for count in endings.values()), f"a sync ended twice: {endings}"
    return [sync for sync, count in endings.items() if not count]
