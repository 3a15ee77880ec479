"""Has anything happened by which calls go on other purses, or a purse opens before its time?

Without, whoever waits need not be asked again.
"""

import math

import trio

from daemon.decide import accounts
from daemon.journal import Journal
from events.envelope import Recorded
from events.gateway import CallerAllowanceTaken
from events.limits import AllowanceRecounted, LimitAdapted, LimitHeld, StepsSummed
from events.policy import PolicySet
from events.schema import ConnectionRelinked, ProviderDeclared
from projections.world import SETTINGS

OF_PURSES = SETTINGS | {PolicySet, ConnectionRelinked, AllowanceRecounted, StepsSummed}
OF_OPENINGS = OF_PURSES | {ProviderDeclared, LimitAdapted, LimitHeld}


class Changes:
    """Both are counted: who has seen as many has seen them all."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._world = journal, journal.world
        self._purses = self._openings = 0
        self._crowded: set[int] | None = None  # any may be
        self._thins = -math.inf
        journal.observe(self._observe)

    def of_openings(self) -> int:
        return self._openings

    def of_purses(self) -> int:
        """It also changes as a window becomes empty, where there may be no more of them."""
        if trio.current_time() >= self._thins:
            self._purses += 1
            self._look()
        return self._purses

    def _observe(self, recorded: Recorded) -> None:
        event = recorded.event
        if type(event) in OF_OPENINGS:
            self._openings += 1
        if type(event) in OF_PURSES:
            self._crowded, self._thins = None, -math.inf
        taken = event if isinstance(event, CallerAllowanceTaken) else None
        if taken and accounts.crowds(self._world, recorded.subject, taken):
            self._thins = -math.inf
            if self._crowded is not None:
                self._crowded.add(recorded.subject)

    def _look(self) -> None:
        """See when the next window becomes empty of a tenant that may have no more of them."""
        moment = self._journal.moment()
        tenants = self._world.tenants if self._crowded is None else self._crowded
        waits = {each: accounts.thins_in(self._world, each, moment) for each in tenants}
        found = {each: wait.total_seconds() for each, wait in waits.items() if wait is not None}
        self._crowded = {*found}
        self._thins = trio.current_time() + min(found.values(), default=math.inf)
