"""What is said over the control socket of answers that were doubted, and of what is held?"""

from datetime import date, datetime
from typing import Any

from msgspec import Struct


class QuarantineQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is held or was refused last, or one connection's."""

    connection: str | None = None


class HeldName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names a stream of a connection, of which one answer at most is held."""

    connection: str
    stream: str


class DoubtView(Struct, frozen=True, kw_only=True):
    """An answer that a guard doubted. `kept` is held, or refused: then nothing of it is there.

    `version` is what it would have been, `rows` are in force, `message` says what was wrong, and
    what to type. What is held would leave `offered`; `obstacle` is why it cannot be taken over now:
    syncing, restoring (another one, or going back), or superseded by another version, newer data
    or older that was gone back to.
    """

    connection: str
    stream: str
    kept: str
    version: int
    guard: str
    at: datetime | None
    rows: int
    message: str
    offered: int | None = None
    fetched: int | None = None
    share: float | None = None
    limit: float | None = None
    fields: int = 0
    obstacle: str | None = None


class Doubts(Struct, frozen=True, kw_only=True):
    seq: int
    now: datetime
    doubts: list[DoubtView]


class ChangedRecord(Struct, frozen=True, kw_only=True):
    """A record as it is in force, and as it came."""

    before: dict[str, Any]
    after: dict[str, Any]


class HeldView(Struct, frozen=True, kw_only=True):
    """What taking it over would change in version `base`, with some of the records, by key.

    There are no examples where another version is in force: what of it was is perhaps not kept.
    """

    base: int
    added: int
    changed: int
    removed: int
    rows: int
    days: list[date]
    added_examples: list[dict[str, Any]]
    changed_examples: list[ChangedRecord]
    removed_examples: list[dict[str, Any]]


class DoubtAnswer(Struct, frozen=True, kw_only=True):
    """One of them, with the names of the fields that are `gone`, or `retyped`: was, is.

    `held` is None where nothing of it is there. `in_force` says which version is, and whence.
    """

    seq: int
    now: datetime
    doubt: DoubtView
    in_force: str
    gone: list[str]
    retyped: dict[str, list[str]]
    held: HeldView | None
