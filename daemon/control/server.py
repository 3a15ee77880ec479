"""How does a request become an operation, and its answer a response?"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

import msgspec
import structlog
import trio
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from daemon.control import asof, narrowed, openapi, speaking
from daemon.control.desk import Desk, Refused, seconds
from daemon.control.http_server import BODY_BYTES_MAX
from daemon.control.messages import Problem
from daemon.control.operation import Operation, Role, Stream
from daemon.control.operations import OPERATIONS, STREAMS
from events.terms import Caller

PREFIX = "/v1/"
AT = "at"
BODY_S = 10.0  # a local client that needs longer has stopped
LARGE_MAX = 8  # requests over BODY_BYTES_MAX at once: read and decoded each takes up to 7 MiB
PLACE_S = 5.0  # how long a large one waits for its place
FULL = (
    f"nothing was done: {LARGE_MAX} requests of more than {BODY_BYTES_MAX:,} bytes are under way, "
    "and there may be no more at once; try again"
)
STATUS = {
    "invalid": 400,
    "not-allowed": 403,
    "not-found": 404,
    "pruned": 410,
    "too-large": 413,
    "taken": 409,
    "busy": 409,
    "paused": 409,
    "running": 409,
    "breaker": 409,
    "declared": 409,
    "not-authorised": 409,
    "no-client": 409,
    "outbox-full": 409,
    "limited": 429,
    "provider": 502,
    "timed-out": 504,
    "disk-full": 503,
    "internal": 500,
}

log = structlog.get_logger()
T = TypeVar("T", bound=Struct)
Left: TypeAlias = Callable[[Request], bool]
"""Whether a client whose end was heard waits for nothing any more."""


def application(desk: Desk, role: Role) -> Starlette:
    """The API as one ASGI application, for a socket that gives this role."""
    places = trio.CapacityLimiter(LARGE_MAX)
    routes = [_operation(desk, role, operation, places) for operation in OPERATIONS]
    routes += [_stream(desk, role, stream) for stream in STREAMS]
    document = openapi.document(OPERATIONS, STREAMS, desk.version, STATUS)

    async def describe(request: Request) -> Response:
        try:
            _caller(request, desk, role, Role.VIEWER)
        except Refused as refused:
            return _refused(refused)
        return _json(200, document)

    return Starlette(routes=[*routes, Route(f"{PREFIX}openapi.json", describe)])


def _operation(desk: Desk, role: Role, operation: Operation, places: trio.CapacityLimiter) -> Route:
    speaks = speaking.BY_NAME[operation.name]

    async def respond(request: Request) -> Response:
        try:
            by, mine = _caller(request, desk, role, operation.role)
            async with _place(request, operation, places):
                at = _at(request, operation)
                wish = await _read(request, operation.takes, operation.bytes_max)
                speaking.check_names(wish)
                speaking.check(mine, operation.name, wish)
                desk.auditor.note(by, operation.name, speaking.whom(mine, speaks, wish))
                if at is None:
                    answer = await operation.call(mine, wish, by)
                else:
                    answer = await asof.answer(mine, operation.call, wish, by, at)
                return _json(200, answer, getattr(answer, "retry_after_s", None))
        except Refused as refused:
            return _refused(refused)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("operation-failed", operation=operation.name)
            return _problem(
                "internal", "rounds itself failed; its log says where; please report it"
            )

    async def endpoint(request: Request) -> Response:
        if operation.method == "GET":
            return await _while_awaited(request, respond, _is_gone)
        return await respond(request)

    return Route(f"{PREFIX}{operation.name}", endpoint, methods=[operation.method])


def _stream(desk: Desk, role: Role, stream: Stream) -> Route:
    speaks = speaking.BY_NAME[stream.name]

    async def respond(request: Request) -> Response:
        try:
            by, mine = _caller(request, desk, role, stream.role)
            wish = await _read(request, stream.takes)
            speaking.check_names(wish)
            speaking.check(mine, stream.name, wish)
            desk.auditor.note(by, stream.name, speaking.whom(mine, speaks, wish))
            items = await stream.open(mine, wish)
        except Refused as refused:
            return _refused(refused)
        return StreamingResponse(_events(items), media_type="text/event-stream")

    async def endpoint(request: Request) -> Response:
        return await _while_awaited(request, respond, _is_silent)

    return Route(f"{PREFIX}{stream.name}", endpoint, methods=["GET"])


async def _while_awaited(
    request: Request, respond: Callable[[Request], Awaitable[Response]], left: Left
) -> Response:
    """Look something up for as long as somebody waits for it: who has `left` keeps no place.

    What was begun to be changed goes on; nobody asks for that with GET.
    """
    response, gone = Response(status_code=400), False  # nobody reads it
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            nonlocal gone
            while (await request.receive())["type"] != "http.disconnect":
                pass
            gone = left(request)
            if gone:
                nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        response = await respond(request)
        nursery.cancel_scope.cancel()
    return Response(status_code=400) if gone else response


def _is_gone(request: Request) -> bool:
    """Not one who has asked, says no more, and listens."""
    return bool(request.state.gone())


def _is_silent(_: Request) -> bool:
    """For what has no end: nobody else tells whether a client that says no more still listens."""
    return True


async def _events(items: AsyncIterator[Struct]) -> AsyncIterator[bytes]:
    """Server-sent events: the event's number as id, so that a client can go on from it."""
    yield b": follows\n\n"
    async for item in items:
        data = msgspec.json.encode(item)
        yield b"id: %d\ndata: %s\n\n" % (getattr(item, "seq", 0), data)


def _caller(request: Request, desk: Desk, role: Role, needed: Role) -> tuple[Caller, Desk]:
    """Who asks, and what they may see. Browsers have no business on the socket.

    Others than its owner have none by default.
    """
    if "origin" in request.headers or "referer" in request.headers:
        raise Refused("not-allowed", "the control socket does not answer web pages")
    known = request.scope["state"]
    uid = known.get("uid")
    admitted = desk.configuration.rules.of(uid, known.get("groups", ()))
    if admitted is None:
        raise Refused("not-allowed", f"user {uid} may not use this socket; ask its owner, or root")
    least = min(role, Role[admitted.role.upper()])
    if least < needed:
        gives = "the socket gives" if least is role else "the configuration gives you"
        raise Refused(
            "not-allowed",
            f"this needs the role {needed.name.lower()}, {gives} {least.name.lower()}",
        )
    caller = Caller(uid=uid, role=least.name.lower())
    return caller, narrowed.desk_for(desk, admitted.tenants)


@asynccontextmanager
async def _place(
    request: Request, operation: Operation, places: trio.CapacityLimiter
) -> AsyncIterator[None]:
    """Let a large request wait until there is memory for it, all the time that it is held."""
    length = request.headers.get("content-length", "")
    chunked = "transfer-encoding" in request.headers  # then a length says nothing
    small = not chunked and length.isdecimal() and int(length) <= BODY_BYTES_MAX
    if small or operation.bytes_max <= BODY_BYTES_MAX:
        yield
        return
    try:
        with trio.fail_after(PLACE_S):
            await places.acquire_on_behalf_of(request)
    except trio.TooSlowError:
        raise Refused("limited", FULL, retry_after=timedelta(seconds=PLACE_S)) from None
    try:
        yield
    finally:
        places.release_on_behalf_of(request)


def _at(request: Request, operation: Operation) -> str | None:
    """As of when somebody asks, where that is not now. Raises Refused."""
    at = request.query_params.get(AT)
    if at is None or AT in operation.takes.__struct_fields__:
        return None
    if not operation.as_of:
        asof.refuse(operation.name, [each.name for each in OPERATIONS if each.as_of])
    return at


async def _read(request: Request, takes: type[T], most: int = BODY_BYTES_MAX) -> T:
    try:
        if request.method == "GET":
            query = dict(request.query_params)
            if AT not in takes.__struct_fields__:
                query.pop(AT, None)  # who asks as of then has asked for that already
            return msgspec.convert(query, takes, strict=False)
        return msgspec.json.decode(await _body(request, most) or b"{}", type=takes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid", f"the request cannot be read: {error}") from None


async def _body(request: Request, most: int) -> bytearray:
    body = bytearray()
    with trio.move_on_after(BODY_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise Refused("too-large", f"a request has at most {most:,} bytes")
        return body
    raise Refused("invalid", f"the request was not there whole after {BODY_S:g} s")


def _json(status: int, answer: Any, retry_after_s: int | None = None) -> Response:
    later = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return Response(msgspec.json.encode(answer), status, later, media_type="application/json")


def _refused(refused: Refused) -> Response:
    rest_s = None if refused.retry_after is None else seconds(refused.retry_after)
    return _problem(refused.code, refused.message, rest_s)


def _problem(code: str, message: str, retry_after_s: int | None = None) -> Response:
    problem = Problem(code=code, message=message, retry_after_s=retry_after_s)
    return _json(STATUS[code], problem, retry_after_s)
