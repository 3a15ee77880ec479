"""What is said over the control socket of tenants' consent to detailed monitoring?"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.consent import Believed
from events.terms import Caller

Words = Annotated[str, Meta(min_length=1, max_length=500)]


class ConsentOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tenant: str


class ConsentWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`words` say who consented, or does no more, and how: they lie in the vault."""

    tenant: str
    words: Words | None = None


class ConsentAnswer(Struct, frozen=True, kw_only=True):
    """Whether details of the tenant are kept; where nothing was `said`, as is `believed`.

    `by` is who typed it.
    """

    seq: int
    now: datetime
    tenant: str
    monitored: bool
    said: Literal["granted", "withdrawn"] | None
    believed: Believed
    at: datetime | None = None
    event: int | None = None
    by: Caller | None = None
    words: str | None = None
