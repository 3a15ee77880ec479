"""What stands between a CSV report's fields?"""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, get_args

from daemon.csv_encoding import BadCsv
from daemon.csv_file import Csv, Delimiter
from daemon.csv_header import is_blank, named_width
from daemon.csv_rows import open_at_header

CANDIDATES: tuple[Delimiter, ...] = get_args(Delimiter)
SAMPLE_LINES = 100  # enough to tell a delimiter from a comma in a text
SAMPLE_CHARS = 256 * 1024  # what is held of them, beside one line


def find(file: BinaryIO, encoding: str, table: Csv) -> str:
    """Return the delimiter: as declared, as a line `sep=` says, or as fits best. Raises BadCsv."""
    if table.delimiter is not None:
        return table.delimiter
    opened = open_at_header(file, encoding, table.skip_lines)
    if opened.separator in CANDIDATES:
        return opened.separator
    if opened.separator is not None:
        raise BadCsv(
            "the report's first line names a delimiter that is not read;"
            " have the provider write , ; | or a tab between the fields"
        )
    sample = _sample(opened.lines)
    return max(CANDIDATES, key=lambda each: _fit(_split(sample, each), len(table.columns)))


def _sample(lines: Iterator[str]) -> list[str]:
    sample: list[str] = []
    chars = 0
    for line in islice(lines, SAMPLE_LINES):
        sample.append(line)
        chars += len(line)
        if chars > SAMPLE_CHARS:
            break
    return sample


def _split(sample: list[str], delimiter: str) -> list[list[str]]:
    """Return the rows that are not blank, up to the first that this delimiter makes no sense of."""
    split: list[list[str]] = []
    try:
        for row in csv.reader(sample, delimiter=delimiter, strict=True):
            if not is_blank(row):
                split.append(row)  # noqa: PERF401  # what came before the error counts
    except csv.Error:
        pass  # the sample may end inside quotes; whether the report does, its reader says
    return split


def _fit(sample: Sequence[list[str]], columns: int) -> tuple[bool, float, int]:
    """Return what is greater the better a delimiter fits.

    First, that it splits the header: where one does, the report is never taken for a single column
    of odd texts. Then the share of rows that it splits like the header, then into how many fields.
    Where none splits the header, one that is in no row either is best: it leaves texts whole.
    """
    if not sample:
        return False, 0.0, 0
    named = columns or named_width(sample[0])
    width = columns or len(sample[0])
    rest = sample if columns else sample[1:]
    alike = sum(len(row) >= named and is_blank(row[width:]) for row in rest)
    return named > 1, alike / len(rest) if rest else 1.0, named_width(sample[0])
