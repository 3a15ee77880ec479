"""How do programs call a provider through us? All layers, from the outermost to the wire."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio
from msgspec import Struct, structs

from daemon.cache.cache import Cache
from daemon.exchange import CallLost
from daemon.failures import NEXT_SYNC
from daemon.gateway.asking import Wish
from daemon.gateway.batching import Batching
from daemon.gateway.breaking import Breaking
from daemon.gateway.caching import Caching, shown
from daemon.gateway.call import Brought
from daemon.gateway.drafting import Means, draft
from daemon.gateway.retrying import Retrying
from daemon.gateway.sending import Sending
from daemon.gateway.sharing import Sharing
from events.terms import Caller, FailureClass

GRACE_S = 0.5  # what is late by less than this says itself why it is
OURS = frozenset({FailureClass.AUTH, FailureClass.MALFORMED})
"""What is wrong between the provider and us: what it said of that is not passed on."""


class Answer(Struct, frozen=True, kw_only=True):
    """What came of a call, whatever its status. `headers` are those that a program sees.

    Where it is no good answer `cause` and `message` say what that means.
    """

    brought: Brought
    duration_ms: int
    cause: FailureClass | None = None
    message: str = ""


class Gateway:
    """One for the daemon."""

    def __init__(
        self, means: Means, cache: Cache, nursery: trio.Nursery, chance: Callable[[], float]
    ) -> None:
        self._means = means
        self._under_way = Counter[int]()
        breaking = Breaking(Sending(means), means.journal)
        self.probing = breaking.probing
        self._sharing = Sharing(Batching(Retrying(breaking, means.journal, chance)))
        self._layers = Caching(self._sharing, means.journal, cache, nursery)

    def is_busy(self, subject: int) -> bool:
        """Whether a call of this connection is under way, or a write that waited."""
        return self._under_way[subject] > 0

    @contextmanager
    def under_way(self, subject: int) -> Iterator[None]:
        self._under_way[subject] += 1
        try:
            yield
        finally:
            self._under_way[subject] -= 1
            if not self._under_way[subject]:
                del self._under_way[subject]

    async def changes(self, subject: int, path: str) -> None:
        """A change is about to leave by another way: nothing passes for good that it may touch."""
        self._sharing.part(subject)
        await self._layers.doubt(subject, path)

    def changed(self, subject: int, path: str) -> None:
        """It has come to its end, however: what was read meanwhile is not known to be good."""
        self._sharing.part(subject)
        self._layers.doubted(subject, path)

    async def call(self, subject: int, wish: Wish, by: Caller | None) -> Answer:
        """Make a connection's call for a program, within its deadline.

        Raises HeldBack, and CallLost where no answer came.
        """
        began = trio.current_time()
        call = draft(self._means, subject, wish, by)
        with trio.move_on_at(call.deadline + GRACE_S), self.under_way(subject):
            try:
                brought = await self._layers(call)
            except CallLost as lost:
                if not _is_answer(lost):
                    raise
                return _refused(lost, began)
            return Answer(
                brought=structs.replace(brought, headers=shown(brought.headers)),
                duration_ms=_since(began),
            )
        raise CallLost(
            FailureClass.TIMEOUT, f"there was no answer within {wish.timeout_s:g} s, our deadline"
        )


def _is_answer(lost: CallLost) -> bool:
    """Whether the provider said something that is the program's business."""
    said = lost.status is not None and (lost.status >= 400 or lost.refusal != b"")
    return said and lost.cause not in OURS


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
        message=lost.message.removesuffix(NEXT_SYNC),
    )


def _since(began: float) -> int:
    return math.ceil((trio.current_time() - began) * 1000)
