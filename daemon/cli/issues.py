"""What is wrong, since when, and what does one type about it?"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from daemon import issue_words
from daemon.cli import asof, client, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from daemon.cli.whose import query, whose
from daemon.control.issue_messages import IssueList, IssueView
from events.issues import IssueKind, Severity

KINDS = tuple(each.value for each in IssueKind)
SEVERITIES = tuple(each.value for each in Severity)
COLOURS = {"critical": "red", "major": "yellow", "minor": ""}
NONE = "nothing is wrong"
HELPS_SHOWN = 20  # a screen of them


@click.command(
    epilog=examples(
        "rounds issues",
        "rounds issues acme --severity critical",
        "rounds issues acme/weather --closed",
        "rounds issues acme --threshold-hours 24",
        "rounds issues --json | jq -r '.issues[].command'",
    )
)
@whose
@click.option("--tenant", metavar="NAME", help="The same as TENANT.")
@click.option("--kind", type=click.Choice(KINDS), help="Only these.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only these.")
@click.option("--closed", is_flag=True, help="Also the last that are none any more.")
@click.option(
    "--threshold-hours",
    type=click.FloatRange(min=0, max=876_600, min_open=True),
    metavar="H",
    help="Look anew: what had no success for so many hours is stale. Nothing is recorded.",
)
@when.at
@as_json
@click.pass_obj
def issues(
    socket: Path | None,
    *,
    whose: str | None,
    tenant: str | None,
    kind: str | None,
    severity: str | None,
    closed: bool,
    threshold_hours: float | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Show what is wrong, the gravest first, since when, and what helps.

    Of everything, of a tenant, or of one connection, with the events that show it and the
    threshold it was judged by (`rounds policy show` has them all). With --at, what was wrong then.
    """
    if tenant is not None and whose not in (None, tenant):
        raise Ended(Exit.USAGE, "name a tenant or a connection once, not twice")
    asked = {**query(whose or tenant), **asof.query(at)}
    daemon = client.reach(socket)
    if threshold_hours is None:
        only = {"kind": kind, "severity": severity, "closed": "true" if closed else None}
        answer = daemon.get("issues", **asked, **only)
    else:
        _check(whose or tenant, kind or severity or closed)
        answer = daemon.get("detect-sync-issues", **asked, threshold_hours=str(threshold_hours))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, IssueList)
    asof.say(at, found.seq, found.now)
    _show(found, single=whose is not None and "/" in whose)


def _check(of: str | None, narrowed: object) -> None:
    if of is None:
        raise Ended(Exit.USAGE, "name a tenant or a connection beside --threshold-hours")
    if narrowed:
        raise Ended(Exit.USAGE, "--threshold-hours shows all that it finds: leave the others out")


def _show(found: IssueList, *, single: bool) -> None:
    if not found.issues:
        screen.line(NONE, "green")
    elif single:
        for count, each in enumerate(found.issues):
            _show_one(each, found.now, count)
    else:
        screen.show(_table(found.issues, found.now))
        _say_what_helps(found.issues)
    if found.left_off:
        screen.line(f"and {found.left_off:,} more; name a tenant, or take --kind")


def _table(found: Sequence[IssueView], now: datetime) -> screen.Part:
    table = screen.table("severity", "what", "since", "why", folds=("what", "why"))
    for each in found:
        table.add_row(
            each.severity if each.closed is None else "closed",
            f"{each.name}{f' {each.stream}' if each.stream else ''}: {each.kind}",
            times.relative(each.since, now),
            screen.printable(each.sentence),
            style=COLOURS[each.severity] if each.closed is None else "dim",
        )
    return table


def _say_what_helps(found: Sequence[IssueView]) -> None:
    """What to type, the gravest first: below the table, so that no line of it is broken."""
    lines = [*dict.fromkeys(each.command for each in found if each.closed is None)]
    if lines:
        screen.line()
    for line in lines[:HELPS_SHOWN]:
        screen.line(f"    {line}", "cyan")
    if len(lines) > HELPS_SHOWN:
        screen.line(f"    and {len(lines) - HELPS_SHOWN:,} more: name one, or take --json")


def _show_one(of: IssueView, now: datetime, count: int) -> None:
    """With the events that show it, and by what it was judged."""
    if count:
        screen.line()
    word = of.severity if of.closed is None else "closed"
    screen.line(f"{of.kind}{f' ({of.stream})' if of.stream else ''}: {word}", COLOURS[of.severity])
    facts = [
        ("of", of.name),
        ("why", of.sentence),
        ("since", f"{times.local(of.since)} ({times.relative(of.since, now)})"),
        ("events", ", ".join(map(str, of.evidence))),
        ("judged by", of.judged),
        ("opened", _event(of.issue, of.opened_at)),
        ("closed", _ended(of)),
        ("type", of.command if of.closed is None else ""),
    ]
    screen.show(screen.pairs(*((name, text) for name, text in facts if text)))


def _event(number: int | None, at: datetime | None) -> str:
    return "" if number is None or at is None else f"{times.local(at)}, event {number}"


def _ended(of: IssueView) -> str:
    why = f" ({issue_words.ENDS[of.reason]})" if of.reason else ""
    return f"{_event(of.closed, of.closed_at)}{why}" if of.closed else ""
