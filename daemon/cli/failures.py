"""What did failures cost, and what were retries worth?"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from daemon.cli import client, failure_log, screen, source_facts, times
from daemon.cli.arguments import as_json, examples, known
from daemon.cli.ending import Ended, Exit
from daemon.control.failure_messages import DAYS_MAX, FailureCost, Failures
from events.terms import FailureClass


@click.command(
    epilog=examples(
        "rounds failures acme",
        "rounds failures acme/weather --days 7 --json",
        "rounds failures acme/weather --list --cause server",
        "rounds failures acme/weather --event 1204",
    )
)
@click.argument("whose", metavar="TENANT[/PROVIDER...]", shell_complete=known)
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=30,
    show_default=True,
    help="How many days back.",
)
@click.option("--list", "lists", is_flag=True, help="One by one instead, the newest first.")
@click.option("--stream", metavar="NAME", help="With --list: of this stream alone.")
@click.option(
    "--cause",
    type=click.Choice([each.value for each in FailureClass]),
    metavar="CLASS",
    help="With --list: of this class alone.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="With --list: how many at most.",
)
@click.option(
    "--event", type=click.IntRange(1), metavar="NUMBER", help="One, and what the provider said."
)
@as_json
@click.pass_obj
def failures(
    socket: Path | None,
    *,
    whose: str,
    days: int,
    lists: bool,
    stream: str | None,
    cause: str | None,
    limit: int,
    event: int | None,
    as_json: bool,
) -> None:
    """Show which failures a tenant or a connection had, what they cost, and what retries saved.

    Under `streams` stands how often one failed alone, so that its sync did not. A retry saves what
    would else have failed until its next turn; one that fails again was wasted. What a provider
    said, without secrets, is shown to operators and admins, and that it was is written down.
    """
    named = "connection" if "/" in whose else "tenant"
    wish: dict[str, str | int | None] = {named: whose, "days": days}
    if event is not None:
        if named == "tenant":
            raise Ended(Exit.USAGE, "name the connection whose failure it is: TENANT/PROVIDER")
        failure_log.shown(socket, whose, event, as_json=as_json)
        return
    if lists:
        wish |= {"stream": stream, "cause": cause}
        failure_log.listed(socket, wish, limit, as_json=as_json)
        return
    if stream is not None or cause is not None:
        raise Ended(Exit.USAGE, "--stream and --cause go with --list")
    answer = client.reach(socket).get("get-retry-analytics", **wish)
    if as_json:
        screen.document(answer)
        return
    show(client.read(answer, Failures))


def show(found: Failures) -> None:
    """What cost most and what retries were worth, in a line, and a row for each class."""
    span = times.count(found.days, "day")
    if not found.classes:
        screen.line(f"{found.of}: nothing failed in the last {span}")
        if found.sources:
            source_facts.say_apart(found.of)
        return
    screen.line(f"{found.of}, the last {span}: {_summary(found)}")
    screen.line()
    right = ("failed", "took", "streams", "retries", "saved", "after", "wasted", "took")
    table = screen.table("class", *right, right=right)
    for each in found.classes:
        table.add_row(each.cause, *_cells(each))
    screen.show(table)


def _summary(found: Failures) -> str:
    if not any(each.failed for each in found.classes):
        return f"no sync failed whole; {_alone(found)}{_tried(found.classes)}"
    dearest = max(found.classes, key=lambda each: each.failed_ms)  # retries are in it
    return f"{dearest.cause} cost most; {_tried(found.classes)}"


def _alone(found: Failures) -> str:
    """What failed of syncs that did not; only retries of what is longer ago leave nothing."""
    often = sum(each.streams for each in found.classes)
    if not often:
        return ""
    return f"a stream did {'once' if often == 1 else f'{often:,} times'} (--list shows that); "


def _tried(classes: Sequence[FailureCost]) -> str:
    """What came of retries; those that have not ended say nothing yet."""
    coming = sum(each.open for each in classes)
    ended = sum(each.retries for each in classes) - coming
    left = f", {coming:,} {'is' if coming == 1 else 'are'} still to come" if coming else ""
    if not ended:
        return f"nothing was tried again{' yet' if coming else ''}{left}"
    saved, wasted = sum(each.saved for each in classes), sum(each.wasted for each in classes)
    return f"of {ended:,} retried {saved:,} saved a sync, {wasted:,} failed again{left}"


def _cells(row: FailureCost) -> list[str]:
    ended = row.retries - row.open
    after = "" if row.recovered_s is None else times.about(timedelta(seconds=row.recovered_s))
    return [
        f"{row.failed:,}",
        times.milliseconds(row.failed_ms) if row.failed_ms else "",
        f"{row.streams:,}" if row.streams else "",
        f"{ended:,}" if ended else "",
        f"{row.saved:,}" if row.saved else "",
        after,
        f"{row.wasted:,}" if row.wasted else "",
        times.milliseconds(row.wasted_ms) if row.wasted_ms else "",
    ]
