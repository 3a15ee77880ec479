"""When does the next sync start? The only task that waits for domain time."""

import itertools
import math
from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog
import trio

from daemon.agenda import Agenda
from daemon.clock import STEP
from daemon.commands import Command, Reconsider, Review, Start, StepClock
from daemon.decide.turn import is_full
from daemon.journal import Journal
from daemon.supervisor import Supervisor
from events.envelope import Recorded
from events.schema import (
    FLEET,
    AllowanceTaken,
    CallerAllowanceTaken,
    PolicySet,
    ProviderDeclared,
    RefreshIntended,
    SettingsDeclared,
    SettingsReset,
    SettingsSet,
    SyncStarted,
)
from projections import under

NAP_MAX_S = 60.0  # a clock that stepped is noticed within this
REVIEW_BATCH = 256  # connections looked at between two turns of the loop, where many are

TAKEN = (AllowanceTaken, CallerAllowanceTaken)
"""What changes nothing for what may start, and comes with every few calls."""

SETTINGS = (PolicySet, ProviderDeclared, SettingsDeclared, SettingsReset, SettingsSet)

log = structlog.get_logger()


class Scheduler:
    def __init__(self, journal: Journal, supervisor: Supervisor) -> None:
        self._journal = journal
        self._supervisor = supervisor
        self._agenda = Agenda(journal.world)
        self._wake = trio.Event()
        self._anew: dict[int, None] = {}  # connections whose settings are other ones, in order
        self._anew.update(dict.fromkeys(journal.world.connections))  # an earlier life may have died
        journal.observe(self._observe)
        supervisor.on_free(self._renew)

    async def run(self) -> None:
        while True:
            await self._journal.room()
            await self._review_clock()
            await self._admit_due()
            self._wake = trio.Event()
            self._heed_settings()
            self._start_due()
            if not self._journal.has_room:
                continue  # nothing else would wake us when there is room again
            with trio.move_on_after(self._nap_s()):
                await self._wake.wait()

    def _start_due(self) -> None:
        """Start what is due while there are places; choosing and recording are one step."""
        world = self._journal.world
        while self._journal.has_room and not is_full(world):
            subject = self._agenda.pop(self._journal.clock.now())
            if subject is None:
                return
            if self._supervisor.is_busy(subject):
                continue  # its last task still tidies up; `_renew` brings it back
            recorded = self._journal.execute(Start(subject=subject))
            if recorded and isinstance(recorded[0].event, SyncStarted | RefreshIntended):
                self._supervisor.start(recorded[0])
                continue
            self._agenda.renew(subject)  # what was put off may leave its next start where it was
            if not recorded:
                return  # the clock stepped back since `now` was read

    def _nap_s(self) -> float:
        if self._anew:
            return 0.0
        now = self._journal.clock.now()
        due = self._agenda.next_at(now)
        if due is None or is_full(self._journal.world):
            return NAP_MAX_S  # a place that becomes free wakes us
        wait = (due - now) / timedelta(seconds=1)
        return min(NAP_MAX_S, max(0.0, math.nextafter(wait, math.inf)))

    async def _review_clock(self) -> None:
        """After a step of the wall clock, decide anew what lies further off than its interval."""
        moved = self._journal.clock.drift()
        if abs(moved) <= STEP:
            return
        self._journal.execute(StepClock(by=moved))
        world = self._journal.world
        await self._for_each(
            Review(subject=subject, by=moved) for subject in [*world.providers, *world.connections]
        )

    async def _admit_due(self) -> None:
        """Rank what fell due, before the first of it starts: after an outage it may be all."""
        while not self._agenda.admit(self._journal.clock.now(), REVIEW_BATCH):
            await trio.lowlevel.checkpoint()

    def _heed_settings(self) -> None:
        """After settings changed, decide anew what waits longer than they ask for; some at once."""
        for subject in [*itertools.islice(self._anew, REVIEW_BATCH)]:
            del self._anew[subject]
            self._journal.execute(Reconsider(subject=subject))
            self._agenda.rank_anew(subject, self._journal.clock.now())

    async def _for_each(self, wishes: Iterable[Command]) -> None:
        for count, wish in enumerate(wishes):
            self._journal.execute(wish)
            if count % REVIEW_BATCH == REVIEW_BATCH - 1:
                await self._journal.room()

    def _observe(self, recorded: Recorded) -> None:
        connection = self._journal.world.connections.get(recorded.subject)
        if isinstance(recorded.event, SETTINGS):
            self._anew.update(dict.fromkeys(self._concerned(recorded.subject)))
            self._wake.set()
        if connection is None:
            if not isinstance(recorded.event, TAKEN):
                self._wake.set()  # a provider's breaker, perhaps
        elif self._agenda.note(recorded.subject, connection):
            self._wake.set()

    def _concerned(self, subject: int) -> Collection[int]:
        """The connections for which settings of that subject count."""
        world = self._journal.world
        if subject == FLEET:
            return world.connections
        return (
            (subject,) if subject in world.connections else under.connections(world.under, subject)
        )

    def _renew(self, subject: int) -> None:
        self._agenda.renew(subject)
        self._wake.set()
