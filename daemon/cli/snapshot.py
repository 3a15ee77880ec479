"""Which snapshots does the daemon keep, and how does one have another made?"""

from pathlib import Path

import click

from daemon.cli import client, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Nothing
from daemon.control.snapshot_messages import SnapshotList, SnapshotTaken, SnapshotView

PLACES = {"list": "daemon.cli.snapshot:list_", "take": "daemon.cli.snapshot:take"}
TAKE_S = 120.0  # a hundred thousand connections, on a slow disk


@click.group(cls=LazyGroup, places=PLACES)
def snapshot() -> None:
    """Show the snapshots of what was true, and make one.

    A start begins at the last one instead of reading the whole log, and so does whoever asks for
    the past. They are made by themselves, and may all be deleted: that costs time, nothing else.
    """


@click.command(epilog=examples("rounds snapshot list", "rounds snapshot list --json"))
@as_json
@click.pass_obj
def list_(socket: Path | None, as_json: bool) -> None:
    """List them, the newest first: of which event, from when, how large, and whether of use."""
    daemon = client.reach(socket)
    answer = daemon.get("snapshots")
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, SnapshotList)
    if not found.snapshots:
        screen.line("there are none yet: one is made after some thousand events, or by")
        screen.line("rounds snapshot take")
        return
    now = daemon.now()
    table = screen.table(
        "event", "when", "size", "it is", right=("event", "size"), folds=("it is",)
    )
    for each in found.snapshots:
        at = times.relative(each.at, now) if each.at else ""
        table.add_row(f"{each.snapshot:,}", at, times.size(each.bytes), _use(each))
    screen.show(table)


@click.command(epilog=examples("rounds snapshot take"))
@as_json
@click.pass_obj
def take(socket: Path | None, as_json: bool) -> None:
    """Make one now, of everything that was recorded by now."""
    answer = client.reach(socket).post("snapshot-take", Nothing(), TAKE_S)
    if as_json:
        screen.document(answer)
    else:
        screen.line(client.read(answer, SnapshotTaken).message)


def _use(view: SnapshotView) -> str:
    return "good" if view.usable else f"of no use: {view.fault}"
