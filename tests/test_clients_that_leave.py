"""Is what was asked for given up once its client has gone, and only then?"""

from types import SimpleNamespace

import pytest
import trio
import trio.testing
from starlette.responses import Response

from daemon.control import server


class Asking:
    """A request whose client is heard to say no more once that is `told`."""

    def __init__(self, *, gone):
        self.told = trio.Event()
        self.state = SimpleNamespace(gone=lambda: gone)

    async def receive(self):
        await self.told.wait()
        self.told = trio.Event()
        return {"type": "http.disconnect"}


async def answered(request, left, *, at_once):
    told = request.told

    async def respond(_):
        if at_once:  # it goes on in the very step in which the client's end is heard
            await told.wait()
        else:
            await trio.sleep(5)
        return Response(b"this")

    async with trio.open_nursery() as nursery:
        found = []

        async def ask():
            found.append(await server._while_awaited(request, respond, left))

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        told.set()
    return found[0].body


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_has_gone_is_answered_nothing(autojump_clock, at_once):
    """An answer that nobody drops would be told for ever, where it has no end."""
    for left in (server._is_gone, server._is_silent):
        assert await answered(Asking(gone=True), left, at_once=at_once) == b""


async def test_who_says_no_more_and_listens_is_answered(autojump_clock):
    asked = Asking(gone=False)
    assert await answered(asked, server._is_gone, at_once=False) == b"this"
    asked = Asking(gone=False)
    assert await answered(asked, server._is_silent, at_once=False) == b""
