"""How does a version of a stream get into a file that other programs read?"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click
import msgspec
from msgspec import Struct

from daemon.cli import arguments, client, csv_text, export_file, parquet, screen, times
from daemon.cli import as_of as moments
from daemon.cli.arguments import as_json, examples
from daemon.cli.data import records
from daemon.cli.ending import Ended, Exit
from daemon.cli.parquet import Column
from daemon.cli.spool import Spool
from daemon.control.data_messages import Data

FORMATS = ("csv", "jsonl", "parquet")
LINES = 1000  # written at once


class Exported(Struct, frozen=True, kw_only=True):
    """What was written, with --json."""

    connection: str
    stream: str
    provider: str
    version: int
    event: int | None
    captured_at: datetime | None
    rows: int
    format: str
    output: str | None
    bytes: int


class Wish(Struct, frozen=True, kw_only=True):
    """What is to be made of the records."""

    format: str
    output: Path | None
    force: bool
    defused: bool


@click.command(
    epilog=examples(
        "rounds data export acme/weather days --output days.csv",
        "rounds data export acme/weather days --format jsonl --as-of -1d | jq .rain",
        "rounds data export acme/weather days --as-of v1204 --output days.parquet",
    )
)
@arguments.connection
@click.argument("stream")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="What is written; where it is left out, what FILE ends with says so.",
)
@moments.as_of
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write to this file, which only you may read, instead of standard output.",
)
@click.option("--force", is_flag=True, help="Also where there is such a file.")
@click.option(
    "--defuse",
    "defused",
    is_flag=True,
    help="CSV: put ' before text that a spreadsheet would run as a formula.",
)
@moments.provider
@as_json
@click.pass_obj
def export(
    socket: Path | None,
    *,
    connection: str,
    stream: str,
    format_: str | None,
    as_of: str | None,
    output: Path | None,
    force: bool,
    defused: bool,
    provider: str | None,
    as_json: bool,
) -> None:
    """Write one version of CONNECTION's STREAM as CSV, JSON lines or Parquet.

    It is that version to its end, whatever is synced meanwhile. A file is there whole or not at
    all. Columns are all fields that any record has, as they come; a list or an object in a cell is
    JSON. Nothing is altered without --defuse: text that begins with = + - or @ may be run as a
    formula by a spreadsheet that opens the CSV.
    """
    written = format_ or _by_name(output)
    wish = Wish(format=written, output=output, force=force, defused=defused)
    _check(wish, as_json=as_json)
    daemon = client.reach(socket)
    pages = records(
        daemon,
        connection,
        stream,
        after=None,
        limit=None,
        provider=provider,
        moment=moments.sent(daemon, as_of),
    )
    exported = _export(wish, next(pages), pages)
    if as_json:
        screen.document(msgspec.json.encode(exported))
    elif output is not None:
        screen.line(_said(exported))


def _by_name(output: Path | None) -> str:
    """Which format a file is named for. Raises Ended."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    if ending not in FORMATS:
        _refuse(f"say what to write with --format: {', '.join(FORMATS)}")
    return ending


def _check(wish: Wish, *, as_json: bool) -> None:
    if wish.defused and wish.format != "csv":
        _refuse("--defuse goes with --format csv")
    if wish.output is None and wish.format == "parquet" and screen.terminal():
        _refuse("Parquet is not for a terminal: name a file with --output, or pipe it on")
    if wish.output is None and as_json:
        _refuse("--json says what was written to --output FILE, and there is none")
    if wish.format == "parquet":
        parquet.library()
    if wish.output is not None:
        export_file.check(wish.output, force=wish.force)


def _refuse(why: str) -> NoReturn:
    raise Ended(Exit.USAGE, why)


def _export(wish: Wish, first: Data, rest: Iterator[Data]) -> Exported:
    pages = itertools.chain([first], rest)
    if wish.output is None:
        size = sum(_shown(chunk) for chunk in _chunks(wish, first, pages))
    else:
        with export_file.writing(wish.output, force=wish.force) as file:
            size = sum(file.write(chunk) for chunk in _chunks(wish, first, pages))
    return Exported(
        connection=first.connection,
        stream=first.stream,
        provider=first.provider,
        version=first.version,
        event=first.event,
        captured_at=first.captured_at,
        rows=first.rows,
        format=wish.format,
        output=str(wish.output) if wish.output else None,
        bytes=size,
    )


def _shown(chunk: bytes) -> int:
    screen.content(chunk)
    return len(chunk)


def _chunks(wish: Wish, first: Data, pages: Iterable[Data]) -> Iterator[bytes]:
    """What is written, piece by piece; in text a piece ends with a line."""
    if wish.format == "jsonl":
        for page in pages:
            yield b"".join(msgspec.json.encode(each) + b"\n" for each in page.records)
        return
    beside = wish.output.parent if wish.output else None
    with closing(Spool(beside)) as spool:
        columns, formulas = _seen(pages, spool)
        if wish.format == "parquet":
            yield from parquet.pieces(columns, spool, _facts(first), beside)
            return
        if formulas and not wish.defused:
            screen.note(
                f"{times.count(formulas, 'cell')} may be run as a formula by a spreadsheet, since "
                "they begin with = + - or @; --defuse puts ' before such text"
            )
        lines = csv_text.lines([*columns], spool, defused=wish.defused)
        while piece := b"".join(itertools.islice(lines, LINES)):
            yield piece


def _seen(pages: Iterable[Data], spool: Spool) -> tuple[dict[str, Column], int]:
    """The columns that there are, as they come, and how many cells look like formulas."""
    columns: dict[str, Column] = {}
    formulas = 0
    for page in pages:
        spool.add(page.records)
        for record in page.records:
            for name, value in record.items():
                columns.setdefault(name, Column()).see(value)
                formulas += csv_text.is_formula(value)
    return columns, formulas


def _facts(first: Data) -> dict[str, str]:
    """What a file says of itself."""
    facts = {
        "connection": first.connection,
        "provider": first.provider,
        "stream": first.stream,
        "version": str(first.version),
        "rows": str(first.rows),
    }
    if first.event is not None:
        facts["event"] = str(first.event)
    if first.captured_at is not None:
        facts["captured_at"] = first.captured_at.isoformat()
    return facts


def _said(done: Exported) -> str:
    since = moments.since(done.captured_at, done.event)
    what = f"{times.count(done.rows, 'record')} of version {done.version}"
    return f"{what} ({since}) to {done.output}, {times.size(done.bytes)}"
