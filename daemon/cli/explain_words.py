"""How is it said why something is as it is, each line with the event that it comes from?"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from daemon.cli import held_words, times, words
from daemon.cli.causes import CAUSES
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
from daemon.control.policy_messages import PolicySetting, Value
from events.schema import (
    BreakerOpened,
    RecordsRefused,
    RetryScheduled,
    SyncFailed,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import FailureClass
from events.versions import RecordsQuarantined

NUMBERS_SHOWN = 5  # failures in a row, the last ones; `--score` tells each of them
COLOURS = {"degraded": "yellow", "unhealthy": "red"}
TOPICS = {
    "asked": "asked for",
    "asked-to-wait": "asked to wait",
    "breaker-closed": "breaker",
    "breaker-eased": "eased",
    "breaker-probed": "probed",
    "breaker-reset": "breaker",
    "captured": "data",
    "crashed": "rounds failed",
    "decided": "",
    "failed-for-good": "failed for good",
    "failover": "stands in",
    "grant": "token",
    "keeps-failing": "keeps failing",
    "owes-days": "owes days",
    "providers-breaker": "provider's breaker",
    "quiet-hours": "quiet hours",
    "refusal": "refused",
    "retries-ended": "retries",
    "retry-moved": "retry moved",
    "rolled-back": "rolled back",
    "rollback-abandoned": "rollback",
    "to-be-authorised": "to be authorised",
    **{name: word for name, word in held_words.HELD.items() if name.endswith("-full")},
    "batch-pause": "pause",
}
"""Those that do not read well as they are."""


class Line(Struct, frozen=True, kw_only=True):
    """What it is about, what is said, when that was, and the event that says so; and its colour."""

    topic: str = ""
    text: str = ""
    at: str = ""
    event: str = ""
    style: str = ""


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
        yield _title("score", f"none yet: no sync has ended; its turns have priority {of.priority}")
        return
    yield _title("score", f"{of.score} of 100, so its turns have priority {of.priority} (1 first)")
    for term in of.terms:
        yield _term(term, now)
        if each and term.part == "failures-in-a-row":
            for view in term.events:
                yield _line("", view, now)


def streams(found: Sequence[StreamWhy], now: datetime) -> Iterator[Line]:
    for stream in found:
        said = f"{stream.condition}, {times.count(stream.rows, 'row')}"
        version = f", version {stream.version}" if stream.version else ""
        yield _title(stream.stream, f"{said}{version}", COLOURS.get(stream.condition, ""))
        yield from told(stream.because, now)


def start(of: StartWhy, now: datetime, name: str) -> Iterator[Line]:
    """The next one, and then all that moves or holds it."""
    yield _title("next sync", _next(of, now))
    yield from told(of.because, now, name)


def sync(of: SyncWhy, now: datetime) -> Iterator[Line]:
    yield _title("why it started", _begun(of))
    yield from told(of.because, now)
    yield _title("what it met", _met(of))
    for view in of.met:
        yield _line("", view, now)
    if of.end is None:
        yield _title("how it ended", "it runs")
        return
    yield _title("how it ended", "")
    yield _line("", of.end, now)
    yield from _failures(of.end)
    yield _title("what was decided", "" if of.decided else "nothing")
    yield from told(of.decided, now)


def others(name: str, found: Sequence[Because], now: datetime) -> Iterator[Line]:
    """A section of facts, if there are any."""
    if found:
        yield _title(name, "")
    yield from told(found, now)


def last_sync(found: Iterable[Because]) -> int | None:
    """The newest sync that came to an end, to be explained in its turn."""
    ends = (each.event.event for each in found if each.event)
    return max(
        (end.sync for end in ends if isinstance(end, SyncSucceeded | SyncFailed)), default=None
    )


def told(found: Iterable[Because], now: datetime, name: str = "") -> Iterator[Line]:
    """With the `name` of the connection, also what to type where that helps."""
    for each in found:
        topic = TOPICS.get(each.topic, each.topic)
        if each.event:
            yield _line(topic, each.event, now)
        else:
            until = f" until {times.clock(each.until, now)}" if each.until else ""
            why = held_words.WHY.get(each.topic, topic)
            yield Line(topic=f"  {topic}", text=f"{why}{until}", style="yellow")
        yield from _settings(each)
        if name and (helps := _helps(each, name)):
            yield Line(text=f"  type: {helps}", style="cyan")


def _helps(of: Because, name: str) -> str:
    """What somebody has to do before anything starts."""
    match of.topic:
        case "paused":
            return f"rounds resume {name}"
        case "to-be-authorised":
            return f"rounds connection authorize {name}"
        case "breaker" if of.until is None:
            return f"rounds breaker close {name}"
        case "providers-breaker" if of.until is None and of.event:
            return f"rounds breaker close --provider {of.event.name}"
        case _:
            return ""


def _title(topic: str, text: str, style: str = "") -> Line:
    return Line(topic=topic, text=text, style=f"bold {style}".strip())


def _line(topic: str, view: EventView, now: datetime) -> Line:
    return Line(
        topic=f"  {topic}",
        text=words.sentence(view) + _measured(view),
        at=times.clock(view.at, now),
        event=str(view.seq),
        style=words.tone(view.event) or "",
    )


def _measured(view: EventView) -> str:
    """The numbers that were recorded beside what the event says."""
    event = view.event
    match event:
        case RetryScheduled(delay=delay, jitter=jitter, hint=hint):
            parts = [f"delay {times.exact(delay)}"]
            parts += [f"of which {100 * jitter:.0f} % was drawn"] if jitter is not None else []
            parts += [f"asked to wait {times.exact(hint)}"] if hint else []
        case BreakerOpened(cause=FailureClass() as cause):
            parts = [CAUSES[cause]]
        case RecordsRefused() | RecordsQuarantined():
            parts = _doubted(event)
        case _:
            parts = []
    return f" [{', '.join(parts)}]" if parts else ""


def _doubted(event: RecordsRefused | RecordsQuarantined) -> list[str]:
    """What a guard measured."""
    parts = []
    if event.share is not None and event.limit is not None:
        parts.append(f"{100 * event.share:.0f} %, the limit is {100 * event.limit:.0f} %")
    if event.fields:
        parts.append(times.count(event.fields, "field"))
    return parts


def _settings(of: Because) -> Iterator[Line]:
    """Those that had a say; one line for those that come from the same place."""
    by_source: dict[tuple[str, str], list[str]] = {}
    for each in of.settings:
        since = bool(of.event and each.event and each.event > of.event.seq)
        key = (_source(each, since=since), str(each.event or ""))
        by_source.setdefault(key, []).append(f"{each.name} {_value(each.value)}")
    for (source, event), said in by_source.items():
        yield Line(text=f"  {', '.join(said)}: {source}", event=event, style="dim")


def _source(of: PolicySetting, *, since: bool) -> str:
    later = ", since then" if since else ""
    match of.source:
        case "default":
            return "by default"
        case "configuration":
            return f"in the configuration{later}"
        case "provider-file":
            return f"in the provider's file{later}"
        case whose if of.declared:
            return f"of the {whose}, in the configuration{later}"
        case whose:
            return f"of the {whose}, set{words.by(of.by)}{later}"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(value) or "-"
        case _:
            return str(value)


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
            yield Line(text=f"  {each.stream or 'all'}{of}: {each.message}", style="red")
