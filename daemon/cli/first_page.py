"""What does a provider answer, asked for one page, one day or one report of each stream?"""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from daemon import windows
from daemon.auth_file import OAuth2
from daemon.csv_report import BadCsv, ColumnType, Survey, survey
from daemon.exchange import CallLost, Request, Response, Send
from daemon.failures import retry_after
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.stream_file import Stream
from events.terms import FailureClass

ACCEPTED = 202
READY_S = 60.0  # how long somebody waits for a report that is being made; a sync waits longer
SHOWN = 3  # records that are kept to be shown

UNSIGNED = "the access token is not set; nothing was sent"
NOT_READY = f"the provider was not ready after {READY_S:g} s; a sync would go on asking"


class Report(Struct, frozen=True, kw_only=True):
    """How a CSV report turned out to be written, and its first records."""

    encoding: str
    delimiter: str
    first: list[dict[str, Any]]


class FirstPage(Struct, frozen=True, kw_only=True):
    """One page: the types of its first record's fields, or why there is none.

    `day` is the one that was asked for, where a stream goes day by day. It is not `asked` for where
    we lacked what to ask with.
    """

    records: int = 0
    duration_ms: int = 0
    more: bool = False
    fields: dict[str, str] = {}
    failure: str | None = None
    asked: bool = True
    day: date | None = None
    report: Report | None = None


class _Enough(Exception):
    """The second page was asked for."""


class _Once:
    """Sends one request, as whoever has `token`, and remembers what came."""

    def __init__(self, provider: ProviderFile, token: Secret | None, send: Send) -> None:
        self._provider = provider
        self._token = token
        self._send = send
        self.response: Response | None = None
        self.survey: Survey | None = None
        self.left = False

    async def send(self, request: Request) -> Response:
        from daemon import answers

        if self.response is not None:
            raise _Enough
        signed = _signed(self._provider, request, self._token)
        self.left = True
        self.response = await self._ready(signed)
        await answers.checked(self._provider.errors, request, self.response)
        stream = self._provider.streams[request.stream]
        if stream.csv is not None and self.response.file is not None:
            self.survey = await _survey(stream, self.response)
        return self.response

    async def _ready(self, request: Request) -> Response:
        """The answer, asked for again while it is not ready."""
        import trio

        from daemon import refusals
        from daemon.clock import SystemClock

        with trio.move_on_after(READY_S):
            while True:
                response = await refusals.followed(self._send, request)
                if response.status != ACCEPTED:
                    return response
                if response.file is not None:
                    response.file.close()
                rest = retry_after(response.headers, SystemClock().now())
                await trio.sleep(rest.total_seconds() if rest else self._provider.limits.poll_s)
        raise CallLost(FailureClass.TIMEOUT, NOT_READY)


def fetch(
    provider: ProviderFile, credential: Secret | None, values: Values, now: datetime
) -> dict[str, FirstPage]:
    """Ask for the first page of each stream, one after the other; `values` are its settings."""
    import trio

    return trio.run(_fetch, provider, credential, values, now)


async def _fetch(
    provider: ProviderFile, credential: Secret | None, values: Values, now: datetime
) -> dict[str, FirstPage]:
    import ssl

    from daemon.clock import SystemClock
    from daemon.transport import Transport

    tls = ssl.create_default_context()
    pages = {}
    async with Transport(
        provider.limits,
        tls=tls,
        clock=SystemClock().now,
        rate=provider.rate,
        private_hosts=provider.private_hosts,
    ) as transport:
        try:
            token = await _token(provider, credential, values, transport.send, now)
        except CallLost as lost:
            return dict.fromkeys(provider.streams, FirstPage(failure=lost.message))
        for name in provider.streams:
            once = _Once(provider, token, transport.send)
            pages[name] = await _first(provider, name, credential, once, values=values, now=now)
    return pages


async def _token(
    provider: ProviderFile, credential: Secret | None, values: Values, send: Send, now: datetime
) -> Secret | None:
    """The access token: what was given, or what our application's own id and secret get."""
    auth = provider.auth
    if not isinstance(auth, OAuth2):
        return None
    if credential is None or auth.grant == "authorization_code":
        return credential
    from daemon.oauth import client_of
    from daemon.provider import Provider
    from daemon.token_answer import TokenLost
    from daemon.token_endpoint import Endpoint

    asked = Provider(file=provider, send=send, send_token=send)
    client = client_of(credential)
    endpoint = Endpoint(auth=auth, provider=asked, client=client, values=values)
    try:
        tokens = await endpoint.refresh(None, now)
    except TokenLost as loss:
        message = f"no token came: {loss.lost.message}"
        lost = CallLost(loss.lost.cause, message, status=loss.lost.status)
    else:
        return tokens.access
    raise lost


async def _first(
    provider: ProviderFile,
    name: str,
    credential: Secret | None,
    once: _Once,
    *,
    values: Values,
    now: datetime,
) -> FirstPage:
    from daemon import reports, rest

    stream, count, kept, more = provider.streams[name], 0, list[dict[str, Any]](), False
    day = None
    if stream.window is not None:
        day = now.astimezone(ZoneInfo(stream.window.timezone)).date()
        values = {**values, **windows.bounds(stream.window, day)}

    async def keep(page: list[dict[str, Any]]) -> None:
        nonlocal count
        count += len(page)
        kept.extend(page[: SHOWN - len(kept)])

    try:
        ask = reports.fetch if stream.csv else rest.fetch
        await ask(provider, name, credential, once.send, keep, values=values)
    except _Enough:
        more = True
    except CallLost as lost:
        asked = once.left and (lost.sent or lost.cause is not FailureClass.INVALID)
        return FirstPage(failure=lost.message, asked=asked, day=day)
    assert once.response is not None, "a fetch that succeeded had an answer"
    return FirstPage(
        records=count,
        duration_ms=once.response.duration_ms,
        more=more,
        fields=_columns(stream, once.survey) if once.survey else _fields(kept),
        day=day,
        report=_report(once.survey, kept) if once.survey else None,
    )


def _signed(provider: ProviderFile, request: Request, token: Secret | None) -> Request:
    auth = provider.auth
    if not isinstance(auth, OAuth2):
        return request
    if token is None:
        raise CallLost(FailureClass.AUTH, UNSIGNED)
    value = Secret(auth.prefix + token.reveal())
    headers = {**request.secret_headers, auth.header.lower(): value}
    return structs.replace(request, secret_headers=headers)


async def _survey(stream: Stream, response: Response) -> Survey | None:
    """How a report is written; None where that cannot be told, and reading it says why."""
    import trio

    assert stream.csv is not None, "a report is CSV"
    assert response.file is not None, "a report lies in a file"
    try:
        return await trio.to_thread.run_sync(survey, response.file, stream.csv, {})
    except BadCsv:
        return None


def _columns(stream: Stream, found: Survey) -> dict[str, str]:
    """Each column's type: declared, a key's, or found in its values."""
    assert stream.csv is not None, "a report is CSV"
    known = {**found.types, **dict.fromkeys(stream.primary_key, ColumnType.TEXT)}
    known |= stream.csv.types
    return {name: known.get(name, "text, empty so far") for name in found.columns}


def _report(found: Survey, first: list[dict[str, Any]]) -> Report:
    return Report(encoding=found.encoding, delimiter=found.delimiter, first=first)


def _fields(records: list[dict[str, Any]]) -> dict[str, str]:
    return {field: _type(value) for field, value in records[0].items()} if records else {}


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
