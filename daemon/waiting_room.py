"""Who waits before one provider, and is there room for more?"""

import bisect
import math
from datetime import timedelta

import trio
from msgspec import Struct

from daemon.exchange import CallLost
from daemon.purses import Asking, Block, Purse
from events.terms import FailureClass

ROOM_MAX = 1024  # calls that wait for one provider; a running sync has one at a time
PROGRAMS_MAX = ROOM_MAX // 2  # those of programs among them
ALIKE_MAX = 32  # of one tenant's programs, of one kind, for one endpoint: the next is told when
NOBODY = -1  # has seen yet whether a turn comes in time


class Waiter(Struct, kw_only=True, eq=False):
    """A call that wants to leave. `told` is set once it has `blocks`, or is `lost`.

    `purse` is its tenant's, where a program makes it; `before` how many of these were to go first
    when it was last seen that its turn comes in time.
    """

    order: tuple[int, int]
    asking: Asking
    patience_s: float
    deadline: float
    told: trio.Event
    purse: Purse | None = None
    before: int = 0
    blocks: list[Block] | None = None
    lost: Exception | None = None


class Lane:
    """One provider: the calls that wait, in the order in which they go, and those under way.

    `closed` says until when nothing may leave of a purse, as far as somebody has asked; `opens` is
    the first of those times for which anybody waits. `looked_up` and `asked` say how much had
    changed when that was seen.
    """

    def __init__(self) -> None:
        self.waiting: list[Waiter] = []
        self.away = 0
        self.opens = math.inf
        self.closed: dict[Purse, float] = {}
        self.looked_up = self.asked = NOBODY
        self._queues: dict[Purse | None, list[Waiter]] = {}

    def enter(self, waiter: Waiter) -> None:
        bisect.insort(self.waiting, waiter, key=_order)
        bisect.insort(self._queues.setdefault(waiter.purse, []), waiter, key=_order)

    def leave(self, waiter: Waiter) -> None:
        del self.waiting[_place(self.waiting, waiter.order)]
        self._leave_queue(waiter)

    def holds(self, waiter: Waiter) -> bool:
        at = self.place(waiter)
        return at < len(self.waiting) and self.waiting[at] is waiter

    def place(self, waiter: Waiter) -> int:
        """How many go first, of all."""
        return _place(self.waiting, waiter.order)

    def move(self, waiter: Waiter, purse: Purse | None) -> None:
        """Let it go on another purse."""
        self._leave_queue(waiter)
        waiter.purse = purse
        bisect.insort(self._queues.setdefault(purse, []), waiter, key=_order)

    def alike(self, purse: Purse | None) -> int:
        """How many calls wait that go on the same tenant's purse; None is that of the syncs."""
        return len(self._queues.get(purse, ()))

    def before(self, waiter: Waiter) -> int:
        """How many of these go first."""
        return _place(self._queues.get(waiter.purse, []), waiter.order)

    def behind(self, waiter: Waiter) -> list[Waiter]:
        """Those programs' calls among these that it goes before: their turns come later for it."""
        if waiter.purse is None:
            return []
        return self._queues[waiter.purse][self.before(waiter) + 1 :]

    def is_full(self, purse: Purse | None) -> bool:
        if purse is None or len(self.waiting) >= ROOM_MAX:
            return len(self.waiting) >= ROOM_MAX
        programs = len(self.waiting) - self.alike(None)
        return programs >= PROGRAMS_MAX or self.alike(purse) >= ALIKE_MAX

    def _leave_queue(self, waiter: Waiter) -> None:
        queue = self._queues[waiter.purse]
        del queue[_place(queue, waiter.order)]
        if not queue:
            del self._queues[waiter.purse]


def _order(waiter: Waiter) -> tuple[int, int]:
    return waiter.order


def _place(queue: list[Waiter], order: tuple[int, int]) -> int:
    return bisect.bisect_left(queue, order, key=_order)


def kept(waiter: Waiter, wait: timedelta) -> CallLost:
    """The loss of a call for which the provider has no room."""
    rest_s = math.ceil(wait.total_seconds())
    again = (
        f"come back in {rest_s} s"
        if waiter.asking.program
        else "its next sync tries again; to use less of them, sync less often, or fewer connections"
    )
    return CallLost(
        FailureClass.RATE_LIMITED,
        f"the provider's limits leave no room for this call now; {again}",
        retry_after=timedelta(seconds=rest_s),
        sent=False,
    )
