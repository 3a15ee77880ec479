"""What does a provider answer, asked for one page of each stream?"""

from typing import Any

from msgspec import Struct

from daemon.exchange import CallLost, Request, Response, Send
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.secret import Secret


class FirstPage(Struct, frozen=True, kw_only=True):
    """One page: the types of its first record's fields, or why there is none."""

    records: int = 0
    duration_ms: int = 0
    more: bool = False
    fields: dict[str, str] = {}
    failure: str | None = None


class _Enough(Exception):
    """The second page was asked for."""


class _Once:
    """Sends one request, and remembers how long it took."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.response: Response | None = None

    async def send(self, request: Request) -> Response:
        if self.response is not None:
            raise _Enough
        self.response = await self._send(request)
        return self.response


def fetch(provider: ProviderFile, credential: Secret | None) -> dict[str, FirstPage]:
    """Ask for the first page of each stream, one after the other."""
    import trio

    return trio.run(_fetch, provider, credential)


async def _fetch(provider: ProviderFile, credential: Secret | None) -> dict[str, FirstPage]:
    import ssl

    from daemon.clock import SystemClock
    from daemon.transport import Transport

    tls = ssl.create_default_context()
    async with Transport(provider.limits, tls=tls, clock=SystemClock().now) as transport:
        return {
            name: await _first(provider, name, credential, transport.send, {})
            for name in provider.streams
        }


async def _first(
    provider: ProviderFile, name: str, credential: Secret | None, send: Send, values: Values
) -> FirstPage:
    from daemon import reports, rest

    once, records, more = _Once(send), list[dict[str, Any]](), False

    async def keep(page: list[dict[str, Any]]) -> None:
        records.extend(page)

    try:
        fetch = reports.fetch if provider.streams[name].csv else rest.fetch
        await fetch(provider, name, credential, once.send, keep, values=values)
    except _Enough:
        more = True
    except CallLost as lost:
        return FirstPage(failure=lost.message)
    assert once.response is not None, "a fetch that succeeded had an answer"
    return FirstPage(
        records=len(records),
        duration_ms=once.response.duration_ms,
        more=more,
        fields={field: _type(value) for field, value in records[0].items()} if records else {},
    )


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
