"""How does a request reach its provider, and what may go wrong on the wire?"""

import math
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx
import trio
from msgspec import structs

from daemon import addresses, body, failures, receiving, refusals, spool
from daemon.exchange import (
    HEAD_BYTES,
    REFUSAL_BYTES_MAX,
    UNCHANGED,
    CallLost,
    PoolStatistics,
    Request,
    Response,
    head_of,
)
from daemon.pool import CONNECTIONS_MAX, Pool
from daemon.provider_file import Limits
from daemon.rate_file import Rate
from events.terms import FailureClass

CONNECT_S = 10.0  # a host that is there answers sooner
CLOSE_S = 5.0  # saying goodbye to a peer that does not listen must end
USER_AGENT = "rounds/0.1"
WHOLE_BYTES_MAX = 4 * 1024**2  # of JSON in memory: decoded it takes some ten times as much
PART_BYTES = 64 * 1024  # of a request's body, each to be taken within the time of silence
NO_RATE = Rate()

CUT_SHORT = "the time that the program gave was over before the provider answered"

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    UnicodeError,
)
"""After these the provider has certainly seen nothing of the request."""


class _Wire(httpx.AsyncHTTPTransport):
    """httpx's transport, on connections of ours."""

    def __init__(self, tls: ssl.SSLContext, pool: Pool) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = pool


class Transport:
    """One provider's connections. Use it as an async context manager.

    It works on httpx's transport, not on its client: the client would keep cookies, and hand one
    tenant's to the next.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        tls: ssl.SSLContext,
        clock: Callable[[], datetime],
        rate: Rate = NO_RATE,
        spool: Path | None = None,
        kept_alive: int = CONNECTIONS_MAX,
        private_hosts: Iterable[str] = (),
    ) -> None:
        """Share `tls` among all transports: to build one takes 26 ms.

        `rate` is the dialect of hints, `spool` the directory for large answers. With none
        `kept_alive` each call has a connection of its own, so that none breaks for its age.
        `private_hosts` may be at addresses of this host or its network, others may not.
        """
        self._limits = limits
        self._rate = rate
        self._spool = spool
        self._clock = clock
        self._places = trio.CapacityLimiter(CONNECTIONS_MAX)
        self._calls = 0
        self._doors = addresses.Guarded(private_hosts)
        self._pool = Pool(tls, self._doors, kept_alive)
        self._wire = _Wire(tls, self._pool)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with trio.move_on_after(CLOSE_S, shield=True):
            await self._wire.aclose()

    def statistics(self) -> PoolStatistics:
        return PoolStatistics(
            calls=self._calls,
            opened=self._doors.opened,
            open=len(self._pool.connections),
            under_way=self._places.borrowed_tokens,
            waiting=self._places.statistics().tasks_waiting,
        )

    async def send(self, request: Request) -> Response:
        """Carry one request out, its body included, within `limits.timeout_s`. Raises CallLost.

        The loss is raised outside of every handler: httpx's exceptions hold URLs and headers,
        and must not hang on to ours as its context.
        """
        async with self._places:  # the deadline is for the provider, not for our own queue
            self._calls += 1
            outcome = await self._outcome(request)
        if isinstance(outcome, CallLost):
            raise outcome
        return outcome

    async def _outcome(self, request: Request) -> Response | CallLost:
        memory_max = None if request.records_at is None else WHOLE_BYTES_MAX
        whole, may_spill = False, request.spooled or memory_max is not None
        spill = partial(spool.unnamed, self._spool) if may_spill else None
        content = body.Body(self._limits.body_bytes_max, memory_max, spill)
        try:
            with spool.noticing():
                if request.spooled:
                    content.spill()
                outcome = await self._tried(request, content)
                if isinstance(outcome, Response) and content.file is not None:
                    content.file.seek(0)  # which writes what is buffered
                    outcome, whole = structs.replace(outcome, file=content.file), True
            return outcome
        finally:
            if content.file is not None and not whole:
                with suppress(OSError):  # a full disk has no room for what is buffered, either
                    content.file.close()

    async def _tried(self, request: Request, content: body.Body) -> Response | CallLost:
        began, timeout_s = trio.current_time(), request.timeout_s or self._limits.timeout_s
        silence_s = self._limits.silence(timeout_s)
        try:
            with trio.fail_after(max(0.0, timeout_s - request.trail.spent_s)):
                return await self._exchange(request, content, began, silence_s)
        except trio.TooSlowError:
            cause, message, sent = *_too_slow(timeout_s), True
            if request.cut_short:
                cause, message = FailureClass.CANCELLED, CUT_SHORT
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            cause, message = _classify(error, silence_s)
            sent = not isinstance(error, NEVER_SENT)
        return CallLost(
            cause, message, duration_ms=_since(began), bytes=content.received, sent=sent
        )

    async def _exchange(
        self, request: Request, content: body.Body, began: float, silence_s: float
    ) -> Response | CallLost:
        answer = await self._wire.handle_async_request(_wire_request(request, silence_s))
        try:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            unchanged = answer.status_code == UNCHANGED and request.is_conditional
            if not (200 <= answer.status_code < 300 or unchanged):
                return await self._refused(request, answer, headers, began)
            content.begin(headers.get("content-encoding", ""))
            await receiving.receive(_stream(answer), content)
        finally:
            self._pool.part_with_mixed()
            await answer.aclose()
        response = _response(answer, headers, content, began)
        if content.refusal is not None:
            return CallLost(
                FailureClass.MALFORMED,
                content.refusal,
                status=response.status,
                duration_ms=response.duration_ms,
                bytes=content.received,
                head=head_of(response, more=True) if request.keeps_head else None,
            )
        return response

    async def _refused(
        self, request: Request, answer: httpx.Response, headers: dict[str, str], began: float
    ) -> CallLost:
        """What an answer outside 2xx comes to, with what the request keeps of its body."""
        said = body.Body(REFUSAL_BYTES_MAX, keeps=HEAD_BYTES if request.keeps_head else 0)
        whole, stream = True, _stream(answer)
        said.begin(headers.get("content-encoding", ""))
        if request.keeps_refusal:
            await receiving.receive(stream, said)
        elif request.keeps_head and answer.status_code not in refusals.REDIRECTS:
            whole = await receiving.head(stream, said, HEAD_BYTES, httpx.HTTPError)
        response = _response(answer, headers, said, began)
        return refusals.outcome(request, response, rate=self._rate, now=self._clock(), whole=whole)


def _response(
    answer: httpx.Response, headers: dict[str, str], content: body.Body, began: float
) -> Response:
    return Response(
        status=answer.status_code,
        headers=headers,
        body=content.whole(),
        duration_ms=_since(began),
        size=content.size,
    )


def _too_slow(timeout_s: float) -> tuple[FailureClass, str]:
    late = f"the provider did not answer in full within {timeout_s:g} s"
    return FailureClass.TIMEOUT, f"{late}; its next sync tries again"


def _classify(error: Exception, silence_s: float) -> tuple[FailureClass, str]:
    match error:
        case httpx.ConnectTimeout():
            return (
                FailureClass.TIMEOUT,
                f"no connection came about within {CONNECT_S:g} s; its next sync tries again",
            )
        case httpx.TimeoutException():
            deaf = isinstance(error, httpx.WriteTimeout)
            what = "the provider took nothing more" if deaf else "nothing came from the provider"
            return FailureClass.TIMEOUT, f"{what} for {silence_s:g} s; its next sync tries again"
        case httpx.ConnectError():
            return failures.no_connection(error)
        case (
            httpx.InvalidURL()
            | httpx.UnsupportedProtocol()
            | httpx.LocalProtocolError()
            | UnicodeError()
        ):
            return (
                FailureClass.INVALID,
                (
                    "the request cannot be put on the wire;"
                    " check base_url, path and headers in the provider's file"
                ),
            )
        case _:
            return (
                FailureClass.NETWORK,
                (
                    "the connection to the provider broke before its answer was whole;"
                    " its next sync tries again"
                ),
            )


def _wire_request(request: Request, silence_s: float) -> httpx.Request:
    """Put everything together, the secrets too; what this returns is shown to nobody."""
    url = httpx.URL(request.url)
    params = dict(request.params)
    params.update((name, secret.reveal()) for name, secret in request.secret_params.items())
    if params:  # merging writes the query anew: leave a provider's own link as it is
        url = url.copy_merge_params(params)
    headers = httpx.Headers({"user-agent": USER_AGENT, "accept-encoding": body.ACCEPTED})
    headers.update(dict(request.headers))
    headers.update({name: secret.reveal() for name, secret in request.secret_headers.items()})
    content = request.body
    if request.form is not None:
        form = {**request.form, **{n: each.reveal() for n, each in request.secret_form.items()}}
        content = urlencode(form).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    if content:
        headers["content-length"] = str(len(content))
    timeouts = {"connect": CONNECT_S, "read": silence_s, "write": silence_s, "pool": None}
    return httpx.Request(
        request.method,
        url,
        headers=headers,
        content=_parts(content) if content else None,
        extensions={"timeout": timeouts},
    )


async def _parts(content: bytes) -> AsyncIterator[bytes]:
    """A body in one piece would have that time as a whole, however steadily it is taken."""
    for start in range(0, len(content), PART_BYTES):
        yield content[start : start + PART_BYTES]


def _stream(answer: httpx.Response) -> httpx.AsyncByteStream:
    assert isinstance(answer.stream, httpx.AsyncByteStream), "the wire is asynchronous"
    return answer.stream


def _since(began: float) -> int:
    return math.ceil((trio.current_time() - began) * 1000)
