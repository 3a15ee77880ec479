"""What time is it? The only file that reads a clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEP = timedelta(minutes=1)
"""A wall clock that moved by more than this against the host's own counter has stepped."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock: aware, UTC, to the microsecond."""
        ...

    def drift(self) -> timedelta:
        """By how much the wall clock left the host's counter behind since this was last asked."""
        ...


class SystemClock:
    """The host's clock, watched against CLOCK_BOOTTIME, which counts through suspension."""

    def __init__(self) -> None:
        self._offset = self._measure()

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - here, and nowhere else

    def drift(self) -> timedelta:
        offset = self._measure()
        moved, self._offset = offset - self._offset, offset
        return moved

    def _measure(self) -> timedelta:
        booted = timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
        return self.now() - datetime(1970, 1, 1, tzinfo=UTC) - booted


class TrioClock:
    """A wall clock that follows Trio's, so that years pass in seconds under a MockClock."""

    def __init__(self, epoch: datetime) -> None:
        """Let it be `epoch` now. Called inside `trio.run`."""
        import trio  # late: a command that asks the time does without it

        self._epoch = epoch
        self._steady = trio.current_time
        self._start = self._steady()
        self._stepped = timedelta()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._steady() - self._start)

    def step(self, by: timedelta) -> None:
        """Jump, as a host's clock does."""
        self._epoch += by
        self._stepped += by

    def drift(self) -> timedelta:
        moved, self._stepped = self._stepped, timedelta()
        return moved
