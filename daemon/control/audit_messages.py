"""What is said over the control socket of who was told of whom?"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

READS_MAX = 1000  # in one answer; whoever wants more asks again, `after` that one


class ReadsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who was told of a tenant, or of anybody: from a moment on, or after an event."""

    tenant: str | None = None
    since: str | None = None
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=READS_MAX)] = 100


class ReadView(Struct, frozen=True, kw_only=True):
    """What one caller asked from `since` to `at`, so many times by each operation.

    `tenants` are those whom the answers spoke of; None where these were all. Of a `failure`, by its
    event, the caller was shown what the provider said.
    """

    event: int
    at: datetime
    since: datetime
    uid: int
    role: str
    operations: dict[str, int]
    tenants: list[str] | None
    failure: int | None = None


class TenantReads(Struct, frozen=True, kw_only=True):
    """In the order of the log. What follows is asked for with `after`; None where nothing does."""

    seq: int
    reads: list[ReadView]
    after: int | None = None
