"""Is the log on this disk what was written? Asked of the file itself, without the daemon."""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from daemon.cli import checking, config, noted, screen, times, verify_file
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from events.audit import Audit, Noted, audit
from events.verify import Broken, Kind, read_mark

PROCESSES_MAX = 4  # the host has other work

DAMAGED = (
    "stop roundsd, keep this directory as evidence, and restore the state directory from a backup"
)
ADVICE = {
    Kind.TORN: f"what was acknowledged is among what is missing: {DAMAGED}, and check the disk",
    Kind.TRUNCATED: f"look for the newest copy of the whole directory; else {DAMAGED}",
    Kind.OLD_COPY: "whoever restored it knows, and roundsd goes on from there, fetching again what "
    f"it no longer knows of; if nobody did, {DAMAGED}",
    Kind.REWRITTEN: "this takes write access to the file: find out who had it, stop roundsd, keep "
    "this directory as evidence, and restore the state directory from a backup with which the "
    "noted heads agree",
    Kind.DAMAGED_INDEX: "no event is lost, but what is asked of one connection may leave some out: "
    "stop roundsd, and as its user, in the state directory: sqlite3 log 'REINDEX event_subject'; "
    "then verify again, and check the disk",
    Kind.DAMAGED_MARK: "heads that were noted elsewhere tell (--journal, --head); where nothing is "
    "gone, stop roundsd, remove log.mark, and start it: it makes a new one; and check the disk",
}


class Report(Struct, frozen=True, kw_only=True):
    """What was found, as --json prints it. `head` is what to note elsewhere, for --head.

    `good_until` is the last event that nothing is held against, `heads` how many noted ones agree,
    `mark` the event that log.mark notes, if there is one that can be read.
    """

    log: str
    good: bool
    events: int
    blocks: int
    head: str
    heads: int
    mark: int | None
    seconds: float
    kind: Kind | None
    fault: str | None
    good_until: int
    good_at: datetime | None


@click.command(
    epilog=examples(
        "rounds log verify",
        "rounds log verify --state /backup/rounds --head 1204:9f86d081884c7d65...",
        "rounds log verify --journal",
        "ssh loghost journalctl -u roundsd -o json | rounds log verify --journal -",
        "rounds log verify --file march.jsonl --head 1204:9f86d081884c7d65...",
    )
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The state directory; without it, the one of the configuration.",
)
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="SEQ:HASH",
    help="A head that was noted elsewhere earlier; may be repeated.",
)
@click.option(
    "--journal",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="All heads that systemd's journal holds, or a file of log lines (- for standard input).",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check what `rounds log export` made, instead of a log; against the log of --state.",
)
@as_json
def verify(
    *, state: Path | None, heads: tuple[str, ...], journal: str | None, file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Check that the log is what was written: every event, every block.

    It works on the file, whether the daemon runs or not. A head that was noted on another host
    shows whether somebody rewrote the log since, cut it off, or put an older copy there.
    """
    elsewhere = [noted.typed(head) for head in heads]
    if journal is not None:
        elsewhere += noted.journal(journal)
    if file is not None:
        verify_file.verify(file, state, elsewhere, as_json=as_json)
        return
    path = (state or config.in_force().state) / "log"
    report = _check(path, elsewhere)
    if as_json:
        screen.document(msgspec.json.encode(report))
    else:
        _show(report)
    if report.fault:
        raise Ended(Exit.FAILED, f"the log {path} is damaged: {report.fault}; {_advice(report)}")


def _check(path: Path, elsewhere: Sequence[Noted]) -> Report:
    from events.reading import LogUnusable

    began = time.monotonic()
    try:
        if not path.exists():
            raise Ended(Exit.NOT_FOUND, f"there is no log at {path}; name its directory: --state")
        with checking.progress(_expected(path)) as tell:
            found = audit(path, elsewhere, _processes(), tell)
    except PermissionError as error:
        raise Ended(
            Exit.NOT_ALLOWED, f"{error.filename} may not be read; ask its owner, or root"
        ) from None
    except LogUnusable as unusable:
        raise Ended(Exit.FAILED, str(unusable)) from None
    return _report(path, found, time.monotonic() - began)


def _report(path: Path, found: Audit, seconds: float) -> Report:
    finding = found.finding
    return Report(
        log=str(path),
        good=finding is None,
        events=found.events,
        blocks=found.blocks,
        head=f"{found.events}:{found.hash}",
        heads=found.confirmed,
        mark=found.marked,
        seconds=round(seconds, 3),
        kind=finding.kind if finding else None,
        fault=finding.sentence if finding else None,
        good_until=found.good,
        good_at=found.good_at,
    )


def _expected(path: Path) -> int:
    """How many events there may be, for a bar."""
    try:
        mark = read_mark(path.parent)
    except Broken:
        return 0
    return mark.seq if mark else 0


def _processes() -> int:
    return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


def _show(report: Report) -> None:
    screen.show(
        screen.pairs(
            ("log", report.log),
            ("events", f"{report.events:,} in {times.count(report.blocks, 'block')}"),
            ("head", report.head),
            ("took", checking.speed(report.events, report.seconds)),
        )
    )
    if not report.good:
        return
    screen.line()
    screen.line("every event and every block is as it was written", "green")
    if report.heads:
        screen.line(f"{times.count(report.heads, 'head')} noted elsewhere: as in the log")
    if report.mark is None and report.events:
        screen.line(
            "there is no log.mark beside it, so whether its end was lost cannot be told but by a "
            "head that was noted elsewhere: --journal, --head",
            "yellow",
        )


def _advice(report: Report) -> str:
    advice = ADVICE.get(report.kind, DAMAGED) if report.kind else DAMAGED
    if not report.good_until:
        return f"no event is known to be as it was written; {advice}"
    when = f" ({times.local(report.good_at)})" if report.good_at else ""
    return f"all up to event {report.good_until:,}{when} is as it was written; {advice}"
