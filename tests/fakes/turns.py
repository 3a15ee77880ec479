"""How much of a log is read in one turn of the loop, between which nobody else has theirs?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import trio

from events.envelope import Recorded
from events.log import Log


class Turns(trio.abc.Instrument):
    """Which turn it is."""

    def __init__(self) -> None:
        self.number = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.number += 1


class CountedLog:
    """A log which notes how many events, and numbers of events, it hands out in each turn."""

    def __init__(self, log: Log, turns: Turns) -> None:
        self._log = log
        self._turns = turns
        self.events, self.numbered = Counter[int](), Counter[int]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def read(self, after: int, **more: Any) -> list[Recorded]:
        found = self._log.read(after, **more)
        self.events[self._turns.number] += len(found)
        return found

    def pick(self, numbers: Sequence[int]) -> list[Recorded]:
        found = self._log.pick(numbers)
        self.events[self._turns.number] += len(found)
        return found

    def numbers(self, subject: int, **more: Any) -> list[int]:
        found = self._log.numbers(subject, **more)
        self.numbered[self._turns.number] += len(found)
        return found

    @property
    def read_in_all(self) -> int:
        return self.events.total()

    @property
    def read_at_once(self) -> int:
        return max(self.events.values(), default=0)

    @property
    def numbered_at_once(self) -> int:
        return max(self.numbered.values(), default=0)


@contextmanager
def counted(log: Log) -> Iterator[CountedLog]:
    """Count what is read of it, from here on, in the loop that runs."""
    turns = Turns()
    trio.lowlevel.add_instrument(turns)
    try:
        yield CountedLog(log, turns)
    finally:
        trio.lowlevel.remove_instrument(turns)
