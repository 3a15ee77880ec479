"""Does a stream's next fetch go on where the last one ended, and what may that be?

A cursor that is a time must not run ahead of the clock: one record that is dated in the future
would keep the stream from all that comes until then. A time is text that begins as an ISO date
does, and a number, or text of digits, only where the stream's file says in which unit it counts.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from daemon.store.told import Told

AHEAD_MAX = timedelta(days=1)  # no time zone, and no clock that is looked after, differs by more
UNITS_PER_SECOND = {"unix": 1, "unix_ms": 1_000, "unix_ns": 1_000_000_000}
DAY_CHARACTERS = 10
DATED = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
COUNTED = re.compile(r"[0-9]{1,20}(\.[0-9]+)?")


class Anew(StrEnum):
    """Why a fetch begins at the beginning, although there is a version to go on from."""

    KEY = "primary-key-changed"
    FIELD = "cursor-field-changed"
    AHEAD = "cursor-in-the-future"


def begins_anew(
    cursor: str | None, was: Told | None, told: Told, *, format_: str, now: datetime
) -> Anew | None:
    """Whether an incremental fetch does: `cursor` (JSON) and `was` are of the version in force.

    Versions from before that was kept are taken to agree with the file, as `told` is.
    """
    if was is not None and was.key != told.key:
        return Anew.KEY
    if cursor is None:
        return None
    if was is not None and was.cursor != told.cursor:
        return Anew.FIELD
    return Anew.AHEAD if is_ahead(msgspec.json.decode(cursor), format_, now) else None


def is_ahead(value: Any, format_: str, now: datetime) -> bool:
    """Whether it is a time that no cursor may be yet. `format_` is as the stream's file says."""
    latest = now + AHEAD_MAX
    scale = UNITS_PER_SECOND.get(format_)
    if isinstance(value, str) and DATED.match(value):
        at = _read(value)
        return at is not None and at > latest
    if scale is None:
        return False
    if isinstance(value, str):
        if not COUNTED.fullmatch(value):
            return False
        value = float(value)
    return bool(value > latest.timestamp() * scale)


def _read(value: str) -> datetime | None:
    """Without an offset it is taken as UTC: that is far less off than may be.

    Where there is no reading its time, its day alone says enough.
    """
    for text in (value.upper(), value[:DAY_CHARACTERS]):
        with suppress(ValueError):
            at = datetime.fromisoformat(text)
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return None
