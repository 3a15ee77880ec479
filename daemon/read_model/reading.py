"""How is the read model asked, without holding up the loop?"""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from daemon.read_model import opening
from daemon.read_model.opening import ReadModelDamaged, ReadModelUnusable, open_for_reading
from daemon.read_model.scribe import Scribe
from daemon.store.storage import Run

T = TypeVar("T")


class Reading:
    """Asks the file at `path` on a connection of its own; the scribe's, where it is in memory.

    What takes its time afterwards runs where `beside` does: no other question waits for it.
    """

    def __init__(self, scribe: Scribe, path: Path | None, run: Run, beside: Run) -> None:
        self.scribe = scribe
        self._path = path
        self._run = run
        self._beside = beside
        self._connection: sqlite3.Connection | None = None
        self._opened = 0

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What it answers. Raises ReadModelUnusable while there is no file that can be asked.

        One that turns out to be damaged is made anew.
        """
        try:
            return await self._run(partial(self._ask, question))
        except ReadModelDamaged:
            self.scribe.begin_anew()
            raise

    async def ask_fresh(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The same, with all that was durable before, where that does not take long.

        A file is opened within a moment at a start. For one that is made anew, or was found
        unusable, nobody waits.
        """
        progress = self.scribe.progress
        is_gone = self.scribe.model is None and (progress.anew or progress.trouble)
        if not is_gone:
            await self.scribe.fresh()
        return await self.ask(question)

    async def away(self, call: Callable[[], T]) -> T:
        """Work out what came of an answer, which also takes its time, beside the loop."""
        return await self._beside(call)

    async def run(self) -> None:
        """Let go of the file when the scribe does, so that its space is free, and at the end."""
        left = self.scribe.left
        try:
            while True:
                await left.wait()
                left = self.scribe.left  # of a file that is opened from here on
                await self._run(self._close)
        finally:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return question(self._open())
        except sqlite3.Error as error:
            damaged = opening.kind(error) in opening.DAMAGED
            raise (ReadModelDamaged if damaged else ReadModelUnusable)(str(error)) from error

    def _open(self) -> sqlite3.Connection:
        model = self.scribe.model
        if model is None:
            raise ReadModelUnusable("it is being made anew")
        if self._path is None:
            return model.connection
        if self._connection is None or self._opened != self.scribe.opened:
            self._close()
            self._connection, self._opened = open_for_reading(self._path), self.scribe.opened
        return self._connection
