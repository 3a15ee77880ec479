"""Which facts can be recorded about sources: what reports its own figures from outside the host?

A phone's calls, its messages, uploads by hand: rounds does not fetch these, it is told. Their
subject is the source. A report holds numbers, and words of ours; its key is kept as a keyed digest,
so that the same report is known again, and the token that lets it in is never in an event at all.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from events.fact import Fact
from events.terms import Caller


class Pattern(StrEnum):
    """What a source is, as far as that says when it can report."""

    ANDROID = "android"
    IOS = "ios"
    MANUAL = "manual"


class Platform(StrEnum):
    """On what a reporter runs."""

    ANDROID = "android"
    IOS = "ios"
    WEB = "web"
    DESKTOP = "desktop"
    SERVER = "server"


class Health(StrEnum):
    """How a reporter finds itself."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Expectation(Struct, frozen=True, kw_only=True):
    """A report is due `every` so often, and late `late_after` the last one.

    One that would become late at `night`, where the tenant is, has until the next morning.
    """

    pattern: Pattern
    every: timedelta
    late_after: timedelta
    night: bool = False


class Figures(Struct, frozen=True, kw_only=True):
    """What a report says, as far as it does. `oldest` is when the oldest queued item was made."""

    syncs: int | None = None
    records: int | None = None
    errors: int | None = None
    duration_ms: int | None = None
    bytes: int | None = None
    queue_depth: int | None = None
    oldest: datetime | None = None
    platform: Platform | None = None
    health: Health | None = None


class SourceAdded(Fact, frozen=True, kw_only=True, tag="source-added"):
    """A source may report, as soon as it has a token or somebody reports for it."""

    tenant: int
    expectation: Expectation
    declared: bool = False
    by: Caller | None = None


class SourceChanged(Fact, frozen=True, kw_only=True, tag="source-changed"):
    """Something else is expected of it from here on."""

    expectation: Expectation
    declared: bool = False
    by: Caller | None = None


class SourceRemoved(Fact, frozen=True, kw_only=True, tag="source-removed"):
    """It may not report any more, and its token is void. What it reported is kept."""

    by: Caller | None = None


class SourceTokenSet(Fact, frozen=True, kw_only=True, tag="source-token-set"):
    """It is given a new token; the one before it, if any, is void."""

    by: Caller | None = None


class ReportReceived(Fact, frozen=True, kw_only=True, tag="report-received"):
    """A source told its figures as of `reported`, by its own clock.

    `key` is the keyed digest of the key by which the report is known again. What was reported of
    days before `kept_since` is no longer remembered one by one. `by` is whoever reported over the
    control socket, None where the source itself did.
    """

    reported: datetime
    key: str
    figures: Figures
    kept_since: date
    by: Caller | None = None


SourceEvent: TypeAlias = (
    SourceAdded | SourceChanged | SourceRemoved | SourceTokenSet | ReportReceived
)
