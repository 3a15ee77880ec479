"""Who waits before one provider, and is there room for more?"""

import math
from collections import Counter

import trio
from msgspec import Struct

from daemon.purses import Asking, Block, Purse

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
