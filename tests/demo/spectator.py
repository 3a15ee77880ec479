"""How does a test watch the demo, as somebody does who types it?"""

import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
ROUNDS = (sys.executable, "-m", "daemon.cli")
WAIT_S = 60.0  # far beyond what a demo takes that does not pause


@contextmanager
def empty_directory() -> Iterator[Path]:
    """A temporary directory with a short path; it must be empty in the end."""
    path = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))
    yield path
    assert not processes(path), "a process of the demo is left"
    path.rmdir()


@contextmanager
def demo(
    directory: Path, *options: str, stdout: int = PIPE, **environment: str
) -> Iterator[Popen[str]]:
    """The demo as a process of its own, its output in a pipe unless something else is given."""
    with Popen(
        [*ROUNDS, "demo", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory), **environment},
        stdin=DEVNULL,
        stdout=stdout,
        stderr=PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def watch(directory: Path, *options: str, **environment: str) -> tuple[int, str, str]:
    """The exit code of a whole demo, and what it printed."""
    with demo(directory, *options, **environment) as process:
        out, err = process.communicate(timeout=WAIT_S)
        return process.returncode, out, err


def rounds(exports: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Type a command, with what the demo said to export."""
    return subprocess.run(
        [*ROUNDS, *words],
        cwd=ROOT,
        env={**os.environ, **exports},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def authorise(exports: dict[str, str], connection: str) -> int:
    """Type what authorises a connection, and be the browser; the exit code."""
    with Popen(
        [*ROUNDS, "connection", "authorize", connection, "--port", "0"],
        cwd=ROOT,
        env={**os.environ, **exports},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            with urlopen(address, timeout=WAIT_S) as page:  # it follows redirects
                assert "is authorised" in page.read().decode()
            return process.wait(WAIT_S)
        finally:
            process.kill()


def told(out: str, pattern: str) -> str:
    """What the output says at the pattern's group."""
    found = re.search(pattern, out)
    assert found, f"{pattern} is not in:\n{out}"
    return found[1]


def processes(directory: Path) -> list[int]:
    """Every process that was started with that temporary directory."""
    wanted = f"\0TMPDIR={directory}\0".encode()
    return [int(path.parent.name) for path in _environments() if wanted in _read(path)]


def await_end(pid: int) -> None:
    """Wait for a process that is nobody's child here."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([process], [], [], WAIT_S)[0], f"process {pid} does not end"
    finally:
        os.close(process)


def _environments() -> Iterator[Path]:
    return Path("/proc").glob("[0-9]*/environ")


def _read(path: Path) -> bytes:
    try:
        return b"\0" + path.read_bytes()
    except OSError:  # another user's, or gone by now
        return b""
