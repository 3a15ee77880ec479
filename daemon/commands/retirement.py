"""What can be heard of a provider's end?"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct


class NoteAnnouncement(Struct, frozen=True, kw_only=True):
    """An answer to a connection's call speaks of its provider's end.

    `deprecated` says that one should not build upon it any more, `since` since when, or from when
    on; at `sunset` it is to be switched off.
    """

    subject: int
    deprecated: bool = False
    since: datetime | None = None
    sunset: datetime | None = None


RetirementCommand: TypeAlias = NoteAnnouncement
