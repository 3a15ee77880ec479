"""How does a source stand, in words and figures?"""

from collections.abc import Sequence
from datetime import datetime

from daemon.cli import screen, source_words, times
from daemon.control.source_messages import DaySums, SourceAnswer, SourceView
from events.sources import Expectation, Figures

COLOURS = {"fresh": "", "due": "", "late": "red"}
WIDE = 90  # columns of a terminal: with fewer the pattern would leave names no room
REST, PATTERN = 44, 9  # columns that all but names and what was said take, and the pattern
SAID = 16  # columns of what was said: with fewer its words would break, so names fold too


def facts(found: SourceAnswer, *, then: bool) -> list[tuple[str, str]]:
    """All that is known of it, by name, but for its days."""
    of, now = found.source, found.now
    none = "none" if then else f"none; type: rounds source token {of.source}"
    rows = [
        ("source", of.source),
        ("expected", source_words.expected(expectation(of))),
        ("by", "the configuration" if of.declared else "a command"),
        ("token", f"set {times.relative(of.token_set, now)}" if of.token_set else none),
        ("last report", times.relative(of.reported_at, now) if of.reported_at else "never"),
        ("reports", punctuality(of, found)),
        *source_words.figure_words(figures(of)),
    ]
    if of.queue_depth is not None:
        rows.append(("queued", queue(of, found)))
    return rows


def say_apart(tenant: str) -> None:
    """That what a tenant's sources do is no sync of ours, and where it is."""
    screen.line("its sources report by themselves:")
    screen.line(f"    rounds source list --tenant {tenant}", "cyan")


def table(sources: Sequence[SourceView], now: datetime) -> screen.Part:
    """A row each: whether it is late, and what it reported last."""
    wide = screen.width() >= WIDE
    room = screen.width() - REST - (PATTERN if wide else 0)
    fits = max((len(each.source) for each in sources), default=0) + SAID <= room
    made = screen.table(
        *("source", *(["pattern"] if wide else [])),
        *("state", "last report", "queued", "oldest", "last said"),
        right=("queued",),
        folds=("last said",) if fits else ("source", "last said"),
        most={} if fits else {"last said": SAID},
    )
    for each in sources:
        made.add_row(
            each.source,
            *([str(each.pattern)] if wide else []),
            each.punctuality,
            times.relative(each.reported_at, now) if each.reported_at else "never",
            "" if each.queue_depth is None else f"{each.queue_depth:,}",
            times.relative(each.oldest, now) if each.oldest else "",
            said(each),
            style=COLOURS[each.punctuality],
        )
    return made


def expectation(of: SourceView) -> Expectation:
    return Expectation(
        pattern=of.pattern, every=of.expected_every, late_after=of.late_after, night=of.night
    )


def figures(of: SourceView) -> Figures:
    said = of.latest
    if said is None:
        return Figures()
    return Figures(
        syncs=said.syncs,
        records=said.records,
        errors=said.errors,
        duration_ms=said.duration_ms,
        bytes=said.bytes,
        platform=said.platform,
        health=said.status,
    )


def said(of: SourceView) -> str:
    return ", ".join(text for _, text in source_words.figure_words(figures(of)))


def punctuality(of: SourceView, found: SourceAnswer) -> str:
    if of.punctuality == "late":
        return (
            f"late since {times.local(of.late_at)}; open its app, and look whether it is logged in"
        )
    word = "are due" if of.punctuality == "due" else "are fresh"
    return f"{word}; late {times.relative(of.late_at, found.now)}"


def queue(of: SourceView, found: SourceAnswer) -> str:
    oldest = f", the oldest from {times.relative(of.oldest, found.now)}" if of.oldest else ""
    assert of.queue_at is not None, "whoever told a depth told when"
    return f"{of.queue_depth:,}{oldest} (as of {times.relative(of.queue_at, found.now)})"


def days(days: list[DaySums], *, records: bool) -> screen.Part:
    """A row each; `records` says whether theirs are kept."""
    kept = ["records"] if records else []
    columns = ("day (UTC)", "reports", "syncs", *kept, "errors", "duration", "size")
    table = screen.table(*columns, right=columns[1:])
    for each in days:
        counts = (each.reports, each.syncs, *([each.records] if records else []), each.errors)
        table.add_row(
            each.day.isoformat(),
            *(f"{number:,}" for number in counts),
            times.milliseconds(each.duration_ms) if each.duration_ms else "",
            times.size(each.bytes) if each.bytes else "",
        )
    return table
