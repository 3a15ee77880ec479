"""When may a call leave for its provider, and who goes first where not all may?

place ─► waiting room, by priority ─► allowance, durable ─► the call leaves
             ▲            │
             └── opens ───┴─► too far off: the call is lost, with the time to come back
"""

import itertools
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import trio

from daemon.changes import Changes
from daemon.commands import NoteAnswer, ProgramCall
from daemon.decide import limits
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.pool import CONNECTIONS_MAX
from daemon.program_turns import REST_MIN, ProgramTurns
from daemon.purses import Asking, Block, Closed, Purse, Purses
from daemon.waiting_room import ROOM_MAX, Lane, Waiter, kept
from events.terms import FailureClass

PLACES = CONNECTIONS_MAX  # calls under way at a provider: what leaves here waits nowhere else
WAIT_S_MAX = 300.0  # who would wait for longer gives its place back, and comes again
PATIENCE_S_MIN = 1.0  # between two looks at who waits for a place alone
FULL_REST = timedelta(minutes=1)  # when to come back to a room that is full
NAP_S_MAX = 60.0  # a clock that stepped opens an aligned window within this


class Limiter:
    """One for the daemon; everything is called in the Trio thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._purses = Purses(journal)
        self._lanes: dict[int, Lane] = {}
        self._changes = Changes(journal)
        self._programs = ProgramTurns(self._purses, self._changes)
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
    ) -> AsyncIterator[Callable[[], bool]]:
        """Wait until a call of this connection may leave; inside, it is under way.

        A forced one leaves as soon as it is counted; that of a `program` when its tenant's limits
        let it as well. Who then waits for something else asks what this gives if it still may.

        Raises CallLost where the room is full, or it were kept beyond WAIT_S_MAX or its patience.
        """
        assert not (forced and program), "a program's call heeds its tenant's limits"
        provider = self._journal.world.connections[subject].provider
        if forced:
            await self._journal.durable(self._purses.force(subject, reads=reads))
            self._lanes.setdefault(provider, Lane()).away += 1
        asking = Asking(subject=subject, reads=reads, program=program)
        blocks = () if forced else self._goes_at_once(provider, asking)
        if blocks is not None:
            try:
                yield partial(self._purses.may_leave, subject, blocks)
            finally:
                self._put_back(provider, unasked=forced)
            return
        patience = min(patience_s, WAIT_S_MAX)
        deadline = trio.current_time() + patience
        order = priority, next(self._turns)
        waiter = Waiter(
            order=order, asking=asking, patience_s=patience, deadline=deadline, told=trio.Event()
        )
        try:
            yield partial(self._purses.may_leave, subject, await self._admit(provider, waiter))
        finally:
            self._leave(provider, waiter)

    def opens_in(self, asking: Asking) -> timedelta:
        """How long its limits keep a call at the least, whoever goes first."""
        return closed.wait if (closed := self._purses.closed(asking)) else timedelta()

    def answered(
        self,
        subject: int,
        *,
        cause: FailureClass | None = None,
        retry_after: timedelta | None = None,
        slow: bool = False,
    ) -> None:
        """Take in how the provider answered a call of this connection."""
        good = cause is None and retry_after is None and not slow
        if good and limits.are_whole(self._journal.world, subject):
            return
        note = NoteAnswer(
            subject=subject,
            cause=cause,
            retry_after=retry_after,
            slow=slow,
            ahead=self._purses.ahead(),
        )
        if self._journal.execute(note):
            self._serve(self._journal.world.connections[subject].provider)

    async def _admit(self, provider: int, waiter: Waiter) -> Sequence[Block]:
        """Wait for the call's turn, and for the commit of what it goes on."""
        while True:
            await self._turn(provider, waiter)
            blocks = waiter.blocks or []
            for block in blocks:
                await self._journal.durable(block.recorded)
            if self._purses.may_leave(waiter.asking.subject, blocks):
                waiter.blocks = []  # spent
                return blocks
            self._leave(provider, waiter)

    def _goes_at_once(self, provider: int, asking: Asking) -> Sequence[Block] | None:
        """Let it go where nobody waits, and what it goes on was taken already."""
        lane = self._lanes.get(provider)
        if lane is not None and (lane.waiting or lane.away >= PLACES):
            return None
        blocks = self._purses.spend_left(asking, self._programs.expects)
        if blocks is None:
            return None
        if lane is None:
            lane = self._lanes[provider] = Lane()
        lane.away += 1
        return blocks

    async def _turn(self, provider: int, waiter: Waiter) -> None:
        """Wait in the room. Raises CallLost."""
        lane = self._lanes.setdefault(provider, Lane())
        self._check_room(lane, waiter)
        waiter.told = trio.Event()
        lane.enter(waiter)
        if self._is_settled(lane):
            self._let_on(provider, lane, [waiter, *lane.behind(waiter)])
        else:
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
                raise kept(waiter, FULL_REST)
            return
        if full or self._programs.leaves_at(lane, waiter, purse) > waiter.deadline:
            raise self._programs.lost(waiter, purse, lane.alike(purse))

    def _reconsider(self, lane: Lane, waiter: Waiter) -> None:
        """Patience is over. Who waits for a place alone is not kept by the limits, and waits on."""
        closed = self._purses.closed(waiter.asking)
        if closed is None and lane.away >= PLACES:
            waiter.deadline = trio.current_time() + max(waiter.patience_s, PATIENCE_S_MIN)
            return
        if closed and closed.purse == waiter.purse:
            others = lane.alike(closed.purse) - 1
            waiter.lost = self._programs.lost(waiter, closed.purse, others)
        else:
            waiter.lost = kept(waiter, max(closed.wait, REST_MIN) if closed else REST_MIN)
        waiter.told.set()

    def _leave(self, provider: int, waiter: Waiter) -> None:
        """Give back the place, what was not spent, or the seat in the room; let others on."""
        lane = self._lanes.get(provider)
        if lane is None:
            return
        if waiter.blocks is None:  # a seat, which nobody waits for
            if lane.holds(waiter):
                lane.leave(waiter)
            self._tidy(provider, lane)
            return
        unspent, waiter.blocks = waiter.blocks, None
        for block in unspent:
            block.left += 1
        self._put_back(provider, unasked=bool(unspent))

    def _put_back(self, provider: int, *, unasked: bool = False) -> None:
        """A call that was under way is over. With `unasked` what was known of who waits is not."""
        lane = self._lanes[provider]
        full = lane.away >= PLACES
        lane.away -= 1
        if unasked:
            lane.closed.clear()
        if lane.waiting and (full or unasked or not self._is_settled(lane)):
            self._serve(provider)
        else:
            self._tidy(provider, lane)

    def _is_settled(self, lane: Lane) -> bool:
        """Whether none of those who were asked may go now, or must be told anything."""
        if lane.asked != self._changes.of_openings() or trio.current_time() >= lane.opens:
            return False
        return lane.looked_up == self._changes.of_purses()

    def _tidy(self, provider: int, lane: Lane) -> None:
        if not lane.waiting:
            lane.opens = math.inf
            if not lane.away:
                self._lanes.pop(provider, None)

    def _serve(self, provider: int) -> None:
        """Let go whoever may, in order; send away whoever would have to wait for too long."""
        lane = self._lanes.get(provider)
        if lane is None:
            return
        lane.opens, seen = math.inf, self._changes.of_openings()
        if lane.asked != seen or len(lane.closed) > ROOM_MAX:
            lane.closed.clear()
        lane.asked = seen
        if lane.waiting:
            self._programs.look_up(lane)
            self._let_on(provider, lane, lane.waiting.copy())
        self._tidy(provider, lane)

    def _let_on(self, provider: int, lane: Lane, waiting: list[Waiter]) -> None:
        """Ask these, in order, while there are places: all the others have to wait."""
        for waiter in waiting:
            if lane.away >= PLACES:
                break
            opens = self._ask(provider, lane, waiter)
            if opens:
                waiter.lost = self._too_late(lane, waiter, opens)
            if not opens or waiter.lost:
                lane.leave(waiter)
                waiter.told.set()
            else:
                lane.opens = min(lane.opens, opens)
        if lane.opens < self._alarm:
            self._wake.set()

    def _too_late(self, lane: Lane, waiter: Waiter, opens: float) -> CallLost | None:
        """The loss of a call whose turn comes after its deadline."""
        now, before = trio.current_time(), lane.before(waiter)
        if waiter.purse is not None and before > waiter.before:
            waiter.before = before
            wait = self._purses.comes_in(waiter.asking, before)
            if wait.total_seconds() > waiter.deadline - now:
                return self._programs.lost(waiter, waiter.purse, lane.alike(waiter.purse) - 1)
        return kept(waiter, timedelta(seconds=opens - now)) if opens > waiter.deadline else None

    def _ask(self, provider: int, lane: Lane, waiter: Waiter) -> float:
        """Give a call its allowance, or say when there may be some, by Trio's clock.

        Nobody asks twice for what is closed until then.
        """
        asking, now = waiter.asking, trio.current_time()
        shared, own = (
            Purse(subject=each, reads=asking.reads) for each in (provider, asking.subject)
        )
        for purse in (shared, own, waiter.purse):
            opens = lane.closed.get(purse, now) if purse is not None else now
            if opens > now:
                return opens
        more = len(lane.waiting) - lane.place(waiter)
        alike = lane.alike(waiter.purse) - lane.before(waiter)
        spent = self._purses.spend(asking, more=more, alike=alike)
        if isinstance(spent, Closed):
            wait_s = math.nextafter(spent.wait.total_seconds(), math.inf)
            opens = lane.closed[spent.purse] = math.nextafter(now + wait_s, math.inf)
            return opens
        waiter.blocks = spent
        lane.away += 1
        return 0.0
