"""What can be wished for of a tenant's consent to detailed monitoring?"""

from typing import TypeAlias

from msgspec import Struct

from events.consent import Believed
from events.terms import Caller


class SetMonitoring(Struct, frozen=True, kw_only=True):
    """Believe this of tenants who said nothing."""

    consent: Believed


class GrantConsent(Struct, frozen=True, kw_only=True):
    """`words` says that the vault holds who consented, and how."""

    subject: int
    words: bool = False
    by: Caller | None = None


class WithdrawConsent(Struct, frozen=True, kw_only=True):
    subject: int
    words: bool = False
    by: Caller | None = None


ConsentCommand: TypeAlias = SetMonitoring | GrantConsent | WithdrawConsent
