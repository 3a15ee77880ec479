"""Which sources report from outside the host, and how does one come and go?"""

from pathlib import Path

import click

from daemon.cli import arguments, asof, client, screen, source_words, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Done
from daemon.control.source_messages import (
    DaySums,
    SourceAnswer,
    SourceList,
    SourceName,
    SourceToken,
    SourceView,
    SourceWish,
)
from daemon.source_file import PATTERNS
from events.sources import Expectation, Figures, Pattern

PLACES = {
    "list": "daemon.cli.source:list_",
    "show": "daemon.cli.source:show",
    "add": "daemon.cli.source:add",
    "set": "daemon.cli.source:set_",
    "token": "daemon.cli.source:token",
    "remove": "daemon.cli.source:remove",
}
COLOURS = {"fresh": "", "due": "", "late": "red"}
DAYS_SHOWN = 7


def known(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The sources that the typed text may mean, for the shell to complete."""
    try:
        found = client.reach(ctx.find_root().params.get("socket")).get("sources")
        names = [each.source for each in client.read(found, SourceList).sources]
    except Ended:
        return []
    return [name for name in names if name.startswith(typed)]


name = click.argument("source", shell_complete=known)
pattern = click.option(
    "--pattern",
    type=click.Choice([str(each) for each in PATTERNS]),
    help="What it is, which says when it can be expected to report.",
)
every = click.option(
    "--expected-every",
    metavar="SPAN",
    callback=arguments.checked_span,
    help="When a report is due: 2h.",
)
late = click.option(
    "--late-after",
    metavar="SPAN",
    callback=arguments.checked_span,
    help="When it is late: 10h, 14d.",
)
night = click.option(
    "--night/--no-night",
    default=None,
    help="Whether it may say nothing at night, where its tenant is.",
)


@click.group(cls=LazyGroup, places=PLACES)
def source() -> None:
    """Show what reports its own figures from outside the host, and let more of it do so.

    A source is named tenant/source: a phone's calls, its messages, uploads by hand.
    """


@click.command(epilog=examples("rounds source list", "rounds source list --tenant alice"))
@click.option("--tenant", metavar="NAME", help="Only this tenant's.")
@when.at
@as_json
@click.pass_obj
def list_(socket: Path | None, tenant: str | None, at: str | None, as_json: bool) -> None:
    """List sources, with what they reported last and whether they are late.

    With --at, as they stood then.
    """
    answer = client.reach(socket).get("sources", tenant=tenant, **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, SourceList)
    asof.say(at, found.seq, found.now)
    if not found.sources:
        none = "there were no sources then" if at else "there are no sources yet"
        screen.line(none if at else f"{none}; `rounds source add` adds one")
        return
    columns = ("source", "pattern", "reports", "last report", "queued", "oldest", "last said")
    table = screen.table(*columns, right=("queued",), folds=("source", "last said"))
    for each in found.sources:
        table.add_row(
            each.source,
            str(each.pattern),
            each.punctuality,
            times.relative(each.reported_at, found.now) if each.reported_at else "never",
            "" if each.queue_depth is None else f"{each.queue_depth:,}",
            times.relative(each.oldest, found.now) if each.oldest else "",
            _said(each),
            style=COLOURS[each.punctuality],
        )
    screen.show(table)


@click.command(epilog=examples("rounds source show alice/phone-calls"))
@name
@when.at
@as_json
@click.pass_obj
def show(socket: Path | None, source: str, at: str | None, as_json: bool) -> None:
    """Show everything about SOURCE: what is expected of it, what it said last, and its days.

    With --at, as it stood then.
    """
    answer = client.reach(socket).get("source", source=source, **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, SourceAnswer)
    of, now = found.source, found.now
    asof.say(at, found.seq, now)
    token = f"set {times.relative(of.token_set, now)}" if of.token_set else "none"
    facts = [
        ("source", of.source),
        ("expected", source_words.expected(_expectation(of))),
        ("by", "the configuration" if of.declared else "a command"),
        ("token", token if of.token_set or at else f"none; type: rounds source token {source}"),
        ("last report", times.relative(of.reported_at, now) if of.reported_at else "never"),
        ("reports", _punctuality(of, found)),
    ]
    figures = _figures(of)
    facts += [(each, text) for each, text in source_words.figure_words(figures) if each != "queue"]
    if of.queue_depth is not None and of.queue_at is not None:
        facts.append(("queued", _queue(of, found)))
    screen.show(screen.pairs(*facts, colour=""))
    if found.days:
        screen.line()
        screen.show(_days(found.days[:DAYS_SHOWN]))


@click.command(
    epilog=examples(
        "rounds source add alice/phone-calls --pattern android",
        "rounds source add alice/receipts --pattern manual --late-after 45d",
    )
)
@name
@pattern
@every
@late
@night
@as_json
@click.pass_obj
def add(
    socket: Path | None,
    *,
    source: str,
    pattern: str | None,
    expected_every: str | None,
    late_after: str | None,
    night: bool | None,
    as_json: bool,
) -> None:
    """Let SOURCE report. What is not given is as its pattern says."""
    wish = SourceWish(
        source=source,
        pattern=Pattern(pattern) if pattern else None,
        expected_every=expected_every,
        late_after=late_after,
        night=night,
    )
    _do(socket, "source-add", wish, as_json=as_json)


@click.command(name="set", epilog=examples("rounds source set alice/phone-calls --late-after 24h"))
@name
@pattern
@every
@late
@night
@as_json
@click.pass_obj
def set_(
    socket: Path | None,
    *,
    source: str,
    pattern: str | None,
    expected_every: str | None,
    late_after: str | None,
    night: bool | None,
    as_json: bool,
) -> None:
    """Expect something else of SOURCE. What is not given stays; another pattern brings its own."""
    wish = SourceWish(
        source=source,
        pattern=Pattern(pattern) if pattern else None,
        expected_every=expected_every,
        late_after=late_after,
        night=night,
    )
    _do(socket, "source-set", wish, as_json=as_json)


@click.command(epilog=examples("rounds source token alice/phone-calls"))
@name
@as_json
@click.pass_obj
def token(socket: Path | None, source: str, as_json: bool) -> None:
    """Print a new token, with which SOURCE reports over the port for reports.

    It is shown this once, and the one before it is void from now on.
    """
    answer = client.reach(socket).post("source-token", SourceName(source=source))
    if as_json:
        screen.document(answer)
        return
    screen.line(client.read(answer, SourceToken).token)
    screen.remark(
        f"this is shown once: give it to {source}, as `Authorization: Bearer`; if it gets lost, "
        "type this again"
    )


@click.command(epilog=examples("rounds source remove alice/phone-calls"))
@name
@as_json
@click.pass_obj
def remove(socket: Path | None, source: str, as_json: bool) -> None:
    """Let SOURCE report no more. What it reported is kept."""
    _do(socket, "source-remove", SourceName(source=source), as_json=as_json)


def _do(
    socket: Path | None, operation: str, wish: SourceWish | SourceName, *, as_json: bool
) -> None:
    answer = client.reach(socket).post(operation, wish)
    if as_json:
        screen.document(answer)
    else:
        screen.line(f"{wish.source}: {client.read(answer, Done).message}")


def _expectation(of: SourceView) -> Expectation:
    return Expectation(
        pattern=of.pattern, every=of.expected_every, late_after=of.late_after, night=of.night
    )


def _figures(of: SourceView) -> Figures:
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


def _said(of: SourceView) -> str:
    return ", ".join(text for _, text in source_words.figure_words(_figures(of)))


def _punctuality(of: SourceView, found: SourceAnswer) -> str:
    if of.punctuality == "late":
        return (
            f"late since {times.local(of.late_at)}; open its app, and look whether it is logged in"
        )
    word = "are due" if of.punctuality == "due" else "are fresh"
    return f"{word}; late {times.relative(of.late_at, found.now)}"


def _queue(of: SourceView, found: SourceAnswer) -> str:
    oldest = f", the oldest from {times.relative(of.oldest, found.now)}" if of.oldest else ""
    assert of.queue_at is not None, "whoever told a depth told when"
    return f"{of.queue_depth:,}{oldest} (as of {times.relative(of.queue_at, found.now)})"


def _days(days: list[DaySums]) -> screen.Part:
    columns = ("day (UTC)", "reports", "syncs", "records", "errors", "duration", "size")
    table = screen.table(*columns, right=columns[1:])
    for each in days:
        counts = (each.reports, each.syncs, each.records, each.errors)
        table.add_row(
            each.day.isoformat(),
            *(f"{number:,}" for number in counts),
            times.milliseconds(each.duration_ms) if each.duration_ms else "",
            times.size(each.bytes) if each.bytes else "",
        )
    return table
