"""What does an event about a source say, in one plain line?"""

from typing import assert_never

from daemon.cli import times
from events.sources import (
    Expectation,
    Figures,
    ReportReceived,
    SourceAdded,
    SourceChanged,
    SourceEvent,
    SourceRemoved,
    SourceTokenSet,
)


def told(event: SourceEvent, who: str) -> str:
    """The event as a sentence; `who` is empty, or " by" and a name."""
    match event:
        case SourceAdded(expectation=expectation, declared=declared):
            how = " by the configuration" if declared else who
            return f"source added{how}; {expected(expectation)}"
        case SourceChanged(expectation=expectation, declared=declared):
            how = " by the configuration" if declared else who
            return f"source changed{how}; {expected(expectation)}"
        case SourceRemoved():
            return f"source removed{who}; what it reported is kept"
        case SourceTokenSet():
            return f"new token{who}; the one before it, if any, is void"
        case ReportReceived(reported=reported, figures=figures):
            said = (
                ", ".join(each for _, each in figure_words(figures))
                or "nothing but that it is there"
            )
            return f"reported{who} as of {times.local(reported)}: {said}"
        case _:
            assert_never(event)


def expected(of: Expectation) -> str:
    """What is expected of a source."""
    after = times.exact(of.late_after, 2)
    night = ", nights aside" if of.night else ""
    return f"{of.pattern}: every {times.exact(of.every, 2)}, late after {after}{night}"


def figure_words(of: Figures) -> list[tuple[str, str]]:
    """What a report says, by the names of its figures."""
    counts = (
        ("syncs", of.syncs, "sync"),
        ("records", of.records, "record"),
        ("errors", of.errors, "error"),
    )
    found = [
        (name, times.count(number, noun)) for name, number, noun in counts if number is not None
    ]
    if of.duration_ms is not None:
        found.append(("duration", times.milliseconds(of.duration_ms)))
    if of.bytes is not None:
        found.append(("size", times.size(of.bytes)))
    if of.queue_depth is not None:
        oldest = f", the oldest of {times.local(of.oldest)}" if of.oldest else ""
        found.append(("queue", f"{of.queue_depth:,} queued{oldest}"))
    if of.platform is not None:
        found.append(("platform", str(of.platform)))
    if of.health is not None:
        found.append(("status", str(of.health)))
    return found
