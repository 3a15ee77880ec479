"""How does a connection come by a token that may be used, without ever losing its grant?

    Renew ─► RefreshIntended, durable ─► call ─► pair sealed ─► TokenRefreshed, durable ─► use
                                          │          │
                    a crash here leaves:  in doubt   the new pair, taken over at the next start

One at a time a connection, whoever asks; no other process of ours has this state directory. From
the call to the seal nothing is cancelled: the answer may hold the only token that is left.
"""

from collections.abc import Mapping

import structlog
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon import account, sealing, token_endpoint
from daemon.account import Kept
from daemon.auth_file import OAuth2
from daemon.commands import (
    Activate,
    Authorise,
    BeginAuthorisation,
    Introspection,
    Renew,
    Settle,
    Testify,
)
from daemon.decide.tokens import ABOUT_TO_EXPIRE
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.provider import Provider
from daemon.secret import Secret
from daemon.token_answer import TokenLost, Tokens
from daemon.token_endpoint import Endpoint
from daemon.turns import Turns
from daemon.vault import Vault
from events.ballast import Ballast
from events.envelope import Recorded
from events.schema import RefreshIntended
from events.terms import Caller, FailureClass, RefreshReason
from projections.connection import Connection
from projections.grant import Phase

AUTHORISE = "type: rounds connection authorize"
NEEDED = f"the provider wants a person to authorise this connection; {AUTHORISE}"
NO_FILE = "its provider's file is gone, or speaks no OAuth any more; put it back, restart roundsd"
OVERTAKEN = "nothing was sent: the connection was authorised anew, or removed, meanwhile"
MEANWHILE = "the connection was removed, or given another application, meanwhile"
NOT_KEPT = "the vault does not hold the token that the log speaks of"
STILL_IN_DOUBT = (
    "the refresh token may have been replaced by an answer that got lost, and the provider could "
    "not be asked which; it is asked again soon"
)

log = structlog.get_logger()


class Access(Struct, frozen=True, kw_only=True):
    """An access token that may be used now, and the generation of its pair."""

    generation: int
    token: Secret


class Keeper:
    """Keeps every connection's tokens."""

    def __init__(
        self,
        journal: Journal,
        vault: Vault,
        providers: Mapping[int, Provider],
        ballast: Ballast | None = None,
    ) -> None:
        """`ballast` is space to give back where the vault has none for a new pair."""
        self._journal = journal
        self._vault = vault
        self._providers = providers
        self._ballast = ballast
        self._tried: dict[int, int] = {}  # one generation a connection; none is ever given twice
        self.turns = Turns()
        if ballast is not None:
            ballast.take()

    async def access(
        self,
        subject: int,
        *,
        sync: int | None = None,
        refused: int | None = None,
        going_on: bool = False,
        program: bool = False,
    ) -> Access:
        """Return a token that may be used, refreshed first if need be. Raises CallLost.

        `refused` is the generation that the provider has just refused; a `program` gets the same
        one back where it can only run out. `going_on`: only what is about to expire is refreshed.
        """
        async with self.turns.of(subject):
            before = self._kept(subject)
            recorded = self._journal.execute(
                Renew(
                    subject=subject,
                    sync=sync,
                    kept=before.generation if before else None,
                    refused=refused,
                    going_on=going_on,
                    program=program,
                )
            )
            with trio.CancelScope(shield=True):  # nobody else carries out what is intended
                await self._journal.durable(recorded)
            if recorded and isinstance(recorded[0].event, RefreshIntended):
                access = await self._refreshed(recorded[0], before, refused)
            elif self._connection(subject).grant.phase is Phase.GOOD and before is not None:
                access = _access(before)
            else:
                raise CallLost(FailureClass.AUTH, NEEDED, sent=False)
            if program and before is not None and refused == before.generation:
                self._tried[subject] = access.generation
            return access

    def tried(self, subject: int, generation: int) -> bool:
        """Whether the current generation came, or had to stay, as a program's call was refused.

        Where it is refused again, it is the path: another token would be used up in vain.
        """
        current = self._connection(subject).grant.generation
        return self._tried.get(subject) == generation == current

    async def _refreshed(
        self, intended: Recorded, before: Kept | None, refused: int | None
    ) -> Access:
        """Refresh; where that fails for the moment, a token that is still good will do."""
        try:
            return _access(await self._refresh(intended, before))
        except CallLost:
            now, phase = self._journal.clock.now(), self._connection(intended.subject).grant.phase
            if phase is not Phase.GOOD or before is None or refused == before.generation:
                raise
            if before.expires_at - now < ABOUT_TO_EXPIRE:
                raise
            return _access(before)

    async def keep_alive(self, intended: Recorded) -> None:
        """Do what a RefreshIntended without a sync says; how it went stands in the log."""
        with trio.CancelScope(shield=True):  # else it would be in doubt, and was never sent
            async with self.turns.of(intended.subject):
                await self._journal.durable([intended])
                before = self._kept(intended.subject)
                assert isinstance(intended.event, RefreshIntended), "only what was intended"
                if before is None or before.generation != intended.event.generation:
                    lost = TokenLost(CallLost(FailureClass.AUTH, NOT_KEPT), sent=False)
                    self._journal.execute(
                        replace(lost.wish(intended.subject, intended.event.sync), missing=True)
                    )
                    return
                try:
                    await self._refresh(intended, before)
                except CallLost as lost:
                    log.warning("not-kept-alive", subject=intended.subject, why=lost.message)

    async def authorise(
        self,
        subject: int,
        *,
        code: Secret,
        redirect_uri: str,
        verifier: Secret,
        by: Caller | None,
    ) -> list[Recorded]:
        """Exchange what the browser brought back for a first pair. Raises CallLost."""
        recorded: list[Recorded] = []
        async with self.turns.of(subject):
            with trio.CancelScope(shield=True):
                if not self._connection(subject).grant.beginning:  # somebody else came first
                    wish = BeginAuthorisation(subject=subject, by=by)
                    await self._journal.durable(self._journal.execute(wish))
                try:
                    now, endpoint = self._journal.clock.now(), self._endpoint(subject)
                    tokens = await endpoint.exchange(code, redirect_uri, verifier, now)
                except TokenLost as lost:
                    raise lost.lost from None
                known = self._connection(subject)
                if known.removed or not known.grant.beginning:  # the consent was for another
                    raise CallLost(FailureClass.CANCELLED, MEANWHILE, sent=False)
                pair = account.following(self._vault, known, tokens, None)
                await self._seal(subject, pair)
                authorised = Authorise(subject=subject, pair=pair.pair(), by=by)
                recorded = self._journal.execute(authorised)
                await self._journal.durable(recorded)
        return recorded

    def settle(self) -> None:
        """Close what an earlier life left open in the middle of a refresh."""
        for subject in list(self._journal.world.connections):
            self.settle_one(subject)

    def settle_one(self, subject: int) -> None:
        """Take over what was sealed for it and not recorded, while nobody works on it."""
        grant = self._connection(subject).grant
        if grant.phase in {Phase.REFRESHING, Phase.IN_DOUBT} or grant.beginning:
            before = self._kept(subject)
            pair = before.pair() if before else None
            self._journal.execute(Settle(subject=subject, kept=pair))

    async def _refresh(self, intended: Recorded, before: Kept | None) -> Kept:
        """Carry out what was intended, durably; return the pair to be used. Raises CallLost."""
        subject, event = intended.subject, intended.event
        assert isinstance(event, RefreshIntended), "only what was intended is carried out"
        outcome: Kept | CallLost = CallLost(FailureClass.CANCELLED, MEANWHILE)
        with trio.CancelScope(shield=True):
            try:
                tokens = await self._asked(intended, before)
            except TokenLost as lost:
                outcome = await self._lost(subject, event.sync, lost)
            else:
                outcome = account.following(self._vault, self._connection(subject), tokens, before)
                await self._seal(subject, outcome)
                rotated = before is None or outcome.fingerprint != before.fingerprint
                pair = outcome.pair(rotated=rotated)
                wish = Activate(subject=subject, pair=pair, sync=event.sync)
                await self._journal.durable(self._journal.execute(wish))
        if isinstance(outcome, CallLost):
            raise outcome
        return outcome

    async def _asked(self, intended: Recorded, before: Kept | None) -> Tokens:
        """Ask the provider. Raises TokenLost, also where nobody waits for the answer any more."""
        subject = intended.subject
        self._check_stands(intended)  # while it waited for its turn, somebody authorised anew
        provider = self._providers.get(self._connection(subject).provider)
        if provider is None or not isinstance(provider.file.auth, OAuth2):
            raise TokenLost(CallLost(FailureClass.INVALID, NO_FILE), sent=False)
        endpoint = self._endpoint(subject)
        await self._testify(endpoint, intended, before)
        tokens = await endpoint.refresh(before, self._journal.clock.now())
        self._check_stands(intended, MEANWHILE, sent=True)
        return tokens

    async def _testify(self, endpoint: Endpoint, intended: Recorded, before: Kept | None) -> None:
        """Ask what became of a token in doubt before it is sent again. Raises TokenLost."""
        subject, event = intended.subject, intended.event
        assert isinstance(event, RefreshIntended), "only what was intended is carried out"
        if event.reason is not RefreshReason.IN_DOUBT or before is None:
            return
        refused, now = self._connection(subject).grant.refused, self._journal.clock.now()
        says = await endpoint.introspect(before, now, refused=refused)
        if says is Introspection.SILENT:
            raise TokenLost(CallLost(FailureClass.NETWORK, STILL_IN_DOUBT), sent=False)
        wish = Testify(subject=subject, says=says, sync=event.sync)
        await self._journal.durable(self._journal.execute(wish))
        self._check_stands(intended)

    def _check_stands(
        self, intended: Recorded, why: str = OVERTAKEN, *, sent: bool = False
    ) -> None:
        """Raise TokenLost unless what was intended is still what the log says of the grant."""
        grant, event = self._connection(intended.subject).grant, intended.event
        assert isinstance(event, RefreshIntended), "only what was intended stands"
        if (grant.phase, grant.generation) != (Phase.REFRESHING, event.generation):
            raise TokenLost(CallLost(FailureClass.CANCELLED, why, sent=sent), sent=sent)

    async def _lost(self, subject: int, sync: int | None, loss: TokenLost) -> CallLost:
        """Record how a refresh failed, and say it in words for the call that needed it."""
        lost, wish = loss.lost, loss.wish(subject, sync)
        await self._journal.durable(self._journal.execute(wish))
        if self._connection(subject).grant.phase is Phase.NEEDED:
            return CallLost(
                FailureClass.AUTH,
                f"the provider no longer honours the authorisation; {AUTHORISE}",
                status=lost.status,
                sent=False,
            )
        return CallLost(
            lost.cause, wish.message, status=lost.status, retry_after=lost.retry_after, sent=False
        )

    async def _seal(self, subject: int, pair: Kept) -> None:
        connection = self._connection(subject)
        await sealing.seal(
            self._vault, self._journal, self._ballast, connection, subject, pair=pair
        )

    def _kept(self, subject: int) -> Kept | None:
        return account.kept(self._vault, self._connection(subject), subject)

    def _connection(self, subject: int) -> Connection:
        return self._journal.world.connections[subject]

    def _endpoint(self, subject: int) -> Endpoint:
        connection = self._connection(subject)
        provider = self._providers[connection.provider]
        return token_endpoint.of(self._vault, connection, subject, provider)


def _access(pair: Kept) -> Access:
    return Access(generation=pair.generation, token=pair.access)
