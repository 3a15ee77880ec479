"""How do programs call a provider through us? All layers, from the outermost to the wire."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import timedelta

import trio
from msgspec import Struct, structs

from daemon.cache.cache import Cache
from daemon.decide import fate
from daemon.decide.fate import Fate
from daemon.exchange import CallLost
from daemon.gateway.asking import Wish
from daemon.gateway.batching import Batching
from daemon.gateway.breaking import Breaking
from daemon.gateway.caching import Caching
from daemon.gateway.call import Brought, Call, loss_of
from daemon.gateway.drafting import Means, draft
from daemon.gateway.keeping import shown
from daemon.gateway.retrying import Retrying
from daemon.gateway.sending import Sending
from daemon.gateway.sharing import Sharing
from daemon.under_way import UnderWay
from events.gateway import CallKind
from events.terms import Caller, FailureClass

GRACE_S = 0.5  # what is late by less than this says itself why it is
DOUBT = "it may have arrived, or not: look there before you write it again"


class Answer(Struct, frozen=True, kw_only=True):
    """What came of a call, whatever its status. `headers` are those that a program sees.

    Where it is no good answer `cause` and `message` say what that means, and it is `doubted` where
    an earlier attempt may have arrived.
    """

    brought: Brought
    duration_ms: int
    cause: FailureClass | None = None
    message: str = ""
    doubted: bool = False
    retry_after: timedelta | None = None


class Gateway:
    """One for the daemon."""

    def __init__(
        self, means: Means, cache: Cache, nursery: trio.Nursery, chance: Callable[[], float]
    ) -> None:
        self._means = means
        self._under_way = UnderWay()
        self.probing: set[int] = set()
        breaking = Breaking(Sending(means, self.probing), means.journal, self.probing)
        self._sharing = Sharing(Batching(Retrying(breaking, means.journal, chance)))
        self._layers = Caching(self._sharing, means.journal, means.limiter, cache, nursery)

    def is_busy(self, subject: int) -> bool:
        """Whether a call of this connection is under way, or a write that waited."""
        return self._under_way.of(subject) > 0 or self._layers.is_renewing(subject)

    def under_way(self, subject: int) -> AbstractContextManager[None]:
        return self._under_way.one(subject)

    @asynccontextmanager
    async def changing(self, subject: int, path: str) -> AsyncIterator[None]:
        """A change leaves by another way: nothing passes for good that it may touch."""
        self._sharing.part(subject)
        try:
            async with self._layers.changing(subject, path):
                yield
        finally:
            self._sharing.part(subject)

    async def call(self, subject: int, wish: Wish, by: Caller | None) -> Answer:
        """Make a connection's call for a program, within its deadline.

        Raises HeldBack, and CallLost where no answer came.
        """
        return await self.make(draft(self._means, subject, wish, by))

    async def make(self, call: Call) -> Answer:
        """Make a call that was drafted just now, as `call` does."""
        began = trio.current_time()
        with trio.move_on_at(call.deadline + GRACE_S), self.under_way(call.subject):
            try:
                brought = await self._layers(call)
            except CallLost as lost:
                if call.kind is CallKind.WRITE and not call.keyed and _may_have_arrived(lost):
                    lost.message += f"; {DOUBT}"
                if not _is_answer(lost):
                    raise
                return _refused(lost, began)
            return Answer(
                brought=structs.replace(brought, headers=shown(brought.headers)),
                duration_ms=_since(began),
            )
        given_s = round(call.deadline - began, 3)
        raise CallLost(
            FailureClass.TIMEOUT, f"there was no answer within {given_s:g} s, our deadline"
        )


def _may_have_arrived(lost: CallLost) -> bool:
    """Whether nobody knows what became of it."""
    return fate.of(loss_of(lost), keyed=False) is Fate.IN_DOUBT


def _is_answer(lost: CallLost) -> bool:
    """Whether it is what the provider said to this call, and fit to be passed on.

    What its token endpoint said is not: the call was not sent then.
    """
    said = lost.status is not None and (lost.status >= 400 or lost.refusal != b"")
    return said and lost.sent and lost.cause is not FailureClass.MALFORMED


def _refused(lost: CallLost, began: float) -> Answer:
    assert lost.status is not None, "somebody refused it"
    brought = Brought(
        status=lost.status,
        headers=shown(lost.headers),
        body=lost.refusal,
        attempts=lost.attempts,
    )
    return Answer(
        brought=brought,
        duration_ms=_since(began),
        cause=lost.cause,
        message=lost.message,
        doubted=lost.doubted,
        retry_after=lost.retry_after,
    )


def _since(began: float) -> int:
    return math.ceil((trio.current_time() - began) * 1000)
