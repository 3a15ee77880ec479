"""How does one question reach the daemon, and its answer come back in pieces?

HTTP by `h11` over one Unix socket connection a question, under asyncio and Trio alike. Connections
are not kept: no question meets one that the daemon is about to close.
"""

from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import anyio
import h11
from anyio.abc import SocketStream

from daemon.client.failures import Failed, NotRunning, Refused, Unheard
from daemon.control import asking

PIECE_BYTES = 64 * 1024
OK = 200
LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError, h11.RemoteProtocolError)


class Answer:
    """An answer as it comes. Whoever has it closes it; cancelling who waits for it does, too."""

    def __init__(self, path: Path, stream: SocketStream) -> None:
        self.status = 0
        self._path = path
        self._stream = stream
        self._spoken = h11.Connection(h11.CLIENT)

    async def ask(self, method: str, target: str, body: bytes) -> None:
        """Hand the question over, and wait for the answer's beginning. Raises Failed."""
        headers = [("host", "rounds"), ("connection", "close")]
        if method == "POST":
            headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        asked = self._spoken.send(h11.Request(method=method, target=target, headers=headers))
        asked = (asked or b"") + body
        if body:
            self._spoken.send(h11.Data(data=body))
        self._spoken.send(h11.EndOfMessage())
        handed_over = False
        with suppress(anyio.BrokenResourceError):  # it may have answered before the end
            await self._stream.send(asked)
            handed_over = True
        try:
            event = await self._event()
        except LOST:
            raise (Unheard if handed_over else NotRunning)(asking.gone(self._path)) from None
        assert isinstance(event, h11.Response), "an answer begins with its status"
        self.status = event.status_code

    async def piece(self) -> bytes:
        """Some more of it; nothing once it is over. Raises Unheard where it is broken off."""
        try:
            event = await self._event()
        except LOST:
            raise Unheard(asking.gone(self._path)) from None
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def aclose(self) -> None:
        """Hang up, whatever is yet to come."""
        await anyio.aclose_forcefully(self._stream)

    async def _event(self) -> h11.Event:
        while True:
            event = self._spoken.next_event()
            if event is h11.NEED_DATA:
                try:
                    data = await self._stream.receive(PIECE_BYTES)
                except anyio.EndOfStream:
                    data = b""
                self._spoken.receive_data(data)
            elif isinstance(event, h11.Event) and not isinstance(event, h11.InformationalResponse):
                return event


async def ask(path: Path, method: str, target: str, body: bytes = b"") -> Answer:
    """Ask, and give the answer once it begins. Raises Failed."""
    answer = Answer(path, await connect(path))
    try:
        await answer.ask(method, target, body)
    except BaseException:
        await answer.aclose()
        raise
    return answer


async def connect(path: Path) -> SocketStream:
    """Raises Failed: NotRunning where nobody listens, Refused where it is not for this user."""
    try:
        return await anyio.connect_unix(path)
    except OSError as error:
        _unreached(path, error)


def _unreached(path: Path, error: OSError) -> NoReturn:
    failed: Failed = NotRunning(asking.absent([path]))
    if isinstance(error, PermissionError):
        failed = Refused("not-allowed", asking.closed(path))
    raise failed from None
