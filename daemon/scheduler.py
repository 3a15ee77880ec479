"""When does the next sync start? The only task that waits for domain time."""

import math
from datetime import timedelta

import structlog
import trio

from daemon.agenda import Agenda
from daemon.clock import STEP
from daemon.commands import Review, Start, StepClock
from daemon.decide.start import is_full
from daemon.journal import Journal
from daemon.supervisor import Supervisor
from events.envelope import Recorded
from events.schema import RefreshIntended, SyncStarted

NAP_MAX_S = 60.0  # a clock that stepped is noticed within this
REVIEW_BATCH = 256  # connections looked at between two turns of the loop after a clock stepped

log = structlog.get_logger()


class Scheduler:
    def __init__(self, journal: Journal, supervisor: Supervisor) -> None:
        self._journal = journal
        self._supervisor = supervisor
        self._agenda = Agenda(journal.world)
        self._wake = trio.Event()
        journal.observe(self._observe)
        supervisor.on_free(self._renew)

    async def run(self) -> None:
        while True:
            await self._journal.room()
            await self._review_clock()
            self._wake = trio.Event()
            self._start_due()
            with trio.move_on_after(self._nap_s()):
                await self._wake.wait()

    def _start_due(self) -> None:
        """Start what is due while there are places; choosing and recording are one step."""
        world, now = self._journal.world, self._journal.clock.now()
        while self._journal.has_room and not is_full(world):
            subject = self._agenda.pop(now)
            if subject is None:
                return
            if self._supervisor.is_busy(subject):
                continue  # its last task still tidies up; `_renew` brings it back
            recorded = self._journal.execute(Start(subject=subject))
            if not recorded:
                self._agenda.renew(subject)  # the clock stepped back since `now` was read
                return
            if isinstance(recorded[0].event, SyncStarted | RefreshIntended):
                self._supervisor.start(recorded[0])

    def _nap_s(self) -> float:
        due = self._agenda.next_at()
        if due is None or is_full(self._journal.world):
            return NAP_MAX_S  # a place that becomes free wakes us
        wait = (due - self._journal.clock.now()) / timedelta(seconds=1)
        return min(NAP_MAX_S, max(0.0, math.nextafter(wait, math.inf)))

    async def _review_clock(self) -> None:
        """After a step of the wall clock, decide anew what lies further off than its interval."""
        moved = self._journal.clock.drift()
        if abs(moved) <= STEP:
            return
        self._journal.execute(StepClock(by=moved))
        for count, subject in enumerate(list(self._journal.world.connections)):
            self._journal.execute(Review(subject=subject, by=moved))
            if count % REVIEW_BATCH == REVIEW_BATCH - 1:
                await self._journal.room()

    def _observe(self, recorded: Recorded) -> None:
        connection = self._journal.world.connections.get(recorded.subject)
        if connection is not None and self._agenda.note(recorded.subject, connection):
            self._wake.set()

    def _renew(self, subject: int) -> None:
        self._agenda.renew(subject)
        self._wake.set()
