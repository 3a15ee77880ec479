"""Who waits before one provider, and who was told when to come back?"""

import heapq
import math
from collections import Counter

import trio
from msgspec import Struct

from daemon.purses import Asking, Block, Purse

ROOM_MAX = 1024  # calls that wait for one provider; a running sync has one at a time
PROGRAMS_MAX = ROOM_MAX // 2  # those of programs among them
ALIKE_MAX = 32  # of one tenant's programs, of one kind, for one endpoint: the next is told when
TOLD_MAX = 16_384  # appointments that are remembered; whoever is told one beyond may have company


class Waiter(Struct, kw_only=True, eq=False):
    """A call that wants to leave. `told` is set once it has `blocks`, or is `lost`.

    `purse` is its tenant's, where a program makes it.
    """

    order: tuple[int, int]
    asking: Asking
    patience_s: float
    deadline: float
    told: trio.Event
    purse: Purse | None = None
    blocks: list[Block] | None = None
    lost: Exception | None = None


class Lane:
    """One provider: the calls that wait, in the order in which they go, and those under way."""

    def __init__(self) -> None:
        self.waiting: list[Waiter] = []
        self.away = 0
        self.opens = math.inf

    def alike(self) -> Counter[Purse | None]:
        """How many calls wait, by the tenant's purse that they go on; None counts the syncs'."""
        return Counter(each.purse for each in self.waiting)

    def is_full(self, purse: Purse | None) -> bool:
        if purse is None or len(self.waiting) >= ROOM_MAX:
            return len(self.waiting) >= ROOM_MAX
        alike = self.alike()
        return len(self.waiting) - alike[None] >= PROGRAMS_MAX or alike[purse] >= ALIKE_MAX


class Appointments:
    """At which times, by Trio's clock, programs were told to come back that are not due yet.

    Whoever comes later is told a later one: all at once they would only be refused again.
    """

    def __init__(self) -> None:
        self._told: dict[Purse, list[float]] = {}
        self._count = 0

    def ahead(self, purse: Purse) -> int:
        """How many are still to come."""
        self._forget(purse)
        return len(self._told.get(purse, ()))

    def note(self, purse: Purse, at: float) -> None:
        if self._count >= TOLD_MAX:
            for each in list(self._told):
                self._forget(each)
        if self._count < TOLD_MAX:
            heapq.heappush(self._told.setdefault(purse, []), at)
            self._count += 1

    def _forget(self, purse: Purse) -> None:
        """Drop those whose time has come."""
        told, now = self._told.get(purse, []), trio.current_time()
        while told and told[0] <= now:
            heapq.heappop(told)
            self._count -= 1
        if not told:
            self._told.pop(purse, None)
