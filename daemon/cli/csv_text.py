"""How are records written as CSV?

As RFC 4180 says, in UTF-8: a header, one line a record ended by CR LF, cells with a comma, a quote
or a line break between quotes, quotes in them doubled. Text is written as it is, numbers and truth
values as JSON has them, lists and objects as JSON. What is null or not there is an empty cell, an
empty text is `""`.

A spreadsheet runs a cell that begins with = + - @ (or a tab or CR before one) as a formula. Nothing
is altered unless asked for: then such text has a ' before it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

FORMULA = ("=", "+", "-", "@", "\t", "\r")
SPECIAL = frozenset(',"\r\n')


def lines(
    columns: list[str], records: Iterable[dict[str, Any]], *, defused: bool = False
) -> Iterator[bytes]:
    """The header and a line a record."""
    yield _line([_quoted(_safe(name) if defused else name) for name in columns])
    for record in records:
        yield _line([_cell(record.get(name), defused=defused) for name in columns])


def is_formula(value: Any) -> bool:
    """Whether a spreadsheet may run it."""
    return isinstance(value, str) and value.startswith(FORMULA)


def _line(cells: list[str]) -> bytes:
    return (",".join(cells) + "\r\n").encode()


def _cell(value: Any, *, defused: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(_safe(value) if defused else value)
    return _quoted(msgspec.json.encode(value).decode())


def _safe(text: str) -> str:
    return f"'{text}" if is_formula(text) else text


def _quoted(text: str) -> str:
    if text and SPECIAL.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'
