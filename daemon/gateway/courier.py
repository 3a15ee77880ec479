"""How does one write that waited get to its provider, so that no crash makes it arrive twice?

row ─► token ─► limits ─► WriteBegun, durable ─► may it still? ─► exchange ─► what became of it
  └────── crash: it waits on ──────┘                                  └── crash: again with its key,
                                                                          or in doubt

It takes its turn in its tenant's limit on programs like any other, as the call of who asked for it:
to wait for a provider is no way around that. Who would wait for long is told when to come back.
"""

from collections.abc import Callable

import structlog
from msgspec.structs import replace

from daemon.commands import (
    BeginWrite,
    DeliverWrite,
    ExpireWrite,
    LoseWrite,
    MissWrite,
    PutOffWrite,
    RecallWrite,
)
from daemon.decide import calling, line
from daemon.duration import duration
from daemon.exchange import CallLost, OverLimit, Request, Response
from daemon.gateway.asking import Wish
from daemon.gateway.call import Call
from daemon.gateway.drafting import Means, draft
from daemon.gateway.gateway import Gateway
from daemon.gateway.sending import Made, as_program
from daemon.protected import Protected, Whose
from daemon.store.outbox import Letter
from daemon.store.storage import Storage
from events.gateway import CallKind
from events.terms import Caller
from projections.outbox import Write

PRIORITY = 2  # of those that wait for a provider's limits: after those who are waited for
PATIENCE_S = 60.0  # whom the limits keep for longer comes again when they may let it go

log = structlog.get_logger()


class NotNow(Exception):
    """It may not leave after all: somebody took it back, or keeps it. Nothing was sent."""


class _Attempt(Made):
    """One write's exchanges. `left` says that one began, `lost_by` how the last one was lost.

    That it has `begun` is recorded before that.
    """

    begun = False
    left = False
    lost_by: CallLost | None = None

    def leaves(self) -> None:
        """It was asked whether it may when it was begun, which is after its turn had come."""
        self.began = self.journal.world.seq

    def lost(self, request: Request, lost: CallLost) -> None:
        super().lost(request, lost)
        self.lost_by = lost


class Courier:
    """One for the daemon."""

    def __init__(
        self, means: Means, storage: Storage, gateway: Gateway, chance: Callable[[], float]
    ) -> None:
        """It shares with `gateway` who finds out whether a breaker may close."""
        self._means = means
        self._journal = means.journal
        self._storage = storage
        self._gateway = gateway
        self._chance = chance
        self.probing = gateway.probing

    async def carry(self, subject: int) -> bool:
        """Send the connection's first write, if it may leave; what became of it is recorded.

        False where none may, or not any more.
        """
        if self._journal.execute(ExpireWrite(subject=subject)):
            return False
        write = self._ready(subject)
        if write is None:
            return False
        letter = await self._storage.letter(subject, write.row)
        if letter is None:
            self._journal.execute(MissWrite(subject=subject, write=write.number))
            return True
        try:
            call = self._drafted(subject, letter, write.by)
        except CallLost as lost:
            self._lost(subject, write, lost)
            return True
        call = replace(call, attempt=write.attempts + 1)
        attempt = _Attempt(self._journal, call, self.probing)
        if self._ready(subject) != write:
            return True
        try:
            with self._gateway.under_way(subject):
                async with self._gateway.changing(subject, call.path):
                    return await self._sent(attempt, write)
        finally:
            self.probing -= attempt.probes

    def _ready(self, subject: int, own: frozenset[int] = frozenset()) -> Write | None:
        now = self._journal.clock.now()
        others = self.probing - own
        return line.ready(subject, self._journal.world, now, probing=others)

    def _lets_go(self, attempt: _Attempt, write: Write) -> bool:
        """Whether it may leave; where a breaker is half-open by now, as the one that finds out."""
        subject, world = attempt.call.subject, self._journal.world
        if self._ready(subject, attempt.probes) != write or not attempt.call.is_of(world):
            return False
        probes = calling.probes(subject, world, self._journal.clock.now())
        attempt.probes |= probes
        self.probing |= probes
        return True

    async def _sent(self, attempt: _Attempt, write: Write) -> bool:
        subject = attempt.call.subject
        try:
            response = await self._way(attempt, write).send(attempt.call.request)
        except NotNow:
            return False
        except CallLost as lost:
            if isinstance(lost, OverLimit) and not attempt.left:
                self._put_off(subject, write, lost)
            else:
                self._lost(subject, write, lost, attempt)
        else:
            status = response.status
            wish = DeliverWrite(subject=subject, write=write.number, status=status)
            self._journal.execute(wish)
        return True

    def _drafted(self, subject: int, letter: Letter, by: Caller | None) -> Call:
        wish = Wish(
            method=letter.method,
            path=letter.path,
            headers=letter.headers,
            body=letter.body,
            kind=CallKind(letter.kind),
            key=letter.key,
        )
        return draft(self._means, subject, wish, by)

    def _way(self, attempt: _Attempt, write: Write) -> Protected:
        """As for any call; but nothing leaves before it is on disk that it was begun.

        Where that took so long that it may not leave any more, it waits on.
        """
        call = attempt.call

        async def leave(request: Request) -> Response:
            if not attempt.begun:  # else its token was refused, and it goes again with another one
                await self._begin(attempt, write)
            if not protected.may_still_leave() or not self._goes_on(attempt, write):
                self._recall(call.subject, write)
                raise NotNow
            attempt.left = True
            return await call.way.send(request)

        protected = Protected(
            self._journal,
            self._means.keeper,
            replace(call.way, send=leave),
            Whose(connection=call.subject, priority=PRIORITY, program=as_program(call)),
            limiter=self._means.limiter,
            witness=attempt,
            patience_s=PATIENCE_S,
        )
        return protected

    async def _begin(self, attempt: _Attempt, write: Write) -> None:
        """Have it on disk that it leaves. Raises NotNow."""
        if not self._lets_go(attempt, write):
            raise NotNow
        lifetime = duration(attempt.call.way.file.idempotency_lifetime)
        subject = attempt.call.subject
        wish = BeginWrite(subject=subject, write=write.number, key_lifetime=lifetime)
        recorded = self._journal.execute(wish)
        if not recorded:
            raise NotNow  # its key has just become too old
        attempt.begun = True
        await self._journal.durable(recorded)

    def _goes_on(self, attempt: _Attempt, write: Write) -> bool:
        """Whether nothing came to keep it since it was begun."""
        call, world, now = attempt.call, self._journal.world, self._journal.clock.now()
        others = self.probing - attempt.probes
        goes = line.goes_on(write.number, call.subject, world, now, probing=others)
        return goes and call.is_of(world)

    def _recall(self, subject: int, write: Write) -> None:
        self._journal.execute(RecallWrite(subject=subject, write=write.number))
        log.info("write-recalled", subject=subject, write=write.number)

    def _put_off(self, subject: int, write: Write, lost: OverLimit) -> None:
        assert lost.retry_after is not None, "it says when to come back"
        wish = PutOffWrite(subject=subject, write=write.number, rest=lost.retry_after)
        self._journal.execute(wish)
        log.info("write-over-limit", subject=subject, write=write.number)

    def _lost(
        self, subject: int, write: Write, lost: CallLost, attempt: _Attempt | None = None
    ) -> None:
        """What its last exchange came to counts, unless what it was signed with was refused.

        Before one began, and once we were told so, it has certainly not arrived.
        """
        told = attempt.lost_by if attempt and attempt.lost_by else lost
        self._journal.execute(
            LoseWrite(
                subject=subject,
                write=write.number,
                cause=told.cause,
                status=told.status,
                sent=attempt is not None and attempt.left and told.sent and lost.sent,
                retry_after=told.retry_after or lost.retry_after,
                jitter=self._chance(),
            )
        )
        log.info("write-lost", subject=subject, write=write.number, cause=told.cause)
