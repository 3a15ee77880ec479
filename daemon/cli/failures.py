"""What did failures cost, and what were retries worth?"""

from datetime import timedelta
from pathlib import Path

import click

from daemon.cli import client, screen, times
from daemon.cli.arguments import as_json, examples, known
from daemon.control.failure_messages import DAYS_MAX, FailureCost, Failures


@click.command(
    epilog=examples("rounds failures acme", "rounds failures acme/weather --days 7 --json")
)
@click.argument("whose", metavar="TENANT[/PROVIDER...]", shell_complete=known)
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=30,
    show_default=True,
    help="How many days back.",
)
@as_json
@click.pass_obj
def failures(socket: Path | None, *, whose: str, days: int, as_json: bool) -> None:
    """Show which failures a tenant or a connection had, what they cost, and what retries saved.

    A retry saves a sync that would else have failed until its next turn; one that fails again was
    wasted.
    """
    named = "connection" if "/" in whose else "tenant"
    wish: dict[str, str | int | None] = {named: whose, "days": days}
    answer = client.reach(socket).get("get-retry-analytics", **wish)
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Failures)
    if not found.classes:
        screen.line(f"{found.of}: nothing failed in the last {times.count(found.days, 'day')}")
        return
    screen.line(f"{found.of}, the last {times.count(found.days, 'day')}: {_summary(found)}")
    screen.line()
    right = ("failed", "took", "retries", "saved", "wasted", "saved after", "waste took")
    table = screen.table("class", *right, right=right)
    for each in found.classes:
        table.add_row(each.cause, *_cells(each))
    screen.show(table)


def _summary(found: Failures) -> str:
    dearest = max(found.classes, key=lambda each: each.failed_ms + each.wasted_ms)
    retries = sum(each.retries for each in found.classes)
    saved = sum(each.saved for each in found.classes)
    wasted = sum(each.wasted for each in found.classes)
    tried = (
        f"of {retries:,} retried {saved:,} saved a sync, {wasted:,} failed again"
        if retries
        else "nothing was tried again"
    )
    return f"{dearest.cause} cost most; {tried}"


def _cells(row: FailureCost) -> list[str]:
    after = "" if row.recovered_s is None else times.about(timedelta(seconds=row.recovered_s))
    return [
        f"{row.failed:,}",
        times.milliseconds(row.failed_ms) if row.failed_ms else "",
        f"{row.retries:,}" if row.retries else "",
        f"{row.saved:,}" if row.saved else "",
        f"{row.wasted:,}" if row.wasted else "",
        after,
        times.milliseconds(row.wasted_ms) if row.wasted_ms else "",
    ]
