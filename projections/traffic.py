"""How many calls did programs make at a provider in the last hour, and how did they go?"""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from events.envelope import Recorded
from events.schema import CallMade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTES_KEPT = 60


class Minute(Struct, frozen=True, kw_only=True):
    """In that minute since 1970: all exchanges, those that went wrong, those that were retries."""

    minute: int
    calls: int = 0
    failed: int = 0
    retries: int = 0
    duration_ms: int = 0
    bytes: int = 0


Traffic = tuple[Minute, ...]
"""The minutes of the last hour with any calls, in their order."""


def evolve(traffic: Traffic, recorded: Recorded) -> Traffic:
    match recorded.event:
        case CallMade() as call:
            made = Minute(
                minute=(recorded.at - EPOCH) // MINUTE,
                calls=1,
                failed=int(call.cause is not None),
                retries=int(call.attempt > 1),
                duration_ms=call.duration_ms,
                bytes=call.bytes,
            )
            return _with(traffic, made)
        case _:
            return traffic


def last_hour(traffic: Traffic, now: datetime) -> Minute:
    """The sum of what lies less than an hour back."""
    oldest = (now - EPOCH) // MINUTE - MINUTES_KEPT
    total = Minute(minute=oldest)
    for each in traffic:
        if each.minute > oldest:
            total = _sum(total, each, each.minute)
    return total


def _with(traffic: Traffic, made: Minute) -> Traffic:
    """One more in its minute. Where the clock stepped back, what lies ahead was in this minute."""
    minute = made.minute
    while traffic and traffic[-1].minute >= minute:
        *rest, last = traffic
        traffic, made = tuple(rest), _sum(last, made, minute)
    return (*traffic, made)[-MINUTES_KEPT:]


def _sum(one: Minute, other: Minute, minute: int) -> Minute:
    return Minute(
        minute=minute,
        calls=one.calls + other.calls,
        failed=one.failed + other.failed,
        retries=one.retries + other.retries,
        duration_ms=one.duration_ms + other.duration_ms,
        bytes=one.bytes + other.bytes,
    )
