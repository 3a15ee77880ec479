"""What does a source have to report, and is it taken?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from daemon.cli import client, screen
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.source import name
from daemon.control.source_messages import (
    BATCH_MAX,
    Metrics,
    MetricsWish,
    Report,
    ReportsWish,
    Taken,
)
from events.sources import Health, Platform

LINE_BYTES_MAX = 16 * 1024  # a report is some 300
COUNT = click.IntRange(0)


def _choices(of: type[Platform] | type[Health]) -> click.Choice[str]:
    return click.Choice([str(each) for each in of])


@click.command(
    epilog=examples(
        "rounds report alice/phone-calls --records 12 --errors 0 --queue-depth 3",
        "rounds report alice/phone-calls --at 2026-11-20T14:00:00Z --key 7f3a --records 12",
        "rounds report alice/phone-calls --file queue.jsonl",
    )
)
@name
@click.option("--at", metavar="TIME", help="The report's own time: 2026-11-20T14:00:00Z; else now.")
@click.option("--key", metavar="TEXT", help="By which it is known again; else its time.")
@click.option("--syncs", type=COUNT, help="How many times it synced.")
@click.option("--records", type=COUNT, help="How many records came.")
@click.option("--errors", type=COUNT, help="How many of them, or of its syncs, failed.")
@click.option("--duration-ms", type=COUNT, help="How long that took.")
@click.option("--bytes", "size", type=COUNT, help="How much it was.")
@click.option("--queue-depth", type=COUNT, help="How many items wait on it to be sent.")
@click.option("--oldest", metavar="TIME", help="When the oldest of these was made.")
@click.option("--platform", type=_choices(Platform), help="On what it runs.")
@click.option("--status", type=_choices(Health), help="How it finds itself.")
@click.option("--file", metavar="FILE", help="Reports, one a line, as JSON; - is standard input.")
@as_json
@click.pass_obj
def report(socket: Path | None, /, *, source: str, file: str | None, **given: Any) -> None:
    """Report the figures of SOURCE, which is named tenant/source.

    A report that is known already changes nothing, however often it comes, and in which order
    reports come does not matter. Each line of --file is a report with its own time and key:
    {"at": "2026-11-20T14:00:00Z", "key": "7f3a", "metrics": {"records": 12, "queue_depth": 3}}
    """
    as_json = given.pop("as_json")
    told = {key: value for key, value in given.items() if value is not None}
    daemon = client.reach(socket)
    if file is not None:
        if told:
            raise Ended(Exit.USAGE, "--file has all that is to be reported; leave the rest out")
        _say(_flush(daemon, source, _lines(file)), as_json=as_json)
        return
    tenant, _, rest = source.partition("/")
    wish: dict[str, Any] = {
        "tenant": tenant,
        "source": rest,
        "metrics": _renamed(told),
        **{key: told[key] for key in ("at", "key") if key in told},
    }
    try:
        answer = daemon.post("update-sync-health-metrics", msgspec.convert(wish, MetricsWish))
    except msgspec.ValidationError as error:
        raise Ended(Exit.USAGE, f"it cannot be reported: {error}") from None
    _say(client.read(answer, Taken), as_json=as_json)


def _renamed(told: dict[str, Any]) -> dict[str, Any]:
    names = {"bytes" if key == "size" else key: value for key, value in told.items()}
    return {key: value for key, value in names.items() if key in Metrics.__struct_fields__}


def _flush(daemon: Client, source: str, lines: Iterator[tuple[int, Report]]) -> Taken:
    """Send what waited in a file, so many reports at a time; each time all is taken, or nothing.

    Raises Ended; what went before is taken then, and is known when the file is sent again.
    """
    seq = new = known = 0
    while some := [*islice(lines, BATCH_MAX)]:
        try:
            wish = ReportsWish(source=source, reports=[each for _, each in some])
            taken = client.read(daemon.post("report", wish), Taken)
        except Ended as ended:
            where = (
                f"line {some[0][0]}" if len(some) == 1 else f"lines {some[0][0]} to {some[-1][0]}"
            )
            before = f"; {new + known:,} before them were taken" if new + known else ""
            message = f"{where}: {ended.message}{before}"
            raise Ended(
                ended.exit, message, ended.code, retry_after_s=ended.retry_after_s
            ) from None
        seq, new, known = taken.seq, new + taken.new, known + taken.known
    words = f"{new:,} taken, {known:,} known already" if new + known else "the file has no report"
    return Taken(seq=seq, new=new, known=known, message=words)


def _lines(file: str) -> Iterator[tuple[int, Report]]:
    """Every report with the number of its line. Raises Ended."""
    with _opened(file) as lines:
        number = 0
        while line := lines.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(line) > LINE_BYTES_MAX:
                raise Ended(Exit.USAGE, f"line {number} has more than {LINE_BYTES_MAX:,} bytes")
            if line.strip():
                yield number, _read(line, number)


def _read(line: bytes, number: int) -> Report:
    try:
        return msgspec.json.decode(line, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Ended(Exit.USAGE, f"line {number} is no report: {error}") from None


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield lines
    except OSError as error:
        raise Ended(
            Exit.NOT_ALLOWED if isinstance(error, PermissionError) else Exit.NOT_FOUND,
            f"{file} cannot be read ({error.strerror}); name a file of reports, one a line",
        ) from None


def _say(taken: Taken, *, as_json: bool) -> None:
    if as_json:
        screen.document(msgspec.json.encode(taken))
    else:
        screen.line(taken.message)
