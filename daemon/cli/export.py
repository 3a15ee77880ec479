"""How does a part of the log become a file for somebody else?"""

import difflib
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import click

from daemon.cli import client, config, export_file, screen, when
from daemon.cli.arguments import examples, known
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit, PipeClosed
from daemon.cli.when import Moment
from daemon.control.messages import Connections
from events import export as exports
from events import reading, schema
from events.export import Filter, Range
from events.reading import LogUnusable, OpenLog
from events.verify import Broken

WHEN = "a time, -2h, or an event's number"


@click.command(
    epilog=examples(
        "rounds log export --output log.jsonl",
        "rounds log export --from 2026-11-01 --to 2026-11-30 --output november.jsonl",
        "rounds log export --from -2h --type sync-failed | jq 'select(.seq).event'",
        "rounds log verify --file november.jsonl --head 1204:9f86d081884c7d65...",
    )
)
@click.option("--from", "first", metavar="WHEN", help=f"The first event: {WHEN}.")
@click.option("--to", "last", metavar="WHEN", help=f"The last event: {WHEN}.")
@click.option(
    "--connection", metavar="NAME|ID", shell_complete=known, help="Only what concerns this one."
)
@click.option("--tenant", metavar="NAME|ID", help="Only a tenant's, and its connections'.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only these; may be repeated.")
@click.option("--names", is_flag=True, help="Name connections beside their numbers (asks roundsd).")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The state directory; without it, the one of the configuration.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file, which only you may read, instead of standard output.",
)
@click.option("--force", is_flag=True, help="Also where there is such a file.")
@click.option("--json", "as_json", is_flag=True, help="It is JSON lines in any case.")
@click.pass_obj
def export(
    socket: Path | None, *, first: str | None, last: str | None, connection: str | None,
    tenant: str | None, types: tuple[str, ...], names: bool, state: Path | None,
    output: Path | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write the log, or a part of it, as JSON lines that `rounds log verify --file` checks.

    It is read from the file, checked on the way, whether the daemon runs or not. Blocks stay whole,
    so that the chain can be computed from the file alone; what --connection, --tenant or --type
    leaves out is missing from that, and such a file is proven against the log it came from. A file
    is there whole or not at all.
    """
    del as_json
    if output is not None:
        export_file.check(output, force=force)
    moments = tuple(when.moment(each, _now()) if each else None for each in (first, last))
    _known_types(types)
    asked = Asked(socket)
    path = (state or config.in_force().state) / "log"
    with _reading(path) as log:
        range_ = _range(log, *moments)
        subjects = _subjects(log, asked, connection, tenant)
        filter_ = None
        if subjects is not None or types:
            filter_ = Filter(
                first=_bound(log, moments[0], first=True),
                last=_bound(log, moments[1], first=False),
                subjects=subjects,
                types=[*types] or None,
            )
        named = asked.names() if names else {}
        count = _write(exports.lines(log, range_, filter_, named), output, force=force)
    if output or not sys.stdout.isatty():
        screen.note(_told(range_, count, filter_, output))


class Asked:
    """What the daemon knows by name, asked for when it is needed."""

    def __init__(self, socket: Path | None) -> None:
        self._socket = socket
        self._found: dict[int, str] | None = None

    def names(self) -> Mapping[int, str]:
        """Connections by their numbers. Raises Ended."""
        if self._found is None:
            daemon: Client = client.reach(self._socket)
            found = client.read(daemon.get("connections"), Connections).connections
            self._found = {each.subject: each.connection for each in found}
        return self._found


def _subjects(
    log: OpenLog, asked: Asked, connection: str | None, tenant: str | None
) -> list[int] | None:
    """Whose events are meant, by number; None for everybody's."""
    found: set[int] | None = None
    if connection is not None:
        found = {_number(connection) if connection.isdecimal() else _connection(asked, connection)}
    if tenant is not None:
        number = _number(tenant) if tenant.isdecimal() else _tenant(log, asked, tenant)
        own = exports.tenants(log, number)
        found = own if found is None else found & own
        if not found:
            raise Ended(Exit.USAGE, f"{connection} is no connection of {tenant}")
    return None if found is None else sorted(found)


def _number(typed: str) -> int:
    if len(typed) > when.DIGITS_MAX:
        raise Ended(
            Exit.USAGE, f"{typed} is no number of a connection or a tenant: none has so many digits"
        )
    return int(typed)


def _connection(asked: Asked, name: str) -> int:
    for subject, each in asked.names().items():
        if each == name:
            return subject
    raise Ended(
        Exit.NOT_FOUND,
        f"there is no connection {name}; `rounds connection list` shows all, and one that was "
        "removed goes by its number",
    )


def _tenant(log: OpenLog, asked: Asked, name: str) -> int:
    for subject, each in asked.names().items():
        number = exports.tenant_of(log, subject) if each.startswith(f"{name}/") else None
        if number is not None:
            return number
    raise Ended(
        Exit.NOT_FOUND,
        f"no connection of {name} is known; `rounds connection list` shows all, and a tenant "
        "without any goes by its number",
    )


def _range(log: OpenLog, first: Moment | None, last: Moment | None) -> Range:
    begin = _bound(log, first, first=True)
    end = _bound(log, last, first=False)
    range_ = None if 0 in {begin, end} else exports.whole(log, begin or 1, end)
    if range_ is None:
        raise Ended(
            Exit.NOT_FOUND, "no event lies there; `rounds log stats` says how far the log goes"
        )
    return range_


def _bound(log: OpenLog, moment: Moment | None, *, first: bool) -> int | None:
    return None if moment is None else exports.bound(log, moment, first=first)


def _known_types(types: tuple[str, ...]) -> None:
    tags = [str(each.__struct_config__.tag) for each in typing.get_args(schema.Event)]
    for each in types:
        if each not in tags:
            near = difflib.get_close_matches(each, tags, n=1)
            hint = f"did you mean {near[0]}?" if near else "`rounds log stats` shows which are"
            raise Ended(Exit.USAGE, f"there are no events of type {each}; {hint}")


@contextmanager
def _reading(path: Path) -> Iterator[OpenLog]:
    """The log, for as long as it is read; what is wrong with it ends the command."""
    if not path.exists():
        raise Ended(Exit.NOT_FOUND, f"there is no log at {path}; name its directory: --state")
    try:
        with closing(reading.open_for_reading(path)) as log, reading.told(path):
            yield log
    except Broken as broken:
        raise Ended(
            Exit.FAILED,
            f"the log {path} is damaged: {broken}; what was exported is not complete: run "
            "`rounds log verify`",
        ) from None
    except LogUnusable as unusable:
        raise Ended(Exit.FAILED, str(unusable)) from None
    except PermissionError as error:
        raise Ended(
            Exit.NOT_ALLOWED, f"{error.filename} may not be read; ask its owner, or root"
        ) from None


def _write(lines: Iterator[bytes], output: Path | None, *, force: bool) -> int:
    """Write all lines; how many there were. A file is there whole, or not at all."""
    if output is None:
        try:
            count = _copy(lines, sys.stdout.buffer.write)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise PipeClosed from None
        return count
    with export_file.writing(output, force=force) as file:
        return _copy(lines, file.write)


def _copy(lines: Iterator[bytes], write: Callable[[bytes], object]) -> int:
    count = 0
    for line in lines:
        write(line)
        count += line.startswith(b'{"seq":')
    return count


def _told(range_: Range, count: int, filter_: Filter | None, output: Path | None) -> str:
    first, last = range_.after + 1, range_.last
    check = f"; check it with `rounds log verify --file {output or 'FILE'}"
    if filter_ is None:
        return f"events {first:,} to {last:,}, whole blocks{check}`"
    return (
        f"{count:,} of the events {first:,} to {last:,}, which only the log can prove{check} "
        "--state DIR`"
    )


def _now() -> datetime:
    from daemon.clock import SystemClock

    return SystemClock().now()
