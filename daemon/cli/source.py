"""Which sources report from outside the host, and how does one come and go?"""

from pathlib import Path

import click

from daemon.cli import arguments, asof, client, consent_words, screen, source_facts, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Done
from daemon.control.source_messages import (
    SourceAnswer,
    SourceList,
    SourceName,
    SourceToken,
    SourceWish,
)
from daemon.source_file import PATTERNS
from events.sources import Pattern

PLACES = {
    "list": "daemon.cli.source:list_",
    "show": "daemon.cli.source:show",
    "add": "daemon.cli.source:add",
    "set": "daemon.cli.source:set_",
    "token": "daemon.cli.source:token",
    "remove": "daemon.cli.source:remove",
}
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
    screen.show(source_facts.table(found.sources, found.now))


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
    asof.say(at, found.seq, found.now)
    screen.show(screen.pairs(*source_facts.facts(found, then=at is not None)))
    if found.days:
        screen.line()
        if not found.monitored:
            consent_words.say_not_kept("how many records a day told of", source)
        screen.show(source_facts.days(found.days[:DAYS_SHOWN], records=found.monitored))


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
