"""How does a request reach its provider, and what may go wrong on the wire?"""

import math
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
import trio

from daemon import body, failures
from daemon.exchange import CallLost, Request, Response
from daemon.provider_file import Limits
from events.terms import FailureClass

CONNECTIONS_MAX = 8  # large pools of TLS connections cost milliseconds of CPU a request
KEEPALIVE_S = 30.0  # most servers close an idle connection after a minute
CONNECT_S = 10.0  # a host that is there answers sooner
CLOSE_S = 5.0  # saying goodbye to a peer that does not listen must end
USER_AGENT = "rounds/0.1"


class Transport:
    """One provider's connections. Use it as an async context manager.

    It works on httpx's transport, not on its client: the client would keep cookies, and hand one
    tenant's to the next.
    """

    def __init__(
        self, limits: Limits, *, tls: ssl.SSLContext, clock: Callable[[], datetime]
    ) -> None:
        """Share `tls` among all transports: to build one takes 26 ms."""
        self._limits = limits
        self._clock = clock
        self._places = trio.CapacityLimiter(CONNECTIONS_MAX)
        self._wire = httpx.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_MAX,
                keepalive_expiry=KEEPALIVE_S,
            ),
        )

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

    async def send(self, request: Request) -> Response:
        """Carry one request out, its body included, within `limits.timeout_s`. Raises CallLost.

        The loss is raised outside of every handler: httpx's exceptions hold URLs and headers,
        and must not hang on to ours as its context.
        """
        async with self._places:  # the deadline is for the provider, not for our own queue
            outcome = await self._outcome(request)
        if isinstance(outcome, CallLost):
            raise outcome
        return outcome

    async def _outcome(self, request: Request) -> Response | CallLost:
        began = trio.current_time()
        content = body.Body(self._limits.body_bytes_max)
        try:
            with trio.fail_after(self._limits.timeout_s):
                return await self._exchange(request, content, began)
        except trio.TooSlowError:
            cause, message = self._too_slow()
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            cause, message = self._classify(error)
        return CallLost(cause, message, duration_ms=_since(began), bytes=content.received)

    async def _exchange(
        self, request: Request, content: body.Body, began: float
    ) -> Response | CallLost:
        answer = await self._wire.handle_async_request(_wire_request(request))
        try:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            if not 200 <= answer.status_code < 300:
                return self._refused(answer.status_code, headers, began)
            await _receive(answer, content, headers.get("content-encoding", ""))
        finally:
            await answer.aclose()
        whole = content.whole()
        if content.refusal is not None:
            return CallLost(
                FailureClass.MALFORMED,
                content.refusal,
                status=answer.status_code,
                duration_ms=_since(began),
                bytes=content.received,
            )
        return Response(
            status=answer.status_code, headers=headers, body=whole, duration_ms=_since(began)
        )

    def _refused(self, status: int, headers: dict[str, str], began: float) -> CallLost:
        cause, message = failures.by_status(status)
        hint = failures.retry_after(headers, self._clock())
        return CallLost(
            cause,
            message,
            status=status,
            retry_after=hint if failures.heeds_hint(cause) else None,
            duration_ms=_since(began),
        )

    def _too_slow(self) -> tuple[FailureClass, str]:
        return (
            FailureClass.TIMEOUT,
            (
                f"the provider did not answer in full within {self._limits.timeout_s:g} s;"
                " its next sync tries again"
            ),
        )

    def _classify(self, error: Exception) -> tuple[FailureClass, str]:
        match error:
            case httpx.ConnectTimeout():
                return (
                    FailureClass.TIMEOUT,
                    f"no connection came about within {CONNECT_S:g} s; its next sync tries again",
                )
            case httpx.TimeoutException():
                return self._too_slow()
            case httpx.ConnectError():
                return FailureClass.NETWORK, _no_connection(error)
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


def _wire_request(request: Request) -> httpx.Request:
    """Put everything together, the secrets too; what this returns is shown to nobody."""
    url = httpx.URL(request.url)
    params = dict(request.params)
    params.update((name, secret.reveal()) for name, secret in request.secret_params.items())
    if params:  # merging writes the query anew: leave a provider's own link as it is
        url = url.copy_merge_params(params)
    headers = httpx.Headers({"user-agent": USER_AGENT, "accept-encoding": body.ACCEPTED})
    headers.update(dict(request.headers))
    headers.update({name: secret.reveal() for name, secret in request.secret_headers.items()})
    timeouts = {"connect": CONNECT_S, "read": None, "write": None, "pool": None}
    return httpx.Request(
        request.method,
        url,
        headers=headers,
        content=request.body,
        extensions={"timeout": timeouts},  # the deadline around the whole exchange does the rest
    )


async def _receive(answer: httpx.Response, content: body.Body, encoding: str) -> None:
    """Feed the raw body, and stop at the first refusal.

    Leaving the loop would strand httpx's generators half-way for the garbage collector;
    cancelling the next read unwinds them, and closes the connection.
    """
    content.begin(encoding)
    assert isinstance(answer.stream, httpx.AsyncByteStream), "the wire is asynchronous"
    with trio.CancelScope() as reading:
        async for chunk in answer.stream:
            content.feed(chunk)
            if content.refusal is not None:
                reading.cancel()


def _no_connection(error: Exception) -> str:
    """Name the reason, which only the exceptions below httpx's own know."""
    for below in _chain(error):
        match below:
            case ssl.SSLCertVerificationError(verify_message=reason):
                return (
                    f"the provider's certificate is not trusted ({reason});"
                    " check base_url, this host's clock and its certificate authorities"
                )
            case ssl.SSLError():
                return (
                    "the provider does not speak TLS as we do;"
                    " check that base_url's scheme and port are right"
                )
            case socket.gaierror():
                return "the provider's host name is not known; check base_url, and this host's DNS"
            case ConnectionRefusedError():
                return (
                    "the provider's host refused the connection;"
                    " check base_url's port; its next sync tries again"
                )
            case _:
                pass
    return "the provider cannot be reached; check this host's network; its next sync tries again"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all those behind it, groups opened, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        at = waiting.pop()
        if id(at) in seen:
            continue
        seen.add(id(at))
        yield at
        waiting += [other for other in (at.__context__, at.__cause__) if other is not None]
        waiting += at.exceptions if isinstance(at, BaseExceptionGroup) else ()


def _since(began: float) -> int:
    return math.ceil((trio.current_time() - began) * 1000)
