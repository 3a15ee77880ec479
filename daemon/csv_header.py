"""What are a CSV report's columns called?"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import count

from msgspec import Struct

from daemon.csv_encoding import BOM, BadCsv
from daemon.csv_file import COLUMNS_MAX, Csv
from daemon.csv_rows import Row

NAME_CHARS_MAX = 256  # a longer one is a text: the report lacks its header, or is no report


class Header(Struct, frozen=True, kw_only=True):
    """The header's fields as they came, none where the names are declared, and all names.

    The names from `named` on are ours, for fields at the header's end that are empty.
    """

    fields: list[str]
    names: tuple[str, ...]
    named: int


NO_HEADER = Header(fields=[], names=(), named=0)


def read(rows: Iterator[Row], table: Csv) -> Header:
    """Take the header off the rows; NO_HEADER where there is none at all. Raises BadCsv."""
    if not table.header:
        return Header(fields=[], names=table.columns, named=len(table.columns))
    for number, _, fields in rows:
        if named_width(fields):
            return _header(number, fields, table)
        if len(fields) > 1:
            raise BadCsv(
                f"row {number} of the report should be the header and is empty; correct header or"
                " skip_lines in the csv table of the provider's file"
            )
    return NO_HEADER


def is_blank(fields: Sequence[str | None]) -> bool:
    """Say whether there is nothing in these fields but space."""
    return not any(field and not field.isspace() for field in fields)


def named_width(fields: Sequence[str]) -> int:
    """Return how many columns a header has up to the last that has a name."""
    width = len(fields)
    while width and not _cleaned(fields[width - 1]):
        width -= 1
    return width


def _header(number: int, fields: list[str], table: Csv) -> Header:
    named = named_width(fields)
    if named > COLUMNS_MAX:
        raise BadCsv(f"the report has {named} columns, and at most {COLUMNS_MAX} are read")
    names = _distinct([_cleaned(field) for field in fields[:COLUMNS_MAX]])
    for column, name in enumerate(names, 1):
        if len(name) > NAME_CHARS_MAX:
            raise BadCsv(
                f"row {number}, column {column} of the report should be a column's name and is"
                f" longer than {NAME_CHARS_MAX} characters; correct header or skip_lines in the"
                " csv table of the provider's file"
            )
    renamed = _renamed(names, table)
    for name in table.types:
        if name not in renamed:
            raise _absent(name)
    return Header(fields=fields, names=tuple(renamed), named=named)


def _cleaned(field: str) -> str:
    """Strip marks and quotes around a name, and make every stretch of space in it one space."""
    name = " ".join(field.replace(BOM, "").split())
    return name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == '"' else name


def _distinct(names: list[str]) -> list[str]:
    """Name what has no name by its place, and what has an earlier one's name by its turn."""
    taken = set(names)
    met: Counter[str] = Counter()
    distinct: list[str] = []
    for column, name in enumerate(names, 1):
        met[name] += 1
        if name and met[name] == 1:
            distinct.append(name)
        else:
            distinct.append(_free(name or f"column_{column}", met[name] if name else 1, taken))
            taken.add(distinct[-1])
    return distinct


def _renamed(names: list[str], table: Csv) -> list[str]:
    """Give the columns their fields' names; another that is called so already makes room."""
    for name in table.rename:
        if name not in names:
            raise _absent(name)
    wanted = set(table.rename.values())
    taken = wanted.union(names)
    return [
        _free(name, 2, taken)
        if name in wanted and name not in table.rename
        else table.rename.get(name, name)
        for name in names
    ]


def _free(name: str, turn: int, taken: Collection[str]) -> str:
    """Return the name of this turn, or of the first after it that is not taken."""
    turns = (f"{name}_{each}" if each > 1 else name for each in count(turn))
    return next(each for each in turns if each not in taken)


def _absent(name: str) -> BadCsv:
    return BadCsv(
        f'the report has no column "{name}", which the csv table of the provider\'s file names;'
        " correct either"
    )
