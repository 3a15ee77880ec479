"""How does the gate take an HTTP/1.1 message whole, and pass one on whole?"""

from collections.abc import Iterable

import h11
import trio

READ_BYTES = 64 * 1024
BODY_BYTES_MAX = 1024 * 1024  # no request or answer of these peers comes near it

BY_THE_HOP = {b"connection", b"content-length", b"keep-alive", b"transfer-encoding"}
"""Headers that each side of the gate sets for itself."""

Headers = list[tuple[bytes, bytes]]


async def receive(
    stream: trio.abc.ReceiveStream, line: h11.Connection
) -> tuple[h11.Request | h11.Response | None, bytes]:
    """Read one message and its body; None where the line closed before one began.

    Raises h11.RemoteProtocolError for half a message, trio.BrokenResourceError for a reset.
    """
    head: h11.Request | h11.Response | None = None
    body = b""
    while True:
        event = line.next_event()
        match event:
            case h11.NEED_DATA:
                line.receive_data(await stream.receive_some(READ_BYTES))
            case h11.Request() | h11.Response():
                head = event
            case h11.Data():
                body += event.data
                assert len(body) <= BODY_BYTES_MAX, "a message without bound"
            case h11.EndOfMessage():
                return head, body
            case h11.ConnectionClosed():
                return None, b""


def request(line: h11.Connection, asked: h11.Request, body: bytes) -> bytes:
    """Write a request as it came, for a connection that has only this one."""
    headers = [*kept(asked.headers.raw_items()), (b"Connection", b"close")]
    if body:
        headers.append((b"Content-Length", str(len(body)).encode()))
    head = h11.Request(method=asked.method, target=asked.target, headers=headers)
    return _written(line, [head, h11.Data(data=body), h11.EndOfMessage()])


def response(
    line: h11.Connection, status: int, headers: Headers, body: bytes, *, head_only: bool
) -> bytes:
    """Write an answer; one to HEAD has no body, and says the length that it would have."""
    length = [(b"Content-Length", str(len(body)).encode())]
    if status == 204 or status == 304 or head_only:
        body, length = b"", []
    head = h11.Response(status_code=status, headers=[*headers, *length])
    return _written(line, [head, h11.Data(data=body), h11.EndOfMessage()])


def kept(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in BY_THE_HOP]


def _written(line: h11.Connection, events: Iterable[h11.Event]) -> bytes:
    return b"".join(line.send(event) or b"" for event in events)
