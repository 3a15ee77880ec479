"""How are streams put together as they were, offered, and made visible, in the data store?"""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import trio

from daemon.decide import restoring as choices
from daemon.journal import Journal
from daemon.store import restoring
from daemon.store.core import StoreFull
from daemon.store.drafts import Draft
from daemon.store.restoring import NotTheSame, Place
from daemon.store.storage import Storage
from events.terms import Mode
from events.versions import StreamRestored
from projections.streams import Stream

ROOM_RETRY_S = 1.0  # how often a full disk is tried again


async def stage(
    storage: Storage,
    drafts: list[Draft],
    found: Mapping[str, Stream],
    *,
    subject: int,
    provider: str,
    version: int,
    secret: bytes,
) -> tuple[StreamRestored, ...]:
    """Stage all of them as `found` says, some rows at a time; `drafts` takes what was begun.

    Raises StoreFull, NotTheSame, NotKept.
    """
    streams = []
    for name, was in found.items():
        draft = await storage.begin(
            subject,
            provider,
            name,
            version=version,
            mode=Mode.FULL,
            primary_key=(),  # rows come back with the keys that they had
            secret=secret,
        )
        drafts.append(draft)
        streams.append(await _stage_one(storage, draft, name, was))
    return tuple(streams)


async def _stage_one(storage: Storage, draft: Draft, name: str, was: Stream) -> StreamRestored:
    place: Place | None = restoring.start(was.version)
    while place is not None:
        step = partial(restoring.stage, draft=draft, of=was.version, place=place)
        place = await storage.change(step)
    made = await storage.change(partial(restoring.conclude, draft=draft, of=was.version))
    if was.version and (made.rows, made.digest) != (was.rows, was.digest):
        raise NotTheSame(f"version {was.version} is not the one that the log knows")
    counts = {"added": made.added, "changed": made.changed, "removed": made.removed}
    return choices.restored(name, was, made.digest, **counts)


async def drop(storage: Storage, drafts: list[Draft]) -> None:
    """Forget what was staged. What a full disk keeps of it, the next draft or start forgets."""
    for draft in drafts:
        with suppress(StoreFull):
            await storage.drop(draft)


async def accept(
    storage: Storage, drafts: list[Draft], journal: Journal, nursery: trio.Nursery
) -> bool:
    """Bring all of them into force at once; False where the disk has no room for that yet.

    Then it is made up for in `nursery`, and nothing new begins before that. If we die on the way,
    the next start does it.
    """
    try:
        await storage.accept(*drafts)
    except StoreFull:
        held = journal.hold("data")
        nursery.start_soon(partial(_make_up, storage, drafts, journal, held=held))
        return False
    return True


async def _make_up(storage: Storage, drafts: list[Draft], journal: Journal, *, held: bool) -> None:
    """`held` says that it is we who keep new syncs from beginning."""
    while True:
        await trio.sleep(ROOM_RETRY_S)
        with suppress(StoreFull):
            await storage.make_up(*drafts)
            break
    if held:
        journal.release("data")
