"""How is a program's call made: held back, sent, tried again, recorded?

call ─► deadline ─► breaker ─► protected (token, limits, transport) ─► CallMade ─► answer
                       ▲                                                  │
                       └────────── after a rest, where decide says so ◄───┘
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import structlog
import trio
from msgspec import Struct

from daemon import account
from daemon.commands import NoteCallMade
from daemon.decide import calling
from daemon.decide.calling import Held
from daemon.exchange import CallLost, Request, Response
from daemon.gateway import asking
from daemon.gateway.asking import Wish
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.protected import Protected, Whose
from daemon.provider import Provider
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.gateway import CallKind, CallMade
from events.terms import Caller, FailureClass

URGENT = 1  # of those that wait for a provider's limits, a program's call goes with a person's
SHOWN = ("content-type", "content-language", "etag", "last-modified", "location", "link")
"""Headers of an answer that a program sees."""

log = structlog.get_logger()


class HeldBack(Exception):
    """A call may not leave; nothing was sent."""

    def __init__(self, held: Held) -> None:
        super().__init__(held.reason)
        self.held = held


class Answer(Struct, frozen=True, kw_only=True):
    """What the provider said, whatever its status; `headers` are those in SHOWN."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    attempts: int
    duration_ms: int


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
        chance: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._vault = vault
        self._keeper = keeper
        self._providers = providers
        self._limiter = limiter
        self._chance = chance
        self._probing: set[int] = set()
        self._under_way = Counter[int]()

    def is_busy(self, subject: int) -> bool:
        """Whether a call of this connection is under way."""
        return self._under_way[subject] > 0

    async def call(self, subject: int, wish: Wish, by: Caller | None) -> Answer:
        """Make a connection's call for a program, within its deadline.

        Raises HeldBack, and CallLost where no answer came.
        """
        known = self._journal.world.connections[subject]
        provider = self._providers.get(known.provider)
        if provider is None:
            raise CallLost(
                FailureClass.INVALID, "the provider's file is gone; nothing was sent", sent=False
            )
        request, kind = asking.build(
            provider.file,
            wish,
            account.credential(self._vault, known, subject),
            account.settings(self._vault, known, subject, provider.file),
        )
        keyed = wish.key is not None and provider.file.idempotency_header is not None
        made = _Made(self._journal, subject, kind, by, repeatable=kind is CallKind.READ or keyed)
        with trio.move_on_after(wish.timeout_s), self._counted(subject):
            return await self._answered(made, provider, request)
        raise CallLost(
            FailureClass.TIMEOUT, f"there was no answer within {wish.timeout_s:g} s, our deadline"
        )

    @contextmanager
    def _counted(self, subject: int) -> Iterator[None]:
        self._under_way[subject] += 1
        try:
            yield
        finally:
            self._under_way[subject] -= 1
            self._under_way += Counter()  # which keeps those alone that are positive

    async def _answered(self, made: "_Made", provider: Provider, request: Request) -> Answer:
        """Exchange, and again where that may help. Raises HeldBack, CallLost."""
        subject, began = made.subject, trio.current_time()
        while True:
            try:
                response = await self._once(made, provider, request)
            except CallLost as lost:
                rest = self._rest(made, lost)
                if rest is None and lost.status is not None and lost.cause is not AUTH:
                    return _refused(lost, made.attempt, began)
                if rest is None:
                    raise
            else:
                return _good(response, made.attempt, began)
            log.info("call-again", subject=subject, endpoint=request.endpoint, rest_s=rest)
            await trio.sleep(rest)
            made.attempt += 1

    async def _once(self, made: "_Made", provider: Provider, request: Request) -> Response:
        """One exchange, where breakers let it: while one is half-open, it is the only one."""
        world, now, subject = self._journal.world, self._journal.clock.now(), made.subject
        if held := calling.held(subject, world, now, probing=self._probing):
            raise HeldBack(held)
        probes = calling.probes(subject, world, now)
        self._probing |= probes
        try:
            return await Protected(
                self._journal,
                self._keeper,
                provider,
                Whose(connection=subject, priority=URGENT),
                limiter=self._limiter,
                witness=made,
                patience_s=_left_s(),
            ).send(request)
        finally:
            self._probing -= probes

    def _rest(self, made: "_Made", lost: CallLost) -> float | None:
        """For how many seconds to rest before the next attempt; None where there is none."""
        rest = calling.again(
            calling.Lost(
                cause=lost.cause,
                attempt=made.attempt,
                left=timedelta(seconds=_left_s()),
                repeatable=made.repeatable,
                sent=lost.sent,
                retry_after=lost.retry_after,
            ),
            made.subject,
            self._journal.world,
            self._journal.clock.now(),
            jitter=self._chance(),
        )
        return None if rest is None else rest.total_seconds()


AUTH = FailureClass.AUTH


class _Made:
    """One call's exchanges, as they are recorded; nobody waits for that."""

    def __init__(
        self,
        journal: Journal,
        subject: int,
        kind: CallKind,
        by: Caller | None,
        *,
        repeatable: bool,
    ) -> None:
        self.subject = subject
        self.attempt = 1
        self.repeatable = repeatable
        self._journal = journal
        self._kind = kind
        self._by = by
        self._began = journal.world.seq

    def leaves(self) -> None:
        self._began = self._journal.world.seq

    def answered(self, request: Request, response: Response) -> None:
        self._note(
            CallMade(
                endpoint=request.endpoint,
                method=request.method,
                kind=self._kind,
                began=self._began,
                attempt=self.attempt,
                status=response.status,
                duration_ms=response.duration_ms,
                bytes=response.size,
                by=self._by,
            )
        )

    def lost(self, request: Request, lost: CallLost) -> None:
        self._note(
            CallMade(
                endpoint=request.endpoint,
                method=request.method,
                kind=self._kind,
                began=self._began,
                attempt=self.attempt,
                status=lost.status,
                cause=lost.cause,
                duration_ms=lost.duration_ms,
                bytes=lost.bytes,
                retry_after=lost.retry_after,
                by=self._by,
            )
        )

    def _note(self, call: CallMade) -> None:
        self._journal.execute(NoteCallMade(subject=self.subject, call=call))


def _left_s() -> float:
    """Until the deadline of the call that asks."""
    left = trio.current_effective_deadline() - trio.current_time()
    return max(0.0, left) if math.isfinite(left) else 0.0


def _good(response: Response, attempts: int, began: float) -> Answer:
    return Answer(
        status=response.status,
        headers=_shown(response.headers),
        body=response.body,
        attempts=attempts,
        duration_ms=_since(began),
    )


def _refused(lost: CallLost, attempts: int, began: float) -> Answer:
    assert lost.status is not None, "somebody refused it"
    return Answer(
        status=lost.status,
        headers=_shown(lost.headers),
        body=lost.refusal,
        attempts=attempts,
        duration_ms=_since(began),
    )


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in SHOWN if name in headers}


def _since(began: float) -> int:
    return math.ceil((trio.current_time() - began) * 1000)
