"""What follows from a wish, given all that is known? The only place that chooses; it never acts.

The answer is a list of (subject, event); the empty list means no.
"""

from datetime import datetime
from typing import assert_never

from daemon.commands import (
    Cancel,
    Capture,
    Command,
    Connect,
    Crash,
    DeclareProvider,
    Finish,
    Interrupt,
    NoteCall,
    Pause,
    Recover,
    Remove,
    Request,
    Resume,
    Review,
    SetPolicy,
    Start,
    StepClock,
    Stop,
)
from daemon.decide import host, membership, outcome, start
from daemon.decide.outcome import Decisions
from events.schema import FLEET, ClockStepped, DaemonStopped
from projections.world import World

__all__ = ["Decisions", "decide"]


def decide(command: Command, world: World, now: datetime) -> Decisions:
    match command:
        case Start():
            return start.start(command, world, now)
        case Capture():
            return outcome.capture(command, world)
        case NoteCall(subject=subject, call=call):
            return [(subject, call)] if outcome.runs(world, subject, call.sync) else []
        case Finish():
            return outcome.finish(command, world, now)
        case Interrupt():
            return outcome.interrupt(command, world)
        case Crash():
            return outcome.crash(command, world, now)
        case Request():
            return start.request(command, world, now)
        case Cancel():
            return start.cancel(command, world, now)
        case Review():
            return start.review(command, world, now)
        case Connect():
            return membership.connect(command, world, now)
        case Remove():
            return membership.remove(command, world, now)
        case Pause():
            return membership.pause(command, world)
        case Resume():
            return membership.resume(command, world)
        case Recover():
            return host.recover(command, world)
        case SetPolicy():
            return host.set_policy(command, world)
        case DeclareProvider():
            return host.declare(command, world)
        case StepClock(by=by):
            return [(FLEET, ClockStepped(step=by))]
        case Stop(interrupted=interrupted):
            return [(FLEET, DaemonStopped(interrupted=interrupted))]
        case _:
            assert_never(command)
