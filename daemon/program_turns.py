"""When does the turn of a program's call come, and what is it told if that is too late?

In each lap, as long as a call counts, as many calls leave as the limit says. Whoever may not wait
is told when it would be its turn, after all who wait and all who were told before: at the same
time they would all come in vain, but for the first.
"""

import bisect
import math
from datetime import timedelta

import trio

from daemon.changes import Changes
from daemon.decide.accounts import CALLERS_SPAN, FIGURES
from daemon.exchange import CallLost, OverLimit
from daemon.purses import Purse, Purses
from daemon.waiting_room import NOBODY, Lane, Waiter, kept
from projections import window

PROMISED = 0.9  # of a lap: some of it is lost to slow disks, and some come unannounced
LAP_S = window.longest(CALLERS_SPAN).total_seconds()
TOLD_MAX = 16_384  # appointments that are remembered; whoever is told one beyond may have company
REST_MIN = timedelta(seconds=1)  # when to come back where others went first for all that time
EVEN_S = 0.001  # two clocks read the same instant so much apart


class ProgramTurns:
    """Of all programs that the limits keep."""

    def __init__(self, purses: Purses, changes: Changes) -> None:
        self._purses = purses
        self._changes = changes
        self._appointments = _Appointments()

    def leaves_at(self, lane: Lane, waiter: Waiter, purse: Purse) -> float:
        """When a call leaves, at most, that is about to wait: after those who come before that.

        Never, where somebody who has been told to come would come in vain for it.
        """
        better = lane.before(waiter)
        waiter.before, now = better, trio.current_time()
        if self._purses.comes_in(waiter.asking, better):
            self._purses.recounted(waiter.asking)
            laps = better // purse.calls + 1
            if better + self._appointments.ahead(purse, now + laps * LAP_S) >= laps * purse.calls:
                return math.inf
        at, ahead, found = now, 0, 0
        while found >= ahead:
            ahead = found + 1
            wait = self._purses.comes_in(waiter.asking, better + found)
            at = now + wait.total_seconds()
            if at > waiter.deadline:
                break
            found = self._appointments.ahead(purse, at)
        return at

    def lost(self, waiter: Waiter, purse: Purse, others: int) -> CallLost:
        """The loss of a call whose turn comes too late: when that is, if so many `others` wait.

        Where the limit lets it go at once, it is the provider that has no room.
        """
        before = others + int(self._appointments.ahead(purse) / PROMISED)
        wait = self._purses.comes_in(waiter.asking, before)
        rest = timedelta(seconds=math.ceil(max(wait, REST_MIN).total_seconds() + EVEN_S))
        self._appointments.note(purse, trio.current_time() + rest.total_seconds())
        return _loss(purse, rest) if wait else kept(waiter, rest)

    def expects(self, purse: Purse) -> bool:
        """Whether anybody was told to come back for what is left of it."""
        return self._appointments.ahead(purse) > 0

    def look_up(self, lane: Lane) -> None:
        """See what those who wait go on, where their tenants may have other limits by now."""
        seen = self._changes.of_purses()
        if lane.looked_up == seen:
            return
        lane.looked_up = seen
        askings = {each.asking for each in lane.waiting if each.asking.program is not None}
        purses = {asking: self._purses.of_program(asking) for asking in askings}
        for waiter in lane.waiting:
            purse = purses.get(waiter.asking)
            if purse != waiter.purse:
                lane.move(waiter, purse)
                waiter.before = NOBODY


class _Appointments:
    """At which times, by Trio's clock, programs were told to come back that are not due yet."""

    def __init__(self) -> None:
        self._told: dict[Purse, list[float]] = {}
        self._count = 0

    def ahead(self, purse: Purse, until: float = math.inf) -> int:
        """How many are still to come, by then."""
        self._forget(purse)
        return bisect.bisect_right(self._told.get(purse, ()), until)

    def note(self, purse: Purse, at: float) -> None:
        if self._count >= TOLD_MAX:
            for each in list(self._told):
                self._forget(each)
        if self._count < TOLD_MAX:
            bisect.insort(self._told.setdefault(purse, []), at)
            self._count += 1

    def _forget(self, purse: Purse) -> None:
        """Drop those whose time has come."""
        told = self._told.get(purse, [])
        over = bisect.bisect_right(told, trio.current_time())
        del told[:over]
        self._count -= over
        if not told:
            self._told.pop(purse, None)


def _loss(purse: Purse, rest: timedelta) -> OverLimit:
    assert purse.called is not None, "a program calls something"
    called = purse.called
    many = "call" if purse.calls == 1 else "calls"
    return OverLimit(
        f"nothing was sent: this tenant's programs may make {purse.calls} {many} of kind"
        f" {called.kind.value} a minute to {called.endpoint}, and these are used up; come back in"
        f" {rest.total_seconds():.0f} s, or raise {FIGURES[called.kind]} with `rounds policy set`",
        rest,
    )
