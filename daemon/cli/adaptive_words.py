"""How is it said why an adaptive turn lies where it does?"""

from datetime import datetime
from typing import assert_never

from daemon.cli import times
from events.policy import Adaptation, Learnt


def learnt(of: Learnt) -> str:
    """Why an adaptive turn lies where it does."""
    return f"adaptive: {_why(of)}"


def usual(of: Learnt) -> str:
    """When something new usually comes."""
    return hours(of.since, of.until)


def hours(since: datetime | None, until: datetime | None) -> str:
    """Of the reader's day."""
    if since is None or until is None:
        return "at any time"
    return f"usually {_clock(since)} to {_clock(until)}"


def _why(of: Learnt) -> str:
    match of.why:
        case Adaptation.LEARNING:
            return f"not enough known yet, by {times.count(of.looks, 'look')}"
        case Adaptation.USUAL if of.until is None:
            return "something new will likely have come"
        case Adaptation.USUAL:
            return f"something new comes {usual(of)}"
        case Adaptation.LATE:
            return f"nothing new has come yet, which comes {usual(of)}"
        case Adaptation.EXPLORING:
            return f"a look at another time; something new comes {usual(of)}"
        case Adaptation.SELDOM:
            return "nothing new is expected before"
        case _:
            assert_never(of.why)


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M")
