"""How many calls have a tenant's programs made of late, by endpoint and kind?"""

from collections.abc import Iterable

from msgspec import Struct

from events.envelope import Recorded
from events.gateway import CallerAllowanceTaken, CallKind
from events.limits import AllowanceRecounted
from projections import allowance, window
from projections.allowance import Allowance
from projections.window import Moment, Window


class Called(Struct, frozen=True, kw_only=True):
    """What is counted together: calls of one kind at one endpoint of a provider."""

    provider: int
    endpoint: str
    kind: CallKind


class Counted(Struct, frozen=True, kw_only=True):
    called: Called
    window: Window


Callers = tuple[Counted, ...]
"""Only windows that hold anything are kept; how many there can be, `decide` says."""


def evolve(callers: Callers, recorded: Recorded) -> Callers:
    match recorded.event:
        case CallerAllowanceTaken() as taken:
            moment = Moment(wall=recorded.at, ahead=taken.ahead)
            called = Called(provider=taken.provider, endpoint=taken.endpoint, kind=taken.kind)
            found = allowance.counted(within(callers, called), taken.span, moment)
            after = Counted(called=called, window=window.take(found, taken.calls, moment))
            others = (each for each in callers if each.called != called)
            return (*busy(others, moment), after)
        case AllowanceRecounted(ahead=ahead):
            moment = Moment(wall=recorded.at, ahead=ahead)
            return tuple(
                Counted(called=each.called, window=window.take(each.window, 0, moment))
                for each in busy(callers, moment)
            )
        case _:
            return callers


def busy(callers: Iterable[Counted], moment: Moment) -> Callers:
    """Those windows that still hold anything."""
    return tuple(each for each in callers if not window.is_empty(each.window, moment))


def within(callers: Iterable[Counted], called: Called) -> Allowance:
    """What was taken for these calls."""
    return Allowance(windows=tuple(each.window for each in callers if each.called == called))


def is_new(counted: Counted, taken: CallerAllowanceTaken) -> bool:
    """Whether the window holds that alone."""
    return sum(calls for _, calls in counted.window.buckets) == taken.calls
