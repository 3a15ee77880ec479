"""How are requests taken from a listening socket, so that no client can hold the daemon up?

Hypercorn speaks HTTP; this is its Trio server with five things added: the peer's credentials reach
the application, a client that stops reading is dropped, connections are counted, what is sent of a
request that was answered before its end is thrown away, and nobody is cut off who still sends.
"""

import select
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, cast

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState

CONNECTIONS_MAX = 64
SEND_S = 10.0  # a client that takes nothing for so long is gone
BODY_BYTES_MAX = 64 * 1024
KEEP_ALIVE_S = 30.0
LINGER_S = 2.0  # for a client to read our last answer, and to stop sending
LINGER_BYTES_MAX = 8 * 1024 * 1024  # whoever sends more than that after it will not listen
RECEIVED_MAX = 64 * 1024  # at once
REFUSE_S = 1.0
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
    b"connection: close\r\n\r\n"
    b'{"code":"busy","message":"too many connections to the daemon are open; close some"}'
)
UCRED = struct.Struct("3i")
GID = struct.Struct("I")
SO_PEERGROUPS = 59  # linux: asm-generic/socket.h; the socket module does not name it
GROUPS_MAX = 1024  # of one process; who has more counts by its own group alone

GONE = (
    trio.BrokenResourceError,
    trio.BusyResourceError,  # its end is being sent
    trio.ClosedResourceError,
    trio.TooSlowError,
)
log = structlog.get_logger()

Application = Callable[..., Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class _Peer(TCPServer):
    """One client's connection."""

    def __init__(self, *known: Any) -> None:
        super().__init__(*known)
        self._listening = trio.CancelScope()
        self._ended = False

    async def _read_data(self) -> None:
        """Read until the client is gone; then nothing waits for its next request any more.

        What comes after our end is thrown away: closed before that, the kernel would reset the
        connection, and a client that still sends would lose our last answer.
        """
        unheard = 0
        with self._listening:
            while unheard < LINGER_BYTES_MAX and (data := await self._received()) is not None:
                if self._ended:
                    unheard += len(data)
                else:
                    await self.protocol.handle(RawData(data))
                if not data:
                    break
        await self.protocol.handle(Closed())
        await self.idle_task.stop()

    async def _received(self) -> bytes | None:
        """Nothing at the client's end of the stream, None where it is gone."""
        try:
            return bytes(await self.stream.receive_some(RECEIVED_MAX))
        except GONE:
            return None

    async def _end(self) -> None:
        """Close our end, and give the client a while to read what we said and close its own."""
        self._ended = True
        self._listening.deadline = trio.current_time() + LINGER_S
        with suppress(*GONE):
            await self.stream.send_eof()
        await self.protocol.handle(Closed())

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, Closed):
            await self._end()
            return
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            try:
                with trio.fail_after(SEND_S, shield=True):
                    await self.stream.send_all(event.data)
            except GONE:
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())


async def serve(
    application: Application,
    listener: trio.SocketListener,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled.

    `scope["state"]` has `uid`, the peer's user id on a Unix socket, `groups`, those of its
    process, and `gone`, which tells whether it closed its connection, and not its own end alone.
    """
    config = Config()
    config.errorlog = None
    config.accesslog = None
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.h11_max_incomplete_size = BODY_BYTES_MAX
    context = WorkerContext(None)
    wrapped = ASGIWrapper(_speaking_http_1(_freeing(application)))
    places = trio.CapacityLimiter(CONNECTIONS_MAX)

    async def handle(stream: trio.SocketStream) -> None:
        try:
            places.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            await _refuse(stream)
            return
        try:
            uid, groups = _peer(stream)
            known = {"uid": uid, "groups": groups, "gone": partial(_is_gone, stream)}
            state = ConnectionState(LifespanState(known))
            await _Peer(wrapped, config, context, state, cast(Any, stream)).run()
        except Exception:  # Hypercorn's own: a client that goes in the midst of a request
            log.warning("client-lost", exc_info=True)
            await trio.aclose_forcefully(stream)
        finally:
            places.release_on_behalf_of(stream)

    async with trio.open_nursery() as nursery:
        task_status.started()
        await trio.serve_listeners(handle, [listener], handler_nursery=nursery)


def _speaking_http_1(application: Application) -> Application:
    """Refuse HTTP/2, which Hypercorn would speak to whoever begins with it.

    Its streams go past what bounds a connection, and an answer that its client does not take is
    held in memory, not dropped.
    """

    async def speaking(scope: Message, receive: Receive, send: Send) -> None:
        if scope["http_version"].startswith("1."):
            await application(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 505, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return speaking


def _freeing(application: Application) -> Application:
    """Take in what still comes of a request while its answer ends.

    Hypercorn hands it on through a queue, and would wait for ever for room in one that nobody
    empties any more: the connection would keep its place.
    """

    async def freeing(scope: Message, receive: Receive, send: Send) -> None:
        async def freely(message: Message) -> None:
            if message["type"] != "http.response.body" or message.get("more_body"):
                await send(message)
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_empty, receive)
                await send(message)
                nursery.cancel_scope.cancel()

        await application(scope, receive, freely)

    return freeing


async def _empty(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(stream: trio.SocketStream) -> None:
    """Say at once that there is no place, rather than let one more client wait.

    What it asks is read first: closed before that, the connection would be reset, and the answer
    lost with it.
    """
    async with stream:
        with trio.move_on_after(REFUSE_S), suppress(trio.BrokenResourceError):
            await stream.receive_some(BODY_BYTES_MAX)
            await stream.send_all(BUSY)


def _is_gone(stream: trio.SocketStream) -> bool:
    polled, descriptor = select.poll(), stream.socket.fileno()
    if descriptor < 0:
        return True
    polled.register(descriptor, 0)  # what is asked for is told anyway: that both ends are closed
    return any(found & (select.POLLHUP | select.POLLERR) for _, found in polled.poll(0))


def _peer(stream: trio.SocketStream) -> tuple[int | None, frozenset[int]]:
    """Which user is at the other end, and of which groups, as the kernel noted."""
    if stream.socket.family != socket.AF_UNIX:
        return None, frozenset()
    packed = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
    _, uid, gid = UCRED.unpack(packed)
    try:
        more = stream.socket.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_MAX * 4)
    except OSError:  # an old kernel, or more of them than are asked for: its own group counts
        more = b""
    return int(uid), frozenset({int(gid), *(each for (each,) in GID.iter_unpack(more))})
