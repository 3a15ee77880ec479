"""What becomes of a request that nothing can come of any more?"""

from daemon.decide.decisions import Decisions
from events.schema import SyncSkipped
from events.terms import SkipReason
from projections.connection import Connection


def skipped(subject: int, known: Connection, reason: SkipReason) -> Decisions:
    """It is skipped, so that nobody waits for it for ever: a pass least of all."""
    request = known.schedule.request
    if request is None:
        return []
    skip = SyncSkipped(reason=reason, due=request.at, request=request.seq, pass_=request.pass_)
    return [(subject, skip)]


def shut_out(subject: int, known: Connection) -> Decisions:
    """A breaker is open until somebody closes it; what is forced goes before it."""
    request = known.schedule.request
    if request is None or request.forced:
        return []
    return skipped(subject, known, SkipReason.BREAKER)
