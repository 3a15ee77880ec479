"""What passes between a client and a server, and what goes wrong there when a test wants it to?

    client ──arrived──► gate ──delivered──► server
           ◄─returned──      ◄──answered───
               dropped: the client got no whole answer, or was gone

Each of these is a step that a test can wait for: `await gate.reached("token-answered")`. The first
word is what the path is for, as `peer.Paths` names it.
"""

import json
import socket
import struct
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import h11
import trio

from tests.oauth import wire
from tests.oauth.peer import Peer

WAIT_S = 20.0  # far beyond what anything here takes; a deadline, not a measure


@dataclass
class Exchange:
    """One request on its way. Of tokens it knows the SHA-256 only."""

    name: str
    method: str
    path: str
    grant: str | None = None
    refresh: str | None = None  # the refresh token that was presented
    bearer: str | None = None  # the access token that was presented
    about: str | None = None  # the token that was asked about, or to be revoked
    delivered: bool = False
    status: int | None = None  # the server's own, whatever the client got
    issued: str | None = None  # the refresh token that the server gave
    returned: bool = False  # the client was sent a whole answer, the server's or another


@dataclass(frozen=True)
class Answer:
    """What a server says, or what is said in its place."""

    status: int
    headers: wire.Headers
    body: bytes = field(repr=False)


class HangUp(Exception):
    """The client shall get nothing more."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


Forward = Callable[[], Awaitable[Answer]]
Turn = Callable[[Exchange, Forward], Awaitable[Answer | bytes]]
"""What becomes of an exchange. Bytes go out as they are, and then the line is dead."""


@dataclass
class Gate:
    """Stands where a client expects the server; `url` is what to tell the client."""

    url: str
    exchanges: list[Exchange] = field(default_factory=list)
    _peer: Peer | None = None
    _next: dict[str, deque[Turn]] = field(default_factory=lambda: defaultdict(deque))
    _each: dict[str, Turn] = field(default_factory=dict)
    _steps: dict[str, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _more: trio.Event = field(default_factory=trio.Event, repr=False)

    def lead_to(self, peer: Peer) -> None:
        """Pass on to this server from now on."""
        self._peer = peer

    def next(self, name: str, *turns: Turn) -> None:
        """Let the next exchanges of that name take these turns, one each."""
        self._next[name].extend(turns)

    def each(self, name: str, turn: Turn) -> None:
        """Let all exchanges of that name take this turn that have none by `next`."""
        self._each[name] = turn

    def spare(self, name: str) -> None:
        """Let exchanges of that name pass again, whatever was planned."""
        self._next.pop(name, None)
        self._each.pop(name, None)

    async def reached(self, step: str, times: int = 1) -> Exchange:
        """Wait until so many exchanges have come to that step since the start; the last of them."""
        with trio.fail_after(WAIT_S):
            while len(self._steps[step]) < times:
                await self._more.wait()
        return self._steps[step][times - 1]

    def count(self, step: str) -> int:
        """How many exchanges have come to that step."""
        return len(self._steps[step])

    def deliveries(self, token: str) -> list[int | None]:
        """How the server answered each delivery of that refresh token; None: not (yet)."""
        return self.ledger().get(digest(token), [])

    def ledger(self) -> dict[str, list[int | None]]:
        """The same of every refresh token that the server was given, by its SHA-256."""
        ledger: dict[str, list[int | None]] = {}
        for each in self.exchanges:
            if each.name == "token" and each.refresh and each.delivered:
                ledger.setdefault(each.refresh, []).append(each.status)
        return ledger

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one client's connection, for as many requests as it likes."""
        line = h11.Connection(h11.SERVER)
        try:
            while await self._one(stream, line):
                line.start_next_cycle()
        except (trio.BrokenResourceError, h11.ProtocolError):
            pass  # the client is gone, or got what is not HTTP; the steps say which exchange it was

    async def _one(self, stream: trio.SocketStream, line: h11.Connection) -> bool:
        """Take one request to its end; whether another may follow."""
        request, body = await wire.receive(stream, line)
        if not isinstance(request, h11.Request):
            return False
        exchange = self._arrived(request, body)
        forward = partial(self._forward, exchange, request, body)
        head_only = exchange.method == "HEAD"
        try:
            said = await self._turn(exchange)(exchange, forward)
            if isinstance(said, bytes):
                await stream.send_all(said)
                return False
            written = wire.response(line, said.status, said.headers, said.body, head_only=head_only)
            await stream.send_all(written)
            exchange.returned = True
        except HangUp as hang_up:
            if hang_up.reset:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        finally:
            self._step(exchange, "returned" if exchange.returned else "dropped")
        return line.our_state is h11.DONE and line.their_state is h11.DONE

    def _arrived(self, request: h11.Request, body: bytes) -> Exchange:
        assert self._peer is not None, "the gate leads nowhere"
        path = urlsplit(request.target.decode()).path
        form = parse_qs(body.decode(errors="replace"))
        headers = dict(request.headers)
        kind, _, token = headers.get(b"authorization", b"").decode().partition(" ")
        exchange = Exchange(
            name=self._peer.paths.name(path),
            method=request.method.decode(),
            path=path,
            grant=form.get("grant_type", [None])[-1],
            refresh=_digest(form, "refresh_token"),
            bearer=digest(token) if kind.lower() == "bearer" else None,
            about=_digest(form, "token"),
        )
        self.exchanges.append(exchange)
        self._step(exchange, "arrived")
        return exchange

    def _turn(self, exchange: Exchange) -> Turn:
        planned = self._next[exchange.name]
        return planned.popleft() if planned else self._each.get(exchange.name, passing)

    async def _forward(self, exchange: Exchange, request: h11.Request, body: bytes) -> Answer:
        """Deliver the request and hear the server out. Raises HangUp when the server does."""
        assert self._peer is not None, "the gate leads nowhere"
        line = h11.Connection(h11.CLIENT)
        server = urlsplit(self._peer.url)
        assert server.hostname is not None
        assert server.port is not None
        try:
            async with await trio.open_tcp_stream(server.hostname, server.port) as stream:
                exchange.delivered = True  # as soon as the server may have read some of it
                await stream.send_all(wire.request(line, request, body))
                self._step(exchange, "delivered")
                response, content = await wire.receive(stream, line)
        except (OSError, trio.BrokenResourceError, h11.RemoteProtocolError) as error:
            raise HangUp from error
        if not isinstance(response, h11.Response):
            raise HangUp
        exchange.status = response.status_code
        exchange.issued = _issued(content)
        self._step(exchange, "answered")
        return Answer(response.status_code, wire.kept(response.headers.raw_items()), content)

    def _step(self, exchange: Exchange, step: str) -> None:
        self._steps[f"{exchange.name}-{step}"].append(exchange)
        self._more.set()
        self._more = trio.Event()


@asynccontextmanager
async def opened(peer: Peer | None = None) -> AsyncIterator[Gate]:
    """Open a gate on a port of the system's choice. It may lead to its server later."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    gate = Gate(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
    if peer is not None:
        gate.lead_to(peer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, gate.serve, listeners))
        yield gate
        nursery.cancel_scope.cancel()


async def passing(exchange: Exchange, forward: Forward) -> Answer:
    """The turn of an exchange that has no other."""
    return await forward()


def digest(token: str) -> str:
    """Return what stands for a token in the gate's books."""
    return sha256(token.encode()).hexdigest()


def _digest(form: dict[str, list[str]], name: str) -> str | None:
    return digest(form[name][-1]) if name in form else None


def _issued(body: bytes) -> str | None:
    try:
        said = json.loads(body)
    except ValueError:
        return None
    token = said.get("refresh_token") if isinstance(said, dict) else None
    return digest(token) if isinstance(token, str) else None
