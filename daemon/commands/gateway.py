"""Which wishes come of calls that programs make through us?"""

from typing import TypeAlias

from msgspec import Struct

from events.gateway import CallMade


class NoteCallMade(Struct, frozen=True, kw_only=True):
    """An exchange on behalf of a program went well, or did not."""

    subject: int
    call: CallMade


GatewayCommand: TypeAlias = NoteCallMade
