"""Who runs the syncs, and what happens when one breaks?

A connection's task lives while it syncs. If our own code fails in it, that is recorded, the
connection rests (how long, `decide` says), and nobody else notices. Only what makes the whole
process unsafe goes on up: a store or vault that can no longer be trusted.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import structlog
import trio

from daemon.actor import Actor, Progress
from daemon.commands import Crash, Interrupt
from daemon.journal import Journal, LogBroken
from daemon.spool import SpoolFull
from daemon.store.core import StoreBroken, StoreFull
from daemon.vault import VaultUnusable
from events.ballast import Ballast
from events.envelope import Recorded
from events.schema import SyncCancelled
from events.terms import InterruptReason

DISK_RETRY_S = 1.0  # how often a full disk is looked at again
DISK_REST_MAX_S = 64.0  # what has room for a probe may have none for a sync: each try is dearer
CLEANUP_S = 5.0  # what a cancelled sync may take to let go

log = structlog.get_logger()


class _Task:
    def __init__(self, sync: int) -> None:
        self.sync = sync
        self.scope = trio.CancelScope()
        self.progress = Progress()
        self.over = trio.Event()


class _Alone:
    """Who keeps a connection to itself: so many want to, one after the other."""

    def __init__(self) -> None:
        self.wanted = 0
        self.turn = trio.Lock()


class Supervisor:
    def __init__(
        self, journal: Journal, actor: Actor, nursery: trio.Nursery, state: Path | None
    ) -> None:
        """Run tasks in `nursery`. `state` is where a full disk is probed, if there is a disk."""
        self._journal = journal
        self._actor = actor
        self._nursery = nursery
        self._state = state
        self._tasks: dict[int, _Task] = {}
        self._kept_alone: dict[int, _Alone] = {}
        self._rest_s = DISK_RETRY_S
        self._free: Callable[[int], None] = lambda _: None
        self._idle = trio.Event()
        journal.observe(self._observe)

    def on_free(self, told: Callable[[int], None]) -> None:
        """Let `told` know of each connection whose task has ended."""
        self._free = told

    def is_busy(self, subject: int) -> bool:
        return subject in self._tasks or subject in self._kept_alone

    def alone(self, subject: int) -> AbstractAsyncContextManager[None]:
        """Let nothing of a connection start, from now on to the end of what is to be entered.

        That begins once what runs, if any, is over: also what a cancelled sync has yet to let go
        of, which may be making visible what it recorded. It must be entered, by one task.
        """
        alone = self._kept_alone.setdefault(subject, _Alone())
        alone.wanted += 1
        return self._in_turn(subject, alone)

    @asynccontextmanager
    async def _in_turn(self, subject: int, alone: _Alone) -> AsyncIterator[None]:
        try:
            async with alone.turn:
                if task := self._tasks.get(subject):
                    await task.over.wait()
                yield
        finally:
            alone.wanted -= 1
            if not alone.wanted:
                del self._kept_alone[subject]
                self._free(subject)

    def is_kept_alone(self, subject: int) -> bool:
        return subject in self._kept_alone

    def progress(self, subject: int) -> Progress | None:
        """How far the running sync of a connection has come; None where none runs."""
        task = self._tasks.get(subject)
        return task.progress if task else None

    def start(self, started: Recorded) -> None:
        """Run the sync that this SyncStarted opened, or the renewal that was intended."""
        assert not self.is_busy(started.subject), "a connection never syncs twice at once"
        self._tasks[started.subject] = _Task(started.seq)
        self._nursery.start_soon(self._guard, started)

    def _observe(self, recorded: Recorded) -> None:
        """End the task of the very sync that was cancelled, in the step that recorded it."""
        if not isinstance(recorded.event, SyncCancelled):
            return
        task = self._tasks.get(recorded.subject)
        if task is not None and task.sync == recorded.event.sync:
            task.scope.cancel()

    async def stop(self, within: timedelta) -> int:
        """Let what runs finish, for so long; interrupt the rest. How many were interrupted."""
        with trio.move_on_after(within / timedelta(seconds=1)):
            await self._until_idle()
        running = list(self._tasks.items())
        for subject, task in running:
            self._journal.execute(
                Interrupt(subject=subject, sync=task.sync, reason=InterruptReason.SHUTDOWN)
            )
            task.scope.cancel()
        with trio.move_on_after(CLEANUP_S):
            await self._until_idle()
        return len(running)

    async def _until_idle(self) -> None:
        while self._tasks:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _guard(self, started: Recorded) -> None:
        subject, task = started.subject, self._tasks[started.subject]
        try:
            with task.scope:
                await self._actor.work(started, task.progress)
                self._rest_s = DISK_RETRY_S
            if task.scope.cancelled_caught:  # cancelled: that is recorded; else: nobody said why
                reason = InterruptReason.SHUTDOWN
                self._journal.execute(Interrupt(subject=subject, sync=task.sync, reason=reason))
        except (LogBroken, StoreBroken, VaultUnusable):
            raise
        except (StoreFull, SpoolFull):
            self._interrupt_for_room(subject, started.seq)
        except Exception as error:
            log.exception("actor-crashed", subject=subject, sync=started.seq)
            self._journal.execute(Crash(subject=subject, error=place(error)))
            self._actor.tidy(subject)
        finally:
            del self._tasks[subject]
            task.over.set()
            self._idle.set()
            self._free(subject)

    def _interrupt_for_room(self, subject: int, sync: int) -> None:
        reason = InterruptReason.DISK_FULL
        self._journal.execute(Interrupt(subject=subject, sync=sync, reason=reason))
        if self._state is not None and self._journal.hold("data"):
            self._nursery.start_soon(self._await_room, Ballast(self._state / "probe"))

    async def _await_room(self, probe: Ballast) -> None:
        """Rest, try until a file of some size fits again, then let new syncs begin.

        The rest doubles until a sync goes through, lest a nearly full disk is stormed.
        """
        await trio.sleep(self._rest_s)
        self._rest_s = min(2 * self._rest_s, DISK_REST_MAX_S)
        while not await trio.to_thread.run_sync(probe.take):  # noqa: ASYNC110 - a disk tells nobody
            await trio.sleep(DISK_RETRY_S)
        await trio.to_thread.run_sync(probe.release)
        self._journal.release("data")


def place(error: BaseException) -> str:
    """An exception's type and place, without its text, which may hold anything."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frame: TracebackType | None = error.__traceback__
    where = "?"
    while frame is not None:
        where = f"{Path(frame.tb_frame.f_code.co_filename).name} line {frame.tb_lineno}"
        frame = frame.tb_next
    return f"{type(error).__name__} at {where}"
