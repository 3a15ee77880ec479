"""How does the queue do, in a few lines?"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from daemon.cli import held_words, screen, source_facts, times
from daemon.control.queue_messages import (
    BlockedView,
    QueueHealth,
    QueuePart,
    WaitsView,
    WritesHealth,
)


def show(found: QueueHealth) -> None:
    """How much waits and for how long; of which kind; what keeps it, and what to type."""
    now = found.now
    screen.show(
        screen.pairs(
            ("queue", _depth(found)),
            ("oldest", _oldest(found)),
            ("waits now", _waits(found.waits, "sync")),
            ("waited before", _waits(found.waited, "last sync")),
            *([("aside", _aside(found.aside))] if found.aside else []),
            ("writes", _writes(found.writes, now)),
        )
    )
    if found.depth:
        screen.line()
        screen.show(_parts("type", found.by_type, now))
        screen.line()
        screen.show(_parts("priority", found.by_priority, now))
    if found.reported:
        screen.line()
        screen.show(source_facts.table(found.reported, now))
    for what, blocked in (("kept", found.blocked), ("writes kept", found.writes.blocked)):
        for each in blocked:
            _say(what, each, now)


def _depth(found: QueueHealth) -> str:
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (found.pending, "pending"),
            (found.processing, "processing"),
            (found.retrying, "to be tried again"),
        )
        if number
    ]
    return f"{found.depth:,}: {', '.join(parts)}" if parts else "empty"


def _oldest(found: QueueHealth) -> str:
    if found.oldest_at is None:
        return "none is pending"
    return f"{found.oldest}, due {times.relative(found.oldest_at, found.now)}"


def _waits(of: WaitsView, noun: str) -> str:
    if of.average_s is None or of.longest_s is None:
        return "none"
    longest, average = _span(of.longest_s), _span(of.average_s)
    return f"{longest} the longest, {average} on average, of {times.count(of.count, noun)}"


def _span(seconds: float) -> str:
    return times.milliseconds(round(seconds * 1000)) if seconds < 1 else _exact(seconds)


def _exact(seconds: float) -> str:
    return times.exact(timedelta(seconds=round(seconds)), 2)


def _aside(number: int) -> str:
    return f"{times.count(number, 'connection')} paused or to be authorised, in no queue"


def _writes(found: WritesHealth, now: datetime) -> str:
    if not found.depth or found.oldest_at is None:
        return "none wait"
    doubt = f", {found.in_doubt:,} in doubt" if found.in_doubt else ""
    way = f", {found.under_way:,} under way" if found.under_way else ""
    since = times.relative(found.oldest_at, now)
    return f"{found.depth:,} wait ({times.size(found.bytes)}){way}{doubt}; the oldest came {since}"


def _parts(what: str, parts: Mapping[str, QueuePart], now: datetime) -> screen.Part:
    numbers = ("depth", "pending", "processing", "retrying")
    table = screen.table(what, *numbers, "oldest due", right=numbers)
    for name, each in parts.items():
        counts = (each.depth, each.pending, each.processing, each.retrying)
        oldest = times.relative(each.oldest_at, now) if each.oldest_at else ""
        table.add_row(name, *(f"{count:,}" for count in counts), oldest)
    return table


def _say(what: str, each: BlockedView, now: datetime) -> None:
    more = each.count - len(each.names)
    names = ", ".join(each.names) + (f" and {more:,} more" if more > 0 else "")
    until = f"; the first until {times.second(each.until, now)}" if each.until else ""
    word = held_words.HELD.get(each.held_by, each.held_by)
    screen.line()
    screen.line(f"{each.count:,} {what} by {word}: {names}")
    screen.line(f"    {each.sentence}{until}")
    screen.line(f"    {each.command}", "cyan")
