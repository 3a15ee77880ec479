"""What becomes of a write that was lost on its way: did it arrive, was it refused, or neither?"""

from enum import StrEnum

from msgspec import Struct

from daemon.decide import failure
from events.terms import FailureClass

CONFLICTS_MAX = 5  # how often in a row it may be said that a first copy is still worked on (409)

NOT_TAKEN = frozenset({429, 503})
"""Statuses by which a provider says that it did not take what was sent."""

UNKNOWN = frozenset(
    {
        FailureClass.NETWORK,
        FailureClass.TIMEOUT,
        FailureClass.SERVER,
        FailureClass.MALFORMED,
        FailureClass.CANCELLED,
        FailureClass.INTERNAL,
    }
)
"""After these what was sent may have been carried out, or not."""


class Fate(StrEnum):
    """What becomes of a write that was lost on its way."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    IN_DOUBT = "in-doubt"
    FAILED = "failed"


class Loss(Struct, frozen=True, kw_only=True):
    """How a write was lost: `sent` says that it may have reached its provider."""

    cause: FailureClass
    status: int | None = None
    sent: bool = True


def was_kept(loss: Loss) -> bool:
    """Whether it never left: our own limits kept it, or its connection or deadline did."""
    return not loss.sent and loss.cause in (FailureClass.RATE_LIMITED, FailureClass.CANCELLED)


def may_wait(loss: Loss, *, keyed: bool, doubted: bool = False) -> bool:
    """Whether what a program has just lost may be sent later: it does no harm, and may help.

    It is `doubted` where an earlier attempt may have arrived: that may be what it conflicts with.
    """
    passes = failure.is_retried(loss.cause) or loss.cause is FailureClass.CANCELLED
    passes = passes or (doubted and is_conflict(loss, keyed=keyed))
    return passes and of(loss, keyed=keyed) is Fate.DEFERRED


def is_conflict(loss: Loss, *, keyed: bool) -> bool:
    """Whether its provider may have refused it since it still works on an earlier copy."""
    return keyed and loss.status == 409


def not_taken(loss: Loss) -> bool:
    """Whether it has certainly not arrived this time: or not as somebody's who may write."""
    refused_as_such = loss.cause is FailureClass.AUTH and loss.status != 403
    busy = loss.status in NOT_TAKEN or loss.cause is FailureClass.RATE_LIMITED
    return not loss.sent or busy or refused_as_such  # where another credential may do


def of(loss: Loss, *, keyed: bool, conflicts: int = 0, doubted: bool = False) -> Fate:
    """By what is known of it: that it did not arrive, that it was refused, or neither.

    `conflicts` is how often in a row it was one before; it is `doubted` where an earlier copy may
    have arrived.
    """
    answered_well = loss.status is not None and 200 <= loss.status < 300
    conflict = is_conflict(loss, keyed=keyed)
    if not_taken(loss):
        return Fate.DEFERRED
    if answered_well and loss.cause is FailureClass.MALFORMED:
        return Fate.DELIVERED  # its answer cannot be read, but for its status
    if conflict and conflicts < CONFLICTS_MAX:
        return Fate.DEFERRED  # its first copy is being worked on
    if loss.cause in UNKNOWN:
        return Fate.DEFERRED if keyed else Fate.IN_DOUBT
    return Fate.IN_DOUBT if conflict and doubted else Fate.FAILED
