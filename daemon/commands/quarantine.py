"""What can be wished for of a version that is held?"""

from typing import TypeAlias

from msgspec import Struct

from events.schema import RecordsCaptured
from events.terms import Caller


class AcceptHeld(Struct, frozen=True, kw_only=True):
    """Somebody looked at what is held of a stream, and wants it in force."""

    subject: int
    stream: str
    by: Caller | None = None


class CaptureHeld(Struct, frozen=True, kw_only=True):
    """What was held as `quarantined` is staged, as `offered` says: let it be in force."""

    subject: int
    quarantined: int
    offered: RecordsCaptured


class DropHeld(Struct, frozen=True, kw_only=True):
    """Somebody gives up what is held of a stream."""

    subject: int
    stream: str
    by: Caller | None = None


QuarantineCommand: TypeAlias = AcceptHeld | CaptureHeld | DropHeld
