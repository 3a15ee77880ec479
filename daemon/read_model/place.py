"""How does the read model's file come to lie where it does, and how is it taken away again?

Everything in it follows from the log: what is missing, damaged, of another log or written by other
code is made anew. Where much is to be read for that, a process of its own does it.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from msgspec import Struct

from daemon.journal import Journal
from daemon.read_model import filler, filling, opening
from daemon.read_model.facts import Facts
from daemon.read_model.file import Position, ReadModel
from daemon.read_model.opening import ReadModelBusy, ReadModelUnusable
from daemon.store.storage import Run

FAR_EVENTS = 50_000  # behind by more than this, it is filled at once, by a process of its own

log = structlog.get_logger()


class Opened(Struct, frozen=True, kw_only=True):
    """An open file, and what it says of how far it is and what is remembered."""

    model: ReadModel
    position: Position
    facts: Facts


class Place:
    """`path` is the file, in memory without one. Calls run where `run` runs them."""

    def __init__(
        self, journal: Journal, path: Path | None, run: Run, retries_kept: timedelta
    ) -> None:
        self.path = path
        self._journal = journal
        self._run = run
        self._retries_kept = retries_kept
        self._code = filling.version()

    async def open(self, tell: Callable[[int], None]) -> Opened:
        """The file as it lies there, or one that was made anew; `tell` hears how far that is.

        Raises ReadModelFull, and ReadModelUnusable.
        """
        try:
            opened = await self._open()
        except ReadModelBusy:
            raise
        except ReadModelUnusable as error:
            if self.path is None:
                raise
            log.info("read-model-anew", reason=str(error))
            await self.remove()
            opened = await self._open()
        if self.path is not None and self._is_far(opened.position):
            opened.model.close()
            await self._fill(self.path, tell)
            opened = await self._open()
        return opened

    async def remove(self) -> None:
        """Take it away, and what was to become it. Raises ReadModelUnusable."""
        if self.path is not None:
            drafts = [self.path.parent / each for each in filling.DRAFTS]
            await self._run(partial(opening.remove, self.path, *drafts))

    def block(self, seq: int) -> str:
        """The block of the log that an event lies in."""
        found = self._journal.log.block_of(seq) if seq else None
        return found.hex() if found else ""

    async def _open(self) -> Opened:
        kept = self._retries_kept
        model = await self._run(partial(ReadModel, self.path, self._code, retries_kept=kept))
        try:
            position = await self._run(model.position)
            ahead = position.seq > self._journal.head.seq
            if ahead or position.block != self.block(position.seq):
                raise ReadModelUnusable("it is of another log")
            members, said = await self._run(model.members), await self._run(model.said)
            facts = Facts(members, said, reporters=await self._run(model.reporters))
        except BaseException:
            model.close()
            raise
        return Opened(model=model, position=position, facts=facts)

    def _is_far(self, position: Position) -> bool:
        return self._journal.head.seq - position.seq > FAR_EVENTS

    async def _fill(self, path: Path, tell: Callable[[int], None]) -> None:
        """Put a file in its place that has all that is durable now, or none at all."""
        await self._run(partial(opening.check_room, path))
        tell(0)
        upto, kept = self._journal.head.seq, self._retries_kept
        draft = await filler.filled(path.parent, upto, self._code, kept, tell)
        if draft is None:
            await self.remove()
        else:
            await self._run(partial(opening.replace, path, draft))
