"""How does one wait for its turn, where only one may work for a connection at a time?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Turns:
    """A lock for each connection that somebody works for; it lives while somebody needs it."""

    def __init__(self) -> None:
        self._locks: dict[int, trio.Lock] = {}

    @asynccontextmanager
    async def of(self, subject: int) -> AsyncIterator[None]:
        lock = self._locks.setdefault(subject, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and self._locks.get(subject) is lock:
                del self._locks[subject]

    def is_taken(self, subject: int) -> bool:
        """Whether somebody works for it, or waits to."""
        return subject in self._locks
