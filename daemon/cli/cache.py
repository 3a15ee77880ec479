"""Which answers to programs are kept, and how does one give them up?"""

from datetime import datetime
from pathlib import Path

import click

from daemon.cli import arguments, client, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.lazy import LazyGroup
from daemon.control.gateway_messages import CacheDropped, CacheOf, KeptAnswers, KeptView

PLACES = {"list": "daemon.cli.cache:list_", "drop": "daemon.cli.cache:drop"}
USES = {
    "fresh": "as good as new",
    "stale": "given, and asked anew",
    "old": "given if no other can be had",
    "none": "too old",
}


@click.group(cls=LazyGroup, places=PLACES)
def cache() -> None:
    """Show what is kept of providers' answers to `rounds request`, and give it up."""


@click.command(epilog=examples("rounds cache list", "rounds cache list acme/github"))
@arguments.optional_connection
@as_json
@click.pass_obj
def list_(socket: Path | None, connection: str | None, as_json: bool) -> None:
    """Show how much is kept of which connection, or the answers of CONNECTION by their paths.

    A path is kept without its query: answers that differ by theirs are counted together.
    About 1 KB of each size is for what is known of the answer beside its body.
    """
    daemon = client.reach(socket)
    answer = daemon.get("cache", connection=connection)
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, KeptAnswers)
    if connection is not None:
        _answers(found.answers, daemon.now())
        return
    table = screen.table("connection", "answers", "size", right=("answers", "size"))
    for each in found.connections:
        table.add_row(each.connection, f"{each.answers:,}", times.size(each.bytes))
    if found.connections:
        screen.show(table)
    screen.line(f"{times.size(found.bytes)} kept of at most {times.size(found.bytes_max)}")


@click.command(
    epilog=examples("rounds cache drop acme/github", "rounds cache drop acme/github --path /user")
)
@arguments.connection
@click.option("--path", metavar="PATH", help="Only what lies there and below.")
@as_json
@click.pass_obj
def drop(socket: Path | None, connection: str, path: str | None, as_json: bool) -> None:
    """Give up what is kept of CONNECTION: the next reads are its provider's own."""
    answer = client.reach(socket).post("cache-drop", CacheOf(connection=connection, path=path))
    if as_json:
        screen.document(answer)
        return
    count = client.read(answer, CacheDropped).answers
    screen.line(f"{connection}: {times.count(count, 'answer')} dropped")


def _answers(answers: list[KeptView], now: datetime) -> None:
    if not answers:
        screen.line("nothing is kept of it")
        return
    table = screen.table("path", "last good", "it is", "size", right=("size",), folds=("path",))
    for each in answers:
        use = "put in doubt by a write; " * each.doubted + USES[each.use]
        several = f" ({each.answers:,} answers)" if each.answers > 1 else ""
        table.add_row(
            each.path + several, times.relative(each.at, now), use, times.size(each.bytes)
        )
    screen.show(table)
