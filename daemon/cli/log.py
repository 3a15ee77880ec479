"""What happened, and what happens?"""

from pathlib import Path

import click
import msgspec

from daemon.cli import client, screen, times, words
from daemon.cli.arguments import as_json, connection_option, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Events, EventView, LogStats

PLACES = {
    "tail": "daemon.cli.log:tail",
    "show": "daemon.cli.log:show",
    "verify": "daemon.cli.verify:verify",
    "export": "daemon.cli.export:export",
    "stats": "daemon.cli.log:stats",
}
PAGE = 500  # events asked for at once


@click.group(cls=LazyGroup, places=PLACES)
def log() -> None:
    """Follow, show, verify and export the log of everything that happened."""


@click.command(
    epilog=examples(
        "rounds log tail",
        "rounds log tail --after 0 --connection acme/weather",
        "rounds log tail --json | jq -c 'select(.event.type == \"sync-failed\")'",
    )
)
@click.option("--after", type=click.IntRange(0), metavar="N", help="Begin after event N.")
@connection_option
@as_json
@click.pass_obj
def tail(socket: Path | None, after: int | None, connection: str | None, as_json: bool) -> None:
    """Follow the log until Ctrl-C, from now on or after an event.

    With --json, one event a line.
    """
    daemon = client.reach(socket)
    head = _head(daemon, connection)
    width = 0
    begin = head if after is None else after
    for answer in daemon.follow("tail", _again, after=begin, connection=connection):
        if as_json:
            screen.document(answer)
            continue
        view = client.read(answer, EventView)
        width = max(width, len(view.name))
        screen.line(words.line(view, width), words.tone(view.event))


@click.command(
    epilog=examples(
        "rounds log show",
        "rounds log show 12",
        "rounds log show --after 0 --limit 1000 --connection acme/weather",
    )
)
@click.argument("number", type=click.IntRange(1), required=False, metavar="[N]")
@click.option("--after", type=click.IntRange(0), metavar="N", help="Begin after event N.")
@connection_option
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most."
)
@as_json
@click.pass_obj
def show(
    socket: Path | None,
    *,
    number: int | None,
    after: int | None,
    connection: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show event N whole, or the last events, or those after one.

    With --json, one event a line.
    """
    if number is not None and (after is not None or connection is not None):
        raise Ended(Exit.USAGE, "an event's number goes with neither --after nor --connection")
    daemon = client.reach(socket)
    if number is not None:
        _show_one(daemon, number, as_json=as_json)
        return
    found = _read(daemon, after, connection, limit)
    if as_json:
        for each in found:
            screen.document(msgspec.json.encode(each))
        return
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        screen.line(words.line(each, width), words.tone(each.event))


@click.command(epilog=examples("rounds log stats"))
@as_json
@click.pass_obj
def stats(socket: Path | None, as_json: bool) -> None:
    """Show how large the log is, and what it holds."""
    answer = client.reach(socket).get("log-stats")
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, LogStats)
    facts = [
        ("events", f"{found.seq:,}"),
        ("size", times.size(found.bytes)),
        ("head", f"{found.seq}:{found.head}"),
    ]
    if found.unwritten:
        facts.insert(1, ("not on disk yet", f"{found.unwritten:,}"))
    screen.show(screen.pairs(*facts))
    table = screen.table("event", "count", right=("count",))
    for name, count in sorted(found.types.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name, f"{count:,}")
    screen.line()
    screen.show(table)


def _head(daemon: Client, connection: str | None) -> int:
    """The last event's number; asking for it also finds out whether the connection is there."""
    return client.read(daemon.get("log", limit=1, connection=connection), Events).seq


def _again(last: int) -> dict[str, str | int | None]:
    return {"after": last}


def _show_one(daemon: Client, number: int, *, as_json: bool) -> None:
    found = client.read(daemon.get("log", after=number - 1, limit=1), Events)
    if not found.events or found.events[0].seq != number:
        raise Ended(Exit.NOT_FOUND, f"there is no event {number}; the last one is {found.seq}")
    view = found.events[0]
    if as_json:
        screen.document(msgspec.json.encode(view))
        return
    screen.line(words.line(view), words.tone(view.event))
    screen.line()
    fields = msgspec.to_builtins(view.event)
    facts = [(name, _text(value)) for name, value in fields.items()]
    screen.show(screen.pairs(("subject", str(view.subject)), *facts))


def _read(daemon: Client, after: int | None, connection: str | None, limit: int) -> list[EventView]:
    """The last events, or page after page from `after` on."""
    found: list[EventView] = []
    while len(found) < limit:
        wanted = min(limit - len(found), PAGE)
        answer = daemon.get("log", after=after, connection=connection, limit=wanted)
        page = client.read(answer, Events).events
        found += page
        if after is None or len(page) < wanted:
            break
        after = page[-1].seq
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
