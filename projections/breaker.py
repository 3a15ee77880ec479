"""May this connection, or this provider, be asked at all?

CLOSED ──BreakerOpened(until)──► OPEN ──time, BreakerEased──► HALF_OPEN ──BreakerClosed──► CLOSED
                                  ▲                              │
                                  └────────BreakerOpened─────────┘

HALF_OPEN is computed: it is OPEN whose time has passed. One that is open for good has no such time.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from events.breakers import (
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReason,
    BreakerReset,
)
from events.envelope import Recorded
from events.schema import CallFailed, CallMade, SyncFailed, SyncSucceeded
from events.terms import FailureClass
from events.versions import BreakerRestored

FAILURES_KEPT = 64  # calls; a threshold is at most that
OUTCOMES_KEPT = 20  # syncs that the rate is taken of


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Failure(Struct, frozen=True, kw_only=True):
    """A call that went wrong, of which connection."""

    at: datetime
    cause: FailureClass
    connection: int


class Outcome(Struct, frozen=True, kw_only=True):
    """How a sync of which connection ended: `causes` are of all that failed, none in a success."""

    connection: int
    causes: tuple[FailureClass, ...] = ()


class Breaker(Struct, frozen=True, kw_only=True):
    """`reason` is None while it is closed; `until` is None where it is open for good, or closed.

    `event` is the number of the event that opened it. `opened` counts how often in a row without
    closing, `openings` over its whole life; `successes` are the probes that got through since it
    opened. `failures` and `outcomes` are the last ones.

    Something got through that began after event `answered`, or that closed or eased it: what failed
    before that may be tried again.
    """

    reason: BreakerReason | None = None
    until: datetime | None = None
    since: datetime | None = None
    event: int = 0
    opened: int = 0
    openings: int = 0
    successes: int = 0
    answered: int = 0
    failures: tuple[Failure, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


def evolve(breaker: Breaker, recorded: Recorded) -> Breaker:
    """Fold an event of the breaker's own subject, or of a connection that it stands before."""
    match recorded.event:
        case SyncSucceeded(sync=began):
            outcomes = _kept(breaker, Outcome(connection=recorded.subject))
            answered = max(breaker.answered, began)
            return replace(breaker, outcomes=outcomes, failures=(), answered=answered)
        case CallMade(cause=None, began=began):
            return replace(breaker, answered=max(breaker.answered, began))
        case SyncFailed(cause=cause, failures=failures):
            causes = tuple(dict.fromkeys([cause, *(each.cause for each in failures)]))
            outcomes = _kept(breaker, Outcome(connection=recorded.subject, causes=causes))
            return replace(breaker, outcomes=outcomes)
        case CallFailed(cause=cause) | CallMade(cause=FailureClass() as cause):
            lost = Failure(at=recorded.at, cause=cause, connection=recorded.subject)
            return replace(breaker, failures=(*breaker.failures, lost)[-FAILURES_KEPT:])
        case BreakerOpened(reason=reason, until=until):
            return replace(
                breaker,
                reason=reason,
                until=until,
                since=recorded.at,
                event=recorded.seq,
                opened=breaker.opened + 1,
                openings=breaker.openings + 1,
                successes=0,
                failures=(),
            )
        case BreakerProbed(successes=successes):
            return replace(breaker, successes=successes)
        case BreakerEased(until=until, neighbour=None):
            return replace(breaker, until=until)
        case BreakerEased(until=until):
            return replace(breaker, until=until, answered=recorded.seq)
        case BreakerClosed():
            return Breaker(openings=breaker.openings, since=recorded.at, answered=recorded.seq)
        case BreakerReset():
            return Breaker(answered=recorded.seq)
        case _:
            return breaker


def restored(breaker: Breaker, was: BreakerRestored, subject: int) -> Breaker:
    """As it stood then; how often it ever opened, and what was heard since, is never taken back."""
    return Breaker(
        reason=was.reason,
        until=was.until,
        since=was.since,
        event=was.event,
        opened=was.opened,
        openings=breaker.openings,
        successes=was.successes,
        answered=breaker.answered,
        outcomes=tuple(Outcome(connection=subject, causes=causes) for causes in was.outcomes),
    )


def phase(breaker: Breaker, now: datetime) -> Phase:
    if breaker.reason is None:
        return Phase.CLOSED
    if breaker.until is None or now < breaker.until:
        return Phase.OPEN
    return Phase.HALF_OPEN


def got_through(recorded: Recorded) -> bool:
    """Whether it tells of a call, or a sync, that the provider answered well."""
    event = recorded.event
    return isinstance(event, SyncSucceeded) or (isinstance(event, CallMade) and event.cause is None)


def is_latched(breaker: Breaker) -> bool:
    """Whether it is open until somebody closes it."""
    return breaker.reason is not None and breaker.until is None


def _kept(breaker: Breaker, outcome: Outcome) -> tuple[Outcome, ...]:
    return (*breaker.outcomes, outcome)[-OUTCOMES_KEPT:]
