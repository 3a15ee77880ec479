"""How many of something are under way, by connection?"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """A connection of which none is under way takes no room."""

    def __init__(self) -> None:
        self._count = Counter[int]()

    def of(self, connection: int) -> int:
        return self._count[connection]

    def total(self) -> int:
        return self._count.total()

    def begin(self, connection: int) -> None:
        self._count[connection] += 1

    def end(self, connection: int) -> None:
        self._count[connection] -= 1
        if not self._count[connection]:
            del self._count[connection]

    @contextmanager
    def one(self, connection: int) -> Iterator[None]:
        self.begin(connection)
        try:
            yield
        finally:
            self.end(connection)
