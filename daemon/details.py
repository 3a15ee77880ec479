"""How are details forgotten of tenants who do not consent to their being kept?

These are what records look like, and what values watched fields have, kept beside each version of a
stream to notice when that changes; and what providers said when calls failed.
Nothing new is kept of such a tenant; what was is deleted when consent ends, and again at the start
of a life, in case the last one died in between.
"""

from collections.abc import Sequence
from functools import partial

import structlog
import trio

from daemon.journal import Journal
from daemon.store import excerpts, measures, profiles
from daemon.store.core import StoreFull
from daemon.store.storage import Storage
from projections import consent

STEP = 64  # connections in one transaction: others get the store in between

log = structlog.get_logger()


async def forget_unmonitored(journal: Journal, storage: Storage) -> None:
    """Forget those of all who do not consent now."""
    world = journal.world
    found = [each for each in world.connections if not consent.of_connection(world, each)]
    if not await forget(storage, found):
        log.warning("details-not-forgotten", why="the disk is full")


async def forget(storage: Storage, subjects: Sequence[int]) -> bool:
    """Forget those of these connections; whether the disk had the room that it takes."""
    for first in range(0, len(subjects), STEP):
        some = subjects[first : first + STEP]
        try:
            await storage.change(partial(profiles.forget, subjects=some))
            await storage.change(partial(measures.forget, subjects=some))
            await storage.change(partial(excerpts.forget, subjects=some))
        except StoreFull:
            return False
        await trio.lowlevel.checkpoint()
    return True
