"""Which answers can a provider on loopback give, down to the byte?"""

import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11
import msgspec
import trio

from daemon import rest
from daemon.exchange import CallLost, Request, Response
from daemon.provider_file import Limits, ProviderFile
from daemon.secret import Secret
from daemon.transport import Transport

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TLS = ssl.create_default_context()
HERE = ("127.0.0.1", "localhost")
SECRET = "hunter2-and-more"


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in pairs.items()}


Answer = bytes | Callable[[trio.abc.Stream], Awaitable[None]]


@dataclass
class Provider:
    """A server that answers each request once and hangs up; it remembers what it was asked."""

    answer: Callable[[Asked], Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list, repr=False)

    async def serve(self, stream: trio.abc.Stream) -> None:
        try:
            asked = await _request(stream)
            if asked is None:
                return
            self.asked.append(asked)
            answer = self.answer(asked)
            if isinstance(answer, bytes):
                await stream.send_all(answer)
            else:
                await answer(stream)
            await stream.aclose()
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            pass  # the client hung up first, or does not speak plain HTTP: some tests want that


async def _request(stream: trio.abc.Stream) -> Asked | None:
    connection = h11.Connection(h11.SERVER)
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            return None
    assert request is not None
    headers = {name.decode(): value.decode() for name, value in request.headers}
    return Asked(request.method.decode(), request.target.decode(), headers, body)


@asynccontextmanager
async def serving(
    answer: Answer | Callable[[Asked], Answer], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Provider]:
    """Serve on a port of the system's choice; bytes are the answer to everything."""
    provider = Provider(answer if callable(answer) else lambda _: answer)
    listeners: list[Any] = list(await trio.open_tcp_listeners(0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    provider.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    if tls is not None:
        listeners = [trio.SSLListener(each, tls) for each in listeners]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, provider.serve, listeners))
        yield provider
        nursery.cancel_scope.cancel()


def http(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Return a whole answer. Underscores in header names stand for hyphens."""
    fields = {"content_type": "application/json", "content_length": str(len(body)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + body


def ok(document: Any, **headers: str) -> bytes:
    return http(json.dumps(document).encode(), **headers)


def then_silence(start: bytes) -> Callable[[Asked], Answer]:
    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(start)
        await trio.sleep_forever()

    return lambda _: answer


def then_reset(start: bytes) -> Callable[[Asked], Answer]:
    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(start)
        assert isinstance(stream, trio.SocketStream)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return lambda _: answer


def endless(start: bytes, part: bytes, pause: float = 0) -> Callable[[Asked], Answer]:
    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(start)
        while True:
            await stream.send_all(part)
            await trio.sleep(pause)

    return lambda _: answer


def declared(url: str, stream: dict[str, Any] | None = None, **rest_of_file: Any) -> ProviderFile:
    """Return a provider with one stream, `days`."""
    days = {"path": "/days", "primary_key": ["id"], **(stream or {})}
    document = {
        "name": "weather",
        "base_url": url,
        "private_hosts": HERE,
        "streams": {"days": days},
        **rest_of_file,
    }
    return msgspec.convert(document, ProviderFile)


@dataclass
class Run:
    """What came of a fetch."""

    fetched: rest.Fetched
    records: list[dict[str, Any]]
    pages: list[int]


async def fetch(
    provider: ProviderFile, cursor: str | None = None, credential: str | None = SECRET
) -> Run:
    """Fetch `days` over a real transport. Raises CallLost."""
    records: list[dict[str, Any]] = []
    pages: list[int] = []

    async def sink(page: list[dict[str, Any]]) -> None:
        records.extend(page)
        pages.append(len(page))

    secret = None if credential is None else Secret(credential)
    async with transport(provider) as wire:
        fetched = await rest.fetch(provider, "days", secret, wire.send, sink, cursor=cursor)
    return Run(fetched, records, pages)


async def lost(provider: ProviderFile, cursor: str | None = None) -> CallLost:
    """Fetch `days` and return how that failed."""
    try:
        run = await fetch(provider, cursor)
    except CallLost as error:
        loss = error
    else:
        raise AssertionError(f"nothing was lost: {run}")
    assert SECRET not in "".join((str(loss), repr(loss), loss.message))
    return loss


def transport(provider: ProviderFile, tls: ssl.SSLContext = TLS) -> Transport:
    return way(provider.limits, tls=tls)


def way(limits: Limits, *, tls: ssl.SSLContext = TLS, **options: Any) -> Transport:
    """Return the real transport to servers on this host."""
    return Transport(limits, tls=tls, clock=lambda: NOW, **{"private_hosts": HERE} | options)


def request(url: str, **fields: Any) -> Request:
    return Request(method="GET", url=url, endpoint="GET /days", stream="days", **fields)


async def outcome(answer, limits=None, **fields) -> Response | CallLost:
    """Return what came of one exchange; a nursery would wrap what it raised into a group."""
    async with (
        serving(answer) as server,
        transport(declared(server.url, limits=limits or {})) as wire,
    ):
        try:
            return await wire.send(request(f"{server.url}/days", **fields))
        except CallLost as loss:
            return loss


async def answer_to(answer, **fields) -> Response:
    response = await outcome(answer, **fields)
    assert isinstance(response, Response)
    return response


async def loss_of(answer, limits=None, **fields) -> CallLost:
    loss = await outcome(answer, limits, **fields)
    assert isinstance(loss, CallLost)
    return loss


async def fetched(answer, stream=None, cursor=None, **rest_of_file):
    """Return what came of a fetch, and what the provider was asked."""
    async with serving(answer) as server:
        return await fetch(declared(server.url, stream, **rest_of_file), cursor), server.asked


async def fetch_lost(answer, stream=None, cursor=None, **rest_of_file) -> CallLost:
    async with serving(answer) as server:
        return await lost(declared(server.url, stream, **rest_of_file), cursor)
