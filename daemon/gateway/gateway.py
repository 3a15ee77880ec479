"""How do programs call a provider through us? All layers, from the outermost to the wire."""

import math
from collections.abc import Callable, Mapping

import trio
from msgspec import Struct, structs

from daemon import account
from daemon.cache.cache import Cache
from daemon.endpoint_file import Endpoint
from daemon.exchange import CallLost
from daemon.failures import NEXT_SYNC
from daemon.gateway import asking
from daemon.gateway.asking import Wish
from daemon.gateway.batching import Batching
from daemon.gateway.breaking import Breaking
from daemon.gateway.caching import Caching, shown
from daemon.gateway.call import Brought, Call
from daemon.gateway.retrying import Retrying
from daemon.gateway.sending import Sending
from daemon.gateway.sharing import Sharing
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.provider import Provider
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.terms import Caller, FailureClass

GRACE_S = 0.5  # what is late by less than this says itself why it is
OURS = frozenset({FailureClass.AUTH, FailureClass.MALFORMED})
"""What is wrong between the provider and us: what it said of that is not passed on."""

NO_ENDPOINT = Endpoint()


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
        self,
        journal: Journal,
        vault: Vault,
        keeper: Keeper,
        providers: Mapping[int, Provider],
        *,
        limiter: Limiter,
        cache: Cache,
        nursery: trio.Nursery,
        chance: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._vault = vault
        self._providers = providers
        sending = Sending(journal, keeper, limiter)
        retrying = Retrying(Breaking(sending, journal), journal, chance)
        self._layers = Caching(Sharing(Batching(retrying)), journal, cache, nursery)

    async def call(self, subject: int, wish: Wish, by: Caller | None) -> Answer:
        """Make a connection's call for a program, within its deadline.

        Raises HeldBack, and CallLost where no answer came.
        """
        began = trio.current_time()
        call = self._call(subject, wish, by)
        with trio.move_on_at(call.deadline + GRACE_S):
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

    def _call(self, subject: int, wish: Wish, by: Caller | None) -> Call:
        """Raises CallLost: nothing was sent."""
        known = self._journal.world.connections[subject]
        provider = self._providers.get(known.provider)
        if provider is None:
            raise CallLost(
                FailureClass.INVALID, "the provider's file is gone; nothing was sent", sent=False
            )
        file = provider.file
        request = asking.build(
            file,
            wish,
            account.credential(self._vault, known, subject),
            account.settings(self._vault, known, subject, file),
        )
        template = asking.template(file, wish.method, wish.path)
        return Call(
            subject=subject,
            tenant=known.tenant,
            account=known.grant.account,
            provider=known.provider,
            way=provider,
            request=request,
            kind=wish.kind or asking.kind_of(wish.method),
            path=wish.path.partition("?")[0],
            endpoint=file.endpoints.get(template or "", NO_ENDPOINT),
            keyed=wish.key is not None and file.idempotency_header is not None,
            deadline=trio.current_time() + wish.timeout_s,
            by=by,
            fresh=wish.fresh,
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
