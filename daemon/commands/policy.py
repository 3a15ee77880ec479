"""What can be wished for of settings, and of breakers by hand?"""

from typing import TypeAlias

from msgspec import Struct

from events.policy import Settings
from events.terms import Caller


class SetSettings(Struct, frozen=True, kw_only=True):
    """Let these hold for the fleet (0), a provider, a tenant or a connection."""

    subject: int
    settings: Settings
    by: Caller | None = None


class ResetSettings(Struct, frozen=True, kw_only=True):
    """Take back what was set by command: these, or all where none are named."""

    subject: int
    names: tuple[str, ...] = ()
    by: Caller | None = None


class DeclareSettings(Struct, frozen=True, kw_only=True):
    """The configuration says these of that subject, and no others."""

    subject: int
    settings: Settings


class OpenBreaker(Struct, frozen=True, kw_only=True):
    """Let nothing start on this connection, or at this provider, until somebody closes it."""

    subject: int
    by: Caller | None = None


class CloseBreaker(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class ResetBreaker(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


PolicyCommand: TypeAlias = (
    SetSettings | ResetSettings | DeclareSettings | OpenBreaker | CloseBreaker | ResetBreaker
)
