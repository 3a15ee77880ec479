"""Where is the demo played? A directory of its own, the providers' process, and a real roundsd."""

import os
import select
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.client import FOUND, OK, HTTPConnection, HTTPException
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from daemon.demo import declarations
from daemon.demo.interruption import uninterrupted
from daemon.demo.opening import HandedOut, Ledger, Mood, Opening
from daemon.host_lock import SOCKET_PATH_MAX

START_S = 30.0  # a laden machine starts a process in that time
STOP_S = 10.0
ANSWER_S = 25.0  # longer than a made-up provider waits for what it is to tell of
LAST_LINES = 5  # of a daemon that did not start; its last one says why

T = TypeVar("T")

PREFIX = "rounds-demo-"
ROOM = 32  # bytes for the rest of the directory's name, and for the socket's in it
SHORT = Path("/tmp")  # noqa: S108  # mkdtemp makes a directory of our own in it

WITHOUT = ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY")
"""What systemd may have said to whoever types this; it is not meant for the demo's daemon."""


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
        self.opening = Opening(url="", keys={}, client_secret="")
        self.kept = False
        self._provider: Popen[bytes] | None = None
        self._roundsd: Popen[bytes] | None = None

    def open(self) -> None:
        """Start the made-up providers, then roundsd on them. Raises StageBroken."""
        with uninterrupted():
            self._provider = self._start("daemon.demo.provider", stdout=PIPE)
        self.opening = _opening(self._provider)
        for name, text in declarations.texts(str(self.directory), self.opening.url):
            path = self.directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
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

    def business(self, whose: str) -> None:
        """Let some time pass for a tenant at the depot, or for the stock. Raises StageBroken."""
        self._post(f"/business/{whose}", "")

    def stumble(self, day: date) -> None:
        """Let Pulse fail once, when it is next asked for that day. Raises StageBroken."""
        self._post("/pulse/stumble", day.isoformat())

    def revoke(self) -> None:
        """Take back, at Pulse, all that was allowed there. Raises StageBroken."""
        self._post("/pulse/revoke", "")

    def holds(self) -> bool:
        """Wait until Pulse holds a refresh; False where none comes. Raises StageBroken."""
        return self._read("/pulse/holding", dict[str, bool])["holding"]

    def ledger(self) -> Ledger:
        """What Pulse itself has noted. Raises StageBroken."""
        return self._read("/pulse/ledger", Ledger)

    def handed_out(self) -> HandedOut:
        """Every secret that Pulse ever gave out, or was shown. Raises StageBroken."""
        return self._read("/pulse/handed-out", HandedOut)

    def report(self) -> bytes:
        """The stock's report as it would come now. Raises StageBroken."""
        return _ask("GET", f"{self.opening.url}/stock/articles.csv")[1]

    def consent(self, url: str) -> str:
        """Go where a person would go who consents; the address at which the browser ends up.

        Raises StageBroken.
        """
        status, _, location = _ask("GET", url)
        if status != FOUND:
            raise StageBroken(f"Pulse shows an error to the browser ({status})")
        return location

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
        status, _, _ = _ask("POST", self.opening.url + path, body)
        if status != OK:
            raise StageBroken(f"the made-up provider refuses {path} ({status})")

    def _read(self, path: str, type_: type[T]) -> T:
        return msgspec.json.decode(_ask("GET", self.opening.url + path)[1], type=type_)


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


def _ask(method: str, url: str, body: str = "") -> tuple[int, bytes, str]:
    """Ask the made-up providers: status, body, and where they send us on to."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=ANSWER_S)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body)
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("location", "")
    except (OSError, HTTPException) as error:
        raise StageBroken(f"the made-up provider does not answer ({error})") from error
    finally:
        connection.close()


def _stop(process: Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
