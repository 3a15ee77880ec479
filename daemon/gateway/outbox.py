"""What becomes of a program's write while its provider is down?

write ─► others wait? ─► gateway ─► answer
             │              └─► lost, and may be sent later ─┐
             └───────────────────────────────────────────────┴─► row ─► WriteQueued, durable ─► 202
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.commands import QueueWrite
from daemon.decide import fate, line
from daemon.decide.fate import Loss
from daemon.decide.line import OUTBOX_BYTES_MAX, OUTBOX_MAX, OUTBOXES_BYTES_MAX, Full
from daemon.duration import duration
from daemon.exchange import CallLost, OverLimit
from daemon.gateway import asking
from daemon.gateway.asking import Wish
from daemon.gateway.call import Call, HeldBack, loss_of
from daemon.gateway.drafting import Means, draft
from daemon.gateway.gateway import Answer, Gateway
from daemon.store.core import StoreFull
from daemon.store.outbox import Letter
from daemon.store.storage import Storage
from events.gateway import CallKind
from events.terms import Caller, FailureClass

ROOM_WAIT_S = 2.0  # how long a write waits for a busy writer before it is refused
DURABLE_WAIT_S = 10.0  # how long its commit may take; a slow disk needs a tenth of a second
KEY_BITS = 53  # of one drawn number; a key is two of them
MIB = 1024 * 1024
REACHED = {
    Full.WRITES: f"{OUTBOX_MAX} writes of this connection wait already",
    Full.BYTES: f"more than {OUTBOX_BYTES_MAX // MIB} MiB of this connection's writes would wait",
    Full.ALL_BYTES: f"more than {OUTBOXES_BYTES_MAX // MIB} MiB of all writes would wait",
}
FULL = "{}, and this one was not queued; `rounds outbox list` says what they wait for"
NO_ROOM = (
    "the disk is full, or very slow: the provider did not say that it took the write, and it "
    "cannot be queued; free some space, then write it anew"
)
NOT_WRITTEN = (
    "the disk is full, so the write is not queued for certain; it is delivered if there is room "
    "before rounds stops: free some space, and look whether it arrived"
)
REMOVED = "the connection was removed meanwhile; nothing was queued"

log = structlog.get_logger()


class NotQueued(Exception):
    """A write that its provider did not take was not queued either; the sentence says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Queued(Struct, frozen=True, kw_only=True):
    """It is on disk, and is delivered once it may be."""

    write: int


class Tried(Struct, frozen=True, kw_only=True):
    """How it was lost when it was made at once; it did not leave before `at`.

    It is `doubted` where an attempt before the last one may have arrived.
    """

    at: datetime
    loss: Loss
    attempts: int
    doubted: bool
    retry_after: timedelta | None


Outcome: TypeAlias = Answer | Queued


class Outbox:
    """One for the daemon, before its gateway."""

    def __init__(
        self, means: Means, storage: Storage, gateway: Gateway, chance: Callable[[], float]
    ) -> None:
        self._means = means
        self._journal = means.journal
        self._storage = storage
        self._gateway = gateway
        self._chance = chance

    async def call(
        self, subject: int, wish: Wish, by: Caller | None, *, queue: bool = True
    ) -> Outcome:
        """Make a connection's call; with `queue` a write waits where its provider is down.

        Raises HeldBack, CallLost and NotQueued.
        """
        if (wish.kind or asking.kind_of(wish.method)) is not CallKind.WRITE:
            return await self._gateway.call(subject, wish, by)
        if not queue:
            return await self._gateway.call(subject, self._with_key(subject, wish), by)
        world, now = self._journal.world, self._journal.clock.now()
        if held := line.keeps_out(subject, world, now):
            raise HeldBack(held)
        wish = self._with_key(subject, wish)
        drafted = draft(self._means, subject, wish, by)
        if line.waits(subject, world):
            return await self._queue(subject, wish, drafted, None, by)
        tried: Tried | None = None
        try:
            answer = await self._gateway.make(drafted)
        except OverLimit:
            raise  # who is told when to come back; the outbox is no way around that
        except HeldBack:
            if line.keeps_out(subject, world, self._journal.clock.now()):
                raise
        except CallLost as lost:
            loss = loss_of(lost)
            if not fate.may_wait(loss, keyed=drafted.keyed, doubted=lost.doubted):
                raise
            attempts = 0 if fate.was_kept(loss) else lost.attempts
            tried = Tried(
                at=now,
                loss=loss,
                attempts=attempts,
                doubted=lost.doubted,
                retry_after=lost.retry_after,
            )
        else:
            if answer.cause is None:
                return answer
            loss = Loss(cause=answer.cause, status=answer.brought.status)
            if not fate.may_wait(loss, keyed=drafted.keyed, doubted=answer.doubted):
                return answer
            tried = Tried(
                at=now,
                loss=loss,
                attempts=answer.brought.attempts,
                doubted=answer.doubted,
                retry_after=answer.retry_after,
            )
        return await self._queue(subject, wish, drafted, tried, by)

    def _with_key(self, subject: int, wish: Wish) -> Wish:
        """One of ours where the provider knows keys and the program gave none."""
        provider = self._means.providers.get(self._journal.world.connections[subject].provider)
        if wish.key is not None or not provider or provider.file.idempotency_header is None:
            return wish
        return replace(wish, key=self._key(), key_of_ours=True)

    def _key(self) -> str:
        one, other = (int(self._chance() * 2**KEY_BITS) for _ in range(2))
        return f"rounds-{one:014x}{other:014x}"

    async def _queue(
        self,
        subject: int,
        wish: Wish,
        drafted: Call,
        tried: Tried | None,
        by: Caller | None,
    ) -> Queued:
        """Have it on disk: all of it in the data store, then that it waits in the log."""
        row = await self._kept(subject, wish)
        recorded = self._journal.execute(
            QueueWrite(
                subject=subject,
                row=row,
                endpoint=drafted.request.endpoint,
                method=wish.method,
                kind=CallKind.WRITE,
                keyed=drafted.keyed,
                bytes=len(wish.body or b""),
                jitter=self._chance(),
                cause=tried.loss.cause if tried else None,
                status=tried.loss.status if tried else None,
                sent=tried is not None and tried.loss.sent,
                attempts=tried.attempts if tried else 0,
                doubted=tried is not None and tried.doubted,
                retry_after=tried.retry_after if tried else None,
                first_at=tried.at if tried else None,
                key_lifetime=duration(drafted.way.file.idempotency_lifetime),
                by=by,
            )
        )
        if not recorded:
            await self._discard(row)
            self._check_room(subject, wish)
            raise CallLost(FailureClass.CANCELLED, REMOVED, sent=False)
        with trio.move_on_after(DURABLE_WAIT_S):
            await self._journal.durable(recorded)
            return Queued(write=recorded[0].seq)
        raise NotQueued("disk-full", NOT_WRITTEN)

    async def _discard(self, row: int) -> None:
        """Drop what is not queued after all; where the disk is full, the next start does."""
        try:
            await self._storage.discard_letters([row])
        except StoreFull:
            log.warning("outbox-not-swept", rows=1)

    async def _kept(self, subject: int, wish: Wish) -> int:
        """The row that holds the write, on disk. Raises NotQueued."""
        self._check_room(subject, wish)
        letter = Letter(
            method=wish.method,
            path=wish.path,
            headers=wish.headers,
            body=wish.body,
            kind=CallKind.WRITE,
            key=wish.key,
        )
        try:
            with trio.fail_after(ROOM_WAIT_S):
                await self._journal.room()
            return await self._storage.put_letter(subject, letter)
        except (trio.TooSlowError, StoreFull):
            raise NotQueued("disk-full", NO_ROOM) from None

    def _check_room(self, subject: int, wish: Wish) -> None:
        if full := line.full(subject, self._journal.world, len(wish.body or b"")):
            raise NotQueued("outbox-full", FULL.format(REACHED[full]))
