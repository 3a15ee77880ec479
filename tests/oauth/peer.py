"""What have all OAuth servers here in common: a process on loopback, who may ask it, and where?"""

import json
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
START_S = 30.0  # each takes a second or two; a deadline, not a measure
ANSWER_S = 10.0  # for a line on its standard input, which it answers at once

PAGES = 3
PAGE_ITEMS = 4
"""`/api/records?page=1` to `?page=3` hold four records each."""


@dataclass(frozen=True, kw_only=True)
class Application:
    """A client as the server knows it. Without a secret it is public."""

    id: str
    secret: str | None = None
    grant: str = "authorization_code"


# A secret that comes through Basic only if it was form-encoded first (RFC 6749, section 2.3.1).
CONFIDENTIAL = Application(id="confidential", secret="not a+secret/of:any%41 one")
PUBLIC = Application(id="public")
MACHINE = Application(id="machine", secret="not-a-secret-either", grant="client_credentials")
APPLICATIONS = (CONFIDENTIAL, PUBLIC, MACHINE)

# Both servers let a loopback address have any port (RFC 8252, section 7.3); the path must be this.
REDIRECT_URI = "http://127.0.0.1/callback"


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where a server answers to what."""

    authorize: str
    token: str
    introspect: str
    revoke: str
    records: str = "/api/records"

    def name(self, path: str) -> str:
        """What a path is for; "other" if it is none of these."""
        named = {getattr(self, each.name): each.name for each in fields(self)}
        return named.get(path, "other")


@dataclass
class Peer:
    """A running server. `dataclasses.replace(peer, url=gate.url)` is the same one behind a gate."""

    url: str
    paths: Paths
    scope: str
    """What to ask for so that a refresh token comes."""
    authorize_with: dict[str, str]
    """What the authorize URL must say besides, for the same reason."""
    process: subprocess.Popen[bytes] = field(repr=False)

    def at(self, name: str) -> str:
        """The URL of an endpoint, by the name that it has in `paths`."""
        return self.url + getattr(self.paths, name)

    def ahead(self, seconds: float) -> None:
        """Move its clock on, by as much again at each call: what expires in time, expires."""
        _tell(self.process, {"ahead": seconds})


@contextmanager
def process(
    command: Sequence[str], *, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Run a server and yield it with the first line it says, a JSON object.

    It ends itself when its standard input does, so none outlives a run of tests that was killed.
    Raises AssertionError with its last words when it does not come up.
    """
    with tempfile.TemporaryFile() as words:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **(env or {})},
        )
        with server:
            try:
                yield server, _line(server, START_S, words)
            finally:
                server.kill()  # all it knows goes with it


def _tell(server: subprocess.Popen[bytes], line: dict[str, Any]) -> None:
    assert server.stdin is not None
    server.stdin.write(json.dumps(line).encode() + b"\n")
    server.stdin.flush()
    said = _line(server, ANSWER_S)
    assert said == line, said


def _line(
    server: subprocess.Popen[bytes], wait_s: float, words: IO[bytes] | None = None
) -> dict[str, Any]:
    assert server.stdout is not None
    ready, _, _ = select.select([server.stdout], [], [], wait_s)
    line = server.stdout.readline() if ready else b""
    if not line:
        server.kill()
        server.wait()
        last = ""
        if words is not None:
            words.seek(0)
            last = words.read().decode(errors="replace")[-2000:]
        raise AssertionError(f"{server.args} ended or fell silent: {last}")
    return json.loads(line)
