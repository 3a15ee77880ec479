"""What can be wished for of the host, and of the settings that hold for all?"""

from datetime import timedelta
from typing import TypeAlias

from msgspec import Struct

from events.schema import PolicySet, ProviderDeclared
from events.terms import Caller


class Recover(Struct, frozen=True, kw_only=True):
    """Close what an earlier life left open, and note that this one has begun."""

    version: str


class Stop(Struct, frozen=True, kw_only=True):
    """Note that this life ends in good order, `interrupted` syncs having been cut short."""

    interrupted: int


class StepClock(Struct, frozen=True, kw_only=True):
    """The wall clock jumped by that much against the host's own counter."""

    by: timedelta


class SetPolicy(Struct, frozen=True, kw_only=True):
    policy: PolicySet


class NoteVaultKey(Struct, frozen=True, kw_only=True):
    """The vault's `sealed` secrets lie under this version of its master key."""

    version: int
    sealed: int
    by: Caller | None = None


class DeclareProvider(Struct, frozen=True, kw_only=True):
    subject: int
    declaration: ProviderDeclared


HostCommand: TypeAlias = Recover | Stop | StepClock | SetPolicy | NoteVaultKey | DeclareProvider
