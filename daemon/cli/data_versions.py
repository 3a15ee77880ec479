"""Which versions does a stream have?"""

from pathlib import Path

import click
import msgspec

from daemon.cli import arguments, client, screen, times
from daemon.cli import as_of as moments
from daemon.cli.arguments import as_json, examples
from daemon.control.data_messages import DataVersions, VersionView

PAGE = 100  # versions asked for at once


@click.command(
    epilog=examples(
        "rounds data versions acme/weather days",
        "rounds data versions acme/weather days --all --json | jq .version",
    )
)
@arguments.connection
@click.argument("stream")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most."
)
@click.option("--before", type=click.IntRange(1), metavar="N", help="Only versions before N.")
@moments.provider
@click.option("--all", "all_", is_flag=True, help="Show all, page after page.")
@as_json
@click.pass_obj
def versions(
    socket: Path | None,
    *,
    connection: str,
    stream: str,
    limit: int,
    before: int | None,
    provider: str | None,
    all_: bool,
    as_json: bool,
) -> None:
    """List the versions of CONNECTION's STREAM that are kept, the newest first.

    A version is named by the event that opened it, its sync's start, and holds from the event on
    that recorded it. With --json, one version a line.
    """
    daemon = client.reach(socket)
    left = None if all_ else limit
    found: list[VersionView] = []
    while True:
        answer = daemon.get(
            "data-versions",
            connection=connection,
            stream=stream,
            provider=provider,
            before=before,
            limit=PAGE if left is None else min(PAGE, left - len(found)),
        )
        page = client.read(answer, DataVersions)
        found += page.versions
        if as_json:
            for each in page.versions:
                screen.document(msgspec.json.encode(each))
        before = page.before
        if before is None or len(found) == left:
            break
    if not as_json:
        _print(page, found)


def _print(page: DataVersions, found: list[VersionView]) -> None:
    marked = any(_notes(each) for each in found)
    table = screen.table(
        "version",
        "since",
        "event",
        "rows",
        "added",
        "changed",
        "removed",
        *(["what"] if marked else []),
        right=("version", "event", "rows", "added", "changed", "removed"),
        folds=("what",),
    )
    for each in found:
        numbers = (each.event, each.rows, each.added, each.changed, each.removed)
        event, *counts = ("" if number is None else f"{number:,}" for number in numbers)
        table.add_row(
            str(each.version),
            times.local(each.at) if each.at else "",
            event.replace(",", ""),
            *counts,
            *([_notes(each)] if marked else []),
            style="green" if "current" in each.marks else "",
        )
    screen.show(table)
    screen.line()
    newest = found[0].version if found else 0
    parts = [times.count(len(found), "version")]
    if page.before is not None:
        parts.append(f"go on with --before {page.before}")
    if page.oldest == "pruned":
        parts.append("older ones are not kept any more")
    parts.append(f"`rounds data show {page.connection} {page.stream} --as-of v{newest}` shows one")
    screen.line("; ".join(parts))


def _notes(version: VersionView) -> str:
    """What there is to know of it besides numbers."""
    whence = {
        "rollback": f"went back to version {version.of}",
        "acceptance": f"took over version {version.of}",
    }
    notes = [*version.marks]
    if version.source in whence:
        notes.append(whence[version.source])
    return ", ".join(notes)
