"""Who keeps the read model up to date, a second or less behind the log?

log ─► facts ─────────────┐
World, of what changed ─► rows, as of n ─► n durable ─► one transaction, position n ─► (pause) ─►

It reads durable events alone, from where the file stands. What turns out to be of no use is made
anew: nothing in it is not in the log. Whatever fails here stops nobody else.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
import trio
from msgspec.structs import replace

from daemon.journal import Journal
from daemon.read_model import changed, file, gathering
from daemon.read_model.changed import Changed
from daemon.read_model.facts import Facts
from daemon.read_model.file import Position, ReadModel, Standing
from daemon.read_model.gathering import SUBJECTS_MAX
from daemon.read_model.keeping import RETRIES_KEPT
from daemon.read_model.opening import ReadModelBusy, ReadModelFull, ReadModelUnusable
from daemon.read_model.place import Place
from daemon.read_model.progress import Progress
from daemon.store.storage import Run
from events.codec import UnreadableEvent

PAUSE_S = 0.2  # between two writes: a transaction each costs more than what is in it
UNSEEN_S = 3600.0  # the same of what lies in memory: nobody sees it but through us, who hurry it
PAGE_EVENTS = 256  # read and folded without a pause: some milliseconds
BATCH_EVENTS = 8192  # written at once
FAILED_S = 30.0  # at least, between two attempts of which each failed
FULL_S = 600.0  # the same where it did not fit: an attempt may write as much as there is room for
LOOK_S = 30.0  # who deletes it to have some space waits for so long, even if nothing happens
OUTGROWN_S = 600.0  # of its life it may outgrow its bound: to fill another one costs more than disk
FRESH_S = 2.0  # who asks waits for so long for what was recorded before

log = structlog.get_logger()


class Scribe:
    """`path` is the file, in memory without one; `name` says what people call a subject.

    Retries that have ended stay in it for `retries_kept`.
    """

    def __init__(
        self,
        journal: Journal,
        name: Callable[[int], str],
        path: Path | None,
        run: Run,
        retries_kept: timedelta = RETRIES_KEPT,
    ) -> None:
        self._journal = journal
        self._name = name
        self._place = Place(journal, path, run, retries_kept)
        self._run = run
        self._model: ReadModel | None = None
        self._facts = Facts({})
        self._read_upto = 0  # the last event that `_facts` has
        self._position = Position()
        self._was_whole = False  # at some time since it was opened
        self._changed = Changed()
        self._hurried = trio.Event()
        self._written = trio.Event()
        self._anew: int | None = None
        self._behind_since: float | None = None  # trio's time
        self._trouble = ""
        self._life = trio.CancelScope()
        self._opened_at, self._removed_at = 0.0, -math.inf  # trio's times
        self.opened = 0  # how often the file became another one: readers open it again
        self.left = trio.Event()  # set once this one is let go of: another file has another event

    @property
    def model(self) -> ReadModel | None:
        """The open file, for readers where it is in memory."""
        return self._model

    @property
    def progress(self) -> Progress:
        anew = self._anew
        seq = self._position.seq if anew is None else anew
        whole = self._position.whole and anew is None
        since, now = self._behind_since, trio.current_time()
        return Progress(
            seq=seq,
            upto=self._journal.head.seq,
            whole=whole,
            anew=anew is not None,
            behind_s=0.0 if since is None else now - since,
            trouble=self._trouble,
        )

    async def run(self) -> None:
        """Follow the log, until cancelled."""
        try:
            while True:
                with trio.CancelScope() as self._life:
                    await self._live()
                log.info("read-model-anew", reason="somebody asked for it")
                await self._remove()
        finally:
            self._let_go()

    async def fresh(self) -> bool:
        """Wait until all events that are durable now are in it, for `FRESH_S` at most."""
        wanted = self._journal.head.seq
        with trio.move_on_after(FRESH_S):
            while self._position.seq < wanted:
                self._hurried.set()
                await self._written.wait()
        return self._position.seq >= wanted

    def begin_anew(self) -> None:
        """Delete the file, and fill another one; `progress` says how far that is."""
        if self._anew is None:
            self._anew, self._trouble = 0, ""
            self._life.cancel()

    def _lag(self, since: float) -> None:
        """From then on something is lacking, if it is not already."""
        if self._behind_since is None:
            self._behind_since = since

    async def _remove(self) -> None:
        """Let go of the file, and take it away."""
        self._let_go()
        with suppress(ReadModelUnusable):  # whoever opens it says so again
            await self._place.remove()

    # -- one life of the file ---------------------------------------------------

    async def _live(self) -> None:
        """Follow the log, again after whatever failed. What cannot be used is taken away first."""
        while True:
            since = trio.current_time()
            again = since + FAILED_S
            self._lag(since)
            try:
                await self._follow()
            except (ReadModelFull, ReadModelBusy) as error:
                self._trouble = str(error)
                log.warning("read-model-behind", reason=str(error))
                if isinstance(error, ReadModelFull) and self._is_half:
                    await self._remove()
                    again = trio.current_time() + FULL_S
            except ReadModelUnusable as error:
                self._trouble = str(error)
                log.warning("read-model-unusable", reason=str(error))
                await self._remove()
                again, self._removed_at = self._removed_at + FAILED_S, trio.current_time()
            self._lag(trio.current_time())
            self._let_go()
            self._anew = None
            await trio.sleep_until(again)

    @property
    def _is_half(self) -> bool:
        """Whether what lies there is only on its way to be of use."""
        return self._anew is not None or (self._model is not None and not self._was_whole)

    async def _follow(self) -> None:
        """Open it, and write what comes. Raises ReadModelFull, ReadModelUnusable."""
        await self._open()
        while True:
            if not self._lacks:
                self._behind_since, self._trouble = None, ""
                with trio.move_on_after(LOOK_S if self._place.path else math.inf):
                    await self._journal.head.beyond(self._position.seq)
            await self._look()
            if not self._lacks:
                continue
            self._lag(trio.current_time())
            await self._write_up()
            self._behind_since, self._trouble = None, ""
            if len(self._changed.connections) < SUBJECTS_MAX:
                with trio.move_on_after(PAUSE_S if self._place.path else UNSEEN_S):
                    await self._hurried.wait()
            self._hurried = trio.Event()

    @property
    def _lacks(self) -> bool:
        return bool(self._changed) or self._journal.head.seq > self._position.seq

    async def _open(self) -> None:
        opened = await self._place.open(self._tell)
        self._model, self._position, self._facts = opened.model, opened.position, opened.facts
        self._read_upto = self._position.seq
        self._was_whole = whole = self._position.whole
        world = self._journal.world
        self._changed = changed.since_closed(world) if whole else changed.everything(world)
        self._anew, self._opened_at = None, trio.current_time()
        self.opened += 1

    def _tell(self, seq: int) -> None:
        self._anew = seq

    async def _look(self) -> None:
        """Raise ReadModelUnusable where the file was deleted, or has grown without need."""
        assert self._model is not None, "it is open while it is followed"
        open_s = trio.current_time() - self._opened_at
        await self._run(partial(self._model.check, wal=open_s >= OUTGROWN_S))

    # -- writing ----------------------------------------------------------------

    async def _write_up(self) -> None:
        """Write what is durable, and how things stand with some of those that changed."""
        model, journal = self._model, self._journal
        assert model is not None, "it is open while it is followed"
        while self._read_upto < journal.head.seq - BATCH_EVENTS:
            await self._read(self._read_upto + BATCH_EVENTS, {})
            await self._write(model, file.NOTHING_STANDS)
        await self._read(journal.head.seq, {})
        stands, taken = await gathering.gathered(journal.world, self._changed, self._name)
        upto = journal.world.seq
        await journal.head.beyond(upto - 1)
        await self._read(upto, taken)
        await self._write(model, stands)
        self._written.set()
        self._written = trio.Event()

    async def _read(self, upto: int, taken: dict[int, int]) -> None:
        """Fold what is durable; they have changed again whose rows are from before."""
        world, at = self._journal.world, self._position.at
        while self._read_upto < upto:
            limit = min(PAGE_EVENTS, upto - self._read_upto)
            try:
                page = self._journal.log.read(self._read_upto, limit=limit)
            except UnreadableEvent as error:
                raise ReadModelBusy(str(error)) from error
            assert page, "what is durable can be read"
            for recorded in page:
                self._facts.fold(recorded)
                changed.note(self._changed, world, recorded, taken.get(recorded.subject, 0))
                at = recorded.at if at is None else max(at, recorded.at)
            self._read_upto = page[-1].seq
            await trio.lowlevel.checkpoint()
        self._position = replace(self._position, at=at)

    async def _write(self, model: ReadModel, stands: Standing) -> None:
        seq = self._read_upto
        position = Position(
            seq=seq, block=self._place.block(seq), at=self._position.at, whole=not self._changed
        )
        write = partial(model.write, position, self._facts.take(), self._facts.members, stands)
        await self._run(write)
        self._position = position
        self._was_whole |= position.whole

    def _let_go(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            model.close()
            self.left.set()
            self.left = trio.Event()
        self._position = Position()
