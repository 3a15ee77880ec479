"""When did each request arrive? A provider in a process of its own, which notes just that.

It tells its port on a line, answers all that comes, and when its standard input ends it gives its
notes and ends as well: by CLOCK_MONOTONIC, which is one for the whole host.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

START_S = 60.0  # a deadline, not a measure
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
HEAD_ENDS = b"\r\n\r\n"


@dataclass
class Noting:
    """The process, seen from ours. Its `notes` are there once it has ended: times, and paths."""

    url: str
    notes: list[tuple[float, str]] = field(default_factory=list)


@asynccontextmanager
async def noting() -> AsyncIterator[Noting]:
    """Run it on a port of the system's choice; it does not outlive us."""
    command = [sys.executable, __file__]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with trio.fail_after(START_S):
            port = b""
            while not port.endswith(b"\n"):
                more = await process.stdout.receive_some()
                assert more, "it tells its port before it ends"
                port += more
        provider = Noting(f"http://127.0.0.1:{int(port)}")
        yield provider
        with trio.fail_after(START_S):
            await process.stdin.aclose()
            said = b"".join([part async for part in process.stdout])
        provider.notes = [(at, path) for at, path in json.loads(said)]
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


async def _serve(stream: trio.SocketStream, notes: list[tuple[float, str]]) -> None:
    """Note a request before its answer leaves. They have no bodies."""
    waiting = b""
    async for part in stream:
        waiting += part
        while HEAD_ENDS in waiting:
            head, _, waiting = waiting.partition(HEAD_ENDS)
            notes.append((time.monotonic(), head.split(b" ")[1].decode()))
            await stream.send_all(ANSWER)


async def _main() -> None:
    notes: list[tuple[float, str]] = []
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, lambda each: _serve(each, notes), listeners)
        _tell(listeners[0].socket.getsockname()[1])
        async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as ours:
            async for _ in ours:
                pass
        nursery.cancel_scope.cancel()
    _tell(notes)


def _tell(what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(_main)
