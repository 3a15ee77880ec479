"""How much has been taken of one subject's limits, and may anything leave?"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.limits import (
    AdaptReason,
    AllowanceRecounted,
    AllowanceTaken,
    LimitAdapted,
    LimitHeld,
    LimitPolicy,
    Span,
)
from projections import window
from projections.window import Moment, Window

PERCENT_MAX = 100
NO_TIME = timedelta(0)


class Allowance(Struct, frozen=True, kw_only=True):
    """`windows` are those of the spans in force; `percent` is how much of each limit is used.

    `held_until` and `held_since` are in steady time, `held_in` is the number of the event that says
    so; `lowered_at` is when trouble last had less
    used.
    """

    windows: tuple[Window, ...] = ()
    percent: int = PERCENT_MAX
    held_until: datetime | None = None
    held_since: datetime | None = None
    held_in: int = 0
    adapted_at: datetime | None = None
    lowered_at: datetime | None = None


def evolve(allowance: Allowance, recorded: Recorded) -> Allowance:
    match recorded.event:
        case AllowanceTaken(calls=calls, spans=spans, ahead=ahead):
            moment = Moment(wall=recorded.at, ahead=ahead)
            return replace(allowance, windows=_taken(allowance, spans, calls, moment))
        case AllowanceRecounted(spans=spans, ahead=ahead):
            moment = Moment(wall=recorded.at, ahead=ahead)
            return replace(allowance, windows=_taken(allowance, spans, 0, moment))
        case LimitHeld(until=until, ahead=ahead):
            held_until, since = until - ahead, recorded.at - ahead
            return replace(allowance, held_until=held_until, held_since=since, held_in=recorded.seq)
        case LimitAdapted(percent=percent, reason=AdaptReason.HEALTHY):
            return replace(allowance, percent=percent, adapted_at=recorded.at)
        case LimitAdapted(percent=percent):
            at = recorded.at
            return replace(allowance, percent=percent, adapted_at=at, lowered_at=at)
        case _:
            return allowance


def counted(allowance: Allowance, span: Span, moment: Moment) -> Window:
    """The window of this span.

    Where a provider's file has changed, a span that is new begins with all that the longest one
    before it may hold: which part of that lies inside is not known.
    """
    alike = [each for each in allowance.windows if each.span.reads_only == span.reads_only]
    for each in alike:
        if each.span == span:
            return each
    if not alike:
        return Window(span=span)
    return window.like(max(alike, key=lambda each: each.span.per), span, moment)


def held_for(allowance: Allowance, moment: Moment) -> timedelta:
    """How long nothing leaves; zero where nothing is held."""
    if allowance.held_until is None:
        return timedelta()
    return max(timedelta(), allowance.held_until - moment.steady)


def shuts(allowance: Allowance, moment: Moment) -> bool:
    """Whether a hold that began before now is in force: one from a clock that was wrong is not."""
    since = allowance.held_since
    return since is not None and since <= moment.steady and held_for(allowance, moment) > NO_TIME


def limit(allowance: Allowance, policy: LimitPolicy) -> int:
    """How many calls of this limit are used: all of it, or the part that adapts; at least one."""
    return max(1, policy.calls * allowance.percent // PERCENT_MAX)


def _taken(
    allowance: Allowance, spans: tuple[Span, ...], calls: int, moment: Moment
) -> tuple[Window, ...]:
    """Count in these windows. A read names all there are; what writes do not name is of reads."""
    after = [window.take(counted(allowance, span, moment), calls, moment) for span in spans]
    named = {span.reads_only for span in spans}
    return (*after, *(each for each in allowance.windows if _is_apart(each.span, named)))


def _is_apart(span: Span, named: set[bool]) -> bool:
    """Whether these are calls of which the event does not speak."""
    return span.reads_only and True not in named
