"""How does one write that waited get to its provider, so that no crash makes it arrive twice?

row ─► token ─► limits ─► WriteBegun, durable ─► exchange ─► what became of it
  └────── crash: it waits on ──────┘                 └── crash: again with its key, or in doubt
"""

from collections.abc import Callable, Mapping

import structlog
from msgspec.structs import replace

from daemon.commands import BeginWrite, DeliverWrite, LoseWrite, MissWrite
from daemon.decide import calling, outbox
from daemon.exchange import CallLost, Request, Response
from daemon.gateway.asking import Wish
from daemon.gateway.drafting import Draft, draft
from daemon.gateway.gateway import Gateway, Made
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.protected import Protected, Whose
from daemon.provider import Provider
from daemon.store.outbox import Letter
from daemon.store.storage import Storage
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.gateway import CallKind
from projections.outbox import Write

PRIORITY = 2  # of those that wait for a provider's limits: after those who are waited for
PATIENCE_S = 60.0  # whom the limits keep for longer comes again when they may let it go

log = structlog.get_logger()


class NotNow(Exception):
    """It may not leave after all: somebody took it back, or keeps it. Nothing was sent."""


class _Attempt(Made):
    """One write's exchanges. `left` says that one began, `lost_by` how the last one was lost.

    `probes` are the connection and provider whose breakers it finds out about.
    """

    left = False
    lost_by: CallLost | None = None
    probes: frozenset[int] = frozenset()

    def lost(self, request: Request, lost: CallLost) -> None:
        super().lost(request, lost)
        self.lost_by = lost


class Courier:
    """One for the daemon."""

    def __init__(
        self,
        journal: Journal,
        storage: Storage,
        vault: Vault,
        keeper: Keeper,
        providers: Mapping[int, Provider],
        *,
        limiter: Limiter,
        gateway: Gateway,
        chance: Callable[[], float],
    ) -> None:
        """It shares with `gateway` who finds out whether a breaker may close."""
        self._journal = journal
        self._storage = storage
        self._vault = vault
        self._keeper = keeper
        self._providers = providers
        self._limiter = limiter
        self._chance = chance
        self.probing = gateway.probing

    async def carry(self, subject: int) -> bool:
        """Send the connection's first write, if it may leave; what became of it is recorded.

        False where none may, or not any more.
        """
        write = self._ready(subject)
        if write is None:
            return False
        letter = await self._storage.letter(subject, write.row)
        if letter is None:
            self._journal.execute(MissWrite(subject=subject, write=write.number))
            return True
        attempt = _Attempt(
            self._journal, subject, CallKind(letter.kind), None, repeatable=write.keyed
        )
        attempt.attempt = write.attempts + 1
        if not self._lets_go(attempt, write):
            return True
        try:
            return await self._sent(attempt, write, letter)
        finally:
            self.probing -= attempt.probes

    def _ready(self, subject: int, own: frozenset[int] = frozenset()) -> Write | None:
        now = self._journal.clock.now()
        others = self.probing - own
        return outbox.ready(subject, self._journal.world, now, probing=others)

    def _lets_go(self, attempt: _Attempt, write: Write) -> bool:
        """Whether it may leave; where a breaker is half-open by now, as the one that finds out."""
        subject = attempt.subject
        if self._ready(subject, attempt.probes) != write:
            return False
        probes = calling.probes(subject, self._journal.world, self._journal.clock.now())
        attempt.probes |= probes
        self.probing |= probes
        return True

    async def _sent(self, attempt: _Attempt, write: Write, letter: Letter) -> bool:
        subject = attempt.subject
        try:
            drafted = self._drafted(subject, letter)
            response = await self._way(attempt, write, drafted).send(drafted.request)
        except NotNow:
            return False
        except CallLost as lost:
            self._lost(attempt, write, lost)
        else:
            status = response.status
            wish = DeliverWrite(subject=subject, write=write.number, status=status)
            self._journal.execute(wish)
        return True

    def _drafted(self, subject: int, letter: Letter) -> Draft:
        wish = Wish(
            method=letter.method,
            path=letter.path,
            headers=letter.headers,
            body=letter.body,
            kind=CallKind(letter.kind),
            key=letter.key,
        )
        known = self._journal.world.connections[subject]
        return draft(self._vault, self._providers, subject, known, wish)

    def _way(self, attempt: _Attempt, write: Write, drafted: Draft) -> Protected:
        """As for any call; but nothing leaves before it is on disk that it was begun."""
        begun = False

        async def leave(request: Request) -> Response:
            nonlocal begun
            if not begun:  # else its token was refused, and it goes out again with another one
                if not self._lets_go(attempt, write):
                    raise NotNow
                wish = BeginWrite(subject=attempt.subject, write=write.number)
                recorded = self._journal.execute(wish)
                assert recorded, "what may leave may begin"
                begun = True
                await self._journal.durable(recorded)
            attempt.left = True
            return await drafted.provider.send(request)

        return Protected(
            self._journal,
            self._keeper,
            replace(drafted.provider, send=leave),
            Whose(connection=attempt.subject, priority=PRIORITY),
            limiter=self._limiter,
            witness=attempt,
            patience_s=PATIENCE_S,
        )

    def _lost(self, attempt: _Attempt, write: Write, lost: CallLost) -> None:
        """What its last exchange came to counts, unless what it was signed with was refused.

        Before one began, and once we were told so, it has certainly not arrived.
        """
        told = attempt.lost_by or lost
        self._journal.execute(
            LoseWrite(
                subject=attempt.subject,
                write=write.number,
                cause=told.cause,
                status=told.status,
                sent=attempt.left and told.sent and lost.sent,
                retry_after=told.retry_after or lost.retry_after,
                jitter=self._chance(),
            )
        )
        log.info("write-lost", subject=attempt.subject, write=write.number, cause=told.cause)
