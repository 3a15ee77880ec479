"""How does somebody follow the log from any number on, missing nothing and seeing nothing twice?

There is no seam between catching up and following: a subscription is a position, and whenever the
durable head lies beyond it, what lies between is read from the log. Slow followers cost nobody
anything but their own lag.
"""

import trio

from events.envelope import Recorded
from events.log import Log

PAGE_EVENTS = 256


class Head:
    """The number of the last durable event, and a way to wait for the next."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self._moved = trio.Event()

    def advance(self, seq: int) -> None:
        """Note that everything up to `seq` is durable. Called in the Trio thread."""
        assert seq >= self.seq, "what is durable stays durable"
        self.seq = seq
        self._moved.set()
        self._moved = trio.Event()

    async def beyond(self, seq: int) -> None:
        """Wait until something after `seq` is durable."""
        while self.seq <= seq:
            await self._moved.wait()


class Subscription:
    """An endless asynchronous iteration over batches of durable events after `position`."""

    def __init__(self, log: Log, head: Head, after: int, subject: int | None = None) -> None:
        self._log = log
        self._head = head
        self._subject = subject
        self.position = after

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> list[Recorded]:
        """The next events, at least one. All of them lie at or before the durable head."""
        while True:
            await trio.lowlevel.checkpoint()  # a long past is read without stalling everybody
            await self._head.beyond(self.position)
            upto = self._head.seq
            batch = self._log.read(self.position, subject=self._subject, limit=PAGE_EVENTS)
            batch = [recorded for recorded in batch if recorded.seq <= upto]
            self.position = batch[-1].seq if len(batch) == PAGE_EVENTS else max(self.position, upto)
            if batch:
                return batch
