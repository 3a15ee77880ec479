"""How do tasks use the data store without holding up the loop? One call at a time, off it."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

import trio

from daemon.store import doubts
from daemon.store.core import Position, Store
from daemon.store.drafts import DayCount, Difference, Draft
from daemon.store.outbox import Letter
from daemon.store.quarantine import Offer
from daemon.store.versions import Page
from events.terms import Mode

T = TypeVar("T")


class Run(Protocol):
    """Runs a call where the store may be used."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]: ...


class OneThread:
    """Runs calls in worker threads, never two at once. A cancelled caller waits for its call."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)

    async def __call__(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, limiter=self._limiter)


class Storage:
    """The store as tasks see it; what each call does is said in `core`."""

    def __init__(self, store: Store, run: Run) -> None:
        self._store = store
        self._run = run

    async def name(self, connection: int, tenant: str, name: str) -> None:
        await self._run(partial(self._store.name_all, {connection: (tenant, name)}))

    async def begin(
        self,
        connection: int,
        provider: str,
        stream: str,
        *,
        version: int,
        mode: Mode,
        primary_key: tuple[str, ...],
        secret: bytes,
        follows: str | None = None,
    ) -> Draft:
        call = partial(self._store.begin, connection, provider, stream, follows=follows)
        return await self._run(
            partial(call, version=version, mode=mode, primary_key=primary_key, secret=secret)
        )

    async def stage(
        self, draft: Draft, records: list[dict[str, Any]], day: str | None = None
    ) -> None:
        await self._run(partial(self._store.stage, draft, records, day))

    async def drop_day(self, draft: Draft, day: str) -> None:
        await self._run(partial(self._store.drop_day, draft, day))

    async def days(self, draft: Draft) -> list[DayCount]:
        return await self._run(partial(self._store.days, draft))

    async def compare(
        self, draft: Draft, cursor: str | None, types: Mapping[str, str] | None = None
    ) -> Difference:
        return await self._run(partial(self._store.compare, draft, cursor, types))

    async def accept(self, *accepted: Draft) -> None:
        await self._run(partial(self._store.accept, *accepted))

    async def make_up(self, *accepted: Draft) -> None:
        await self._run(partial(self._store.make_up, *accepted))

    async def change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(partial(self._store.change, change))

    async def drop(self, draft: Draft) -> None:
        await self._run(partial(self._store.drop, draft))

    async def refuse(self, draft: Draft) -> None:
        await self.change(partial(doubts.refuse, draft=draft))

    async def hold(self, draft: Draft) -> None:
        await self._run(partial(self._store.hold, draft))

    async def stage_held(
        self, connection: int, provider: str, stream: str, *, held: int, version: int
    ) -> tuple[Draft, Offer] | None:
        return await self.change(
            partial(
                doubts.stage,
                whose=connection,
                provider=provider,
                stream=stream,
                held=held,
                version=version,
            )
        )

    async def drop_held(self, connection: int, stream: str, version: int) -> None:
        await self.change(partial(doubts.drop, whose=connection, stream=stream, version=version))

    async def position(self, connection: int, stream: str, provider: str | None = None) -> Position:
        return await self._run(partial(self._store.position, connection, stream, provider))

    async def show(
        self,
        connection: int,
        stream: str,
        *,
        after: str | None,
        limit: int,
        provider: str | None = None,
    ) -> Page | None:
        call = partial(self._store.show, connection, stream, provider=provider)
        return await self._run(partial(call, after=after, limit=limit))

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(partial(self._store.ask, question))

    async def put_letter(self, connection: int, letter: Letter) -> int:
        return await self._run(partial(self._store.put_letter, connection, letter))

    async def letter(self, connection: int, row: int) -> Letter | None:
        return await self._run(partial(self._store.letter, connection, row))

    async def letter_paths(self, rows: Iterable[int]) -> dict[int, str]:
        return await self._run(partial(self._store.letter_paths, rows))

    async def discard_letters(self, rows: Iterable[int]) -> None:
        await self._run(partial(self._store.discard_letters, rows))
