"""How does one sync speak to its provider: as whom, and with every call accounted for?"""

import trio
from msgspec import Struct, structs

from daemon import answers, rate_hint
from daemon.auth_file import OAuth2
from daemon.commands import NoteCall
from daemon.exchange import CallLost, Request, Response, malformed
from daemon.failures import retry_after
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.provider import Provider
from daemon.secret import Secret
from daemon.tokens import Access, Keeper
from events.schema import CallFailed
from events.terms import CallTotal, FailureClass

ACCEPTED = 202
REFRESHES_MAX = 5  # for refusals, a sync: a provider that takes none is not asked for ever
NOT_YET = (
    "the provider took the request and has not answered it yet (202); only a GET is asked again:"
    " check method and path in its file"
)
REFUSED_PATIENCE_S = 10.0  # a sync that was refused fails in part, and comes again when it may
READS = frozenset({"GET", "HEAD"})
SLOW_SHARE = 0.8  # of the time that a call may take: a provider that comes near is overloaded
POLLS_MAX = 1000  # how often a report that is being made is asked for


class Subject(Struct, frozen=True, kw_only=True):
    """Whose calls: the connection's subject, the number of its sync, and that one's priority.

    Those of a `forced` sync heed no limit.
    """

    connection: int
    sync: int
    priority: int = 5
    forced: bool = False


class Calls:
    """The calls of one sync. `totals` sums the successful ones by endpoint."""

    def __init__(
        self,
        journal: Journal,
        keeper: Keeper,
        provider: Provider,
        whose: Subject,
        limiter: Limiter,
    ) -> None:
        self.totals: dict[str, CallTotal] = {}
        self._journal = journal
        self._keeper = keeper
        self._provider = provider
        self._whose = whose
        self._limiter = limiter
        self._patience_s = provider.file.limits.sync_timeout_s
        self._untried: int | None = None  # a generation that came after a refusal, not yet proven
        self._refusals = 0
        self._answered: Request | None = None

    async def send(self, request: Request) -> Response:
        """Exchange, waiting for what is not ready. Raises CallLost; each failure is an event."""
        asked = 0
        while True:
            response = await self._as_somebody(request)
            asked += 1
            if response.status != ACCEPTED:
                return response
            if response.file is not None:
                response.file.close()
            if request.method != "GET":  # to ask again could order a second one
                raise malformed(response, NOT_YET)
            if asked == POLLS_MAX:
                raise malformed(response, f"the provider was not ready after {asked} questions")
            now = self._journal.clock.now()
            rest = retry_after(response.headers, now)
            await trio.sleep(rest.total_seconds() if rest else self._provider.file.limits.poll_s)

    async def begin(self) -> None:
        """Have a token at hand, good for as long as the run asks. Raises CallLost."""
        if isinstance(self._provider.file.auth, OAuth2):
            subject, sync = self._whose.connection, self._whose.sync
            await self._keeper.access(subject, sync=sync)

    def unusable(self, lost: CallLost) -> None:
        """The last answer came whole and was no use: it was not a successful call after all.

        Where no answer came, it was noted, or nothing was sent; a good call is not to blame for it.
        """
        request, self._answered = self._answered, None
        if request is None or lost.status is None:
            return
        _count(self.totals, request.endpoint, -1, -lost.bytes, -lost.duration_ms)
        self._note(request, lost)

    async def _as_somebody(self, request: Request) -> Response:
        """Sign with a token, and once more with another one if the provider refuses the first."""
        self._answered = None
        auth = self._provider.file.auth
        if not isinstance(auth, OAuth2):
            return await self._once(request)
        subject, sync = self._whose.connection, self._whose.sync
        access = await self._keeper.access(subject, sync=sync, going_on=True)
        try:
            return await self._once(_signed(request, auth, access))
        except CallLost as lost:
            refused = _is_refusal(auth, lost)
            if not refused and lost.cause is not FailureClass.AUTH:
                raise
            self._refusals += 1
            spent = access.generation == self._untried or self._refusals > REFRESHES_MAX
            if not refused or spent:
                raise _worded(lost) from None
        access = await self._keeper.access(
            subject, sync=sync, refused=access.generation, going_on=True
        )
        self._untried = access.generation  # if this one is refused as well, it is not its age
        try:
            response = await self._once(_signed(request, auth, access))
        except CallLost as lost:
            loss = _worded(lost) if lost.cause is FailureClass.AUTH else lost
        else:
            self._untried = None
            return response
        raise loss

    async def _once(self, request: Request) -> Response:
        """Exchange when the limits let it. What they refuse was never sent: no call failed."""
        async with self._limiter.place(
            self._whose.connection,
            reads=request.method in READS,
            priority=self._whose.priority,
            forced=self._whose.forced,
            patience_s=self._patience_s,
        ):
            return await self._exchange(request)

    async def _exchange(self, request: Request) -> Response:
        file, subject = self._provider.file, self._whose.connection
        try:
            response = await self._provider.send(request)
            answers.check(file.errors, response)
        except CallLost as lost:
            self._note(request, lost)
            self._limiter.answered(subject, cause=lost.cause, retry_after=lost.retry_after)
            if lost.cause is FailureClass.RATE_LIMITED:
                self._patience_s = min(self._patience_s, REFUSED_PATIENCE_S)
            raise
        now, limit_s = self._journal.clock.now(), request.timeout_s or file.limits.timeout_s
        used_up = rate_hint.wait(response.headers, file.rate, now, refused=False)
        slow = response.duration_ms >= 1000 * limit_s * SLOW_SHARE
        self._limiter.answered(subject, retry_after=used_up, slow=slow)
        self._answered = request
        _count(self.totals, request.endpoint, 1, response.size, response.duration_ms)
        return response

    def _note(self, request: Request, lost: CallLost) -> None:
        call = CallFailed(
            sync=self._whose.sync,
            stream=request.stream,
            endpoint=request.endpoint,
            method=request.method,
            cause=lost.cause,
            status=lost.status,
            duration_ms=lost.duration_ms,
            bytes=lost.bytes,
            retry_after=lost.retry_after,
        )
        self._journal.execute(NoteCall(subject=self._whose.connection, call=call))


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
    return lost.reworded(
        lost.cause,
        f"the provider does not allow this with our token ({lost.status}): the account may not do "
        "it, or a scope is missing; check auth.scopes in its file, then type: "
        "rounds connection authorize",
    )


def _count(
    totals: dict[str, CallTotal], endpoint: str, calls: int, size: int, duration_ms: int
) -> None:
    """Add to an endpoint's total, or take back from it; what comes to nothing is left out."""
    before = totals.pop(endpoint, CallTotal(endpoint=endpoint))
    if before.calls + calls:
        totals[endpoint] = CallTotal(
            endpoint=endpoint,
            calls=before.calls + calls,
            bytes=before.bytes + size,
            duration_ms=before.duration_ms + duration_ms,
        )
