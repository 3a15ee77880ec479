"""What is said of how a stream's fields differ between two versions?"""

from typing import Literal

from msgspec import Struct


class FieldShift(Struct, frozen=True, kw_only=True):
    """One field. A type is empty where it was none, or several."""

    field: str
    how: Literal["appeared", "gone", "retyped"]
    before: str = ""
    after: str = ""


class Shape(Struct, frozen=True, kw_only=True):
    """What differs between the versions `before` and `after`: some of it, of so many `shifts`."""

    before: int
    after: int
    shifts: int
    shown: list[FieldShift]
