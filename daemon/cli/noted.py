"""Which heads of a log were noted elsewhere: as typed, in log lines, in systemd's journal?"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from daemon.cli import screen
from daemon.cli.ending import Ended, Exit
from daemon.cli.when import DIGITS_MAX
from events.audit import Noted

JOURNAL = "journalctl"
COMMAND = (
    JOURNAL,
    "--no-pager",
    "--output=json",
    "--output-fields=MESSAGE,__REALTIME_TIMESTAMP",
    "_SYSTEMD_UNIT=roundsd.service",
    "+",
    "_SYSTEMD_USER_UNIT=roundsd.service",
)
"""What roundsd said as a service of the host, or of its user."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BYTES = re.compile(rb'"MESSAGE" ?: ?\[')  # a text that is spelt out, number by number
DIGITS = frozenset("0123456789abcdef")


class Line(Struct, frozen=True, kw_only=True):
    """One of roundsd's own log lines."""

    event: str
    seq: int
    hash: str
    timestamp: datetime | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """What `journalctl -o json` prints of one; a text that is not plain comes as its bytes."""

    MESSAGE: str | list[int]
    at: str | None = msgspec.field(default=None, name="__REALTIME_TIMESTAMP")


def typed(head: str) -> Noted:
    """A head as --head takes it. Raises Ended."""
    seq, _, hash_ = head.partition(":")
    if seq.isdecimal() and len(seq) <= DIGITS_MAX and _is_hash(hash_.lower()):
        if not int(seq):
            raise Ended(
                Exit.USAGE,
                f"{head!r} is the head of no log: events are numbered from 1, so it vouches for "
                "nothing",
            )
        return Noted(seq=int(seq), hash=hash_.lower(), where="--head")
    raise Ended(
        Exit.USAGE,
        f"{head!r} is not a head; it is a number, a colon, and 64 hexadecimal digits, as "
        "`rounds log stats` and `rounds log verify` print it",
    )


def journal(file: str) -> list[Noted]:
    """All heads that a file holds; `-` is standard input, "" the journal itself. Raises Ended."""
    where = "the journal" if file in {"", "-"} else file
    unread, found = 0, dict[tuple[int, str], Noted]()
    with _lines(file) as lines:
        for line in lines:
            said = b"log-head" in line
            if not said and not BYTES.search(line):
                continue
            if head := _head(line, where):
                found.setdefault((head.seq, head.hash), head)
            else:
                unread += said
    if unread:
        screen.note(
            f"{unread:,} lines of {where} speak of a head, and are not understood; pass "
            "roundsd's lines as they are, or what `journalctl -o json` prints"
        )
    if not found:
        raise Ended(
            Exit.NOT_FOUND,
            f"no head is noted in {where}; roundsd notes one a minute and when it stops "
            '("log-head"): pass what it printed, or ask journalctl as root',
        )
    return [*found.values()]


@contextmanager
def _lines(file: str) -> Iterator[Iterable[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
    elif file:
        try:
            with open(file, "rb") as lines:  # noqa: PTH123 - as it was typed
                yield lines
        except OSError as error:
            raise Ended(
                Exit.NOT_ALLOWED if isinstance(error, PermissionError) else Exit.NOT_FOUND,
                f"{file} cannot be read ({error.strerror}); name a file of roundsd's log lines",
            ) from None
    else:
        with _journalctl() as lines:
            yield lines


@contextmanager
def _journalctl() -> Iterator[Iterable[bytes]]:
    try:
        with subprocess.Popen(COMMAND, stdout=subprocess.PIPE) as asked:  # noqa: S603 - a constant
            assert asked.stdout is not None
            yield asked.stdout
    except FileNotFoundError:
        raise Ended(
            Exit.NOT_FOUND,
            "there is no journalctl on this host; name a file of roundsd's log lines: "
            "--journal FILE, or - for standard input",
        ) from None


def _head(line: bytes, where: str) -> Noted | None:
    """The head that a line notes, by the journal's clock where that is known."""
    at = None
    text = line[line.find(b"{") :]  # behind what a pager or syslog puts before it
    try:
        try:
            entry = msgspec.json.decode(text, type=Entry)
        except msgspec.ValidationError:
            pass
        else:
            message = entry.MESSAGE
            text = message.encode() if isinstance(message, str) else bytes(message)
            at = EPOCH + timedelta(microseconds=int(entry.at)) if entry.at else None
        said = msgspec.json.decode(text, type=Line)
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None
    if said.event != "log-head" or said.seq < 1 or not _is_hash(said.hash):
        return None
    return Noted(seq=said.seq, hash=said.hash, where=where, at=at or said.timestamp)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and set(text) <= DIGITS
