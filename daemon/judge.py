"""Who judges what streams bring, and when? One task, a connection at a time.

    records of it ─► a heap: when the period they came in is over ─► read what came, judge beside
    captured                                                         the loop ─► NoteDrift

It never walks over the fleet, but once at a start, and polls nothing: a connection is judged once
for each period (a day; an hour where it is synced hourly) in which it brought an answer, and all of
them together at most `A_SECOND_MAX` times a second: who has to wait is judged by the same periods.
"""

import heapq
import math
from datetime import datetime, timedelta
from functools import partial

import structlog
import trio

from daemon import came
from daemon.came import Place, TooMany
from daemon.commands import NoteDrift
from daemon.decide import condition
from daemon.journal import Journal
from daemon.past import Past, PastUnavailable
from daemon.read_model.reading import Reading
from events.envelope import Recorded
from events.issues import DriftJudged
from events.schema import RecordsCaptured
from projections import arrivals, consent, drifted, policy
from projections.arrivals import Came, Step

A_SECOND_MAX = 10  # connections: at some 40 ms each, two fifths of one core at most
REST = timedelta(seconds=5)  # what came at the very end of a period is on disk by then
PERIOD_MAX = timedelta(hours=25)  # a day on which the clocks are put back
WITHIN = timedelta(days=2)  # at a start: what came before that was judged, or is stale by now
READ = timedelta(days=70)  # what one day's verdict can be made of, as `rounds drift` asks

log = structlog.get_logger()


class Judge:
    """One for the daemon."""

    def __init__(self, journal: Journal, past: Past, reading: Reading) -> None:
        self._journal = journal
        self._reading = reading
        self._place = Place(journal=journal, past=past, reading=reading)
        self._steps: dict[int, Step] = {}  # hours, until it is known that nothing comes hourly
        self._coming: list[tuple[datetime, int]] = []
        self._expected: dict[int, datetime] = {}  # which entry of `_coming` holds, of each
        self._wake = trio.Event()
        now = journal.clock.now()
        for subject, known in journal.world.connections.items():
            came_at = [each.captured_at for each in known.streams.values() if each.captured_at]
            if came_at and now - max(came_at) < WITHIN:
                self._expect(subject, max(came_at))
        journal.observe(self._observe)

    async def run(self) -> None:
        while True:
            self._wake = trio.Event()
            while self._coming and self._coming[0][0] <= self._journal.clock.now():
                due, subject = heapq.heappop(self._coming)
                if self._expected.get(subject) != due:
                    continue
                del self._expected[subject]
                if await self._judge(subject):
                    await trio.sleep(1 / A_SECOND_MAX)
            with trio.move_on_after(self._nap_s()):
                await self._wake.wait()

    async def _judge(self, subject: int) -> bool:
        """Whether it may be judged, and so was read.

        Judging and recording are two steps: `decide` sees what happened in between.
        """
        await self._journal.room()
        upto, now = self._journal.world.seq, self._journal.clock.now()
        if not self._may_judge(subject):
            return False
        try:
            found = await came.came(self._place, subject, now - READ)
        except (TooMany, PastUnavailable) as error:
            log.warning("drift-not-judged", connection=subject, reason=str(error))
            return True
        judged = await self._judged(subject, found, now)
        if judged:  # else it is not known how often it comes: it was paused, or loaded
            self._steps[subject] = Step.HOUR if any(each.hourly for each in judged) else Step.DAY
        self._journal.execute(NoteDrift(subject=subject, upto=upto, judged=judged))
        return True

    async def _judged(self, subject: int, found: Came, now: datetime) -> tuple[DriftJudged, ...]:
        world, judged = self._journal.world, list[DriftJudged]()
        known, zone = world.connections[subject], policy.of_connection(world, subject).timezone
        for name in condition.names(known, world.providers[known.provider]):
            rule = policy.drift_rule(world, subject, name)
            work = partial(drifted.judged, found, name, zone, now, rule)
            if (said := await self._reading.away(work)) is not None:
                judged.append(said)
        return tuple(judged)

    def _may_judge(self, subject: int) -> bool:
        world = self._journal.world
        known = world.connections[subject]
        return not (known.removed or known.paused) and consent.of_connection(world, subject)

    def _observe(self, recorded: Recorded) -> None:
        if type(recorded.event) is RecordsCaptured:
            self._expect(recorded.subject, recorded.at)

    def _expect(self, subject: int, at: datetime) -> None:
        """Judge it when the period is over in which that came, unless it is judged before."""
        before = self._expected.get(subject)
        if before is not None and before - REST <= at + PERIOD_MAX:
            return  # it is soon enough; and of a clock that was ahead it is not
        zone = policy.of_connection(self._journal.world, subject).timezone
        due = arrivals.end(at, self._steps.get(subject, Step.HOUR), zone) + REST
        heapq.heappush(self._coming, (due, subject))
        self._expected[subject] = due
        self._wake.set()

    def _nap_s(self) -> float:
        if not self._coming:
            return math.inf
        wait = (self._coming[0][0] - self._journal.clock.now()) / timedelta(seconds=1)
        return max(0.0, math.nextafter(wait, math.inf))
