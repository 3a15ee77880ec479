"""What can be wished for of the audit log: to note who was told of whom?"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from events.terms import Caller


class Told(Struct, frozen=True, kw_only=True):
    """What somebody was told of these tenants, of all that there are (None), since then."""

    by: Caller
    tenants: frozenset[int] | None
    since: datetime
    operations: Mapping[str, int]


class NoteReads(Struct, frozen=True, kw_only=True):
    told: tuple[Told, ...]


class NoteExcerpts(Struct, frozen=True, kw_only=True):
    """Somebody is about to be shown what this connection's provider said, in these failures."""

    subject: int
    events: tuple[int, ...]
    by: Caller


AccessCommand: TypeAlias = NoteReads | NoteExcerpts
