"""How did syncs go in the last hours and days, as a table and in one line each?"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from daemon.cli import client, consent_words, screen, source_facts, sparkline, times
from daemon.cli.arguments import as_json, examples, known
from daemon.control.history_messages import (
    DAYS_MAX,
    HOURLY_DAYS_MAX,
    History,
    HistoryRow,
    ReportHistoryRow,
    StreamHistoryRow,
)

SHOWN = 62  # rows of a table, the newest; the lines show them all
WIDE = 100  # columns of a terminal on which there is room for all
GOOD, BAD = 99.0, 90.0  # percent: below the one a row is yellow, below the other red


@click.command(
    epilog=examples(
        "rounds history",
        "rounds history acme --days 7",
        "rounds history acme/weather --by hour --days 2",
        "rounds history acme/weather --stream days",
        "rounds history acme/phone --days 7",
        "rounds history --provider dexcom --json",
    )
)
@click.argument("whose", required=False, metavar="[TENANT[/PROVIDER...]]", shell_complete=known)
@click.option("--provider", metavar="NAME", help="All connections to that provider.")
@click.option("--stream", metavar="NAME", help="One stream of the connection.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=30,
    show_default=True,
    help="How many days, today's with them.",
)
@click.option(
    "--by",
    type=click.Choice(["day", "hour"]),
    default="day",
    show_default=True,
    help=f"A row each day, or each hour of at most {HOURLY_DAYS_MAX} days.",
)
@as_json
@click.pass_obj
def history(
    socket: Path | None,
    *,
    whose: str | None,
    provider: str | None,
    stream: str | None,
    days: int,
    by: Literal["day", "hour"],
    as_json: bool,
) -> None:
    """Show how syncs went, by the day or the hour: of all, a tenant, a connection, a stream.

    Of a source that reports by itself, show what its reports add up to; of at most 90 days.

    Days are those of UTC. What is counted is in the SQL file `read` too, for your own questions.
    """
    named = "connection" if whose is not None and "/" in whose else "tenant"
    wish = {named: whose, "provider": provider, "stream": stream, "days": days, "by": by}
    asked = {name: value for name, value in wish.items() if value is not None}
    answer = client.reach(socket).get("get-sync-health-history", **asked)
    if as_json:
        screen.document(answer)
        return
    show(client.read(answer, History))


def show(found: History) -> None:
    """A line that sums it up, lines that show its course, and a row each day or hour."""
    if found.report_total is not None:
        _show_reports(found, found.report_total)
    elif found.stream_total is not None:
        _show_stream(found, found.stream_total)
    elif found.total is not None:
        _show_syncs(found, found.total)


def _show_syncs(found: History, total: HistoryRow) -> None:
    rows = found.rows
    screen.line(f"{found.of}, the last {_span(found)}: {_summary(total)}")
    if not total.syncs and not total.calls:
        if found.sources:
            source_facts.say_apart(found.of)
        return
    if not found.monitored:
        consent_words.say_not_kept("how many records came", found.of)
    screen.line()
    lines = {
        "syncs": sparkline.of([each.syncs or None for each in rows]),
        "good": sparkline.of([each.success_percentage for each in rows], high=100.0),
        "new records": sparkline.of([each.added or None for each in rows]),
        "half within": sparkline.of([each.p50_ms for each in rows]),
    }
    screen.show(screen.pairs(*((name, lines[name]) for name in _told(found, lines))))
    screen.line()
    columns = [
        name for name in _told(found, COLUMNS) if name in ALWAYS or _shows(COLUMNS[name](total))
    ]
    table = screen.table(_first(found), *columns, right=columns)
    for each in [each for each in rows[-SHOWN:] if _says(each)]:
        cells = [COLUMNS[name](each) for name in columns]
        table.add_row(_when(each.start, found.by), *cells, style=_colour(each))
    table.add_row("in all", *(COLUMNS[name](total) for name in columns), style="bold")
    screen.show(table)


def _show_stream(found: History, total: StreamHistoryRow) -> None:
    if not found.monitored:
        consent_words.say_not_kept(f"how much came of {found.of}", found.of)
        return
    rows = found.stream_rows
    screen.line(
        f"{found.of}, the last {_span(found)}: {times.count(total.captures, 'answer')} taken over, "
        f"{total.refusals:,} refused or held back; {times.count(total.added, 'record')} new, "
        f"{total.changed:,} changed, {total.removed:,} gone"
    )
    if not total.captures and not total.refusals:
        return
    screen.line()
    screen.show(screen.pairs(("new records", sparkline.of([each.added or None for each in rows]))))
    screen.line()
    columns = ("taken over", "refused", "records", "new", "changed", "gone", "doubles")
    table = screen.table(_first(found), *columns, right=columns)
    for each in [each for each in rows[-SHOWN:] if each.captures or each.refusals]:
        table.add_row(_when(each.start, found.by), *_stream_cells(each))
    table.add_row("in all", *_stream_cells(total), style="bold")
    screen.show(table)


def _show_reports(found: History, total: ReportHistoryRow) -> None:
    rows = found.report_rows
    records = f", {times.count(total.records, 'record')}" if found.monitored else ""
    screen.line(
        f"{found.of}, the last {_span(found)}: {times.count(total.reports, 'report')}, "
        f"which tell of {times.count(total.syncs, 'sync')}{records} "
        f"and {times.count(total.errors, 'error')}"
    )
    if not total.reports:
        return
    if not found.monitored:
        consent_words.say_not_kept("how many records they tell of", found.of)
    screen.line()
    lines = {
        "records": sparkline.of([each.records or None for each in rows]),
        "queued": sparkline.of([each.queue_depth_max for each in rows]),
    }
    screen.show(screen.pairs(*((name, lines[name]) for name in _told(found, lines))))
    screen.line()
    columns = _told(found, REPORT_COLUMNS)
    table = screen.table(_first(found), *columns, right=columns)
    for each in [each for each in rows[-SHOWN:] if each.reports]:
        cells = [REPORT_COLUMNS[name](each) for name in columns]
        style = "yellow" if each.errors else ""
        table.add_row(_when(each.start, found.by), *cells, style=style)
    table.add_row("in all", *(REPORT_COLUMNS[name](total) for name in columns), style="bold")
    screen.show(table)


def _told(found: History, names: Iterable[str]) -> list[str]:
    """Those of what can be told that are no details, or are kept."""
    return [each for each in names if found.monitored or each not in DETAILS]


def _span(found: History) -> str:
    count = len(found.rows) or len(found.stream_rows) or len(found.report_rows)
    return f"{count:,} {found.by}s" if count > 1 else found.by


def _summary(total: HistoryRow) -> str:
    if not total.syncs and not total.calls:
        return "nothing has run"
    good = "" if total.success_percentage is None else f", {total.success_percentage:g} % good"
    parts = [f"{times.count(total.syncs, 'sync')}{good}"]
    if total.uptime_percentage is not None:
        parts.append(f"up {total.uptime_percentage:g} %")
    if causes := sorted(total.failures.items(), key=lambda each: -each[1]):
        parts.append("failed: " + ", ".join(f"{count:,} {cause}" for cause, count in causes))
    ends = ((total.cancelled, "cancelled"), (total.interrupted, "interrupted"))
    if ended := [f"{count:,} {how}" for count, how in ends if count]:
        parts.append(", ".join(ended))
    if total.retries:
        parts.append(f"of {total.retries:,} retried {total.retries_succeeded:,} succeeded")
    return "; ".join(parts)


def _says(row: HistoryRow) -> bool:
    return bool(row.syncs or row.skipped or row.calls or row.calls_failed or row.refreshes)


def _stream_cells(row: StreamHistoryRow) -> list[str]:
    numbers = (row.captures, row.refusals, row.records, row.added, row.changed, row.removed)
    return [f"{each:,}" if each else "" for each in (*numbers, row.duplicates)]


def _number(number: int) -> str:
    return f"{number:,}" if number else ""


def _duration(number_ms: int | None) -> str:
    return "" if number_ms is None else times.milliseconds(number_ms)


def _shows(cell: str) -> bool:
    """Whether there is room for what is not always shown, and something to be shown."""
    return bool(cell) and screen.width() >= WIDE


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1f} %"


def _colour(row: HistoryRow) -> str:
    share = row.success_percentage
    if share is None or share >= GOOD:
        return ""
    return "yellow" if share >= BAD else "red"


def _first(found: History) -> str:
    return "day (UTC)" if found.by == "day" else "hour"


def _when(start: datetime, by: str) -> str:
    if by == "day":
        return start.strftime("%Y-%m-%d")
    return start.astimezone().strftime("%Y-%m-%d %H:%M")


COLUMNS: Mapping[str, Callable[[HistoryRow], str]] = {
    "syncs": lambda row: f"{row.syncs:,}",
    "failed": lambda row: _number(row.failed),
    "good": lambda row: _percent(row.success_percentage),
    "new": lambda row: _number(row.added),
    "changed": lambda row: _number(row.changed),
    "gone": lambda row: _number(row.removed),
    "half in": lambda row: _duration(row.p50_ms),
    "95 % in": lambda row: _duration(row.p95_ms),
    "up": lambda row: _percent(row.uptime_percentage),
    "calls": lambda row: _number(row.calls + row.calls_failed),
    "tokens": lambda row: _number(row.refreshes),
    "kept back": lambda row: _duration(row.limit_wait_s * 1000 or None),
}
REPORT_COLUMNS: Mapping[str, Callable[[ReportHistoryRow], str]] = {
    "reports": lambda row: _number(row.reports),
    "syncs": lambda row: _number(row.syncs),
    "records": lambda row: _number(row.records),
    "errors": lambda row: _number(row.errors),
    "duration": lambda row: _duration(row.duration_ms or None),
    "size": lambda row: times.size(row.bytes) if row.bytes else "",
    "queued": lambda row: "" if row.queue_depth_max is None else f"{row.queue_depth_max:,}",
}
ALWAYS = frozenset({"syncs", "failed", "good", "new", "half in", "95 % in", "up", "calls"})
DETAILS = frozenset({"new records", "new", "changed", "gone", "records"})
"""What is left out where a tenant does not consent to detailed monitoring."""
