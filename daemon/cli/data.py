"""Which records are there?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from daemon.cli import arguments, client, screen, times
from daemon.cli import as_of as moments
from daemon.cli.arguments import as_json, examples
from daemon.cli.as_of import sent, since
from daemon.cli.client import Client
from daemon.cli.lazy import LazyGroup
from daemon.control.data_messages import Data

PLACES = {
    "show": "daemon.cli.data:show",
    "versions": "daemon.cli.data_versions:versions",
    "diff": "daemon.cli.data_diff:diff",
    "export": "daemon.cli.data_export:export",
    "quarantine": "daemon.cli.quarantine:quarantine",
}
PAGE = 500  # records asked for at once
CELL_MAX = 40  # characters of one value in a table
GAP = 2


@click.group(cls=LazyGroup, places=PLACES)
def data() -> None:
    """Look at the records that were fetched, as they are or as they were."""


@click.command(
    epilog=examples(
        "rounds data show acme/weather days",
        "rounds data show acme/weather days --all --json > days.jsonl",
        "rounds data show acme/weather days --as-of '2026-11-20 14:00'",
        "rounds data show acme/google_health steps --provider fitbit",
    )
)
@arguments.connection
@click.argument("stream")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most."
)
@click.option("--after", metavar="KEY", help="Begin after this key, as the last answer named it.")
@moments.as_of
@moments.provider
@click.option("--all", "all_", is_flag=True, help="Show all, page after page.")
@as_json
@click.pass_obj
def show(
    socket: Path | None,
    *,
    connection: str,
    stream: str,
    limit: int,
    after: str | None,
    as_of: str | None,
    provider: str | None,
    all_: bool,
    as_json: bool,
) -> None:
    """Show the records of CONNECTION's STREAM, in the order of their keys.

    They are the current ones, or those of the version that was in force then. What is shown is one
    version to its end, also where a sync brings another one meanwhile. With --json, one record a
    line.
    """
    daemon = client.reach(socket)
    pages = records(
        daemon,
        connection,
        stream,
        after=after,
        limit=None if all_ else limit,
        provider=provider,
        moment=sent(daemon, as_of),
    )
    if as_json:
        for page in pages:
            for record in page.records:
                screen.document(msgspec.json.encode(record))
        return
    page = first = next(pages)
    columns = _columns(page.records, screen.width())
    _print(page, columns, header=True)
    shown = len(page.records)
    for page in pages:
        _print(page, columns, header=False)
        shown += len(page.records)
    _sum_up(msgspec.structs.replace(page, last_good=first.last_good), shown, len(columns))


def records(
    daemon: Client,
    connection: str,
    stream: str,
    *,
    after: str | None,
    limit: int | None,
    provider: str | None,
    moment: str | None,
) -> Iterator[Data]:
    """Page after page of one version; at least one, which may be empty. `limit` None: to the end.

    Raises Ended, also where that version is given up meanwhile.
    """
    left = limit
    version: int | None = None
    while True:
        answer = daemon.get(
            "data",
            connection=connection,
            stream=stream,
            after=after,
            limit=PAGE if left is None else min(left, PAGE),
            provider=provider,
            as_of=moment if version is None else None,
            version=version,
        )
        page = client.read(answer, Data)
        yield page
        left = None if left is None else left - len(page.records)
        after, version, provider = page.after, page.version, page.provider
        if after is None or left == 0:
            return


def _columns(records: list[dict[str, Any]], width: int) -> list[tuple[str, int]]:
    """The fields that fit side by side, with their widths; the first always fits."""
    names = list(dict.fromkeys(name for record in records for name in record))
    found: list[tuple[str, int]] = []
    used = 0
    for name in names:
        longest = max(len(_text(record.get(name))) for record in records)
        cell = min(max(longest, len(screen.printable(name))), CELL_MAX)
        if found and used + cell > width:
            break
        found.append((name, cell))
        used += cell + GAP
    return found


def _print(page: Data, columns: list[tuple[str, int]], *, header: bool) -> None:
    if not page.records:
        return
    numbers = [name for name, _ in columns if all(_number(each.get(name)) for each in page.records)]
    table = screen.table(*(name for name, _ in columns), right=numbers)
    table.show_header = header
    for column, (_, width) in zip(table.columns, columns, strict=True):
        column.width = width
    for record in page.records:
        table.add_row(*(_text(record.get(name)) for name, _ in columns))
    screen.show(table)


def _sum_up(page: Data, shown: int, columns: int) -> None:
    if not page.rows:
        screen.line(f"{page.connection} has no records in {page.stream}")
        return
    version = f"version {page.version}"
    if page.version != page.current:
        version += f" (from {since(page.captured_at, page.event)}; now: {page.current})"
    parts = [f"{shown:,} of {times.count(page.rows, 'record')}, {version}"]
    hidden = len({name for record in page.records for name in record}) - columns
    if hidden > 0:
        parts.append(f"{times.count(hidden, 'field')} not shown (--json shows all)")
    if page.after is not None:
        parts.append(f"go on with --after {_quoted(page.after)}")
    screen.line()
    screen.line("; ".join(parts))
    if page.last_good is not None:
        screen.line(_last_good(page), "yellow")
    if page.held is not None:
        of = f"{page.connection} {page.stream}"
        words = f"a newer answer is held back; type: rounds data quarantine show {of}"
        screen.line(words, "yellow")


def _last_good(page: Data) -> str:
    """Why nothing newer comes, and how old this is."""
    at, now = page.captured_at, page.now
    age = f", {times.relative(at, now)} ({times.local(at)})" if at and now else ""
    if page.last_good == "retired":
        return f"the last good data of {page.provider}, which was switched off for good{age}"
    if page.last_good == "removed":
        return f"the last good data of {page.connection}, which was removed{age}"
    return f"the last good data of {page.provider}, which {page.connection} was moved from{age}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return screen.printable(text)


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
