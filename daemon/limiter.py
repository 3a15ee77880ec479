"""When may a call leave for its provider, and who goes first where not all may?

place ─► waiting room, by priority ─► allowance, durable ─► the call leaves
             ▲            │
             └── opens ───┴─► too far off: the call is lost, with the time to come back
"""

import bisect
import itertools
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import trio
from msgspec import Struct

from daemon.commands import NoteAnswer
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.pool import CONNECTIONS_MAX
from daemon.purses import Block, Closed, Purses
from events.terms import FailureClass

PLACES = CONNECTIONS_MAX  # calls under way at a provider: what leaves here waits nowhere else
WAIT_S_MAX = 300.0  # who would wait for longer gives its place back, and comes again
ROOM_MAX = 1024  # calls that wait for one provider; a running sync has one at a time
FULL_REST = timedelta(minutes=1)  # when to come back to a room that is full
REST_MIN = timedelta(seconds=1)  # when to come back where others went first for all that time
NAP_S_MAX = 60.0  # a clock that stepped opens an aligned window within this


class _Waiter(Struct, kw_only=True, eq=False):
    """A call that wants to leave. `told` is set once it has `blocks`, or is `refused`.

    `refused` is how long it would have to wait.
    """

    order: tuple[int, int]
    subject: int
    reads: bool
    patience_s: float
    deadline: float
    told: trio.Event
    blocks: list[Block] | None = None
    refused: timedelta | None = None


class _Lane:
    """One provider: the calls that wait, in the order in which they go, and those under way."""

    def __init__(self) -> None:
        self.waiting: list[_Waiter] = []
        self.away = 0
        self.opens = math.inf


class Limiter:
    """One for the daemon; everything is called in the Trio thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._purses = Purses(journal)
        self._lanes: dict[int, _Lane] = {}
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
    ) -> AsyncIterator[None]:
        """Wait until a call of this connection may leave; inside, it is under way.

        A forced one leaves as soon as it is counted; others wait for the place that it takes.

        Raises CallLost where the room is full, and where the limits would keep the call for longer
        than WAIT_S_MAX or that patience.
        """
        provider = self._journal.world.connections[subject].provider
        if forced:
            await self._journal.durable(self._purses.force(subject, reads=reads))
            with self._place_taken(provider):
                yield
            return
        patience = min(patience_s, WAIT_S_MAX)
        waiter = _Waiter(
            order=(priority, next(self._turns)),
            subject=subject,
            reads=reads,
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
        lane = self._lanes.setdefault(provider, _Lane())
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

    async def _admit(self, provider: int, waiter: _Waiter) -> None:
        """Wait for the call's turn, and for the commit of what it goes on."""
        while True:
            await self._turn(provider, waiter)
            blocks = waiter.blocks or []
            for block in blocks:
                await self._journal.durable(block.recorded)
            if self._purses.may_leave(waiter.subject, blocks):
                waiter.blocks = []  # spent
                return
            self._leave(provider, waiter)

    async def _turn(self, provider: int, waiter: _Waiter) -> None:
        """Wait in the room. Raises CallLost."""
        lane = self._lanes.setdefault(provider, _Lane())
        if len(lane.waiting) >= ROOM_MAX:
            raise _refusal(FULL_REST)
        waiter.told = trio.Event()
        bisect.insort(lane.waiting, waiter, key=lambda each: each.order)
        self._serve(provider)
        while not waiter.told.is_set():
            with trio.move_on_at(waiter.deadline) as patience:
                await waiter.told.wait()
            if patience.cancelled_caught and not waiter.told.is_set():
                self._reconsider(lane, waiter)
        if waiter.refused is not None:
            raise _refusal(waiter.refused)

    def _reconsider(self, lane: _Lane, waiter: _Waiter) -> None:
        """Patience is over. Who waits for a place alone is not kept by the limits, and waits on."""
        closed = self._purses.closed(waiter.subject, reads=waiter.reads)
        if closed is None and lane.away >= PLACES:
            waiter.deadline = trio.current_time() + waiter.patience_s
            return
        waiter.refused = max(closed.wait, REST_MIN) if closed else REST_MIN
        waiter.told.set()

    def _leave(self, provider: int, waiter: _Waiter) -> None:
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
        now, closed = trio.current_time(), dict[tuple[int, bool], float]()
        still: list[_Waiter] = []
        for place, waiter in enumerate(lane.waiting):
            if lane.away < PLACES:
                wait_s = self._ask(provider, waiter, closed, len(lane.waiting) - place)
                if wait_s and now + wait_s > waiter.deadline:
                    waiter.refused = timedelta(seconds=wait_s)
                if not wait_s or waiter.refused:
                    waiter.told.set()
                    continue
            still.append(waiter)
        lane.waiting = still
        lane.opens = now + min(closed.values(), default=math.inf)
        if not lane.waiting and not lane.away:
            del self._lanes[provider]
        if lane.opens < self._alarm:
            self._wake.set()

    def _ask(
        self, provider: int, waiter: _Waiter, closed: dict[tuple[int, bool], float], more: int
    ) -> float:
        """Give a call its allowance, or say for how many seconds there will be none.

        `closed` remembers that, by whose allowance it is: nobody asks twice for the same.
        """
        for subject in (provider, waiter.subject):
            if wait_s := closed.get((subject, waiter.reads)):
                return wait_s
        spent = self._purses.spend(waiter.subject, reads=waiter.reads, more=more)
        if isinstance(spent, Closed):
            wait_s = math.nextafter(spent.wait.total_seconds(), math.inf)
            closed[spent.subject, waiter.reads] = wait_s
            return wait_s
        waiter.blocks = spent
        self._lanes[provider].away += 1
        return 0.0


def _refusal(wait: timedelta) -> CallLost:
    return CallLost(
        FailureClass.RATE_LIMITED,
        "the provider's limits leave no room for this call now; its next sync tries again; to use"
        " less of them, sync less often, or fewer connections",
        retry_after=timedelta(seconds=math.ceil(wait.total_seconds())),
        sent=False,
    )
