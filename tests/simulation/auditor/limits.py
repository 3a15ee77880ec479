"""Is no more taken of a provider's limits than it allows, and nothing while it is to be left alone?

Calls by themselves are not in the log: what licenses them is, the allowance that was taken.
"""

from collections.abc import Iterator
from datetime import timedelta

from events.envelope import Recorded
from events.limits import AllowanceTaken, HoldReason, LimitHeld, LimitPolicy, Scope
from tests.simulation.auditor.reading import Reading

NONE = timedelta(0)


def check(reading: Reading, each: Recorded) -> Iterator[str]:
    match each.event:
        case AllowanceTaken() as taken if not (taken.calls == 1 and _forced(reading, each)):
            held = reading.held.get(each.subject)
            if held is not None and each.at - taken.ahead < held:
                yield "calls are licensed while the provider is to be left alone"
            yield from _windows(reading, each, taken)
        case LimitHeld(reason=HoldReason.HINT | HoldReason.REFUSED) as hold:
            held = reading.held.get(each.subject)
            if held is not None and hold.until - hold.ahead < held:
                yield "what the provider asked for is shortened"
        case _:
            pass


def _windows(reading: Reading, each: Recorded, taken: AllowanceTaken) -> Iterator[str]:
    """Within any stretch of a window's length, of the steady time."""
    now = each.at - taken.ahead
    for policy in _policies(reading, each.subject):
        before = [
            calls for at, calls in reading.taken[each.subject] if NONE <= now - at < policy.span.per
        ]
        if sum(before) + taken.calls > policy.calls:
            yield f"{sum(before)} calls and {taken.calls} are more than {policy.calls}"


def _policies(reading: Reading, subject: int) -> list[LimitPolicy]:
    line = reading.lines.get(subject)
    scope = Scope.APPLICATION if line is None else Scope.CONNECTION
    provider = subject if line is None else line.provider
    return [each for each in reading.limits.get(provider, ()) if each.scope is scope]


def _forced(reading: Reading, each: Recorded) -> bool:
    """Whether a sync runs there that heeds no limit."""
    line = reading.lines.get(each.subject)
    provider = each.subject if line is None else line.provider
    return any(start.forced for start in reading.running(provider))
