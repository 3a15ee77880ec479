"""How do things stand with those that changed, worked out without holding up everybody else?"""

from collections.abc import AsyncIterator, Callable, Iterable

import trio

from daemon.read_model import changed, standing
from daemon.read_model.changed import Changed
from daemon.read_model.file import Standing
from projections.world import World

SUBJECTS_MAX = 2000  # of any kind, whose rows are written at once
SUBJECTS_PAGE = 32  # of any kind, whose rows are worked out without a pause


async def gathered(
    world: World, changes: Changed, name: Callable[[int], str]
) -> tuple[Standing, dict[int, int]]:
    """The rows of some of those, and as of which event each connection's were taken.

    A connection may have another name as well, which no event tells of before the vault has it.
    They are taken out of `changes`; what happens to them meanwhile has to put them there again.
    """
    taken: dict[int, int] = {}
    connections, tenants, names, sources = (
        changed.take(each, SUBJECTS_MAX)
        for each in (changes.connections, changes.tenants, changes.names, changes.sources)
    )
    accounts, streams = [], []
    async for each in _unhurried(connections):
        accounts.append(standing.account(world, each))
        streams += standing.streams(world, each)
        taken[each] = world.seq
    reported = [standing.source(world, each) async for each in _unhurried(sources)]
    stands = Standing(
        connections=tuple(connections),
        accounts=tuple(accounts),
        streams=tuple(streams),
        tenants=tuple([standing.tenant(world, each) async for each in _unhurried(tenants)]),
        names=tuple([(each, name(each)) async for each in _unhurried({*names, *connections})]),
        reporters=tuple(sources),
        sources=tuple(row for row in reported if row is not None),
    )
    return stands, taken


async def _unhurried(subjects: Iterable[int]) -> AsyncIterator[int]:
    """Each of them; others have their turn after each page."""
    for count, each in enumerate(subjects, 1):
        yield each
        if count % SUBJECTS_PAGE == 0:
            await trio.lowlevel.checkpoint()
