"""Which facts can be recorded about versions: doubted, held, taken over, taken back, given up?

A guard that does not believe what was fetched refuses it (`RecordsRefused`) or has it held
(`RecordsQuarantined`); the last good version stays in force. A held one is taken over or dropped by
a person. Going back writes the difference to what was as a new version: history is linear.

    AcceptanceStarted ──► RecordsCaptured, QuarantineAccepted      RollbackStarted ──► RolledBack
              └──────────────────────── RestoreAbandoned ────────────────┘
"""

from datetime import date, datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from events.breakers import BreakerReason
from events.fact import Fact
from events.terms import Caller, FailureClass, Guard, RestoreEnd, RollbackScope, StreamFailure

__all__ = [
    "AcceptanceStarted",
    "BreakerRestored",
    "EndingRestored",
    "QuarantineAccepted",
    "QuarantineDropped",
    "RecordsQuarantined",
    "RestoreAbandoned",
    "RestoreEvent",
    "RollbackStarted",
    "RolledBack",
    "StateRestored",
    "StreamRestored",
    "StreamStateRestored",
    "VersionEvent",
    "VersionsPruned",
]


class RecordsQuarantined(Fact, frozen=True, kw_only=True, tag="records-quarantined"):
    """What a stream's provider answered is held, and nothing of it in force.

    `guard` doubted it. Taking it over would add, change and remove so many records of the `rows`
    that are in force, and leave `offered`. `share` is what was measured, `limit` what the guard
    allows; so many `fields` were gone or of another type; the provider itself says that there are
    `declared`. `day` is the one that was doubted, where days are; those `owed` failed beside what
    is held. One that was held before is dropped.
    """

    stream: str
    version: int
    guard: Guard
    cause: FailureClass
    fetched: int
    added: int
    changed: int
    removed: int
    rows: int
    offered: int
    share: float | None = None
    limit: float | None = None
    fields: int = 0
    declared: int | None = None
    day: date | None = None
    owed: tuple[date, ...] = ()


class QuarantineDropped(Fact, frozen=True, kw_only=True, tag="quarantine-dropped"):
    """The version of this stream that was held is gone."""

    stream: str
    version: int
    by: Caller | None = None


class AcceptanceStarted(Fact, frozen=True, kw_only=True, tag="acceptance-started"):
    """A stream's held version, `quarantined`, is being taken over; this event's number names it."""

    stream: str
    quarantined: int
    by: Caller | None = None


class QuarantineAccepted(Fact, frozen=True, kw_only=True, tag="quarantine-accepted"):
    """The held version `quarantined` is in force, as `version`, which was just captured."""

    stream: str
    quarantined: int
    version: int


class RollbackStarted(Fact, frozen=True, kw_only=True, tag="rollback-started"):
    """A connection goes back to how it was at event `to`. This event's number names the versions.

    `streams` are those that go back, empty for all.
    """

    to: int
    scope: RollbackScope
    streams: tuple[str, ...] = ()
    by: Caller | None = None


class StreamRestored(Struct, frozen=True, kw_only=True):
    """A stream's records and cursor as they were in version `of` (0: before there was any).

    Going back added, changed and removed so many records. `digest` is of the whole content,
    `captured_at` when that was fetched.
    """

    stream: str
    of: int
    rows: int
    digest: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    captured_at: datetime | None = None
    newest_day: date | None = None
    failed_days: tuple[date, ...] = ()


class StreamStateRestored(Struct, frozen=True, kw_only=True):
    """How a stream had done: the fields are those of its state."""

    stream: str
    failures: int = 0
    failed_in: int = 0
    failed_at: datetime | None = None
    failure: StreamFailure | None = None
    empty: bool = False
    doubt: Guard | None = None


class BreakerRestored(Struct, frozen=True, kw_only=True):
    """How a connection's breaker stood: the fields are those of its state, but for what it counts.

    `outcomes` are the causes of each of its last syncs, none of a success.
    """

    reason: BreakerReason | None = None
    until: datetime | None = None
    since: datetime | None = None
    event: int = 0
    opened: int = 0
    successes: int = 0
    outcomes: tuple[tuple[FailureClass, ...], ...] = ()


class EndingRestored(Struct, frozen=True, kw_only=True):
    """How the last sync before had ended: the fields are those of its state."""

    seq: int
    at: datetime
    word: str
    cause: FailureClass | None = None
    message: str = ""
    whole: bool = False
    waited: timedelta | None = None


class StateRestored(Struct, frozen=True, kw_only=True):
    """How a connection had done. What is decided from it, the next start, is decided anew."""

    consecutive_failures: int = 0
    crashes: int = 0
    breaker: BreakerRestored = BreakerRestored()
    last: EndingRestored | None = None
    streams: tuple[StreamStateRestored, ...] = ()


class RolledBack(Fact, frozen=True, kw_only=True, tag="rolled-back"):
    """A connection is as it was at event `to`, as far as the scope goes.

    `started` is the number of its RollbackStarted, and of the versions that it wrote. `streams`
    are those whose data went back, `state` what else did.
    """

    to: int
    scope: RollbackScope
    started: int
    streams: tuple[StreamRestored, ...] = ()
    state: StateRestored | None = None
    by: Caller | None = None


class RestoreAbandoned(Fact, frozen=True, kw_only=True, tag="restore-abandoned"):
    """What began with event `started`, a rollback or an acceptance, changed nothing."""

    started: int
    reason: RestoreEnd


class VersionsPruned(Fact, frozen=True, kw_only=True, tag="versions-pruned"):
    """What only versions before `before` of a stream held is deleted, `versions` of them.

    They can be neither shown nor gone back to any more.
    """

    stream: str
    before: int
    versions: int


VersionEvent: TypeAlias = RecordsQuarantined | QuarantineDropped | VersionsPruned
"""What concerns a stream's versions alone."""

RestoreEvent: TypeAlias = (
    AcceptanceStarted | QuarantineAccepted | RollbackStarted | RolledBack | RestoreAbandoned
)
"""What a connection does instead of syncing: it goes back, or a held version is taken over."""
