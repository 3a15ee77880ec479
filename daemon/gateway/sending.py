"""How does a call leave, once nothing holds it back, and how is that recorded?

limits: a place, its allowance durable ─► may it still leave? ─► token ─► exchange ─► CallMade
"""

from msgspec.structs import replace

from daemon.commands import NoteCallMade, ProgramCall
from daemon.decide import calling
from daemon.exchange import CallLost, Request, Response, Send
from daemon.gateway import excuses
from daemon.gateway.call import Brought, Call, HeldBack
from daemon.gateway.drafting import Means
from daemon.journal import Journal
from daemon.protected import Protected, Whose
from events.gateway import CallMade
from events.terms import FailureClass

URGENT = 1  # of those that wait for a provider's limits, a program's call goes with a person's
LEAST_S = 0.001  # what is no time at all would pass for no deadline
CHANGED = "the connection was moved, removed or authorised anew meanwhile; nothing was sent"
TOO_LATE = "the time that the program gave was over before it was the call's turn; nothing was sent"
FAIR_S = 10.0  # who gives a provider less than this, or its file's own time, cannot blame it


class Sending:
    """The lowest layer that is the gateway's own; below it lies what syncs use too."""

    def __init__(self, means: Means, probing: set[int]) -> None:
        """`probing` are the connections and providers of which a call finds out."""
        self._means = means
        self._probing = probing

    async def __call__(self, call: Call) -> Brought:
        made = Made(self._means.journal, call, self._probing)
        way = Protected(
            self._means.journal,
            self._means.keeper,
            replace(call.way, send=_in_time(call)),
            Whose(connection=call.subject, priority=URGENT, program=as_program(call)),
            limiter=self._means.limiter,
            witness=made,
            patience_s=call.left_s(),
        )
        try:
            response = await way.send(call.request)
        except CallLost as lost:
            world, now = self._means.journal.world, self._means.journal.clock.now()
            lost.message = excuses.to_program(lost, call.subject, world, now)
            raise
        finally:
            self._probing -= made.probes
        return Brought(status=response.status, headers=response.headers, body=response.body)


def _in_time(call: Call) -> Send:
    """The way to its provider, which ends with the call's deadline: so that this is recorded."""

    async def send(request: Request) -> Response:
        left_s, own_s = call.left_s(), call.way.file.limits.timeout_s
        short = left_s < min(own_s, FAIR_S)
        timed = replace(request, timeout_s=max(min(left_s, own_s), LEAST_S), cut_short=short)
        return await call.way.send(timed)

    return send


def as_program(call: Call) -> ProgramCall:
    """As what its tenant's limits count it."""
    _, _, template = call.request.endpoint.partition(" ")
    role = call.by.role if call.by else None
    return ProgramCall(endpoint=template, kind=call.kind, role=role)


class Made:
    """One call's exchanges, as they are recorded; nobody waits for that."""

    def __init__(self, journal: Journal, call: Call, probing: set[int]) -> None:
        """Where it is a breaker's probe, it says so in `probing` from when it leaves."""
        self.journal = journal
        self.call = call
        self.probing = probing
        self.probes: frozenset[int] = frozenset()
        self.began = journal.world.seq

    def leaves(self) -> None:
        """Look once more, now that its turn has come. Raises HeldBack, CallLost: nothing was sent.

        A breaker may have opened, somebody else may find out about it, and the connection may be
        another provider's or account's by now, to which this call must not go.
        """
        call, world, now = self.call, self.journal.world, self.journal.clock.now()
        if not call.is_of(world):
            raise CallLost(FailureClass.CANCELLED, CHANGED, sent=False)
        if not call.left_s():
            raise CallLost(FailureClass.CANCELLED, TOO_LATE, sent=False)
        if held := calling.held(call.subject, world, now, probing=self.probing - self.probes):
            raise HeldBack(held)
        self.probes |= calling.probes(call.subject, world, now)
        self.probing |= self.probes
        self.began = world.seq

    def answered(self, request: Request, response: Response) -> None:
        self._note(
            replace(
                self._made(request),
                status=response.status,
                duration_ms=response.duration_ms,
                bytes=response.size,
            )
        )

    def lost(self, request: Request, lost: CallLost) -> None:
        self._note(
            replace(
                self._made(request),
                status=lost.status,
                cause=lost.cause,
                duration_ms=lost.duration_ms,
                bytes=lost.bytes,
                retry_after=lost.retry_after,
            )
        )

    def _made(self, request: Request) -> CallMade:
        """What is known of it however it went."""
        return CallMade(
            endpoint=request.endpoint,
            method=request.method,
            kind=self.call.kind,
            began=self.began,
            attempt=self.call.attempt,
            by=self.call.by,
        )

    def _note(self, call: CallMade) -> None:
        self.journal.execute(NoteCallMade(subject=self.call.subject, call=call))
