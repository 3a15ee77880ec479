"""Do those who ask for the past, or listen to it, leave room for everybody else?"""

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from daemon.control.desk import PASTS_MAX, PASTS_WAITING_MAX, REPLAYS_MAX
from daemon.control.http_server import CONNECTIONS_MAX
from tests.e2e.daemon import WAIT_S, running

pytestmark = pytest.mark.requirement("X1")

HELD = PASTS_MAX + PASTS_WAITING_MAX


def worker_of(daemon):
    """The process in which the past is worked out."""
    tasks = Path(f"/proc/{daemon.process.pid}/task").iterdir()
    [child] = [one for each in tasks for one in (each / "children").read_text().split()]
    return int(child)


async def asking(daemon, stack, target):
    """Ask, and read nothing yet."""
    stream = await stack.enter_async_context(await trio.open_unix_socket(str(daemon.home.socket)))
    await stream.send_all(f"GET /v1/{target} HTTP/1.1\r\nHost: r\r\n\r\n".encode())
    return stream


async def answering(daemon):
    """Ask how things are until there is an answer."""
    while (await daemon.call("GET", "status")).status_code != 200:
        await trio.lowlevel.checkpoint()


async def test_who_gave_up_asking_for_the_past_is_in_nobodys_way(home):
    home.configure()
    refused = []

    async def read(stream):
        answer = await stream.receive_some()
        if answer:
            refused.append(answer)

    async with running(home) as daemon:
        await daemon.ask("status", at=1)
        os.kill(worker_of(daemon), signal.SIGSTOP)
        with trio.fail_after(WAIT_S):
            async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
                for _ in range(CONNECTIONS_MAX):
                    nursery.start_soon(read, await asking(daemon, stack, "status?at=1"))
                while len(refused) < CONNECTIONS_MAX - HELD:
                    await trio.lowlevel.checkpoint()
                assert (await daemon.call("GET", "status")).status_code == 503
                nursery.cancel_scope.cancel()
            await answering(daemon)
            assert all(each.startswith(b"HTTP/1.1 409 ") for each in refused)
            assert len(refused) == CONNECTIONS_MAX - HELD
            assert (await daemon.ask("status", at=1))["seq"] == 1, "nobody waits in the line"


async def test_who_says_no_more_and_listens_is_answered(home):
    """As `socat` does, and `nc -N`: their own end is closed once they have asked."""
    home.configure()
    async with running(home) as daemon, AsyncExitStack() as stack:
        stream = await asking(daemon, stack, "status?at=1")
        await stream.send_eof()
        with trio.fail_after(WAIT_S):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_one_more_who_wants_a_story_is_told_so_and_has_a_place_once_another_is_gone(home):
    home.configure()
    async with running(home) as daemon:
        for _ in range(300):
            await daemon.tell("policy-set", None, settings={"interval": "1h"})
            await daemon.tell("policy-set", None, settings={"interval": "2h"})
        with trio.fail_after(WAIT_S):
            async with AsyncExitStack() as stack:
                for _ in range(REPLAYS_MAX):
                    stream = await asking(daemon, stack, "replay?from=1")
                    assert b"200" in await stream.receive_some(100)
                answer = await daemon.call("GET", "replay", params={"from": 1, "to": 2})
                assert answer.status_code == 409
                assert "stories are being told already" in answer.json()["message"]
            wish = {"from": 1, "to": 2}
            while (told := await daemon.call("GET", "replay", params=wish)).status_code == 409:
                await trio.lowlevel.checkpoint()
        assert told.text.count("data: ") == 3
