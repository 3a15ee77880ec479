"""Which bodies are still in memory, so that nobody waits for the disk to read them again?

Those used last, as far as there is room. Who keeps the answers says what is gone, by its key.
"""

from collections import OrderedDict

from daemon.cache.shelf import Kept

RECENT_BYTES_MAX = 8 * 1024**2  # of all: what a daemon may weigh more for it
RECENT_ANSWER_MAX = 64 * 1024  # of one: to read what is larger takes longer than to get to a thread
ENTRY_BYTES = 512  # what one costs beside its text: many empty bodies add up


class Recent:
    """Bounds of 0 keep nothing."""

    def __init__(
        self, bytes_max: int = RECENT_BYTES_MAX, answer_max: int = RECENT_ANSWER_MAX
    ) -> None:
        self._bytes_max = bytes_max
        self._answer_max = answer_max
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()  # used last: last
        self._total = 0

    def find(self, key: bytes) -> Kept | None:
        return self._kept.get(key)

    def use(self, key: bytes, kept: Kept) -> None:
        """It was read or written just now, and is what stands for that key from now on."""
        self.drop(key)
        size = _size(kept)
        if size > min(self._answer_max, self._bytes_max):
            return
        self._kept[key] = kept
        self._total += size
        while self._total > self._bytes_max:
            self.drop(next(iter(self._kept)))

    def drop(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._total -= _size(kept)

    def size(self) -> int:
        """How many bytes are in memory."""
        return self._total


def _size(kept: Kept) -> int:
    said = sum(len(name) + len(value) for name, value in kept.headers.items())
    return ENTRY_BYTES + said + len(kept.body)
