"""What becomes of a request that nothing can come of any more, or that another stands in for?"""

from daemon.decide.decisions import Decisions
from events.schema import AuthorisationNeeded, SyncCancelled, SyncSkipped
from events.terms import Caller, Kind, SkipReason
from projections.connection import Connection
from projections.schedule import Request
from projections.world import World


def skipped(subject: int, known: Connection, reason: SkipReason) -> Decisions:
    """It is skipped, so that nobody waits for it for ever: a pass least of all."""
    request = known.schedule.request
    return [(subject, skip(request, reason))] if request else []


def skip(request: Request, reason: SkipReason) -> SyncSkipped:
    return SyncSkipped(reason=reason, due=request.at, request=request.seq, pass_=request.pass_)


def gives_way(pending: Request, kind: Kind = Kind.MANUAL, *, forced: bool = False) -> bool:
    """Whether another one may do more: one that is forced, or of a person where none asked."""
    person = kind is not Kind.FAILOVER
    return (pending.kind is Kind.FAILOVER and person) or (forced and not pending.forced)


def left_out(subject: int, request: Request | None, by: Caller | None) -> Decisions:
    """Another one stands in for it: it is no part of its pass any more."""
    if request is None or request.pass_ is None:
        return []
    return [(subject, SyncCancelled(by=by, pass_=request.pass_, replaced=True))]


def unauthorised(decided: Decisions, world: World) -> Decisions:
    """Where a person has to authorise anew, what was requested waits for that no longer."""
    return [
        skip
        for subject, event in decided
        if isinstance(event, AuthorisationNeeded) and subject in world.connections
        for skip in skipped(subject, world.connections[subject], SkipReason.NOT_AUTHORISED)
    ]


def shut_out(subject: int, known: Connection) -> Decisions:
    """A breaker is open until somebody closes it; what is forced goes before it."""
    request = known.schedule.request
    if request is None or request.forced:
        return []
    return skipped(subject, known, SkipReason.BREAKER)
