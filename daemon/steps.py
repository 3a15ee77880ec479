"""By how much have steps put the wall clock ahead of the steady time?"""

from datetime import timedelta

import trio

from daemon.clock import Clock
from projections.window import EPOCH

DRIFT_TOLERATED = timedelta(seconds=0.1)  # two clocks that are read one after the other differ


class Steps:
    """How far the wall clock has stepped from Trio's, which never does, since the first life."""

    def __init__(self, clock: Clock, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead
        self._apart = self._measure()

    def ahead(self) -> timedelta:
        apart = self._measure()
        if abs(apart - self._apart) > DRIFT_TOLERATED:
            self._ahead += apart - self._apart
            self._apart = apart
        return self._ahead

    def _measure(self) -> timedelta:
        return self._clock.now() - EPOCH - timedelta(seconds=trio.current_time())
