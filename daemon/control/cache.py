"""What is kept of providers' answers to programs, and how do people give it up?"""

from collections.abc import Iterable

from msgspec.structs import replace

from daemon.cache.cache import LABEL_BYTES
from daemon.cache.reach import is_below
from daemon.cache.shelf import Label
from daemon.control import narrowed
from daemon.control.desk import Desk, Refused
from daemon.control.gateway_messages import (
    CacheDropped,
    CacheOf,
    CacheQuery,
    CacheView,
    KeptAnswers,
    KeptView,
)
from daemon.decide import caching
from events.terms import Caller

SHOWN_MAX = 1000  # paths


async def show(desk: Desk, query: CacheQuery, by: Caller) -> KeptAnswers:
    world, cache = desk.journal.world, desk.cache
    found: list[Label] = []
    connections = [each for each in cache.connections() if narrowed.is_seen(desk, each)]
    if query.connection is not None:
        (subject, _) = desk.find(query.connection)
        found = cache.of(subject)[::-1]
        connections = [subject] if found else []
    return KeptAnswers(
        seq=world.seq,
        bytes=cache.size() if desk.sees is None else sum(map(cache.size, connections)),
        bytes_max=cache.bytes_max,
        connections=[
            CacheView(
                connection=desk.vault.name(each),
                bytes=cache.size(each),
                answers=len(cache.of(each)),
            )
            for each in connections
        ],
        answers=_together(_view(desk, each) for each in found)[:SHOWN_MAX],
    )


async def drop(desk: Desk, wish: CacheOf, by: Caller) -> CacheDropped:
    (subject, _) = desk.find(wish.connection)
    if wish.path is not None and not wish.path.startswith("/"):
        raise Refused("invalid", "a path begins with a slash, as in `rounds request`")
    keys = [
        each.key
        for each in desk.cache.of(subject)
        if wish.path is None or is_below(each.path, wish.path)
    ]
    desk.cache.drop(keys)
    await desk.cache.flush()
    return CacheDropped(seq=desk.journal.world.seq, answers=len(keys))


def _together(views: Iterable[KeptView]) -> list[KeptView]:
    """One for all that nobody could tell apart, the one used last first."""
    found: dict[tuple[object, ...], KeptView] = {}
    for view in views:
        alike = view.endpoint, view.path, view.use, view.doubted
        first = found.get(alike)
        if first is None:
            found[alike] = view
            continue
        found[alike] = replace(
            first,
            at=max(first.at, view.at),
            bytes=first.bytes + view.bytes,
            answers=first.answers + 1,
        )
    return list(found.values())


def _view(desk: Desk, label: Label) -> KeptView:
    moment = desk.journal.moment()  # labels are by its steady time
    return KeptView(
        path=label.path,
        endpoint=label.endpoint,
        at=label.at + moment.ahead,
        use=caching.use(label.lifetime, label.at, moment.steady, doubted=label.doubted).value,
        doubted=label.doubted,
        bytes=label.size + LABEL_BYTES,
    )
