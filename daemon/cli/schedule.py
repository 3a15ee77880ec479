"""When does each connection start next, and what holds it back?"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from daemon.cli import adaptive_words, asof, client, held_words, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.whose import query, whose
from daemon.control.rotation_messages import NextProvider, Schedule, ScheduleRow

TENANTS_SHOWN = 10  # whose next provider is said; for the others one names the tenant


@click.command(epilog=examples("rounds schedule", "rounds schedule acme --at -2h"))
@whose
@when.at
@as_json
@click.pass_obj
def schedule(socket: Path | None, whose: str | None, at: str | None, as_json: bool) -> None:
    """Show when each connection starts next, what holds it back, and which provider is next.

    With --at, as it was to be then.
    """
    answer = client.reach(socket).get("schedule", **query(whose), **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Schedule)
    asof.say(at, found.seq, found.now)
    if not found.rows:
        screen.line("there are no connections yet; `rounds connection add` adds one")
        return
    show(found)


def show(found: Schedule) -> None:
    """A line a connection, and who is next of each tenant."""
    screen.show(_table(found.rows, found.now))
    if found.next:
        screen.line()
    screen.show(screen.pairs(*(_next(each, found.now) for each in found.next[:TENANTS_SHOWN])))
    if len(found.next) > TENANTS_SHOWN:
        screen.line(f"and {len(found.next) - TENANTS_SHOWN:,} tenants more; name one to see")


def _table(rows: Sequence[ScheduleRow], now: datetime) -> screen.Part:
    table = screen.table(
        "connection",
        "next start",
        "every",
        "held back by",
        "attempt",
        "last result",
        right=("attempt",),
        folds=("connection", "every", "held back by", "last result"),
    )
    for each in rows:
        table.add_row(
            each.connection,
            _start(each, now),
            _every(each),
            held_words.short(each.held_by, each.held_until, now),
            str(each.attempt or ""),
            _last(each, now),
            style=_colour(each),
        )
    return table


def _every(row: ScheduleRow) -> str:
    """An interval; or between which ones, and when something new usually comes."""
    if row.adaptive is None:
        return times.every(row.interval, row.stream_intervals)
    least, most = times.exact(row.adaptive.least, 2), times.exact(row.adaptive.most, 2)
    learnt = row.adaptive.learnt
    why = f"; {adaptive_words.learnt(learnt)}" if learnt else "; adaptive"
    return f"{least} to {most}{why}"


def _start(row: ScheduleRow, now: datetime) -> str:
    if row.next_start is None:
        return "running" if row.status == "running" else ""
    return "due" if row.next_start <= now else times.relative(row.next_start, now)


def _last(row: ScheduleRow, now: datetime) -> str:
    return f"{row.last} {times.relative(row.last_at, now)}" if row.last and row.last_at else "none"


def _colour(row: ScheduleRow) -> str:
    if row.held_by in held_words.LASTING:
        return "dim"
    if row.held_by in {"breaker", "crashed"}:
        return "red"
    return "yellow" if row.held_by == "to-be-authorised" or row.attempt else ""


def _next(of: NextProvider, now: datetime) -> tuple[str, str]:
    if of.provider is None:
        return f"{of.tenant}, next", "none: nothing may start"
    when = "" if of.at is None else "due" if of.at <= now else times.relative(of.at, now)
    if of.running:
        when = f"runs now, {f'next turn {when}' if when else 'and nothing comes after it'}"
    return f"{of.tenant}, next", f"{of.provider} ({of.connection}, {when})"
