"""How are all records of one stream fetched?"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec
import trio
from msgspec import Struct

from daemon import first_request, json_answer, paging, selector, watermark
from daemon.exchange import CallLost, Request, Response, Send, malformed
from daemon.first_request import NOTHING
from daemon.paging_file import OffsetPaging, PagePaging
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.stream_file import Stream
from events.terms import FailureClass

NO_CONTENT = 204
NO_JSON = (
    "the provider's answer is not whole, well-formed JSON; if it stays so, check path and params in"
    " its file, or tell the provider"
)

Sink: TypeAlias = Callable[[list[dict[str, Any]]], Awaitable[None]]
"""Takes one page's records; it is called for pages that hold any."""


class Fetched(Struct, frozen=True, kw_only=True):
    """What a whole fetch came to, and what the next one needs to know.

    `cursor` is JSON text, None without a cursor; `types` are a CSV report's columns'.
    """

    pages: int
    records: int
    cursor: str | None
    types: Mapping[str, str] | None = None


async def fetch(
    provider: ProviderFile,
    stream_name: str,
    credential: Secret | None,
    send: Send,
    sink: Sink,
    *,
    cursor: str | None = None,
    values: Values = NOTHING,
) -> Fetched:
    """Fetch page after page into `sink`. Raises CallLost; what the sink took by then is partial."""
    stream = provider.streams[stream_name]
    request = first_request.build(
        provider, stream_name, stream, credential, cursor=cursor, values=values
    )
    with within(provider.limits.sync_timeout_s):
        return await _all_pages(
            stream, request, cursor, send=send, sink=sink, pages_max=provider.limits.pages_max
        )
    raise AssertionError("time is up with a CallLost")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound a stream's fetch. Raises CallLost where it takes longer."""
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise CallLost(
            FailureClass.TIMEOUT,
            f"the stream was not fetched within {seconds:g} s; its next sync tries again;"
            " raise limits.sync_timeout_s in the provider's file if it is that long",
        )


async def _all_pages(
    stream: Stream, first: Request, cursor: str | None, *, send: Send, sink: Sink, pages_max: int
) -> Fetched:
    pages = records = 0
    seen: set[bytes] = set()
    last_body = b""
    request: Request | None = first
    while request is not None:
        seen.add(_identity(request))
        response = await send(request)
        answer = _document(response)
        page = _records(stream, response, answer)
        if _counts_pages(stream) and page and response.body == last_body:
            raise _repeats(response)
        last_body = response.body if page else last_body
        if stream.cursor is not None:
            cursor = watermark.after(cursor, page, stream.cursor.field, response)
        pages, records = pages + 1, records + len(page)
        request = paging.following(
            stream.paging,
            request,
            response,
            answer,
            found=len(page),
            pages=pages,
            records=records,
        )
        if page:
            await sink(page)
        if request is not None:
            _refuse_endless(request, response, seen, pages, pages_max)
    return Fetched(pages=pages, records=records, cursor=cursor if stream.cursor else None)


def _refuse_endless(
    request: Request, response: Response, seen: set[bytes], pages: int, pages_max: int
) -> None:
    if _identity(request) in seen:
        raise _repeats(response)
    if pages >= pages_max:
        raise malformed(
            response,
            f"paging did not end after {pages} pages;"
            " if there are more, raise limits.pages_max in the provider's file",
        )


def _repeats(response: Response) -> CallLost:
    return malformed(response, "the provider's pages repeat; check paging in its file")


def _counts_pages(stream: Stream) -> bool:
    """Say whether we number the pages: a provider that ignores the number sends one for ever."""
    return isinstance(stream.paging, PagePaging | OffsetPaging)


def _identity(request: Request) -> bytes:
    """Return a digest of what makes a request another one."""
    parts = (request.url, sorted(request.params.items()), request.body or b"")
    return hashlib.sha256(msgspec.json.encode(parts)).digest()


def _document(response: Response) -> Any:
    """Return the body's JSON. Raises CallLost."""
    if response.status == NO_CONTENT:
        return []
    start = json_answer.bare(response.body[:64])
    is_page = "html" in response.headers.get("content-type", "").lower()
    if is_page or start.lstrip().startswith(b"<"):
        raise malformed(
            response,
            "the provider answered with a web page instead of JSON; check base_url and path",
        )
    try:
        return json_answer.decode(response.body)
    except json_answer.NotJson:
        loss = malformed(response, NO_JSON)
    raise loss


def _records(stream: Stream, response: Response, document: Any) -> list[dict[str, Any]]:
    """Return the page's records, each with its primary key. Raises CallLost."""
    try:
        found = selector.select(stream.records, document)
    except selector.BadExpression:
        raise malformed(
            response,
            "the records expression does not apply to the answer; check records in its file",
        ) from None
    if not isinstance(found, list):
        raise malformed(
            response,
            f'the provider\'s answer has no list at "{stream.records}"; check records in its file',
        )
    for record in found:
        if not isinstance(record, dict):
            raise malformed(
                response,
                f'the list at "{stream.records}" holds entries that are no objects;'
                " check records in its file",
            )
        check_key(stream, record, response)
    return found


def check_key(stream: Stream, record: dict[str, Any], response: Response) -> None:
    """Raise CallLost for a record without a whole primary key."""
    for field in stream.primary_key:
        if not isinstance(record.get(field), str | int | float):
            raise malformed(
                response,
                f'a record has no text or number at "{field}", which its primary_key needs',
            )
