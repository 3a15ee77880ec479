"""Which connections' writes may leave now, and who carries them?

A connection has a task while its first write may leave; else it is plain state: an event of its
own, its provider's breaker or a moment that comes have it looked at again; while it rests since its
provider was down, also any call that gets through there.
"""

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import structlog
import trio

from daemon.commands import AbandonWrite, LoseWrite
from daemon.decide import line
from daemon.gateway.courier import Courier
from daemon.journal import Journal, LogBroken
from daemon.pool import CONNECTIONS_MAX
from daemon.store.core import StoreBroken
from daemon.supervisor import CLEANUP_S
from daemon.vault import VaultUnusable
from events.envelope import Recorded
from events.terms import FailureClass
from projections.breaker import got_through
from projections.outbox import Phase, first
from projections.world import BREAKERS

PLACES = CONNECTIONS_MAX  # connections of one provider whose writes are carried at once
LOOKS = 256  # connections looked at between two turns of the loop
NAP_MAX_S = 60.0  # a clock that stepped is noticed within this

log = structlog.get_logger()


class Postman:
    """One for the daemon; everything is called in the Trio thread."""

    def __init__(
        self, journal: Journal, courier: Courier, nursery: trio.Nursery, providers: Collection[int]
    ) -> None:
        """Run tasks in `nursery`. What is for other than these `providers` stays where it is."""
        self._journal = journal
        self._courier = courier
        self._nursery = nursery
        self._providers = providers
        self._looks: dict[int, None] = dict.fromkeys(journal.world.outboxes)  # in order
        self._ready: defaultdict[int, dict[int, None]] = defaultdict(dict)  # by provider, in order
        self._away: defaultdict[int, dict[int, trio.CancelScope]] = defaultdict(dict)
        self._resting: defaultdict[int, dict[int, None]] = defaultdict(dict)  # by provider
        self._alarms: list[tuple[datetime, int]] = []
        self._at: dict[int, datetime] = {}  # whose alarm is good: the others mean nothing any more
        self._wake = trio.Event()
        self._idle = trio.Event()
        self._stopped = False
        journal.observe(self._observe)

    async def run(self) -> None:
        while not self._stopped:
            await self._journal.room()
            self._wake = trio.Event()
            self._ring()
            self._look()
            with trio.move_on_after(self._nap_s()):
                await self._wake.wait()

    async def stop(self, within: timedelta) -> None:
        """Let what is under way come to its end, for so long; the rest is in doubt, or keyed."""
        self._stopped = True
        self._wake.set()
        with trio.move_on_after(within / timedelta(seconds=1)):
            await self._until_idle()
        away = [each for of_one in self._away.values() for each in of_one.items()]
        for _, scope in away:
            scope.cancel()
        with trio.move_on_after(CLEANUP_S):
            await self._until_idle()
        for subject, _ in away:
            self._journal.execute(AbandonWrite(subject=subject))

    async def _until_idle(self) -> None:
        while any(self._away.values()):
            self._idle = trio.Event()
            await self._idle.wait()

    def _ring(self) -> None:
        """Look at those again whose time has come."""
        now = self._journal.clock.now()
        while self._alarms and self._alarms[0][0] <= now:
            at, subject = heapq.heappop(self._alarms)
            if self._at.get(subject) == at:
                del self._at[subject]
                self._looks[subject] = None

    def _look(self) -> None:
        """Find those that may leave; so many at most, an outage's end may bring them all."""
        world, now = self._journal.world, self._journal.clock.now()
        for subject in [*itertools.islice(self._looks, LOOKS)]:
            del self._looks[subject]
            provider = world.connections[subject].provider
            if subject in self._away[provider] or provider not in self._providers:
                continue  # its task looks by itself
            if line.rests(subject, world):
                self._resting[provider][subject] = None
            at = line.opens(subject, world, now, probing=self._courier.probing)
            if at is not None and at <= now:
                self._ready[provider][subject] = None
                self._start(provider)
            elif at is not None and self._at.get(subject) != at:
                self._at[subject] = at
                heapq.heappush(self._alarms, (at, subject))

    def _nap_s(self) -> float:
        if self._looks:
            return 0.0
        if not self._alarms:
            return NAP_MAX_S
        wait = (self._alarms[0][0] - self._journal.clock.now()) / timedelta(seconds=1)
        return min(NAP_MAX_S, max(0.0, math.nextafter(wait, math.inf)))

    def _start(self, provider: int) -> None:
        """Let as many go as have a place at their provider."""
        ready, away = self._ready[provider], self._away[provider]
        while ready and len(away) < PLACES and not self._stopped:
            subject = next(iter(ready))
            del ready[subject]
            away[subject] = trio.CancelScope()
            self._nursery.start_soon(self._guard, provider, subject)

    async def _guard(self, provider: int, subject: int) -> None:
        try:
            with self._away[provider][subject]:
                await self._journal.room()
                while not self._stopped and await self._courier.carry(subject):
                    await self._journal.room()
        except (LogBroken, StoreBroken, VaultUnusable):
            raise
        except Exception:
            log.exception("courier-crashed", subject=subject)
            self._crashed(subject)
        finally:
            del self._away[provider][subject]
            self._idle.set()
            self._looks[subject] = None
            self._wake.set()
            self._start(provider)

    def _crashed(self, subject: int) -> None:
        """Our own code failed: before it left, or when it may have arrived."""
        write = first(self._journal.world.outboxes.get(subject, ()))
        if write is None:
            return
        self._journal.execute(
            LoseWrite(
                subject=subject,
                write=write.number,
                cause=FailureClass.INTERNAL,
                sent=write.phase is Phase.UNDER_WAY,
                jitter=1.0,
            )
        )

    def _observe(self, recorded: Recorded) -> None:
        world, subject = self._journal.world, recorded.subject
        if subject in world.outboxes:
            self._look_at([subject])
        if subject in world.connections:
            if got_through(recorded):
                self._look_at(self._resting.pop(world.connections[subject].provider, ()))
        elif isinstance(recorded.event, BREAKERS) and subject in world.providers:
            self._look_at(
                each for each in world.outboxes if world.connections[each].provider == subject
            )

    def _look_at(self, subjects: Iterable[int]) -> None:
        self._looks.update(dict.fromkeys(subjects))
        if self._looks:
            self._wake.set()
