"""What has changed in how somebody stands, in words?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from daemon.cli import held_words, times
from daemon.control.replay_messages import Facts, TurnView

WORDS = {
    "state": "",
    "condition": "condition",
    "score": "score",
    "streak": "failures in a row",
    "breaker": "breaker",
    "next_start": "next sync",
    "held_by": "held back by",
    "held_until": "held until",
    "grant": "grant",
    "provider": "provider",
    "backfill_days": "days left to backfill",
    "writes": "writes that wait",
    "declared": "in the configuration",
    "connections": "connections",
    "retired": "switched off",
    "running": "running",
    "succeeded": "syncs succeeded",
    "failed": "syncs failed",
}
"""Each fact of `daemon.decide.glance`, in the order in which people want to hear of them."""

OF_STREAM = {
    "version": "version",
    "rows": "rows",
    "failures": "failures in a row",
    "days_owed": "days owed",
    "held": "held version",
}
TIMES = {"next_start", "held_until"}
ARROW = " → "
NEW = ("condition", "next_start", "grant", "connections")
"""What is said of somebody who is new."""


def changes(changed: Sequence[TurnView], before: Facts, after: Facts, now: datetime) -> list[str]:
    """`score 95 → 85`, `days rows 30 → 31`; of who comes or goes, that alone."""
    if not before and after:
        told = [
            f"{WORDS[name]} {_said(name, after[name], now)}"
            for name in NEW
            if after.get(name) not in {None, "none"}
        ]
        return [f"new: {', '.join(told)}"] if told else ["new"]
    if before and not after:
        return ["removed"]
    ordered = sorted((each for each in changed if not _goes_without_saying(each)), key=_order)
    return [
        f"{_name(each.fact)}{_said(each.fact, each.before, now)}{ARROW}"
        f"{_said(each.fact, each.after, now)}"
        for each in ordered
    ]


def _goes_without_saying(turn: TurnView) -> bool:
    """A stream begins with nothing; that it is paused, its state says."""
    if turn.fact == "held_by":
        return {turn.before, turn.after} <= held_words.SAID_BY_STATE | {None}
    return turn.fact.startswith("streams.") and turn.before is None and not turn.after


def _order(turn: TurnView) -> tuple[int, str]:
    names = [*WORDS]
    place = names.index(turn.fact) if turn.fact in WORDS else len(names)
    return place, turn.fact


def _name(fact: str) -> str:
    """With a blank behind it, where a state does not speak for itself."""
    group, _, rest = fact.partition(".")
    if group == "settings":
        return f"{rest} "
    if group == "streams":
        stream, _, last = rest.rpartition(".")
        return f"{stream}: {OF_STREAM.get(last, last)} "
    word = WORDS.get(fact, fact)
    return f"{word} " if word else ""


def _said(fact: str, value: Any, now: datetime) -> str:
    match value:
        case None:
            return "not set" if fact.startswith("settings.") else "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}" if not fact.endswith((".version", ".held")) else str(value)
        case list():
            return ",".join(map(str, value)) or "-"
        case dict():
            return ",".join(f"{name}={each}" for name, each in value.items()) or "-"
        case str() if fact in TIMES:
            return times.second(datetime.fromisoformat(value), now)
        case str() if fact == "held_by":
            return held_words.HELD.get(value, value)
        case _:
            return str(value)
