"""Which records were added, changed or removed between two versions of a stream?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import UNSET

from daemon.cli import arguments, client, screen, times
from daemon.cli import as_of as moments
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.control.data_messages import DataChange, DataDiff, FieldChange, VersionMark

PAGE = 500  # changes asked for at once
SIGNS = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}
VALUE_MAX = 60  # characters of one value


@click.command(
    epilog=examples(
        "rounds data diff acme/weather days",
        "rounds data diff acme/weather days --as-of -1d --summary",
        "rounds data diff acme/weather days --as-of v1204 --to v1377 --all --json",
    )
)
@arguments.connection
@click.argument("stream")
@click.option(
    "--as-of",
    "as_of",
    metavar="WHEN",
    help=f"From then on: {moments.HELP}. By default from the version before.",
)
@click.option("--to", metavar="WHEN", help="Up to then; by default up to now.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most."
)
@click.option(
    "--after", metavar="PLACE", help="Begin after this place, as the last answer named it."
)
@click.option("--all", "all_", is_flag=True, help="Show all, page after page.")
@click.option("--summary", is_flag=True, help="Only say how many.")
@moments.provider
@as_json
@click.pass_obj
def diff(
    socket: Path | None,
    *,
    connection: str,
    stream: str,
    as_of: str | None,
    to: str | None,
    limit: int,
    after: str | None,
    all_: bool,
    summary: bool,
    provider: str | None,
    as_json: bool,
) -> None:
    """Show what differs between two versions of CONNECTION's STREAM.

    They come in the order in which they were written, what was removed last. v0 is the version
    before the first: nothing. Where the second moment lies before the first, what was added since
    counts as removed. With --json, one record a line.
    """
    daemon = client.reach(socket)
    asked = {"connection": connection, "stream": stream, "provider": provider}
    first, second = moments.sent(daemon, as_of), moments.sent(daemon, to)
    if summary:
        counted = _counted(daemon, asked, first, second)
        if as_json:
            screen.document(msgspec.json.encode(counted))
        else:
            _sum_up(counted)
        return
    pages = _pages(daemon, asked, first, second, after=after, limit=None if all_ else limit)
    page = next(pages)
    shown = _show(page, as_json=as_json)
    for page in pages:
        shown += _show(page, as_json=as_json)
    if as_json:
        return
    versions = f"v{page.as_of.version}", f"v{page.to.version}"
    counted = _counted(daemon, {**asked, "provider": page.provider}, *versions)
    total = counted.added + counted.changed + counted.removed
    if shown:
        screen.line()
    if shown < total:
        more = (
            f"go on with --after {_quoted(page.after)}" if page.after else "the others went before"
        )
        screen.line(f"{shown:,} of {times.count(total, 'record')} that differ; {more}")
    _sum_up(counted)


def _show(page: DataDiff, *, as_json: bool) -> int:
    """Print what is on it; how many."""
    for each in page.changes:
        if as_json:
            screen.document(msgspec.json.encode(each))
        else:
            _print(each)
    return len(page.changes)


def _pages(
    daemon: Client,
    asked: dict[str, str | None],
    first: str | None,
    second: str | None,
    *,
    after: str | None = None,
    limit: int | None = None,
    summary: bool = False,
) -> Iterator[DataDiff]:
    """Page after page of what differs between the same two versions."""
    left = limit
    while True:
        query: dict[str, Any] = {**asked, "as_of": first, "to": second, "after": after}
        if summary:
            query["summary"] = "true"
        query["limit"] = PAGE if left is None else min(left, PAGE)
        page = client.read(daemon.get("data-diff", **query), DataDiff)
        yield page
        first, second = f"v{page.as_of.version}", f"v{page.to.version}"
        asked = {**asked, "provider": page.provider}
        left = None if left is None else left - len(page.changes)
        after = page.after
        if after is None or left == 0:
            return


def _counted(
    daemon: Client, asked: dict[str, str | None], first: str | None, second: str | None
) -> DataDiff:
    """How many records differ, of each kind."""
    pages = _pages(daemon, asked, first, second, summary=True)
    total = next(pages)
    for page in pages:
        total = msgspec.structs.replace(
            page,
            added=total.added + page.added,
            changed=total.changed + page.changed,
            removed=total.removed + page.removed,
        )
    return total


def _print(change: DataChange) -> None:
    sign, colour = SIGNS[change.change]
    key = _text(change.key)
    if change.fields is None:
        fields = change.record or {}
        said = "  ".join(f"{name}={_text(value)}" for name, value in fields.items())
    else:
        said = "  ".join(_moved(name, each) for name, each in change.fields.items())
    screen.line(f"{sign} {key}  {said}", colour)


def _moved(name: str, field: FieldChange) -> str:
    if field.before is UNSET:
        return f"{name}: new, {_text(field.after)}"
    if field.after is UNSET:
        return f"{name}: gone, was {_text(field.before)}"
    return f"{name}: {_text(field.before)} → {_text(field.after)}"


def _sum_up(counted: DataDiff) -> None:
    parts = [
        f"{number:,} {word}"
        for number, word in (
            (counted.added, "added"),
            (counted.changed, "changed"),
            (counted.removed, "removed"),
        )
        if number
    ]
    between = f"from {_mark(counted.as_of)} to {_mark(counted.to)}"
    screen.line(f"{', '.join(parts) or 'nothing differs'} {between}")


def _mark(mark: VersionMark) -> str:
    if not mark.version:
        return "nothing (before the first version)"
    since = moments.since(mark.at, mark.event)
    return f"version {mark.version}" + (f" ({since})" if since else "")


def _text(value: Any) -> str:
    """As JSON, so that 1 is told from "1"."""
    text = screen.printable(msgspec.json.encode(value).decode())
    return text if len(text) <= VALUE_MAX else f"{text[: VALUE_MAX - 1]}…"


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
