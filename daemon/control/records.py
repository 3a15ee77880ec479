"""Which records are there, or were there then; whose are they, and how old?"""

from functools import partial

from msgspec.structs import replace

from daemon.control import version_then
from daemon.control.data_messages import Data, DataQuery
from daemon.control.desk import Desk, Refused
from daemon.control.version_then import Asked, Then
from daemon.decide import capturing
from daemon.decide.retirement import is_over
from daemon.store import versions
from daemon.store.versions import NotKept, Page
from events.terms import Caller
from projections.streams import NEW, Stream

ROWS_MAX = 1000


async def data(desk: Desk, query: DataQuery, by: Caller) -> Data:
    """Some current records, the last good ones of what is gone, or those of then."""
    if query.as_of is not None and query.version is not None:
        raise Refused("invalid", "a moment and a version cannot both be given")
    asked = version_then.ask(desk, query.connection, query.stream, query.provider)
    if query.version is not None:
        then = await version_then.exactly(desk, asked, query.version)
    elif query.as_of is not None:
        then = await version_then.resolve(desk, asked, query.as_of)
    else:
        return await _current(desk, query, asked)
    page = await _page(desk, query, asked, then)
    return replace(
        _shown(desk, query, page),
        provider=then.provider,
        captured_at=then.at,
        event=then.event,
        current=page.current,
    )


async def _current(desk: Desk, query: DataQuery, asked: Asked) -> Data:
    at = _whose(desk, asked)
    provider = desk.vault.name(at)
    page = await desk.storage.show(
        asked.subject, query.stream, after=query.after, limit=_limit(query), provider=provider
    )
    if page is None:
        raise version_then.unknown(desk, asked)
    known = asked.known
    came = await version_then.came_by(desk, asked, page.version, desk.journal.head.seq)
    stream = version_then.everywhere(desk, asked)[at].get(query.stream, NEW)
    last_good = "relinked" if at != known.provider else "retired" if is_over(known) else None
    last_good = "removed" if known.removed else last_good
    return replace(
        _shown(desk, query, page),
        provider=provider,
        captured_at=stream.captured_at,
        last_good=last_good,
        event=came.recorded.seq if came else None,
        current=page.version,
        held=_held(stream),
    )


def _shown(desk: Desk, query: DataQuery, page: Page) -> Data:
    return Data(
        seq=desk.journal.head.seq,
        connection=query.connection,
        stream=query.stream,
        version=page.version,
        rows=page.rows,
        records=page.records,
        after=page.after,
        now=desk.journal.clock.now(),
    )


def _held(stream: Stream) -> int | None:
    """The version that could be taken over."""
    return (
        stream.held.version if stream.held and capturing.is_in_time(stream, stream.held) else None
    )


async def _page(desk: Desk, query: DataQuery, asked: Asked, then: Then) -> Page:
    """A page with something on it, or the last one. Each look at the store is a short one."""
    after = query.after
    while True:
        question = partial(
            versions.show,
            subject=asked.subject,
            stream=asked.stream,
            provider=then.provider,
            version=then.version,
            after=after,
            limit=_limit(query),
        )
        try:
            page = await desk.storage.ask(question)
        except NotKept:
            raise await version_then.gone(desk, asked, f"version {then.version}") from None
        if page is None:
            raise version_then.unknown(desk, asked)
        if page.records or page.after is None:
            return page
        after = page.after


def _limit(query: DataQuery) -> int:
    return max(1, min(query.limit, ROWS_MAX))


def _whose(desk: Desk, asked: Asked) -> int:
    """From which provider: the one that is named, else the present one, else the last before.

    The present one has to have given something, where another has.
    """
    everywhere = version_then.everywhere(desk, asked)
    given = [at for at, streams in everywhere.items() if streams.get(asked.stream, NEW).version]
    return given[0] if given else next(iter(everywhere))
