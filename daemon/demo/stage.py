"""Where is the demo played? A directory of its own, the providers' process, and a real roundsd."""

import os
import select
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from urllib.parse import urlsplit

import msgspec

from daemon.demo.interruption import uninterrupted
from daemon.demo.opening import Mood, Opening
from daemon.host_lock import SOCKET_PATH_MAX

START_S = 30.0  # a laden machine starts a process in that time
STOP_S = 10.0
ANSWER_S = 5.0
LAST_LINES = 5  # of a daemon that did not start; its last one says why
OK = 200

PREFIX = "rounds-demo-"
ROOM = 32  # bytes for the rest of the directory's name, and for the socket's in it
SHORT = Path("/tmp")  # noqa: S108  # mkdtemp makes a directory of our own in it

WITHOUT = ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY")
"""What systemd may have said to whoever types this; it is not meant for the demo's daemon."""

ROUNDS = """\
state = "{directory}/state"
socket = "{directory}/control.sock"

[sync]
interval = "daily"

[connections]
"bakery/weather" = {{}}
"""

DEPOT = """\
name = "depot"
title = "Depot, a made-up wholesaler of spare parts"
base_url = "{url}/depot"

[auth]
kind = "api_key"
header = "X-Api-Key"

[streams.parts]
path = "/parts"
records = "items"
primary_key = ["sku"]
paging = {{ kind = "next_url", path = "next" }}

[streams.orders]
path = "/orders"
records = "items"
primary_key = ["number"]
mode = "incremental"
cursor = {{ field = "number", param = "after" }}
paging = {{ kind = "next_url", path = "next" }}
"""

WEATHER = """\
name = "weather"
title = "Weather, made up as well"
base_url = "{url}/weather"

[streams.days]
path = "/days"
records = "days"
primary_key = ["day"]
"""


class StageBroken(Exception):
    """The demo cannot be played; the sentence says what is in the way."""


@contextmanager
def set_up() -> Iterator["Stage"]:
    """Play in here; afterwards nothing is left, unless the stage was kept."""
    stage = Stage(_directory())
    try:
        stage.open()
        yield stage
    finally:
        if not stage.kept:
            with uninterrupted():
                stage.close()


class Stage:
    """The demo's files and processes. `kept` says whether they outlive the narrator."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "rounds.toml"
        self.state = directory / "state"
        self.socket = directory / "control.sock"
        self.opening = Opening(url="", keys={})
        self.kept = False
        self._provider: Popen[bytes] | None = None
        self._roundsd: Popen[bytes] | None = None

    def open(self) -> None:
        """Start the made-up providers, then roundsd on them. Raises StageBroken."""
        with uninterrupted():
            self._provider = self._start("daemon.demo.provider", stdout=PIPE)
        self.opening = _opening(self._provider)
        texts = {"rounds.toml": ROUNDS, "providers/depot.toml": DEPOT}
        texts["providers/weather.toml"] = WEATHER
        for name, text in texts.items():
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.format(directory=self.directory, url=self.opening.url))
        self.start()

    def start(self) -> None:
        """Start roundsd, and wait until it says that it is ready. Raises StageBroken."""
        ready = self.directory / "ready.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(os.fspath(ready))
            with uninterrupted():
                self._roundsd = self._start(
                    "daemon.roundsd", ROUNDS_CONFIG=self.config, NOTIFY_SOCKET=ready
                )
            try:
                self._await_ready(self._roundsd, told)
            finally:
                ready.unlink()

    def kill(self) -> None:
        """End roundsd as a power failure would: at once, without a word to it."""
        if self._roundsd is not None:
            self._roundsd.kill()
            self._roundsd.wait()

    def close(self) -> None:
        """Stop both processes and remove the directory."""
        for process in (self._roundsd, self._provider):
            if process is not None:
                _stop(process)
        shutil.rmtree(self.directory)

    def pids(self) -> list[int]:
        """Roundsd's process and the providers'."""
        return [process.pid for process in (self._roundsd, self._provider) if process is not None]

    def mood(self, provider: str, mood: Mood) -> None:
        """Let a made-up provider be in that mood from now on. Raises StageBroken."""
        self._post(f"/moods/{provider}", mood)

    def business(self, tenant: str) -> None:
        """Let some time pass at the depot for a tenant. Raises StageBroken."""
        self._post(f"/business/{tenant}", "")

    def _start(self, module: str, stdout: int | None = None, **environment: Path) -> Popen[bytes]:
        """Start one of our modules in a session of its own: a Ctrl-C is meant for the narrator."""
        kept = {name: value for name, value in os.environ.items() if name not in WITHOUT}
        with (self.directory / f"{module.rpartition('.')[2]}.log").open("ab") as output:
            return Popen(  # noqa: S603  # what is started is our own
                [sys.executable, "-P", "-m", module],
                env={**kept, **{name: os.fspath(path) for name, path in environment.items()}},
                stdin=DEVNULL,
                stdout=stdout or output,
                stderr=output,
                start_new_session=True,
            )

    def _await_ready(self, process: Popen[bytes], told: socket.socket) -> None:
        ended = os.pidfd_open(process.pid)
        waited: list[socket.socket | int] = [told, ended]
        try:
            heard, _, _ = select.select(waited, [], [], START_S)
        finally:
            os.close(ended)
        if told not in heard:
            what = "ended" if heard else f"was not ready within {START_S:g} s"
            raise StageBroken(f"roundsd {what}; it last said:\n{self._last_words()}")

    def _last_words(self) -> str:
        lines = (self.directory / "roundsd.log").read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-LAST_LINES:]) or "nothing"

    def _post(self, path: str, body: str) -> None:
        connection = HTTPConnection(urlsplit(self.opening.url).netloc, timeout=ANSWER_S)
        try:
            connection.request("POST", path, body)
            status = connection.getresponse().status
        except OSError as error:
            raise StageBroken(f"the made-up provider does not answer ({error})") from error
        finally:
            connection.close()
        if status != OK:
            raise StageBroken(f"the made-up provider refuses {path} ({status})")


def _directory() -> Path:
    """A new directory whose path leaves room for a Unix socket's."""
    inside = Path(tempfile.gettempdir())
    if len(os.fsencode(inside / PREFIX)) > SOCKET_PATH_MAX - ROOM:
        inside = SHORT
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=inside))


def _opening(provider: Popen[bytes]) -> Opening:
    assert provider.stdout is not None, "it was started with a pipe"
    heard, _, _ = select.select([provider.stdout], [], [], START_S)
    line = provider.stdout.readline() if heard else b""
    if not line:
        raise StageBroken("the made-up providers do not start")
    return msgspec.json.decode(line, type=Opening)


def _stop(process: Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
