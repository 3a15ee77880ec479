"""What can be wished for of a connection as such?"""

from datetime import timedelta
from typing import TypeAlias

from msgspec import Struct

from events.terms import Caller


class Connect(Struct, frozen=True, kw_only=True):
    """Add a connection, bring a removed one back, change its settings.

    `credential`, `secret` and `settings` say that the vault holds others than before; `secret`
    alone that the application of a grant is the same one, with another secret.
    """

    subject: int
    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    credential: bool = False
    secret: bool = False
    settings: bool = False
    by: Caller | None = None


class Relink(Struct, frozen=True, kw_only=True):
    """Move a connection to another provider.

    `credential` and `settings` say that the vault is about to hold some for that one.
    """

    subject: int
    provider: int
    credential: bool = False
    settings: bool = False
    by: Caller | None = None


class Remove(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class Pause(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class Resume(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


MembershipCommand: TypeAlias = Connect | Relink | Remove | Pause | Resume
