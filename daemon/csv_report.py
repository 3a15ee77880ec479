"""Which records does a CSV report hold?

A report is read twice, never whole: `survey` finds out how it is written and which types its
columns have, `records` then yields what it holds. Both are synchronous, and take no more memory
for a long report than for a short one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeAlias

from msgspec import Struct

from daemon import csv_delimiter, csv_encoding, csv_header, csv_rows, csv_values
from daemon.csv_encoding import BadCsv
from daemon.csv_file import COLUMNS_MAX, Csv
from daemon.csv_header import Header, is_blank
from daemon.csv_rows import Row
from daemon.csv_values import ColumnType

__all__ = ["BadCsv", "ColumnType", "Survey", "records", "survey"]

BATCH_ROWS = 1000
BATCH_WEIGHT_MAX = 8 * 1024**2  # bytes, roughly, of rows held at once
FIELD_WEIGHT = 128  # bytes that a field takes beside its characters
TYPES_MAX = 2 * COLUMNS_MAX  # columns that no longer come are remembered, but not without end

Cells: TypeAlias = list[str | None]
Batch: TypeAlias = list[tuple[int, Cells]]
"""Rows as (number, fields); all have as many fields, what a short one lacks is None."""


class Survey(Struct, frozen=True, kw_only=True):
    """How a report is written, and how many rows of data it has.

    `columns` are the fields' names in their order, of those that are kept. `types` is what the next
    run must know: the types of all columns that are not declared and ever had a value.
    """

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    types: dict[str, ColumnType]
    rows: int


def survey(file: BinaryIO, csv: Csv, known: Mapping[str, str], content_type: str = "") -> Survey:
    """Read the report through once, from its start; `known` is an earlier survey's `types`.

    A nameless column at the end is kept only if it has ever had a value: it is what a delimiter at
    each row's end leaves. Raises BadCsv.
    """
    encoding = csv_encoding.find(file, csv.encoding, content_type)
    delimiter = csv_delimiter.find(file, encoding, csv)
    rows = csv_rows.rows(file, encoding, delimiter, csv.skip_lines)
    header = csv_header.read(rows, csv)
    spoken_of = {*known, *csv.types, *csv.rename.values()}
    kept = max([header.named, *(i for i, name in enumerate(header.names, 1) if name in spoken_of)])
    found: list[ColumnType | None] = [None] * len(header.names)
    count = 0
    for batch in _batches(rows, header, len(header.names), csv, BATCH_ROWS):
        count += len(batch)
        for index, cells in enumerate(zip(*(cells for _, cells in batch), strict=True)):
            values = (cell for cell in set(cells) if cell is not None and cell not in csv.nulls)
            found[index] = csv_values.widened(found[index], values, csv.decimal)
            if index >= kept and not is_blank(cells):
                kept = index + 1
    columns = header.names[:kept]
    return Survey(
        encoding=encoding,
        delimiter=delimiter,
        columns=columns,
        types=_types(dict(zip(columns, found, strict=False)), csv, known),
        rows=count,
    )


def records(
    file: BinaryIO, csv: Csv, survey: Survey, size: int = BATCH_ROWS
) -> Iterator[list[dict[str, Any]]]:
    """Yield the report's records, at most `size` at once, fewer where they are long.

    `survey` is of this very report. Raises BadCsv, where a value does not fit its declared type
    too; what was yielded by then is part of a report that is refused.
    """
    rows = csv_rows.rows(file, survey.encoding, survey.delimiter, csv.skip_lines)
    header = csv_header.read(rows, csv)
    names = survey.columns
    assert header.names[: len(names)] == names, "the survey is of this report"
    types = [csv.types.get(name) or survey.types.get(name) or ColumnType.TEXT for name in names]
    for batch in _batches(rows, header, len(names), csv, size):
        columns = [_column(batch, index, type_, csv, names) for index, type_ in enumerate(types)]
        yield [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _batches(
    rows: Iterator[Row], header: Header, width: int, csv: Csv, size: int
) -> Iterator[Batch]:
    """Yield the rows of data, without blank ones and without the header where it comes again."""
    batch: Batch = []
    weight = 0
    for number, chars, fields in rows:
        if is_blank(fields) or (header.named > 1 and fields == header.fields):
            continue
        batch.append((number, _fitted(number, fields, header.named, width, csv)))
        weight += chars + FIELD_WEIGHT * width
        if len(batch) >= size or weight > BATCH_WEIGHT_MAX:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _fitted(number: int, fields: list[str], named: int, width: int, csv: Csv) -> Cells:
    """Return the row with `width` fields. Raises BadCsv where that takes guessing or losing."""
    missing = width - len(fields)
    if len(fields) < named and csv.ragged == "refuse":
        raise BadCsv(
            f"row {number} of the report has {len(fields)} of {named} fields, as if it were cut"
            ' off; if rows may lack fields at their end, set ragged = "pad" in the csv table of the'
            " provider's file, or delimiter if that is another one"
        )
    if not is_blank(fields[width:]):
        raise BadCsv(
            f"row {number} of the report has more fields than there are columns ({width}); it"
            " is damaged, or delimiter or header in the csv table of the provider's file is"
            " another one"
        )
    return [*fields[:width], *[None] * missing]


def _types(
    found: Mapping[str, ColumnType | None], csv: Csv, known: Mapping[str, str]
) -> dict[str, ColumnType]:
    types: dict[str, ColumnType] = {}
    for name in [*found, *known]:
        before = ColumnType(known[name]) if name in known else None
        type_ = csv_values.join(before, found.get(name))
        if type_ is not None and name not in csv.types and len(types) < TYPES_MAX:
            types[name] = type_
    return types


def _column(
    batch: Batch, index: int, type_: ColumnType, csv: Csv, names: Sequence[str]
) -> list[Any]:
    nulls = {None, *csv.nulls}
    read = csv_values.reading(type_, csv.decimal)
    values: list[Any] = []
    for number, cells in batch:
        cell = cells[index]
        value = None if cell is None or cell in nulls else read(cell)
        if value is None and cell not in nulls:
            assert names[index] in csv.types, "every value fits a type that was found"
            raise _misfit(number, index + 1, names[index], type_)
        values.append(value)
    return values


def _misfit(row: int, column: int, name: str, type_: ColumnType) -> BadCsv:
    return BadCsv(
        f'row {row}, column {column} of the report is not of the type "{type_}" that types declares'
        f" for {name}; correct types, decimal or nulls in the csv table of the provider's file"
    )
