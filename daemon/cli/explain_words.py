"""How is it said why something is as it is, each line with the event that it comes from?"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from daemon.cli import held_words, sync_words, times, words
from daemon.cli.because_words import Line, line, title, told
from daemon.control.explain_messages import (
    Because,
    Explanation,
    ScoreTerm,
    ScoreWhy,
    StartWhy,
    StreamWhy,
    SyncWhy,
)
from daemon.control.messages import EventView
from events.schema import SyncFailed, SyncStarted, SyncSucceeded

NUMBERS_SHOWN = 5  # failures in a row, the last ones; `--score` tells each of them
COLOURS = {"degraded": "yellow", "unhealthy": "red"}


def head(of: Explanation) -> Line:
    """What is explained."""
    if of.sync:
        return Line(text=f"{of.connection}, sync {of.sync.sync}")
    points = of.score.score if of.score else None
    score = f", score {points}" if points is not None else ""
    return Line(text=f"{of.connection}: {of.condition}{score}", style=COLOURS.get(of.condition, ""))


def score(of: ScoreWhy, now: datetime, *, each: bool = False) -> Iterator[Line]:
    """Term by term; with `each` failure in full."""
    if of.score is None:
        yield title("score", f"none yet: no sync has ended; its turns have priority {of.priority}")
        return
    yield title("score", f"{of.score} of 100, so its turns have priority {of.priority} (1 first)")
    for term in of.terms:
        yield _term(term, now)
        if each and term.part == "failures-in-a-row":
            for view in term.events:
                yield line("", view, now)


def streams(found: Sequence[StreamWhy], now: datetime) -> Iterator[Line]:
    for stream in found:
        said = f"{stream.condition}, {times.count(stream.rows, 'row')}"
        version = f", version {stream.version}" if stream.version else ""
        yield title(stream.stream, f"{said}{version}", COLOURS.get(stream.condition, ""))
        yield from told(stream.because, now)


def start(of: StartWhy, now: datetime, name: str) -> Iterator[Line]:
    """The next one, and then all that moves or holds it."""
    yield title("next sync", _next(of, now))
    yield from told(of.because, now, name)


def sync(of: SyncWhy, now: datetime) -> Iterator[Line]:
    yield title("why it started", _begun(of))
    yield from told(of.because, now)
    yield title("what it met", _met(of))
    for view in of.met:
        yield line("", view, now)
    if of.end is None:
        yield title("how it ended", "it runs")
        return
    yield title("how it ended", "")
    yield line("", of.end, now)
    yield from _failures(of.end)
    yield title("what was decided", "" if of.decided else "nothing")
    yield from told(of.decided, now)


def others(name: str, found: Sequence[Because], now: datetime) -> Iterator[Line]:
    """A section of facts, if there are any."""
    if found:
        yield title(name, "")
    yield from told(found, now)


def last_sync(found: Iterable[Because]) -> int | None:
    """The newest sync that came to an end, to be explained in its turn."""
    ends = (each.event.event for each in found if each.event)
    return max(
        (end.sync for end in ends if isinstance(end, SyncSucceeded | SyncFailed)), default=None
    )


def _term(of: ScoreTerm, now: datetime) -> Line:
    numbers = [str(each.seq) for each in of.events]
    one = numbers[0] if len(numbers) == 1 else ""
    shown = ", ".join(numbers[-NUMBERS_SHOWN:])
    at = times.clock(of.events[-1].at, now) if of.events else ""
    return Line(
        topic=f"  {of.points:+.4g}" if of.points else "  0",
        text=_said(of) + (f": events {shown}" if len(numbers) > 1 else ""),
        at=at,
        event=one,
        style="red" if of.points < 0 and of.part != "rounding" else "",
    )


def _said(of: ScoreTerm) -> str:
    match of.part:
        case "success-rate":
            return f"{of.count:,} of {times.count(of.of, 'sync')} succeeded; the first one ended"
        case "failures-in-a-row":
            return f"{times.count(of.count, 'failure')} in a row, 10 points each"
        case "stale":
            return _stale(of)
        case "bounds":
            return "it ends at 0 and at 100"
        case _:
            return "rounded"


def _stale(of: ScoreTerm) -> str:
    if of.at is None:
        return "no success yet"
    if of.points:
        return f"stale since {times.local(of.at)}: no success for 7 days; the last one"
    return f"not stale before {times.local(of.at)}, 7 days after its last success"


def _next(of: StartWhy, now: datetime) -> str:
    held = held_words.short(of.held_by, of.held_until, now)
    held_by = f"; held by {held}" if held else ""
    if of.next_start is None:
        runs = of.because[:1]
        if runs and runs[0].topic == "runs":
            return f"runs now{held_by}"
        return f"none as things are{held_by}"
    due = of.next_start <= now
    when = "now" if due else times.relative(of.next_start, now)
    retry = f"retry {of.attempt}" if of.attempt else ""
    kind = ", as ".join(each for each in (of.kind if of.kind != retry[:5] else "", retry) if each)
    return f"{when} ({times.local(of.next_start)}), {kind}, priority {of.priority}{held_by}"


def _begun(of: SyncWhy) -> str:
    event = of.started.event
    assert isinstance(event, SyncStarted), "a sync begins with that"
    late = f", {times.about(of.late)} after it was due" if of.late else ""
    return f"{words.sentence(of.started)}, {times.local(of.started.at)}{late}"


def _met(of: SyncWhy) -> str:
    if not of.met:
        return "nothing worth an event"
    counts = ", ".join(f"{number:,} {name}" for name, number in of.counts.items())
    left = f"; the first {of.left_out:,} are left out here" if of.left_out else ""
    return f"{counts}{left}"


def _failures(end: EventView) -> Iterator[Line]:
    """Each stream, or day of it, that failed: in the sentences that were recorded."""
    event = end.event
    if isinstance(event, SyncSucceeded | SyncFailed):
        for each in event.failures:
            of = f" of {each.day}" if each.day else ""
            text = f"  {each.stream or 'all'}{of}: {each.message}{sync_words.given_up(each)}"
            yield Line(text=text, style="red")
