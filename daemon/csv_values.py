"""Which type do a column's values have, and what is a value as that type?

    (nothing yet) ──► integer ──► number ──► text
                 └──► boolean ─────────────► text

Types only widen along the arrows, over rows and over runs: `join` is where two arrows meet.
"""

import math
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import partial
from typing import Literal, TypeAlias

Decimal: TypeAlias = Literal[".", ","]
Read: TypeAlias = Callable[[str], str | int | float | bool | None]

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1  # what SQLite keeps as an integer
EXACT_MAX = 2**53  # from here on doubles leave integers out
DIGITS_MAX = 15  # significant digits that every double gives back as they were
NUMBER_CHARS_MAX = 32  # so small a decimal is still far from a double's limits
DECLARED_CHARS_MAX = 400  # a double has at most 309 digits before its decimal point

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
"""No leading zeros, no plus: "007" is an article's number, and text."""

NUMBER: dict[Decimal, re.Pattern[str]] = {
    mark: re.compile(rf"-?(?:0|[1-9][0-9]*){re.escape(mark)}[0-9]+") for mark in (".", ",")
}
"""No exponents and no thousands: "1E5" is an article's number too."""

DECLARED_INTEGER = re.compile(r"[+-]?[0-9]+")
DECLARED_NUMBER: dict[Decimal, re.Pattern[str]] = {
    mark: re.compile(
        rf"[+-]?(?:[0-9]+(?:{re.escape(mark)}[0-9]*)?|{re.escape(mark)}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    )
    for mark in (".", ",")
}

BOOLEANS = {"true": True, "false": False}


class ColumnType(StrEnum):
    """What a column's values are; a column that was empty so far has none, which is None."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"


def join(one: ColumnType | None, other: ColumnType | None) -> ColumnType | None:
    """Return the narrowest type that has the values of both."""
    if one is None or one is other:
        return other
    if other is None:
        return one
    if {one, other} == {ColumnType.INTEGER, ColumnType.NUMBER}:
        return ColumnType.NUMBER
    return ColumnType.TEXT


def widened(
    so_far: ColumnType | None, values: Iterable[str], decimal: Decimal
) -> ColumnType | None:
    """Return the type of a column once it has these values too."""
    for value in values:
        if so_far is ColumnType.TEXT:
            break
        so_far = join(so_far, narrowest(value, decimal))
    return so_far


def narrowest(value: str, decimal: Decimal) -> ColumnType:
    """Return the type of one value, which is text unless nothing at all speaks for text."""
    if INTEGER.fullmatch(value):
        fits = len(value) < NUMBER_CHARS_MAX and INTEGER_MIN <= int(value) <= INTEGER_MAX
        return ColumnType.INTEGER if fits else ColumnType.TEXT
    if len(value) <= NUMBER_CHARS_MAX and NUMBER[decimal].fullmatch(value):
        digits = value.lstrip("-0" + decimal).replace(decimal, "")
        return ColumnType.NUMBER if len(digits) <= DIGITS_MAX else ColumnType.TEXT
    return ColumnType.BOOLEAN if value.lower() in BOOLEANS else ColumnType.TEXT


def reading(type_: ColumnType, decimal: Decimal) -> Read:
    """Return what makes a value of that type out of a text, None where it does not fit.

    A column may be of its type because a person declared it. So this forgives what `narrowest`
    does not: spaces around, leading zeros, a plus, an exponent, more digits than a double keeps.
    """
    match type_:
        case ColumnType.TEXT:
            return str
        case ColumnType.INTEGER:
            return _integer
        case ColumnType.NUMBER:
            return partial(_number, decimal=decimal)
        case ColumnType.BOOLEAN:
            return _boolean


def _integer(value: str) -> int | None:
    value = value.strip()
    if len(value) > DECLARED_CHARS_MAX or not DECLARED_INTEGER.fullmatch(value):
        return None
    whole = int(value)
    return whole if INTEGER_MIN <= whole <= INTEGER_MAX else None


def _number(value: str, decimal: Decimal) -> float | int | None:
    """Return a double; the integer itself where a double would be another one."""
    value = value.strip()
    if len(value) > DECLARED_CHARS_MAX or not DECLARED_NUMBER[decimal].fullmatch(value):
        return None
    number = float(value.replace(decimal, "."))
    if abs(number) < EXACT_MAX:
        return number
    whole = _integer(value)
    if whole is not None and number != whole:
        return whole
    return number if math.isfinite(number) else None


def _boolean(value: str) -> bool | None:
    return BOOLEANS.get(value.strip().lower())
