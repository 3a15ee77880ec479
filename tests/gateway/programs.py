"""How do programs call a provider through a daemon in this process? Its clock jumps."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import trio
from msgspec import Struct

from daemon import failures
from daemon.app import Daemon
from daemon.exchange import CallLost, Request, Response
from daemon.gateway.asking import Wish
from daemon.gateway.gateway import Answer
from daemon.policy_file import PolicyTables
from daemon.provider_file import ProviderFile
from events.terms import FailureClass
from tests.fakes.in_process import NAME, InProcess

OTHER = "zeta/health"
KEY_HEADER = "idempotency-key"
DOWN = CallLost(FailureClass.NETWORK, "the provider's host refused the connection", sent=False)
FILE: dict[str, Any] = {
    "name": "health",
    "base_url": "https://health.example/v1",
    "idempotency_header": KEY_HEADER,
    "streams": {"days": {"path": "/days", "primary_key": ["date"]}},
    "limits": {"timeout_s": 30.0},
}


class Arrived(Struct, frozen=True, kw_only=True):
    """A request as the provider saw it, so many seconds after the start."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    credential: str | None = None


class Programs(InProcess):
    """Two tenants' connections. `answer` is what the provider says; it takes `latency_s` for it.

    An answer is a body, a pair of a status and headers with it, or a CallLost to be raised.
    """

    names = (NAME, OTHER)

    def __init__(self, **file: Any) -> None:
        super().__init__()
        self.file = msgspec.convert(FILE | file, ProviderFile)
        self.arrived: list[Arrived] = []
        self.answer: Callable[[Arrived], Any] = lambda asked: asked.path.encode()
        self.policy = PolicyTables(caller_reads=10_000, caller_writes=10_000)
        self.latency_s = 0.01
        self.began = trio.current_time()

    async def send(self, request: Request) -> Response:
        if request.stream:  # a sync's: there is nothing new
            return Response(status=200, headers={}, body=b"[]", duration_ms=1, size=2)
        arrived = Arrived(
            at=trio.current_time() - self.began,
            method=request.method,
            path=request.url.removeprefix(self.file.base_url),
            headers=request.headers,
            body=request.body,
            credential=next((each.reveal() for each in request.secret_headers.values()), None),
        )
        self.arrived.append(arrived)
        said = self.answer(arrived)
        limits = self.file.limits
        whole_s = request.timeout_s or limits.timeout_s
        silence_s = limits.silence(whole_s)
        with trio.move_on_after(min(whole_s, silence_s)) as scope:
            await trio.sleep(self.latency_s)
        if scope.cancelled_caught:
            cut_short = request.cut_short and whole_s <= silence_s
            cause = FailureClass.CANCELLED if cut_short else FailureClass.TIMEOUT
            raise CallLost(cause, "too slow")
        if isinstance(said, CallLost):
            raise said.copy()
        if isinstance(said, bytes):
            said = 200, {}, said
        status, headers, body = said
        if status >= 400:
            cause, message = failures.by_status(status)
            raise CallLost(cause, message, status=status, refusal=body, headers=headers)
        return Response(status=status, headers=headers, body=body, duration_ms=10, size=len(body))

    def paths(self) -> list[str]:
        return [each.path for each in self.arrived]

    async def ask(self, daemon: Daemon, path: str, name: str = NAME, **more: Any) -> Answer:
        wish = Wish(**{"method": "GET"} | more, path=path)
        return await daemon.gateway.call(self.known_as(name), wish, None)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)
