"""How does a connection go back to what it was, and what if we die on the way?

    RollbackStarted, durable ─► stage ─► same digest? ─► RolledBack, durable ─► accept: all at once
        └──────── crash: dropped, RestoreAbandoned ────────┘      └─ crash: accepted at the start ─┘

One that syncs is waited for, or left alone; meanwhile nothing of it starts, and nobody else waits.
What was begun goes on, whoever waits for it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

import structlog
import trio
from msgspec import Struct

from daemon import bringing_back, restoring_words
from daemon.commands import AbandonRestore, BeginRollback, FinishRollback
from daemon.decide import restoring as choices
from daemon.decide.restoring import Obstacle
from daemon.journal import Journal, LogBroken
from daemon.past import NoSuchMoment, Past, PastUnavailable
from daemon.restoring_words import NotBack
from daemon.store.core import StoreBroken, StoreFull
from daemon.store.drafts import Draft
from daemon.store.storage import Storage
from daemon.supervisor import Supervisor
from daemon.vault import Vault, VaultUnusable
from events.envelope import Recorded
from events.terms import Caller, RestoreEnd, RollbackScope
from events.versions import StreamRestored
from projections.connection import Connection
from projections.streams import Stream

ROOM_S = 2.0  # how long the log may take to have room before nothing is begun
LAST_WORD_S = 5.0  # how long it may take until it is on disk that nothing was changed

log = structlog.get_logger()


class Wish(Struct, frozen=True, kw_only=True):
    """Go back to event `to`: these streams (empty: all), or the state; `waits` for what runs."""

    subject: int
    to: int
    scope: RollbackScope = RollbackScope.DATA
    streams: tuple[str, ...] = ()
    waits: bool = False
    by: Caller | None = None


class Back(Struct, frozen=True, kw_only=True):
    """What going back came to: its events' numbers, 0 where nothing differed.

    `visible` says that it can be seen already: a full disk may keep it from that for a while.
    """

    started: int = 0
    event: int = 0
    streams: tuple[StreamRestored, ...] = ()
    visible: bool = True


class _Going(Struct, kw_only=True, eq=False):
    scope: trio.CancelScope
    done: trio.Event
    result: Back | NotBack


class Restorer:
    """One for the daemon. What it began goes on in `nursery`, whoever waits for it."""

    def __init__(
        self,
        journal: Journal,
        storage: Storage,
        vault: Vault,
        supervisor: Supervisor,
        nursery: trio.Nursery,
        *,
        past: Past,
        chance: Callable[[], float],
    ) -> None:
        """`chance` draws from [0, 1), for the delay of a retry that waits again."""
        self._journal = journal
        self._storage = storage
        self._vault = vault
        self._supervisor = supervisor
        self._nursery = nursery
        self._past = past
        self._chance = chance
        self._going: dict[int, _Going] = {}

    async def go_back(self, wish: Wish) -> Back:
        """Raises NotBack: then nothing has changed."""
        if self._supervisor.is_kept_alone(wish.subject):
            raise restoring_words.obstacle(Obstacle.RESTORING)
        known = self._journal.world.connections[wish.subject]
        if known.run and not wish.waits:
            raise restoring_words.obstacle(Obstacle.SYNCING)
        going = _Going(
            scope=trio.CancelScope(), done=trio.Event(), result=restoring_words.stopped()
        )
        self._going[wish.subject] = going
        alone = self._supervisor.alone(wish.subject)
        self._nursery.start_soon(self._go, wish, going, alone)
        await going.done.wait()
        if isinstance(going.result, NotBack):
            raise going.result
        return going.result

    async def stop(self) -> None:
        """Give up what is not recorded yet; what is comes into force."""
        for each in [*self._going.values()]:
            each.scope.cancel()
        while self._going:
            await next(iter(self._going.values())).done.wait()

    async def was(self, subject: int, to: int) -> Connection:
        """What the connection was then, if it can go back to that. Raises NotBack."""
        try:
            then = await self._past.state_at(to, connection=subject)
        except NoSuchMoment:
            raise restoring_words.not_there(to) from None
        except PastUnavailable as unavailable:
            raise restoring_words.unavailable(str(unavailable)) from None
        was, known = then.connections.get(subject), self._journal.world.connections[subject]
        if was is None:
            raise restoring_words.not_there(to)
        if was.provider != known.provider:
            raise restoring_words.elsewhere(to, self._vault.name(was.provider))
        return was

    async def _go(
        self, wish: Wish, going: _Going, alone: AbstractAsyncContextManager[None]
    ) -> None:
        try:
            with going.scope:
                async with alone:
                    going.result = await self._back(wish)
        except NotBack as refused:
            going.result = refused
        except (LogBroken, StoreBroken, VaultUnusable):
            raise
        except Exception:
            log.exception("rollback-failed", subject=wish.subject, to=wish.to)
            going.result = restoring_words.crashed()
        finally:
            del self._going[wish.subject]
            going.done.set()

    async def _back(self, wish: Wish) -> Back:
        was = await self.was(wish.subject, wish.to)
        known = self._journal.world.connections[wish.subject]
        if wish.scope is RollbackScope.STATE:
            return Back() if choices.is_as_then(known, was) else await self._state(wish, was)
        check_streams(wish.streams, known)
        found = choices.differing(known, was, wish.streams)
        return await self._data(wish, known, found) if found else Back()

    async def _begin(self, wish: Wish, found: Mapping[str, Stream]) -> list[Recorded]:
        with trio.move_on_after(ROOM_S) as late:
            await self._journal.room()
        if late.cancelled_caught:
            raise restoring_words.full()
        versions = {name: was.version for name, was in found.items()}
        begun = self._journal.execute(
            BeginRollback(
                subject=wish.subject, to=wish.to, scope=wish.scope, versions=versions, by=wish.by
            )
        )
        if not begun:
            raise refusal(wish.subject, versions, self._journal)
        return begun

    async def _state(self, wish: Wish, was: Connection) -> Back:
        (begun,) = await self._begin(wish, {})
        recorded = self._finished(wish, begun, was=was)
        with trio.CancelScope(shield=True):
            await self._journal.durable(recorded)
        return Back(started=begun.seq, event=recorded[0].seq)

    async def _data(self, wish: Wish, known: Connection, found: Mapping[str, Stream]) -> Back:
        (begun,) = await self._begin(wish, found)
        drafts: list[Draft] = []
        try:
            await self._journal.durable([begun])
            streams = await bringing_back.stage(
                self._storage,
                drafts,
                found,
                subject=wish.subject,
                provider=self._journal.world.providers[known.provider].name,
                version=begun.seq,
                secret=self._vault.digest_key(known.tenant),
            )
        except BaseException as error:
            await self._give_up(begun, drafts, error)
            if (refused := restoring_words.failed(error)) is None:
                raise
            raise refused from None
        recorded, visible = self._finished(wish, begun, streams=streams), False
        with trio.CancelScope(shield=True):  # what the log calls restored must become visible
            if not recorded:
                await bringing_back.drop(self._storage, drafts)
                raise restoring_words.obstacle(Obstacle.GONE)
            await self._journal.durable(recorded)
            visible = await bringing_back.accept(
                self._storage, drafts, self._journal, self._nursery
            )
        return Back(started=begun.seq, event=recorded[0].seq, streams=streams, visible=visible)

    def _finished(
        self,
        wish: Wish,
        begun: Recorded,
        *,
        streams: tuple[StreamRestored, ...] = (),
        was: Connection | None = None,
    ) -> list[Recorded]:
        """What is recorded at the end; nothing where the connection was removed meanwhile."""
        return self._journal.execute(
            FinishRollback(
                subject=wish.subject,
                started=begun.seq,
                to=wish.to,
                scope=wish.scope,
                streams=streams,
                was=was,
                jitter=self._chance() if was else 0.0,
                by=wish.by,
            )
        )

    async def _give_up(self, begun: Recorded, drafts: list[Draft], error: BaseException) -> None:
        """Note that nothing was changed. If we die in here, the next start does."""
        if isinstance(error, (LogBroken, StoreBroken)):
            return
        reason = RestoreEnd.FAILED
        if isinstance(error, StoreFull):
            reason = RestoreEnd.DISK_FULL
        elif isinstance(error, trio.Cancelled):
            reason = RestoreEnd.DIED
        else:
            log.error("rollback-abandoned", subject=begun.subject, why=type(error).__name__)
        abandon = AbandonRestore(subject=begun.subject, started=begun.seq, reason=reason)
        recorded = self._journal.execute(abandon)
        with trio.move_on_after(LAST_WORD_S, shield=True):
            await bringing_back.drop(self._storage, drafts)
            await self._journal.durable(recorded)


def check_streams(wanted: tuple[str, ...], known: Connection) -> None:
    """Raises NotBack where the connection has no such stream."""
    for name in wanted:
        if name not in known.streams:
            raise restoring_words.no_stream(name, sorted(known.streams))


def refusal(subject: int, versions: Mapping[str, int], journal: Journal) -> NotBack:
    """Why it may not go back to these versions."""
    why = choices.obstacle(subject, versions, journal.world)
    assert why is not None, "what is not begun has a reason"
    if why is not Obstacle.PRUNED:
        return restoring_words.obstacle(why)
    known = journal.world.connections[subject]
    name = choices.pruned(known, versions)[0]
    return restoring_words.not_kept(name, versions[name], known.streams[name])
