"""Who looks for what is wrong, and when? One task, that looks at what changed and at what is late.

    an event of it ─► marked ─► a moment later ─► looked at ─► Inspect, where that says anything
                        ▲                             └─► a heap: when time alone may change it
                        └──────────────── that moment has come

It never walks over the fleet: after a start it looks at each once, some at a time, and from then on
at those alone of which it heard, or whose moment has come.
"""

import heapq
import itertools
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
import trio

from daemon.commands import Inspect
from daemon.decide import issues
from daemon.journal import Journal
from events.consent import ConsentGranted, ConsentWithdrawn, MonitoringSet
from events.envelope import Recorded
from events.limits import AllowanceRecounted, AllowanceTaken, LimitAdapted, LimitHeld, StepsSummed
from events.outbox import WriteQueued
from events.schema import (
    FLEET,
    BackfillAdvanced,
    BreakerClosed,
    BreakerReset,
    CallerAllowanceTaken,
    CallFailed,
    CallMade,
    ConnectionAdded,
    ConnectionRelinked,
    PolicySet,
    ProviderDeclared,
    SettingsDeclared,
    SettingsReset,
    SettingsSet,
)
from projections import under
from projections.tenant import Tenant
from projections.world import OF_ISSUES, OF_OUTBOX

REST_S = 1.0  # what happens together, such as a sync's end and its next due time, is one look
LOOKS = 64  # between two turns of the loop: some milliseconds
STALE_LEAST = 64  # entries that the heap may hold before it is looked whether they mean anything

UNTOLD = frozenset(
    {
        CallMade,
        CallFailed,
        AllowanceTaken,
        AllowanceRecounted,
        CallerAllowanceTaken,
        LimitHeld,
        LimitAdapted,
        StepsSummed,
        BackfillAdvanced,
        *OF_ISSUES,
        *(OF_OUTBOX - {WriteQueued}),
    }
)
"""What no detector reads, or what another event says again that follows."""

WIDE = (
    *(PolicySet, ProviderDeclared, SettingsDeclared, SettingsReset, SettingsSet),
    *(BreakerClosed, BreakerReset),
    *(MonitoringSet, ConsentGranted, ConsentWithdrawn),
)
"""What counts for all connections, and sources, under its subject."""

log = structlog.get_logger()


class Watchman:
    """One for the daemon."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._marked: dict[int, None] = {}  # in order; a subject once, however much happens to it
        self._moments: dict[int, datetime] = {}
        self._coming: list[tuple[datetime, int]] = []
        self._full = STALE_LEAST
        self._wake = trio.Event()
        world = journal.world
        self._mark([FLEET, *world.providers, *world.connections, *world.sources])
        journal.observe(self._observe)

    async def run(self) -> None:
        while True:
            self._wake = trio.Event()
            self._mark(self._late())
            while self._marked:
                await trio.sleep(REST_S)
                await self._look_at_all()
            with trio.move_on_after(self._nap_s()):
                await self._wake.wait()

    async def _look_at_all(self) -> None:
        """At what is marked by now; what is marked meanwhile has its own rest first."""
        marked, self._marked = self._marked, {}
        left = iter(marked)
        while some := [*itertools.islice(left, LOOKS)]:
            await self._journal.room()
            for subject in some:
                self._look(subject)

    def _look(self, subject: int) -> None:
        """Seeing, and recording what is new of it, is one step."""
        world, now = self._journal.world, self._journal.clock.now()
        seen = issues.judged(world, subject, now)
        if issues.decided(world, subject, seen):
            self._journal.execute(Inspect(subjects=(subject,)))
            seen = issues.judged(world, subject, now)
        self._plan(subject, seen.again)

    def _plan(self, subject: int, moment: datetime | None) -> None:
        if moment is None:
            self._moments.pop(subject, None)
            return
        if self._moments.get(subject) == moment:
            return
        self._moments[subject] = moment
        heapq.heappush(self._coming, (moment, subject))
        if len(self._coming) > self._full:
            self._coming = [(at, each) for each, at in self._moments.items()]
            heapq.heapify(self._coming)
            self._full = max(STALE_LEAST, 2 * len(self._coming))

    def _late(self) -> list[int]:
        """Take those whose moment has come."""
        now, found = self._journal.clock.now(), []
        while (first := self._first()) is not None and first[0] <= now:
            found.append(heapq.heappop(self._coming)[1])
            del self._moments[found[-1]]
        return found

    def _first(self) -> tuple[datetime, int] | None:
        """What comes next; entries that mean nothing any more are dropped."""
        while self._coming and self._moments.get(self._coming[0][1]) != self._coming[0][0]:
            heapq.heappop(self._coming)
        return self._coming[0] if self._coming else None

    def _nap_s(self) -> float:
        first = self._first()
        if first is None:
            return math.inf
        wait = (first[0] - self._journal.clock.now()) / timedelta(seconds=1)
        return max(0.0, math.nextafter(wait, math.inf))

    def _observe(self, recorded: Recorded) -> None:
        event, subject = recorded.event, recorded.subject
        if type(event) in UNTOLD:
            return
        known = self._journal.world.connections.get(subject)
        if isinstance(event, (ConnectionAdded, ConnectionRelinked)) and known:
            self._mark([known.provider])
        if isinstance(event, WIDE) and known is None:
            self._mark(self._concerned(subject))
        self._mark([subject])

    def _concerned(self, subject: int) -> Sequence[int]:
        """The connections and sources for which its settings count, or its breaker."""
        world = self._journal.world
        if subject == FLEET:
            return [*world.connections, *world.sources]
        reporting = world.tenants.get(subject, Tenant()).sources
        return [*under.connections(world.under, subject), *reporting]

    def _mark(self, subjects: Sequence[int]) -> None:
        if subjects:
            self._marked.update(dict.fromkeys(subjects))
            self._wake.set()
