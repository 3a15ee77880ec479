"""Is an export what the log held, and what of that is proven?"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from daemon.cli import checking, screen, times
from daemon.cli.ending import Ended, Exit
from events import exported
from events.audit import Noted
from events.export import Filter
from events.exported import Found
from events.reading import LogUnusable, open_for_reading, told
from events.verify import Broken, Kind

LONG_BYTES = 50_000_000  # some half a second
AGAIN = "have the export made again, and compare what `rounds log verify` prints on both sides"


class Report(Struct, frozen=True, kw_only=True):
    """What was found, as --json prints it.

    `proven` says by what each event is: the `chain` of the file, the `log` that it was compared
    with, or nothing but its `numbers`. `good_until` ends the last block that is as it was written.
    `filter` is what was asked for, as the file itself says it; None where all is there.
    """

    file: str
    good: bool
    proven: str
    first: int
    last: int
    filter: Filter | None
    events: int
    left_out: int
    blocks: int
    head: str
    heads: int
    seconds: float
    kind: Kind | None
    fault: str | None
    good_until: int


def verify(file: Path, state: Path | None, noted: Sequence[Noted], *, as_json: bool) -> None:
    """Check a file, print what was found, and raise Ended where it is not sound."""
    began = time.monotonic()
    found = _check(file, state, noted)
    report = _report(file, found, state is not None, time.monotonic() - began)
    if as_json:
        screen.document(msgspec.json.encode(report))
    else:
        _show(report, given=len(noted))
    if report.fault:
        good = f"up to event {report.good_until:,} " if report.good_until >= report.first else ""
        upto = f"{good}it is as it was written" if good else "nothing before that is proven"
        raise Ended(Exit.FAILED, f"the export {file} is not sound: {report.fault}; {upto}; {AGAIN}")


def _check(file: Path, state: Path | None, noted: Sequence[Noted]) -> Found:
    try:
        with ExitStack() as stack:
            log = None
            if state is not None:
                stack.enter_context(told(state / "log"))
                log = stack.enter_context(closing(open_for_reading(state / "log")))
            text = stack.enter_context(file.open("rb"))
            return exported.check(_watched(text, file.stat().st_size), noted, log)
    except Broken as broken:
        raise Ended(Exit.FAILED, f"{file} cannot be checked: {broken}") from None
    except LogUnusable as unusable:
        raise Ended(Exit.FAILED, str(unusable)) from None
    except PermissionError as error:
        raise Ended(
            Exit.NOT_ALLOWED, f"{error.filename} may not be read; ask its owner, or root"
        ) from None
    except OSError as error:
        raise Ended(Exit.NOT_FOUND, f"{file} cannot be read ({error.strerror})") from None


def _watched(text: BinaryIO, size: int) -> Iterator[bytes]:
    """The lines of a file, with a bar on a terminal where it is a long one."""
    if not screen.terminal() or size < LONG_BYTES:
        yield from exported.lines(text)
        return
    with screen.bar("verifying", size) as update:
        for count, line in enumerate(exported.lines(text)):
            if count % checking.BAR_EVENTS == 0:
                update(text.tell())
            yield line


def _report(file: Path, found: Found, compared: bool, seconds: float) -> Report:
    whole = found.header.filter is None
    return Report(
        file=str(file),
        good=found.fault is None,
        proven="log" if compared else "chain" if whole else "numbers",
        first=found.header.first,
        last=found.header.last,
        filter=found.header.filter,
        events=found.events,
        left_out=found.left_out,
        blocks=found.blocks,
        head=f"{found.last}:{found.hash}",
        heads=found.confirmed,
        seconds=round(seconds, 3),
        kind=found.fault.kind if found.fault else None,
        fault=str(found.fault) if found.fault else None,
        good_until=found.last,
    )


def _show(report: Report, given: int) -> None:
    left_out = f", {report.left_out:,} left out" if report.left_out else ""
    screen.show(
        screen.pairs(
            ("export", report.file),
            ("range", f"events {report.first:,} to {report.last:,}"),
            ("asked for", _asked(report.filter)),
            ("events", f"{report.events:,} in {times.count(report.blocks, 'block')}{left_out}"),
            ("head", report.head),
            ("took", checking.speed(report.events + report.left_out, report.seconds)),
        )
    )
    if not report.good:
        return
    screen.line()
    if report.proven == "numbers":
        screen.line(
            "its blocks, and the numbers and the order of its events are in order; what the events "
            "say is not proven, since others were left out: compare it with the log, --state DIR",
            "yellow",
        )
    elif report.proven == "log":
        screen.line(
            "every event is, byte for byte, what the log holds, and none that was asked for "
            "(see above) is missing",
            "green",
        )
    else:
        screen.line("every event and every block hangs together", "green")
    _show_heads(report, given)


def _asked(filter_: Filter | None) -> str:
    """What the file says was asked for: whoever had it made knows whether that is so."""
    if filter_ is None:
        return "all of it"
    bounds = (("from", filter_.first), ("to", filter_.last))
    asked = [
        *_named("connections and tenants", filter_.subjects),
        *_named("types", filter_.types),
        *(f"{word} event {seq:,}" for word, seq in bounds if seq is not None),
    ]
    return ", ".join(asked) or "all of it"


def _named(what: str, each: Sequence[int] | Sequence[str] | None) -> list[str]:
    return [] if each is None else [f"{what} {' '.join(map(str, each)) or 'none'}"]


def _show_heads(report: Report, given: int) -> None:
    if report.heads:
        screen.line(f"{times.count(report.heads, 'head')} noted elsewhere: as in the export")
    elif given:
        screen.line("no head that was given lies in its range, so none vouches for it", "yellow")
    elif report.proven == "chain":
        screen.line("that it is of your log, shows a head of its range that you noted: --head")
