"""How often did a scheduler wake, what woke it, and did it find something to do?

It looks at the clock's drift exactly once whenever it wakes; that is what is counted. Time woke it
where nothing was recorded at that very instant before; else an event did: a sync that ended, a
request.
"""

from datetime import datetime, timedelta

from daemon.clock import TrioClock
from daemon.journal import Journal
from daemon.scheduler import NAP_MAX_S
from events.envelope import Recorded
from events.schema import RefreshIntended, SyncDeferred, SyncStarted

NAP_MAX = timedelta(seconds=NAP_MAX_S)


class Wake:
    """One of them, so long after the one before."""

    def __init__(self, at: datetime, after: timedelta, *, timed: bool) -> None:
        self.at = at
        self.after = after
        self.timed = timed
        self.found = 0  # syncs begun, or put off for a reason, and grants looked after

    @property
    def is_watch(self) -> bool:
        """Whether it woke for the watch over the clock alone: as late as that allows."""
        return self.timed and not self.found and self.after >= NAP_MAX


class PulseClock(TrioClock):
    """A clock that knows when it was looked at."""

    def __init__(self, epoch: datetime) -> None:
        super().__init__(epoch)
        self.wakes: list[Wake] = []
        self._last = epoch
        self._journal: Journal | None = None

    def watch(self, journal: Journal) -> None:
        """Count from here on."""
        self._journal = journal
        journal.observe(self._observe)

    def drift(self) -> timedelta:
        now = self.now()
        if self._journal is not None:
            told = self._journal.world.at
            self.wakes.append(Wake(now, now - self._last, timed=told is None or told < now))
        self._last = now
        return super().drift()

    def _observe(self, recorded: Recorded) -> None:
        event = recorded.event
        by_itself = isinstance(event, RefreshIntended) and event.sync is None
        if self.wakes and (by_itself or isinstance(event, SyncStarted | SyncDeferred)):
            self.wakes[-1].found += 1
