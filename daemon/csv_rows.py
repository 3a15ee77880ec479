"""Of which rows does a CSV report consist, whatever its line ends and quotes?"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from daemon.csv_encoding import BOM, CHUNK_BYTES, BadCsv

FIELD_CHARS_MAX = 256 * 1024  # more is a quote that was never closed
ROW_CHARS_MAX = 1024 * 1024  # what is held at once, at most, before a row is whole

SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
"""The first line that Excel writes, and hides, to say which delimiter follows."""

Row: TypeAlias = tuple[int, int, list[str]]
"""(number, characters, fields); numbered from 1 as a spreadsheet shows it, blank rows counted."""


class Opened(Struct, frozen=True, kw_only=True):
    """A report from its header on; `separator` is what a first line `sep=;` names."""

    lines: Iterator[str]
    skipped: int
    separator: str | None


def open_at_header(file: BinaryIO, encoding: str, skip_lines: int) -> Opened:
    """Return the report's lines, each with the end that it came with. Raises BadCsv."""
    lines = _decoded(file, encoding)
    first = next(lines, "").lstrip(BOM)
    match = SEPARATOR.fullmatch(first)
    skipped = max(skip_lines, 1 if match else 0)
    return Opened(
        lines=islice(chain([first], lines), skipped, None),
        skipped=skipped,
        separator=match[1] if match else None,
    )


def rows(file: BinaryIO, encoding: str, delimiter: str, skip_lines: int) -> Iterator[Row]:
    """Split the report into its rows, from the header on. Raises BadCsv."""
    csv.field_size_limit(FIELD_CHARS_MAX)  # the process's own: nothing else in it reads CSV
    opened = open_at_header(file, encoding, skip_lines)
    lines = _Guarded(opened.lines, opened.skipped)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_row()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = str(error)
            break
        yield lines.row, lines.chars, fields
    raise _unsplittable(lines.row, why)


class _Guarded:
    """Lines on their way to the csv module, which would put any number of them into one row."""

    def __init__(self, lines: Iterator[str], row: int) -> None:
        self.row = row
        self.chars = 0  # of this row, so far
        self._lines = lines

    def begin_row(self) -> None:
        self.row += 1
        self.chars = 0

    def __iter__(self) -> "_Guarded":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.chars += len(line)
        if self.chars > ROW_CHARS_MAX:
            raise _too_long(f"row {self.row} of the report")
        if "\0" in line:
            raise BadCsv(
                f"row {self.row} of the report holds NUL characters; if it is UTF-16, set encoding"
                " in the csv table of the provider's file"
            )
        return line


def _decoded(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Decode chunk by chunk, and split where universal newlines do and nowhere else."""
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)(), translate=False
    )
    file.seek(0)
    rest, final = "", False
    while not final:
        chunk = file.read(CHUNK_BYTES)
        final = not chunk
        try:
            text = decoder.decode(chunk, final)
        except UnicodeError:
            break
        lines = io.StringIO(rest + text, newline="").readlines()
        rest = "" if not lines or lines[-1].endswith(("\r", "\n")) else lines.pop()
        yield from lines
        if len(rest) > ROW_CHARS_MAX:
            raise _too_long("a line of the report")
    else:
        if rest:
            yield rest
        return
    raise BadCsv(
        f"the report is damaged or cut off: it is not valid {encoding}; if it is in another"
        " encoding, set encoding in the csv table of the provider's file"
    )


def _too_long(what: str) -> BadCsv:
    return BadCsv(
        f"{what} is longer than {ROW_CHARS_MAX} characters;"
        " it lacks its line ends, or a quote in it is never closed"
    )


def _unsplittable(row: int, why: str) -> BadCsv:
    """Say in our words what the csv module found; what it says is told apart by its parts."""
    if "end of data" in why:
        return BadCsv(
            f"the report ends inside quotes that row {row} opens:"
            " it was cut off, or a quote in it is never closed"
        )
    if "field limit" in why:
        return BadCsv(
            f"row {row} of the report has a field longer than {FIELD_CHARS_MAX} characters;"
            " a quote in it may never be closed"
        )
    return BadCsv(
        f"row {row} of the report goes on after a closing quote;"
        " it is damaged, or delimiter in the csv table of the provider's file is another one"
    )
