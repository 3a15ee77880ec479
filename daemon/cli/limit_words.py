"""What does an event about limits say, in one plain line?"""

from datetime import timedelta
from typing import assert_never

from daemon.cli import times
from events.gateway import CallerAllowanceTaken
from events.limits import (
    AdaptReason,
    AllowanceRecounted,
    AllowanceTaken,
    HoldReason,
    LimitAdapted,
    LimitHeld,
    StepsSummed,
)

HELD = {
    HoldReason.HINT: "the provider asked for it",
    HoldReason.REFUSED: "the provider refused a call, and did not say for how long",
    HoldReason.CLOCK_STEPPED: "the clock jumped",
}
ADAPTED = {
    AdaptReason.RATE_LIMITED: "the provider wants fewer requests",
    AdaptReason.SERVER: "the provider failed",
    AdaptReason.SLOW: "the provider is slow",
    AdaptReason.HEALTHY: "the provider is well",
}


def limit(
    event: AllowanceTaken
    | CallerAllowanceTaken
    | AllowanceRecounted
    | LimitHeld
    | LimitAdapted
    | StepsSummed,
) -> str:
    match event:
        case AllowanceTaken(calls=calls, until=until):
            return f"{times.count(calls, 'call')} may leave until {times.local(until)}"
        case CallerAllowanceTaken(calls=calls, endpoint=endpoint, kind=kind, until=until):
            many = times.count(calls, f"{kind.value} call")
            return f"{many} of programs to {endpoint} may leave until {times.local(until)}"
        case AllowanceRecounted():
            return "limits counted anew, as if all had just been used: the clock jumped back"
        case StepsSummed(ahead=ahead):
            way = "ahead of" if ahead > timedelta() else "behind"
            return (
                f"jumps have put the host's clock {times.about(abs(ahead))} {way} the steady time"
            )
        case LimitHeld(until=until, reason=reason):
            return f"no call leaves before {times.local(until)}: {HELD[reason]}"
        case LimitAdapted(percent=percent, reason=reason):
            return f"{percent} % of each limit are used from now on: {ADAPTED[reason]}"
        case _:
            assert_never(event)
