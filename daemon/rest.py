"""How are all records of one stream fetched?"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import msgspec
import trio
from msgspec import Struct

from daemon import first_request, page, paging
from daemon.exchange import CallLost, Request, Response, Send, malformed
from daemon.first_request import NOTHING
from daemon.page import Sink
from daemon.paging_file import OffsetPaging, PagePaging
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.stream_file import Stream
from daemon.watermark import Watermark
from events.terms import FailureClass


class Fetched(Struct, frozen=True, kw_only=True):
    """What a whole fetch came to, and what the next one needs to know.

    `cursor` is JSON text, None without a cursor; so many records were dated too far `ahead` for it
    to follow. `types` are a CSV report's columns'. The provider itself `declared` so many records,
    where its file says how it does.
    """

    pages: int
    records: int
    cursor: str | None
    types: Mapping[str, str] | None = None
    declared: int | None = None
    ahead: int = 0


async def fetch(
    provider: ProviderFile,
    stream_name: str,
    credential: Secret | None,
    send: Send,
    sink: Sink,
    *,
    cursor: str | None = None,
    values: Values = NOTHING,
    now: datetime | None = None,
) -> Fetched:
    """Fetch page after page into `sink`. Raises CallLost; what the sink took by then is partial.

    With `now` the cursor does not run ahead of it.
    """
    stream = provider.streams[stream_name]
    request = first_request.build(
        provider, stream_name, stream, credential, cursor=cursor, values=values
    )
    follows = stream.cursor
    mark = Watermark(declared=follows, cursor=cursor, now=now) if follows else None
    with within(provider.limits.sync_timeout_s):
        return await _all_pages(
            stream, request, mark, send=send, sink=sink, pages_max=provider.limits.pages_max
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
    stream: Stream,
    first: Request,
    mark: Watermark | None,
    *,
    send: Send,
    sink: Sink,
    pages_max: int,
) -> Fetched:
    pages = records = 0
    declared: int | None = None
    seen: set[bytes] = set()
    last = b""
    request: Request | None = first
    while request is not None:
        seen.add(_identity(request))
        response = await send(request)
        taken = await page.take(stream, response, mark, sink)
        if _counts_pages(stream) and taken.records and taken.digest == last:
            raise _repeats(response)
        last = taken.digest if taken.records else last
        if taken.records or declared is None:  # past the last record some say that there are none
            declared = _least(declared, taken.declared)
        pages, records = pages + 1, records + taken.records
        request = paging.following(
            stream.paging,
            request,
            response,
            taken.document,
            found=taken.records,
            pages=pages,
            records=records,
        )
        if request is not None:
            _refuse_endless(request, response, seen, pages, pages_max)
    if mark is None:
        return Fetched(pages=pages, records=records, cursor=None, declared=declared)
    return Fetched(
        pages=pages, records=records, cursor=mark.cursor, declared=declared, ahead=mark.ahead
    )


def _least(before: int | None, said: int | None) -> int | None:
    """What is added while pages come is for the next fetch, whatever later pages say."""
    return min((each for each in (before, said) if each is not None), default=None)


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
