"""When may a call leave for its provider, and who goes first where not all may?

place ─► waiting room, by priority ─► allowance, durable ─► the call leaves
             ▲            │
             └── opens ───┴─► too far off: the call is lost, with the time to come back
"""

import bisect
import itertools
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import trio

from daemon.commands import NoteAnswer, ProgramCall
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.pool import CONNECTIONS_MAX
from daemon.program_turns import REST_MIN, ProgramTurns
from daemon.purses import Asking, Closed, Purse, Purses
from daemon.waiting_room import Lane, Waiter
from events.terms import FailureClass

PLACES = CONNECTIONS_MAX  # calls under way at a provider: what leaves here waits nowhere else
WAIT_S_MAX = 300.0  # who would wait for longer gives its place back, and comes again
FULL_REST = timedelta(minutes=1)  # when to come back to a room that is full
NAP_S_MAX = 60.0  # a clock that stepped opens an aligned window within this


class Limiter:
    """One for the daemon; everything is called in the Trio thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._purses = Purses(journal)
        self._lanes: dict[int, Lane] = {}
        self._programs = ProgramTurns(self._purses)
        self._turns = itertools.count()
        self._wake = trio.Event()
        self._alarm = math.inf

    async def run(self) -> None:
        """Let calls go when their window opens. There is one timer, for the first of them all."""
        while True:
            self._wake = trio.Event()
            first = min((lane.opens for lane in self._lanes.values()), default=math.inf)
            self._alarm = min(first, trio.current_time() + NAP_S_MAX)
            with trio.move_on_at(self._alarm) as nap:
                await self._wake.wait()
            self._purses.ahead()  # which notices that the clock stepped, also where nobody calls
            if nap.cancelled_caught:
                for provider in list(self._lanes):
                    self._serve(provider)

    @asynccontextmanager
    async def place(
        self,
        subject: int,
        *,
        reads: bool,
        priority: int,
        patience_s: float = WAIT_S_MAX,
        forced: bool = False,
        program: ProgramCall | None = None,
    ) -> AsyncIterator[None]:
        """Wait until a call of this connection may leave; inside, it is under way.

        A forced one leaves as soon as it is counted; others wait for the place that it takes. That
        of a `program` leaves when its tenant's limits let it as well, which nobody forces.

        Raises CallLost where the room is full, and where the limits would keep the call for longer
        than WAIT_S_MAX or that patience.
        """
        assert not (forced and program), "a program's call heeds its tenant's limits"
        provider = self._journal.world.connections[subject].provider
        if forced:
            await self._journal.durable(self._purses.force(subject, reads=reads))
            with self._place_taken(provider):
                yield
            return
        patience = min(patience_s, WAIT_S_MAX)
        waiter = Waiter(
            order=(priority, next(self._turns)),
            asking=Asking(subject=subject, reads=reads, program=program),
            patience_s=patience,
            deadline=trio.current_time() + patience,
            told=trio.Event(),
        )
        try:
            await self._admit(provider, waiter)
            yield
        finally:
            self._leave(provider, waiter)

    @contextmanager
    def _place_taken(self, provider: int) -> Iterator[None]:
        lane = self._lanes.setdefault(provider, Lane())
        lane.away += 1
        try:
            yield
        finally:
            lane.away -= 1
            self._serve(provider)

    def answered(
        self,
        subject: int,
        *,
        cause: FailureClass | None = None,
        retry_after: timedelta | None = None,
        slow: bool = False,
    ) -> None:
        """Take in how the provider answered a call of this connection."""
        note = NoteAnswer(
            subject=subject,
            cause=cause,
            retry_after=retry_after,
            slow=slow,
            ahead=self._purses.ahead(),
        )
        if self._journal.execute(note):
            self._serve(self._journal.world.connections[subject].provider)

    async def _admit(self, provider: int, waiter: Waiter) -> None:
        """Wait for the call's turn, and for the commit of what it goes on."""
        while not self._goes_at_once(provider, waiter):
            await self._turn(provider, waiter)
            blocks = waiter.blocks or []
            for block in blocks:
                await self._journal.durable(block.recorded)
            if self._purses.may_leave(waiter.asking.subject, blocks):
                waiter.blocks = []  # spent
                return
            self._leave(provider, waiter)

    def _goes_at_once(self, provider: int, waiter: Waiter) -> bool:
        """Let it go where nobody waits, and what it goes on was taken already."""
        lane = self._lanes.setdefault(provider, Lane())
        if lane.waiting or lane.away >= PLACES:
            return False
        if not self._purses.spend_left(waiter.asking, self._programs.expects):
            return False
        waiter.blocks = []  # spent
        lane.away += 1
        return True

    async def _turn(self, provider: int, waiter: Waiter) -> None:
        """Wait in the room. Raises CallLost."""
        lane = self._lanes.setdefault(provider, Lane())
        self._check_room(lane, waiter)
        waiter.told = trio.Event()
        bisect.insort(lane.waiting, waiter, key=lambda each: each.order)
        self._serve(provider)
        while not waiter.told.is_set():
            with trio.move_on_at(waiter.deadline) as patience:
                await waiter.told.wait()
            if patience.cancelled_caught and not waiter.told.is_set():
                self._reconsider(lane, waiter)
        if waiter.lost is not None:
            raise waiter.lost

    def _check_room(self, lane: Lane, waiter: Waiter) -> None:
        """Raises CallLost where the room is full, or a program's turn would come too late.

        A program comes after those who were told to come back: else these would come for nothing.
        """
        purse = waiter.purse = self._purses.of_program(waiter.asking)
        full = lane.is_full(purse)
        if purse is None:
            if full:
                raise _kept(waiter, FULL_REST)
            return
        if full or self._programs.leaves_at(lane, waiter, purse) > waiter.deadline:
            raise self._programs.lost(waiter, purse, lane.alike()[purse])

    def _reconsider(self, lane: Lane, waiter: Waiter) -> None:
        """Patience is over. Who waits for a place alone is not kept by the limits, and waits on."""
        closed = self._purses.closed(waiter.asking)
        if closed is None and lane.away >= PLACES:
            waiter.deadline = trio.current_time() + waiter.patience_s
            return
        if closed and closed.purse == waiter.purse:
            others = lane.alike()[closed.purse] - 1
            waiter.lost = self._programs.lost(waiter, closed.purse, others)
        else:
            waiter.lost = _kept(waiter, max(closed.wait, REST_MIN) if closed else REST_MIN)
        waiter.told.set()

    def _leave(self, provider: int, waiter: Waiter) -> None:
        """Give back the place, what was not spent, or the seat in the room; let others on."""
        lane = self._lanes.get(provider)
        if lane is None:
            return
        if waiter.blocks is not None:
            for block in waiter.blocks:
                block.left += 1
            waiter.blocks = None
            lane.away -= 1
        elif waiter in lane.waiting:
            lane.waiting.remove(waiter)
        self._serve(provider)

    def _serve(self, provider: int) -> None:
        """Let go whoever may, in order; send away whoever would have to wait for too long."""
        lane = self._lanes.get(provider)
        if lane is None:
            return
        if not lane.waiting:
            lane.opens = math.inf
            if not lane.away:
                del self._lanes[provider]
            return
        self._programs.look_up(lane)
        now, closed = trio.current_time(), dict[Purse, float]()
        alike, before = lane.alike(), Counter[Purse | None]()  # who come after, who wait before
        still: list[Waiter] = []
        for place, waiter in enumerate(lane.waiting):
            of = waiter.purse
            alike[of] -= 1
            if lane.away < PLACES:
                more = len(lane.waiting) - place
                wait_s = self._ask(provider, waiter, closed, more, alike[of] + 1)
                if wait_s:
                    waiter.lost = self._too_late(waiter, wait_s, before[of], alike[of])
                if not wait_s or waiter.lost:
                    waiter.told.set()
                    continue
            before[of] += 1
            still.append(waiter)
        lane.waiting = still
        lane.opens = now + min(closed.values(), default=math.inf)
        if not lane.waiting and not lane.away:
            del self._lanes[provider]
        if lane.opens < self._alarm:
            self._wake.set()

    def _too_late(self, waiter: Waiter, wait_s: float, before: int, after: int) -> CallLost | None:
        """The loss of a call whose turn comes after its deadline; so many are alike."""
        left_s = waiter.deadline - trio.current_time()
        if waiter.purse is not None and before > waiter.before:
            waiter.before = before
            wait = self._purses.comes_in(waiter.asking, before)
            if wait.total_seconds() > left_s:
                return self._programs.lost(waiter, waiter.purse, before + after)
        return _kept(waiter, timedelta(seconds=wait_s)) if wait_s > left_s else None

    def _ask(
        self, provider: int, waiter: Waiter, closed: dict[Purse, float], more: int, alike: int
    ) -> float:
        """Give a call its allowance, or say for how many seconds there will be none.

        `closed` remembers that, by whose allowance it is: nobody asks twice for the same.
        """
        asking = waiter.asking
        for subject in (provider, asking.subject):
            if wait_s := closed.get(Purse(subject=subject, reads=asking.reads)):
                return wait_s
        if waiter.purse is not None and (wait_s := closed.get(waiter.purse)):
            return wait_s
        spent = self._purses.spend(asking, more=more, alike=alike)
        if isinstance(spent, Closed):
            wait_s = math.nextafter(spent.wait.total_seconds(), math.inf)
            closed[spent.purse] = wait_s
            return wait_s
        waiter.blocks = spent
        self._lanes[provider].away += 1
        return 0.0


def _kept(waiter: Waiter, wait: timedelta) -> CallLost:
    rest_s = math.ceil(wait.total_seconds())
    again = f"come back in {rest_s} s" if waiter.asking.program else "its next sync tries again"
    return CallLost(
        FailureClass.RATE_LIMITED,
        f"the provider's limits leave no room for this call now; {again}; to use"
        " less of them, sync less often, or fewer connections",
        retry_after=timedelta(seconds=rest_s),
        sent=False,
    )
