"""How is a running daemon's disk made to fail at a chosen call?"""

import functools
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.e2e.daemon import WAIT_S, Daemon

LETTING_GO_S = 2.0  # strace sometimes waits for ever for a thread that it saw die
VICTIM = "print(flush=True); input()"


@functools.cache
def works() -> bool:
    if shutil.which("strace") is None:
        return False
    with subprocess.Popen([sys.executable, "-c", VICTIM], stdin=-1, stdout=-1) as victim:
        victim.stdout.readline()
        command = ["strace", "-o", "/dev/null", "-p", str(victim.pid)]
        with subprocess.Popen(command, stderr=-1) as tracer:
            attached = b"attached" in tracer.stderr.readline()
            victim.communicate(b"\n")
            return tracer.wait() == 0 and attached


traced = pytest.mark.skipif(
    not works(), reason="strace is not installed, or may not trace here: faults not injected"
)


@asynccontextmanager
async def failing(daemon: Daemon, file: str, fault: str) -> AsyncIterator[trio.Process]:
    """Inject a fault into the daemon's calls on one file of its state, from now to the end."""
    calls = fault.split(":", maxsplit=1)[0]
    path = str(daemon.home.state / file)
    tracer = await trio.lowlevel.open_process(
        [
            *("strace", "-f", "-o", "/dev/null", "-p", str(daemon.process.pid), "-P", path),
            *("-e", f"trace={calls}", "-e", f"inject={fault}"),
        ],
        stderr=-1,
    )
    try:
        with trio.fail_after(WAIT_S):
            said = b""
            while b"attached" not in said:
                said += await tracer.stderr.receive_some() or b"attached"
        yield tracer
    finally:
        if tracer.returncode is None:
            tracer.send_signal(signal.SIGINT)  # it lets go of the daemon, which goes on
        with trio.move_on_after(LETTING_GO_S, shield=True):
            await tracer.wait()
        if tracer.returncode is None:
            tracer.kill()  # which lets go as well
        await tracer.stderr.aclose()
