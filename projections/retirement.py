"""Is this provider, or will it be, switched off?"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from events.breakers import BreakerClosed, BreakerReset
from events.envelope import Recorded
from events.schema import ProviderDeclared, ProviderRetired, ProviderReturned, RetirementAnnounced

ANNOUNCED_KEPT = 16  # what different answers of one provider say is to be told once each


class Announced(Struct, frozen=True, kw_only=True):
    """What its answers said of its end, and when that was first heard."""

    at: datetime
    deprecated: bool = False
    since: datetime | None = None
    sunset: datetime | None = None


class Retirement(Struct, frozen=True, kw_only=True):
    """`declared` is what its file says: that it was switched off; `successor` is who follows.

    `announced` holds what was heard, the last one at the end. It was found switched off at
    `found_at`, by the event `found_in`; `reopened` says that since then somebody, or a success, has
    closed a breaker.
    """

    declared: bool = False
    successor: str = ""
    announced: tuple[Announced, ...] = ()
    found_at: datetime | None = None
    found_in: int = 0
    reopened: bool = False


NOTHING = Retirement()


def evolve(retirement: Retirement, recorded: Recorded) -> Retirement:
    """Fold an event of the provider, or of the breaker of one of its connections."""
    match recorded.event:
        case ProviderDeclared(retired=retired, successor=successor):
            if (retirement.declared, retirement.successor) == (retired, successor):
                return retirement
            return replace(retirement, declared=retired, successor=successor)
        case RetirementAnnounced(deprecated=deprecated, since=since, sunset=sunset):
            heard = Announced(at=recorded.at, deprecated=deprecated, since=since, sunset=sunset)
            return replace(retirement, announced=(*retirement.announced, heard)[-ANNOUNCED_KEPT:])
        case ProviderRetired():
            at, seq = recorded.at, recorded.seq
            return replace(retirement, found_at=at, found_in=seq, reopened=False)
        case ProviderReturned():
            return replace(retirement, found_at=None, found_in=0, reopened=False)
        case BreakerClosed() | BreakerReset() if retirement.found_at and not retirement.reopened:
            return replace(retirement, reopened=True)
        case _:
            return retirement
