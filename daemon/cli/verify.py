"""Is the log on this disk what was written? Asked of the file itself, without the daemon."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from daemon.cli import config, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from events.mark import Mark
from events.verify import Verdict, read_mark
from events.verify import verify as check

LONG_EVENTS = 200_000  # some half a second: a bar is worth its room


class Report(Struct, frozen=True, kw_only=True):
    """What was found, as --json prints it. `head` is what to note elsewhere, for --head."""

    log: str
    good: bool
    events: int
    blocks: int
    head: str
    seconds: float
    fault: str | None


@click.command(
    epilog=examples(
        "rounds log verify",
        "rounds log verify --state /backup/rounds --head 1204:9f86d081884c7d65...",
    )
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The state directory; without it, the one of the configuration.",
)
@click.option("--head", metavar="SEQ:HASH", help="A head that was noted elsewhere earlier.")
@as_json
def verify(state: Path | None, head: str | None, as_json: bool) -> None:
    """Check that the log is what was written: every event, every block.

    It works on the file, whether the daemon runs or not. A head that was noted on another host
    shows whether somebody rewrote the log since.
    """
    noted = _parsed(head) if head else None
    path = (state or config.in_force().state) / "log"
    report = _check(path, noted)
    if as_json:
        screen.document(msgspec.json.encode(report))
    else:
        screen.show(
            screen.pairs(
                ("log", report.log),
                ("events", f"{report.events:,} in {times.count(report.blocks, 'block')}"),
                ("head", report.head),
                ("took", _speed(report)),
            )
        )
        if report.good:
            screen.line()
            screen.line("every event and every block is as it was written", "green")
    if report.fault:
        raise Ended(Exit.FAILED, f"the log {path} is damaged: {report.fault}; {_advice(report)}")


def _check(path: Path, noted: Mark | None) -> Report:
    from events.reading import LogUnusable, open_for_reading

    began = time.monotonic()
    try:
        if not path.exists():
            raise Ended(Exit.NOT_FOUND, f"there is no log at {path}; name its directory: --state")
        mark = read_mark(path.parent)
        with closing(open_for_reading(path)) as connection:
            verdict = _last(check(connection, noted or mark), mark.seq if mark else 0)
    except PermissionError as error:
        raise Ended(
            Exit.NOT_ALLOWED, f"{error.filename} may not be read; ask its owner, or root"
        ) from None
    except LogUnusable as unusable:
        raise Ended(Exit.FAILED, str(unusable)) from None
    fault = verdict.fault
    if fault is None and mark and mark.seq > verdict.events:  # a head noted earlier hid it
        fault = f"events {verdict.events + 1} to {mark.seq} were written once and are gone"
    return Report(
        log=str(path),
        good=fault is None,
        events=verdict.events,
        blocks=verdict.blocks,
        head=f"{verdict.events}:{verdict.hash}",
        seconds=round(time.monotonic() - began, 3),
        fault=fault,
    )


def _last(verdicts: Iterator[Verdict], total: int) -> Verdict:
    """The last verdict of all. `total` is some number of events, for the bar."""
    if screen.terminal() and total > LONG_EVENTS:
        verdicts = _shown(verdicts, total)
    *_, last = verdicts
    return last


def _shown(verdicts: Iterator[Verdict], total: int) -> Iterator[Verdict]:
    with screen.bar("verifying", total) as update:
        for verdict in verdicts:
            update(verdict.events)
            yield verdict


def _parsed(head: str) -> Mark:
    seq, _, hash_ = head.partition(":")
    if seq.isdecimal() and len(hash_) == 64 and set(hash_.lower()) <= set("0123456789abcdef"):
        return Mark(int(seq), hash_.lower())
    raise Ended(
        Exit.USAGE,
        f"{head!r} is not a head; it is a number, a colon, and 64 hexadecimal digits, as "
        "`rounds log stats` and `rounds log verify` print it",
    )


def _speed(report: Report) -> str:
    took = times.milliseconds(round(report.seconds * 1000))
    if report.seconds < 0.1:  # too short to divide by
        return took
    return f"{took}, {round(report.events / report.seconds):,} events a second"


def _advice(report: Report) -> str:
    return (
        f"what stands before event {report.events + 1:,} is as it was written; stop roundsd, keep "
        "this directory as evidence, and restore the state directory from a backup"
    )
