"""What did a log's writer tell, and when has it told enough?"""

import threading
from collections.abc import Callable

PATIENCE_S = 30  # only a broken writer takes this long


class Heard:
    """A listener that remembers: the committed heads, and everything in the order it was told."""

    def __init__(self) -> None:
        self.heads: dict[int, bytes] = {}
        self.seq = 0
        self.told: list[str] = []
        self.error: Exception | None = None
        self._changed = threading.Condition()

    def committed(self, seq: int, block: bytes) -> None:
        with self._changed:
            self.heads[seq] = block
            self.seq = seq
            self._tell("committed")

    def starved(self) -> None:
        with self._changed:
            self._tell("starved")

    def fed(self) -> None:
        with self._changed:
            self._tell("fed")

    def broken(self, error: Exception) -> None:
        with self._changed:
            self.error = error
            self._tell("broken")

    def wait(self, until: Callable[["Heard"], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: until(self), PATIENCE_S), self.told

    def wait_for_event(self, seq: int) -> None:
        self.wait(lambda heard: heard.seq >= seq or heard.error is not None)
        assert self.error is None, self.error

    def _tell(self, word: str) -> None:
        if self.told[-1:] != [word] or word != "committed":
            self.told.append(word)
        self._changed.notify_all()
