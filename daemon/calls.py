"""How does one sync speak to its provider, with every call accounted for?"""

import trio
from msgspec.structs import replace

from daemon.commands import NoteCall
from daemon.decide import calling
from daemon.excerpts import Excerpts
from daemon.exchange import CallLost, Request, Response, malformed
from daemon.failures import retry_after
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.protected import Protected, Whose
from daemon.provider import Provider
from daemon.tokens import Keeper
from events.schema import CallFailed
from events.terms import CallTotal, FailureClass

ACCEPTED = 202
NOT_YET = (
    "the provider took the request and has not answered it yet (202); only a GET is asked again:"
    " check method and path in its file"
)
SHUT = (
    "a breaker opened in the middle of this sync, so nothing more was sent; `rounds breaker list`"
    " says why, and the next sync comes when it lets one through"
)
POLLS_MAX = 1000  # how often a report that is being made is asked for


class Calls:
    """The calls of one sync. `totals` sums the successful ones by endpoint."""

    def __init__(
        self,
        journal: Journal,
        keeper: Keeper,
        provider: Provider,
        whose: Whose,
        limiter: Limiter,
        *,
        excerpts: Excerpts,
    ) -> None:
        assert whose.sync is not None, "these are a sync's calls"
        self.totals: dict[str, CallTotal] = {}
        self._journal = journal
        self._excerpts = excerpts
        self._provider = provider
        self._subject = whose.connection
        self._sync = whose.sync
        self._forced = whose.forced
        self._last: Request | None = None  # what was answered well, if the last call was
        self._way = Protected(
            journal,
            keeper,
            provider,
            whose,
            limiter=limiter,
            witness=self,
            patience_s=provider.file.limits.sync_timeout_s,
        )

    async def begin(self) -> None:
        """Have a token at hand, good for as long as the run asks. Raises CallLost."""
        await self._way.begin()

    async def send(self, request: Request) -> Response:
        """Exchange, waiting for what is not ready. Raises CallLost; each failure is an event."""
        asked = 0
        request = replace(request, keeps_head=self._excerpts.wanted(self._subject))
        while True:
            self._last = None
            response = await self._way.send(request)
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

    def unusable(self, lost: CallLost) -> None:
        """The last answer came whole and was no use: it was not a successful call after all.

        Where no answer came, it was noted, or nothing was sent; a good call is not to blame for it.
        """
        request, self._last = self._last, None
        if request is None or lost.status is None:
            return
        _count(self.totals, request.endpoint, -1, -lost.bytes, -lost.duration_ms)
        self.lost(request, lost)

    def leaves(self) -> None:
        """Raise CallLost where a breaker opened since the sync began, unless a person forced it."""
        world, now = self._journal.world, self._journal.clock.now()
        if not self._forced and calling.shut(self._subject, self._sync, world, now):
            raise CallLost(FailureClass.SERVER, SHUT, sent=False)

    def answered(self, request: Request, response: Response) -> None:
        self._last = request
        _count(self.totals, request.endpoint, 1, response.size, response.duration_ms)

    def lost(self, request: Request, lost: CallLost) -> None:
        self._last = None  # a redirect that led here was answered well
        said = self._excerpts.seal(self._subject, request, lost)
        call = CallFailed(
            sync=self._sync,
            stream=request.stream,
            endpoint=request.endpoint,
            method=request.method,
            cause=lost.cause,
            status=lost.status,
            duration_ms=lost.duration_ms,
            bytes=lost.bytes,
            retry_after=lost.retry_after,
            excerpt="" if said is None else said.reference,
        )
        recorded = self._journal.execute(NoteCall(subject=self._subject, call=call))
        if said is not None and recorded:
            self._excerpts.keep(recorded[0], said)


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
