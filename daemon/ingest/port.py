"""What may a phone say over the port for reports, and what is it answered?

    POST /v1/report    one report             ┐  Authorization: Bearer TOKEN, which names the
    POST /v1/reports   many, all or nothing   ┘  source; 202 once they are on disk
    anything else      404

A TLS proxy of this host stands before it. Whoever has no token learns nothing, also not which
sources there are; a browser's page is refused whatever it has.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec
import structlog
import trio
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from daemon import source_file, sources
from daemon.control import reporting
from daemon.control.desk import Desk, Refused, seconds
from daemon.control.http_server import serve
from daemon.control.messages import Problem
from daemon.control.server import STATUS
from daemon.control.source_messages import BATCH_MAX, REPORTS_BYTES_MAX, Report
from daemon.host_lock import InUse
from daemon.ingest.pace import Pace
from daemon.source_file import Address, IngestSettings

ONE, MANY = "/v1/report", "/v1/reports"
BODY_S = 10.0  # the proxy has all of it before it asks; who needs longer is no proxy
TAKEN_S = 1.0  # how long a request that comes beside another of its source is put off

TOO_MANY = f"too many requests; send many reports at once, with POST {MANY}"
BESIDE = "another request of this source is under way; wait for its answer"

log = structlog.get_logger()

Scope: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[..., Awaitable[None]]


class Received(Struct, frozen=True, kw_only=True):
    """How many of the reports were new, and how many known already."""

    new: int
    known: int


def application(desk: Desk, settings: IngestSettings, address: Address) -> Application:
    """The port as one ASGI application."""
    pace, under_way = Pace(settings.requests_a_minute), set[int]()
    hosts = _hosts(settings, address)

    async def answer(request: Request) -> Response:
        if request.headers.get("host", "").lower() not in hosts:
            return _problem("not-allowed", "this port does not answer to that name")
        if "origin" in request.headers or "referer" in request.headers:
            return _problem("not-allowed", "this port does not answer web pages")
        if request.method != "POST" or request.url.path not in {ONE, MANY}:
            return _problem("not-found", f"there is nothing but POST {ONE} and POST {MANY}")
        subject = _source(desk, request)
        if subject is None:
            return _unknown()
        if wait := pace.wait(subject, desk.journal.clock.now()):
            raise Refused("limited", TOO_MANY, retry_after=wait)
        with _alone(under_way, subject):
            reports = await _read(request, many=request.url.path == MANY)
            taken = await reporting.take(desk, subject, reports)
        return _json(202, Received(new=taken.new, known=taken.known))

    async def respond(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # it speaks none
            return
        try:
            response = await answer(Request(scope, receive))
        except Refused as refused:
            rest_s = None if refused.retry_after is None else seconds(refused.retry_after)
            response = _problem(refused.code, refused.message, rest_s)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody reads it
        except Exception:
            log.exception("report-failed")
            response = _problem("internal", "rounds itself failed; send it again later")
        await response(scope, receive, send)

    return respond


async def open_if_asked(desk: Desk, nursery: trio.Nursery) -> None:
    """Open the port where the configuration wants one, and serve it. Raises InUse."""
    settings = desk.configuration.settings.ingest
    if settings.listen is None:
        return
    address = source_file.address(settings.listen)
    listener = await _listen(address)
    await nursery.start(serve, application(desk, settings, address), listener)
    log.info("ingest-ready", listen=settings.listen)


async def _listen(address: Address) -> trio.SocketListener:
    """Listen there. Raises InUse."""
    try:
        (listener,) = await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        where, why = f"{address.host}:{address.port}", error.strerror or error
        raise InUse(
            f"cannot listen on {where} for reports ({why}); stop what has it, or name another port "
            "with `listen` in [ingest]"
        ) from error
    return listener


@contextmanager
def _alone(under_way: set[int], subject: int) -> Iterator[None]:
    """One request of a source at a time: a slow one holds up nobody but its own."""
    if subject in under_way:
        raise Refused("limited", BESIDE, retry_after=timedelta(seconds=TAKEN_S))
    under_way.add(subject)
    try:
        yield
    finally:
        under_way.discard(subject)


def _hosts(settings: IngestSettings, address: Address) -> frozenset[str]:
    """By which names requests may come: a name that a rebound one goes by is not among them."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    own = {f"{host}:{address.port}", f"localhost:{address.port}"}
    return frozenset(each.lower() for each in own | {*settings.hosts})


def _source(desk: Desk, request: Request) -> int | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return sources.of_token(desk.journal, desk.vault, token.strip())


async def _read(request: Request, *, many: bool) -> list[Report]:
    """Raise Refused."""
    content = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content not in {"application/json", "application/x-ndjson"}:
        raise Refused("invalid", "say what it is: Content-Type: application/json (or x-ndjson)")
    body = await _body(request)
    try:
        reports = _reports(bytes(body), many=many)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid", f"nothing was taken: {error}") from None
    if not 0 < len(reports) <= BATCH_MAX:
        raise Refused("invalid", f"nothing was taken: send 1 to {BATCH_MAX} reports at once")
    return reports


def _reports(body: bytes, *, many: bool) -> list[Report]:
    """One report; an array of them; or one a line."""
    if not many:
        return [msgspec.json.decode(body, type=Report)]
    if body.lstrip()[:1] == b"[":
        return msgspec.json.decode(body, type=list[Report])
    return msgspec.json.Decoder(Report).decode_lines(body)


async def _body(request: Request) -> bytearray:
    body = bytearray()
    with trio.move_on_after(BODY_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > REPORTS_BYTES_MAX:
                raise Refused("too-large", f"at most {REPORTS_BYTES_MAX:,} bytes at once")
        return body
    raise Refused("invalid", f"it was not there whole after {BODY_S:g} s; send it again")


def _unknown() -> Response:
    problem = Problem(code="not-allowed", message="no source has this token")
    answer = _last(_json(401, problem))
    answer.headers["www-authenticate"] = "Bearer"
    return answer


def _problem(code: str, message: str, retry_after_s: int | None = None) -> Response:
    problem = Problem(code=code, message=message, retry_after_s=retry_after_s)
    return _last(_json(STATUS[code], problem, retry_after_s))


def _last(answer: Response) -> Response:
    """Nothing more is heard on this connection: what was sent with the request was not all read."""
    answer.headers["connection"] = "close"
    return answer


def _json(status: int, answer: Struct, retry_after_s: int | None = None) -> Response:
    later = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return Response(msgspec.json.encode(answer), status, later, media_type="application/json")
