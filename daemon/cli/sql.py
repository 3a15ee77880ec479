"""Where is the file that can be asked in SQL, how far is it, and what do its columns mean?"""

import time
from contextlib import nullcontext
from pathlib import Path

import click
import msgspec

from daemon.cli import client, screen
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Nothing
from daemon.control.read_model_messages import ReadModelState

PLACES = {
    "show": "daemon.cli.sql:show",
    "rebuild": "daemon.cli.sql:rebuild",
    "describe": "daemon.cli.sql:describe",
}
LOOK_S = 0.2  # how often the progress is asked for


@click.group(cls=LazyGroup, places=PLACES)
def sql() -> None:
    """Ask anything in SQL, of a file that follows the log by a fraction of a second.

    It holds how everything stands, what happened in the last 90 days, and what that sums up to.
    All tenants are in it: the daemon's user and its group can read it, and nobody else. It may be
    deleted: everything in it is in the log, from which it is made anew.
    """


@click.command(
    epilog=examples(
        "rounds sql show",
        "sqlite3 -readonly $(rounds sql show --json | jq -r .path) 'SELECT * FROM sync_health'",
    )
)
@as_json
@click.pass_obj
def show(socket: Path | None, as_json: bool) -> None:
    """Say where the file is, and how far behind the log."""
    answer = client.reach(socket).get("read-model")
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, ReadModelState)
    screen.line(found.path)
    screen.line(_state(found), "yellow" if found.anew or found.trouble else None)
    if found.trouble:
        screen.line(f"it cannot be written: {found.trouble}; it is tried again by itself", "red")


@click.command(epilog=examples("rounds sql rebuild"))
@as_json
@click.pass_obj
def rebuild(socket: Path | None, as_json: bool) -> None:
    """Make the file anew from the log, and wait for it. What asks meanwhile is told to wait."""
    daemon = client.reach(socket)
    daemon.post("read-model-rebuild", Nothing())
    found = _wait(daemon)
    if as_json:
        screen.document(msgspec.json.encode(found))
        return
    screen.line(f"made anew from {found.position:,} events: {found.path}")


@click.command(
    epilog=examples(
        "rounds sql describe > metadata.json",
        "datasette /var/lib/rounds/read --metadata metadata.json",
    )
)
def describe() -> None:
    """Print what its views and columns mean, as Datasette reads it. No daemon is needed."""
    from daemon.read_model import metadata

    screen.document(msgspec.json.format(msgspec.json.encode(metadata.document())))


def _wait(daemon: Client) -> ReadModelState:
    """Show how far it is until it is whole. Raises Ended where something keeps it from that."""
    found = client.read(daemon.get("read-model"), ReadModelState)
    with (
        screen.bar("events", found.upto) if screen.terminal() else nullcontext(_say_nothing) as tell
    ):
        while found.anew or not found.whole:
            if found.trouble:
                again = "it is tried again by itself"
                raise Ended(Exit.FAILED, f"it cannot be written: {found.trouble}; {again}")
            tell(found.position)
            time.sleep(LOOK_S)
            found = client.read(daemon.get("read-model"), ReadModelState)
    return found


def _say_nothing(_: int) -> None:
    """What is not a terminal has no bar."""


def _state(found: ReadModelState) -> str:
    if found.anew:
        share = 100 * found.position // max(1, found.upto)
        return f"it is being made anew from the log: {share} % of {found.upto:,} events are in it"
    behind = found.upto - found.position
    return f"{found.position:,} events are in it" + (f", {behind:,} are not yet" if behind else "")
