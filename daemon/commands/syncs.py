"""What can be wished for of a connection's syncs, and what has come of one?"""

from datetime import date, timedelta
from typing import TypeAlias

from msgspec import Struct

from events.schema import CallFailed, RecordsCaptured
from events.terms import Caller, CallTotal, InterruptReason, Kind, RunOptions, StreamFailure


class Request(Struct, frozen=True, kw_only=True):
    """Sync this connection now; a `forced` one heeds no breaker and no limit."""

    subject: int
    by: Caller | None = None
    options: RunOptions | None = None
    forced: bool = False
    pass_: int | None = None
    kind: Kind = Kind.MANUAL


class Advance(Struct, frozen=True, kw_only=True):
    """Let the connection's next turn be due now."""

    subject: int
    by: Caller | None = None


class BeginPass(Struct, frozen=True, kw_only=True):
    """Many requests are about to be made that are to be summed up together."""

    by: Caller | None = None


class FillPass(Struct, frozen=True, kw_only=True):
    """All requests of that pass are made."""

    number: int


class Retry(Struct, frozen=True, kw_only=True):
    """Try now what waits to be tried again, or else what failed last."""

    subject: int
    by: Caller | None = None
    forced: bool = False


class Backfill(Struct, frozen=True, kw_only=True):
    """Fetch the days from `first` to `last` of the past, `batch` of them a sync."""

    subject: int
    first: date
    last: date
    batch: int
    threshold: timedelta | None = None
    by: Caller | None = None


class Cancel(Struct, frozen=True, kw_only=True):
    """Take back the sync that runs, or else the one that was requested."""

    subject: int
    by: Caller | None = None


class Review(Struct, frozen=True, kw_only=True):
    """The clock stepped, `by` that much: decide anew what lies further off than it may."""

    subject: int
    by: timedelta


class Reconsider(Struct, frozen=True, kw_only=True):
    """Settings are other ones, perhaps: decide anew what waits longer than they ask for."""

    subject: int


class Start(Struct, frozen=True, kw_only=True):
    subject: int


class NoteCall(Struct, frozen=True, kw_only=True):
    subject: int
    call: CallFailed


class DayCount(Struct, frozen=True, kw_only=True):
    """How many records a day brought, and how many of it are in force.

    So many of those that it brought are `duplicates`: they repeat another one's key. The provider
    itself `declared` so many; it is `repeated` where all that it brought lies in
    another day already, unchanged.
    """

    day: date
    fetched: int
    before: int
    duplicates: int = 0
    declared: int | None = None
    repeated: bool = False


class OfferDays(Struct, frozen=True, kw_only=True):
    """These days of a stream came whole: which of them are not to be believed?"""

    subject: int
    sync: int
    stream: str
    days: tuple[DayCount, ...]


class Evidence(Struct, frozen=True, kw_only=True):
    """What was seen of an answer besides its counts, for guards to judge.

    The provider itself `declared` so many records; so many `fields` that every record had are in
    none any more, or of another type in all. `days` are those that came, of a window stream. An
    incremental stream came `whole` where it was fetched anew: what is absent is gone.
    """

    declared: int | None = None
    fields: int = 0
    days: tuple[DayCount, ...] = ()
    whole: bool = False


NO_EVIDENCE = Evidence()


class Capture(Struct, frozen=True, kw_only=True):
    """A stream's records are staged as `offered` says: accept them, hold them, or neither.

    What was `lost` beside them are days.
    """

    subject: int
    offered: RecordsCaptured
    evidence: Evidence = NO_EVIDENCE
    lost: tuple[StreamFailure, ...] = ()


class Finish(Struct, frozen=True, kw_only=True):
    """A sync went through all its streams: these were captured, those failed.

    Those `waiting` were not asked for. `jitter` was drawn from [0, 1), for a retry's delay.
    """

    subject: int
    sync: int
    duration_ms: int
    captured: tuple[str, ...]
    records: int
    failures: tuple[StreamFailure, ...]
    calls: tuple[CallTotal, ...]
    waiting: tuple[str, ...] = ()
    jitter: float = 0.0


class Interrupt(Struct, frozen=True, kw_only=True):
    subject: int
    sync: int
    reason: InterruptReason


class Crash(Struct, frozen=True, kw_only=True):
    """Our own code failed while working for this connection. `error` names type and place only."""

    subject: int
    error: str


SyncCommand: TypeAlias = (
    Request
    | Advance
    | BeginPass
    | FillPass
    | Retry
    | Backfill
    | Cancel
    | Review
    | Reconsider
    | Start
    | NoteCall
    | OfferDays
    | Capture
    | Finish
    | Interrupt
    | Crash
)
