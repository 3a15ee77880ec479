"""How does a call leave, once nothing holds it back, and how is that recorded?

limits: a place, its allowance durable ─► may it still leave? ─► token ─► exchange ─► CallMade
"""

from msgspec.structs import replace

from daemon.commands import NoteCallMade, ProgramCall
from daemon.decide import calling
from daemon.exchange import CallLost, Request, Response
from daemon.gateway.call import Brought, Call, HeldBack
from daemon.gateway.drafting import Means
from daemon.journal import Journal
from daemon.protected import Protected, Whose
from events.gateway import CallMade

URGENT = 1  # of those that wait for a provider's limits, a program's call goes with a person's
FAIR_S = 10.0  # who gives a provider less than this, or its file's own time, cannot blame it


class Sending:
    """The lowest layer that is the gateway's own; below it lies what syncs use too."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def __call__(self, call: Call) -> Brought:
        left_s, own_s = call.left_s(), call.way.file.limits.timeout_s
        request = replace(
            call.request, timeout_s=min(left_s, own_s), cut_short=left_s < min(own_s, FAIR_S)
        )
        way = Protected(
            self._means.journal,
            self._means.keeper,
            call.way,
            Whose(connection=call.subject, priority=URGENT, program=_program(call)),
            limiter=self._means.limiter,
            witness=Made(self._means.journal, call),
            patience_s=left_s,
        )
        response = await way.send(request)
        return Brought(status=response.status, headers=response.headers, body=response.body)


def _program(call: Call) -> ProgramCall:
    """As what its tenant's limits count it."""
    _, _, template = call.request.endpoint.partition(" ")
    role = call.by.role if call.by else None
    return ProgramCall(endpoint=template, kind=call.kind, role=role)


class Made:
    """One call's exchanges, as they are recorded; nobody waits for that."""

    def __init__(self, journal: Journal, call: Call) -> None:
        self.journal = journal
        self.call = call
        self._asked = self.began = journal.world.seq

    def leaves(self) -> None:
        """Raise HeldBack where a breaker opened while the call waited for its turn."""
        world, now = self.journal.world, self.journal.clock.now()
        if held := calling.shut(self.call.subject, self._asked, world, now):
            raise HeldBack(held)
        self.began = world.seq

    def answered(self, request: Request, response: Response) -> None:
        self._note(
            CallMade(
                endpoint=request.endpoint,
                method=request.method,
                kind=self.call.kind,
                began=self.began,
                attempt=self.call.attempt,
                status=response.status,
                duration_ms=response.duration_ms,
                bytes=response.size,
                by=self.call.by,
            )
        )

    def lost(self, request: Request, lost: CallLost) -> None:
        self._note(
            CallMade(
                endpoint=request.endpoint,
                method=request.method,
                kind=self.call.kind,
                began=self.began,
                attempt=self.call.attempt,
                status=lost.status,
                cause=lost.cause,
                duration_ms=lost.duration_ms,
                bytes=lost.bytes,
                retry_after=lost.retry_after,
                by=self.call.by,
            )
        )

    def _note(self, call: CallMade) -> None:
        self.journal.execute(NoteCallMade(subject=self.call.subject, call=call))
