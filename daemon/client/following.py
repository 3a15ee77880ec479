"""How does a stream go on, without a gap and without saying anything twice?

begun ─► item, item, ... ─► broken off ─► begun again after the last item ─► item, ...
                                 └─ nothing to go on from: that is its end, with an error
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeAlias, TypeVar

import anyio
import anyio.lowlevel
from msgspec import Struct

from daemon.client.asker import Asker, read
from daemon.client.failures import Failed, NotRunning, NotUnderstood, Refused, Unheard
from daemon.client.wire import Answer
from daemon.control import asking

LINE_BYTES_MAX = 32 * 1024 * 1024  # one event, with all that is known of a connection, has some KB
REST_S = 0.05  # before a daemon that went away is looked for, and twice as long each time ...
REST_S_MAX = 2.0  # ... up to this; a stream that was open for longer was a good one
T = TypeVar("T", bound=Struct)

Question: TypeAlias = Callable[[int], Awaitable[Struct]]
"""What to ask, given the number of the last event that came; 0 before there was any."""


class Following(Generic[T]):
    """What is followed: `async for` gives each item; `async with` closes it where its block ends.

    Else it stays open until its `Rounds` is closed. Whoever catches an error, or was cancelled, and
    takes the next item then, misses nothing and hears nothing twice, if it `goes_on` at all.
    """

    def __init__(
        self,
        asker: Asker,
        name: str,
        gives: type[T],
        question: Question,
        *,
        goes_on: bool = True,
        ends: Callable[[T], bool] | None = None,
    ) -> None:
        self._asker = asker
        self._name = name
        self._gives = gives
        self._question = question
        self._goes_on = goes_on
        self._ends = ends
        self._last = 0
        self._answer: Answer | None = None
        self._began: float | None = None
        self._lines = _Lines()
        self._over = False

    async def __aenter__(self) -> Self:
        """Begin now. Raises Failed."""
        await self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        """The next item, once there is one. Raises Failed."""
        if self._over:
            raise StopAsyncIteration
        rest_s, until = REST_S, None
        while True:
            try:
                if self._answer is None:
                    await self._begin()
                await anyio.lowlevel.checkpoint()  # much that is here already holds nobody up
                return await self._next(self._answer)
            except Failed as failed:
                await self._let_go()
                now = anyio.current_time()
                if self._began is None or not self._may_pass(failed):
                    raise
                if until is None or now - self._began > REST_S_MAX:
                    rest_s, until = REST_S, now + self._asker.patience_s
                if now + rest_s > until:
                    raise
                await anyio.sleep(rest_s)
                rest_s = min(2 * rest_s, REST_S_MAX)
            except BaseException:
                await self._let_go()
                raise

    async def aclose(self) -> None:
        """Close it; nothing comes of it any more."""
        self._over = True
        await self._let_go()

    def _may_pass(self, failed: Failed) -> bool:
        """Whether the daemon may be back soon, and then says what it would have said."""
        busy = isinstance(failed, Refused) and failed.code == "busy"
        return self._goes_on and (busy or isinstance(failed, NotRunning | Unheard))

    async def _begin(self) -> None:
        question = await self._question(self._last)
        self._lines = _Lines()
        self._answer = await self._asker.begin(self._name, question)
        self._began = anyio.current_time()

    async def _next(self, answer: Answer | None) -> T:
        """The next item that was not there yet. Raises Failed where it is broken off."""
        assert answer is not None, "it has begun"
        while True:
            while (told := self._lines.next()) is None:
                piece = await answer.piece()
                if not piece:
                    raise Unheard(asking.BROKEN_OFF)
                self._lines.take(piece)
            number, data = told
            item = read(data, self._gives)
            if self._ends is not None and self._ends(item):
                await self.aclose()
                return item
            if not self._goes_on or number > self._last:
                self._last = number
                return item

    async def _let_go(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            self._over = self._over or not self._goes_on
            await self._asker.end(answer)


class _Lines:
    """Server-sent events, as their pieces come: each one's number and its data."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._seen = 0
        self._number = 0

    def take(self, piece: bytes) -> None:
        """Raises NotUnderstood where a line has no end."""
        self._rest += piece
        if len(self._rest) > LINE_BYTES_MAX:
            raise NotUnderstood(f"the stream has a line of more than {LINE_BYTES_MAX:,} bytes")

    def next(self) -> tuple[int, bytes] | None:
        """The next event that is there whole; a part of one is kept until the rest of it comes."""
        begin, found = 0, None
        while found is None and (end := self._rest.find(b"\n", max(begin, self._seen))) >= 0:
            line = self._rest[begin:end]
            begin = end + 1
            if line.startswith(b"id: "):
                self._number = int(line[4:])
            elif line.startswith(b"data: "):
                found = self._number, bytes(line[6:])
        del self._rest[:begin]
        self._seen = 0 if found else len(self._rest)
        return found
