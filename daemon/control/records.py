"""Which records are there, whose are they, and how old?"""

from daemon.control.desk import Desk, Refused
from daemon.control.messages import Data, DataQuery
from daemon.decide import capturing
from daemon.decide.retirement import is_over
from events.terms import Caller
from projections.connection import Connection
from projections.streams import NEW, Stream, Streams

ROWS_MAX = 1000


async def data(desk: Desk, query: DataQuery, by: Caller) -> Data:
    """Some current records, or the last good ones of what is gone."""
    subject, known = desk.find(query.connection)
    at, stream = _whose(desk, query, known)
    provider = desk.vault.name(at)
    limit = max(1, min(query.limit, ROWS_MAX))
    page = await desk.storage.show(
        subject, query.stream, after=query.after, limit=limit, provider=provider
    )
    if page is None:
        raise _unknown(desk, query, known)
    last_good = "relinked" if at != known.provider else "retired" if is_over(known) else None
    return Data(
        seq=desk.journal.head.seq,
        connection=query.connection,
        stream=query.stream,
        version=page.version,
        rows=page.rows,
        records=page.records,
        after=page.after,
        provider=provider,
        captured_at=stream.captured_at,
        now=desk.journal.clock.now(),
        last_good=last_good,
        held=stream.held.version
        if stream.held and capturing.is_in_time(stream, stream.held)
        else None,
    )


def _whose(desk: Desk, query: DataQuery, known: Connection) -> tuple[int, Stream]:
    """From which provider: the one that is named, else the present one, else the last before.

    The present one has to have given something, where another has.
    """
    own: dict[int, Streams] = {known.provider: known.streams}
    everywhere = {**own, **dict(reversed([*known.former.items()]))}
    if query.provider is not None:
        named = desk.vault.subject("provider", query.provider)
        if named is None or named not in everywhere:
            raise _unknown(desk, query, known)
        return named, everywhere[named].get(query.stream, NEW)
    for at, streams in everywhere.items():
        if (stream := streams.get(query.stream, NEW)).version:
            return at, stream
    return known.provider, known.streams.get(query.stream, NEW)


def _unknown(desk: Desk, query: DataQuery, known: Connection) -> Refused:
    there = [*sorted(known.streams)]
    there += [
        f"{name} of {desk.vault.name(at)}"
        for at, streams in known.former.items()
        for name in sorted(streams)
    ]
    of = f" of {query.provider}" if query.provider else ""
    return Refused(
        "not-found",
        f"{query.connection} has no stream {query.stream}{of} "
        f"(it has: {', '.join(there) or 'none yet'})",
    )
