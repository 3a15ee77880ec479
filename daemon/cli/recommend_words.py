"""How is it said how often one would best look for something new?"""

from datetime import datetime

from daemon.cli import adaptive_words, times
from daemon.control.recommend_messages import Recommendation, WayView

LACKING = "not enough known yet; still missing (arrivals, or four weeks without one):"


def advice(of: Recommendation) -> str:
    """In a few words, where enough is known."""
    match of.word:
        case "better" if of.better is not None and of.now is not None:
            return f"{_named(of.better)}: {_gain(of.now, of.better)}"
        case "own-intervals":
            return "its streams have intervals of their own"
        case _:
            return "nothing better"


def way(of: WayView) -> tuple[str, str, str]:
    """Syncs a day, calls a day, and how long it takes until something new is found."""
    return number(of.syncs_a_day), number(of.calls_a_day), delay(of)


def delay(of: WayView) -> str:
    return "" if of.delay is None else f"about {times.about(of.delay)}"


def number(of: float) -> str:
    return f"{of:,.0f}" if of >= 10 else f"{of:.1f}"


def evidence(of: Recommendation, now: datetime) -> str:
    if of.since is None:
        return "no look yet"
    looks = times.count(of.looks, "look")
    return f"{of.arrivals:,} of {looks} since {times.clock(of.since, now)}"


def comes(of: Recommendation) -> str:
    """When something new usually comes, on a clock where the reader is; nothing if unknown."""
    if of.new_by is None:
        return ""
    return adaptive_words.hours(of.usual_since, of.usual_until)


def missing(of: Recommendation, now: datetime) -> tuple[str, str, str]:
    """How many looks and arrivals it lacks, and before when that cannot be enough."""
    looks = f"{of.looks_left:,}" if of.looks_left else ""
    arrivals = f"{of.arrivals_left:,}" if of.arrivals_left else ""
    return looks, arrivals, times.clock(of.known_at, now) if of.known_at else ""


def _named(of: WayView) -> str:
    return of.name if of.name == "adaptive" else f"interval={of.name}"


def _gain(now: WayView, better: WayView) -> str:
    syncs = f"{number(better.syncs_a_day)} syncs a day in place of {number(now.syncs_a_day)}"
    if better.delay is None or now.delay is None:
        return f"{syncs}; nothing new ever came"
    found = f"found after {delay(better)} in place of {times.about(now.delay)}"
    return f"{syncs}, {found}"
