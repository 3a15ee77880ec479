"""Which breakers are open, and how does one move them by hand?"""

from datetime import datetime
from pathlib import Path

import click

from daemon import retirement_words
from daemon.cli import asof, client, screen, times, when
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.cli.policy_words import OPENED
from daemon.control.messages import Done
from daemon.control.policy_messages import BreakerOf, Breakers, BreakerView
from events.breakers import BreakerReason

PLACES = {
    "list": "daemon.cli.breaker:list_",
    "open": "daemon.cli.breaker:open_",
    "close": "daemon.cli.breaker:close",
    "reset": "daemon.cli.breaker:reset",
}
COLOURS = {"open": "red", "half-open": "yellow", "closed": ""}

connection = click.argument("connection", required=False)
provider = click.option("--provider", metavar="NAME", help="The breaker of a provider instead.")


@click.group(cls=LazyGroup, places=PLACES)
def breaker() -> None:
    """Show the breakers, and open, close or reset one by hand.

    An open breaker keeps a connection, or all of a provider's, from asking what does not answer.
    """


@click.command(epilog=examples("rounds breaker list", "rounds breaker list --at 14:00"))
@when.at
@as_json
@click.pass_obj
def list_(socket: Path | None, at: str | None, as_json: bool) -> None:
    """Show every provider's breaker, and those of connections that are not closed.

    `failed` is how many of the last twenty syncs failed, of those that say something about the
    provider: limits that were hit, and credentials that were refused, do not.
    """
    answer = client.reach(socket).get("breakers", **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    told = client.read(answer, Breakers)
    found, now = told.breakers, told.now
    asof.say(at, told.seq, now)
    if not found:
        screen.line("there are no breakers yet: no provider has a connection")
        return
    columns = ("breaker", "state", "why", "until", "syncs failed", "opened")
    table = screen.table(*columns, right=("opened",), folds=("why",))
    for each in found:
        table.add_row(
            each.name,
            each.state,
            _why(each),
            _until(each, now) if each.reason else "",
            f"{each.failed} of {each.told}" if each.told else "",
            times.count(each.openings, "time") if each.openings else "",
            style=COLOURS[each.state],
        )
    screen.show(table)


@click.command(
    name="open",
    epilog=examples("rounds breaker open acme/weather", "rounds breaker open --provider weather"),
)
@connection
@provider
@as_json
@click.pass_obj
def open_(socket: Path | None, connection: str | None, provider: str | None, as_json: bool) -> None:
    """Let nothing start until somebody closes it. What runs goes on."""
    _move(socket, "breaker-open", connection, provider, as_json=as_json)


@click.command(epilog=examples("rounds breaker close acme/weather"))
@connection
@provider
@as_json
@click.pass_obj
def close(socket: Path | None, connection: str | None, provider: str | None, as_json: bool) -> None:
    """Close it now, also where the provider was switched off. It can open again by itself."""
    _move(socket, "breaker-close", connection, provider, as_json=as_json)


@click.command(epilog=examples("rounds breaker reset --provider weather"))
@connection
@provider
@as_json
@click.pass_obj
def reset(socket: Path | None, connection: str | None, provider: str | None, as_json: bool) -> None:
    """Let it forget everything, as if it were new."""
    _move(socket, "breaker-reset", connection, provider, as_json=as_json)


def _move(
    socket: Path | None,
    operation: str,
    connection: str | None,
    provider: str | None,
    *,
    as_json: bool,
) -> None:
    if (connection is None) == (provider is None):
        raise Ended(Exit.USAGE, "name a connection, or --provider NAME")
    wish = BreakerOf(connection=connection, provider=provider)
    answer = client.reach(socket).post(operation, wish)
    if as_json:
        screen.document(answer)
    else:
        screen.line(f"{connection or provider}: {client.read(answer, Done).message}")


def _why(of: BreakerView) -> str:
    if not of.reason:
        return ""
    way = f"; type: {retirement_words.way_on(of.name, of.successor)}" if of.successor else ""
    return OPENED[BreakerReason(of.reason)] + way


def _until(of: BreakerView, now: datetime) -> str:
    if of.until is None:
        return "closed by hand"
    return times.relative(of.until, now) if of.until > now else "the next sync or call"
