"""How does one call leave for its provider: as whom, and when its limits let it?

send ─► token ─► limits: a place, its allowance durable ─► transport ─► what the answer says
          ▲                                                                    │
          └──────────────── refused once: another token ◄─────────────────────┘

A redirect costs the provider a call like any other: each hop takes its own place in the limits and
is counted. The time for a call is for all of its hops; waiting for a place is not part of it.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct, structs

from daemon import announcement, answers, echo, rate_hint, refusals
from daemon.auth_file import OAuth2
from daemon.commands import NoteAnnouncement, ProgramCall
from daemon.exchange import NO_HEADERS, READS, CallLost, Moved, Request, Response, malformed
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.tokens import Access, Keeper
from events.terms import FailureClass

REFRESHES_MAX = 5  # for refusals: a provider that takes no token is not asked for ever
REFUSED_PATIENCE_S = 10.0  # who was refused fails, and comes again when it may
REPEATED = (
    "the provider's answer repeats the credential that it was sent, so it is not passed on; this"
    " path is not one to be called through rounds"
)
SLOW_SHARE = 0.8  # of the time that a call may take: a provider that comes near is overloaded


class Whose(Struct, frozen=True, kw_only=True):
    """Whose calls: the connection's subject, and the number of the sync that makes them, if any.

    Of those that wait the lowest `priority` goes first. `forced` ones heed no limit; a `program`'s
    heed its tenant's as well.
    """

    connection: int
    sync: int | None = None
    priority: int = 5
    forced: bool = False
    program: ProgramCall | None = None


class Witness(Protocol):
    """Takes note of each exchange, and of the moment at which it leaves."""

    def leaves(self) -> None: ...

    def answered(self, request: Request, response: Response) -> None: ...

    def lost(self, request: Request, lost: CallLost) -> None: ...


class Protected:
    """The calls of one sync, or one program's call."""

    def __init__(
        self,
        journal: Journal,
        keeper: Keeper,
        provider: Provider,
        whose: Whose,
        *,
        limiter: Limiter,
        witness: Witness,
        patience_s: float,
    ) -> None:
        """A call that the limits would keep for longer than that patience is lost."""
        self._journal = journal
        self._keeper = keeper
        self._provider = provider
        self._whose = whose
        self._limiter = limiter
        self._witness = witness
        self._patience_s = patience_s
        self._untried: int | None = None  # a generation that came after a refusal, not yet proven
        self._refusals = 0
        self._may_leave: Callable[[], bool] | None = None

    async def begin(self) -> None:
        """Have a token at hand, good for as long as all calls take. Raises CallLost."""
        if isinstance(self._provider.file.auth, OAuth2):
            await self._keeper.access(self._whose.connection, sync=self._whose.sync)

    async def send(self, request: Request) -> Response:
        """Sign with a token, and once more with another one if the provider refuses the first.

        Raises CallLost.
        """
        auth = self._provider.file.auth
        if not isinstance(auth, OAuth2):
            return await self._once(request)
        subject, sync = self._whose.connection, self._whose.sync
        spent = await self._keeper.access(subject, sync=sync, going_on=True)
        try:
            return await self._once(_signed(request, auth, spent))
        except CallLost as lost:
            refused = _is_refusal(auth, lost)
            if not refused and lost.cause is not FailureClass.AUTH:
                raise
            self._refusals += 1
            loss = _worded(lost)
            if not refused or not self._may_renew(spent):
                raise loss from None
        access = await self._keeper.access(
            subject,
            sync=sync,
            refused=spent.generation,
            going_on=True,
            program=self._whose.program is not None,
        )
        if access.generation == spent.generation:  # there is no other, and this one still holds
            raise loss
        self._untried = access.generation  # if this one is refused as well, it is not its age
        try:
            response = await self._once(_signed(request, auth, access))
        except CallLost as lost:
            loss = _worded(lost) if lost.cause is FailureClass.AUTH else lost
        else:
            self._untried = None
            return response
        raise loss

    def may_still_leave(self) -> bool:
        """Whether the limits still let that call go which has its place.

        For a provider's `send` that waits for something else first.
        """
        assert self._may_leave is not None, "a call is on its way"
        return self._may_leave()

    def _may_renew(self, refused: Access) -> bool:
        """Say whether it may be for its age that the provider refuses this one.

        Programs pick their paths, and each of their calls stands alone: for them all a token is
        renewed once, and what came of that is not.
        """
        if self._whose.program is not None:
            return not self._keeper.tried(self._whose.connection, refused.generation)
        return refused.generation != self._untried and self._refusals <= REFRESHES_MAX

    async def _once(self, request: Request) -> Response:
        """Exchange, and go on where redirects lead."""
        return await refusals.followed(self._placed, request)

    async def _placed(self, request: Request) -> Response:
        """Exchange when the limits let it. What they refuse was never sent: no call failed."""
        async with self._limiter.place(
            self._whose.connection,
            reads=request.method in READS,
            priority=self._whose.priority,
            forced=self._whose.forced,
            patience_s=self._patience_s,
            program=self._whose.program,
        ) as self._may_leave:
            return await self._exchange(request)

    async def _exchange(self, request: Request) -> Response:
        file, subject = self._provider.file, self._whose.connection
        self._witness.leaves()
        try:
            response = await self._provider.send(request)
            await _check(file, request, response)
        except Moved as moved:
            self._count(request, moved.response)
            raise
        except CallLost as lost:
            self._witness.lost(request, lost)
            self._heed(lost.headers)
            self._limiter.answered(subject, cause=lost.cause, retry_after=lost.retry_after)
            if _repeats(request, lost):
                lost.refusal, lost.headers = b"", NO_HEADERS
            if lost.cause is FailureClass.RATE_LIMITED:
                self._patience_s = min(self._patience_s, REFUSED_PATIENCE_S)
            raise
        self._count(request, response)
        return response

    def _count(self, request: Request, response: Response) -> None:
        file, subject = self._provider.file, self._whose.connection
        now, limit_s = self._journal.clock.now(), request.timeout_s or file.limits.timeout_s
        used_up = rate_hint.wait(response.headers, file.rate, now, refused=False)
        slow = response.duration_ms >= 1000 * limit_s * SLOW_SHARE
        self._limiter.answered(subject, retry_after=used_up, slow=slow)
        self._witness.answered(request, response)
        self._heed(response.headers)

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Note what the answer announces of the provider's end, where that is new.

        Headers speak of one resource (RFC 8594, section 3): of which a program asks for any, and a
        sync for those that its provider's file names.
        """
        said = announcement.of(headers)
        if said is not None and self._whose.program is None:
            self._journal.execute(
                NoteAnnouncement(
                    subject=self._whose.connection,
                    deprecated=said.deprecated,
                    since=said.since,
                    sunset=said.sunset,
                )
            )


async def _check(file: ProviderFile, request: Request, response: Response) -> None:
    """Raise CallLost for what is no good, though it came as that.

    What is passed on holds no secret of ours, also where a provider repeats what it was sent.
    """
    if request.keeps_refusal and _repeats(request, response):
        raise malformed(response, REPEATED)
    try:
        await answers.checked(file.errors, request, response)
    except CallLost as lost:
        if request.keeps_refusal:
            lost.refusal, lost.headers = response.body, response.headers
        raise


def _repeats(request: Request, answer: Response | CallLost) -> bool:
    body = answer.refusal if isinstance(answer, CallLost) else answer.body
    secrets = (*request.secret_headers.values(), *request.secret_params.values())
    return echo.repeats(secrets, answer.headers, body)


def _signed(request: Request, auth: OAuth2, access: Access) -> Request:
    value = Secret(auth.prefix + access.token.reveal())
    headers = {**request.secret_headers, auth.header.lower(): value}
    return structs.replace(request, secret_headers=headers)


def _is_refusal(auth: OAuth2, lost: CallLost) -> bool:
    """Say whether the provider no longer takes the token: by its status, or inside a 200."""
    if lost.status is not None and lost.status >= 400:
        return lost.status in auth.expired
    return lost.status is not None and lost.cause is FailureClass.AUTH


def _worded(lost: CallLost) -> CallLost:
    """Say it of a token that is good: a credential is not what is wrong."""
    loss = lost.copy()
    loss.message = (
        f"the provider does not allow this with our token ({lost.status}): the account may not do "
        "it, or a scope is missing; check auth.scopes in its file, then type: "
        "rounds connection authorize"
    )
    return loss
