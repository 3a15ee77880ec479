"""Which facts can be recorded about a connection's syncs: from due to done?"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from events.fact import Fact
from events.policy import Learnt
from events.terms import (
    BackfillEnd,
    Caller,
    CallTotal,
    FailureClass,
    Guard,
    HoldReason,
    InterruptReason,
    Kind,
    RetriesEnd,
    RunOptions,
    ScheduleReason,
    SkipReason,
    StreamFailure,
)


class SyncScheduled(Fact, frozen=True, kw_only=True, tag="sync-scheduled"):
    """The next scheduled sync is due then. `reason` says what moved it there.

    It lies `spread` before its slot, so that not all connections are due at once. Where streams
    have intervals of their own, `streams` says when each of them is due; an adaptive turn says what
    was `learnt`.
    """

    due: datetime
    reason: ScheduleReason
    spread: timedelta = timedelta(0)
    streams: Mapping[str, datetime] = {}
    by: Caller | None = None
    learnt: Learnt | None = None


class SyncRequested(Fact, frozen=True, kw_only=True, tag="sync-requested"):
    """Somebody wants a sync now, or another connection's failure does: `origin` (failover).

    A `forced` one heeds no breaker and no limit. `streams` are those wanted, empty for all;
    `pass_` is the number of the pass that it is part of.
    """

    by: Caller | None = None
    options: RunOptions | None = None
    kind: Kind = Kind.MANUAL
    forced: bool = False
    streams: tuple[str, ...] = ()
    origin: int | None = None
    pass_: int | None = None


class SyncSkipped(Fact, frozen=True, kw_only=True, tag="sync-skipped"):
    """Due syncs that did not start: `count` of them, the first due at `due`.

    `request` is the number of the request that was skipped, if it was one; `stream` names the one
    stream whose turns these were, where it has an interval of its own.
    """

    reason: SkipReason
    due: datetime
    count: int = 1
    request: int | None = None
    stream: str = ""
    pass_: int | None = None


class SyncDeferred(Fact, frozen=True, kw_only=True, tag="sync-deferred"):
    """What was due at `due` does not start before `until`; None: not before settings change."""

    due: datetime
    reason: HoldReason
    until: datetime | None


class RetryScheduled(Fact, frozen=True, kw_only=True, tag="retry-scheduled"):
    """What failed is tried again at `due`: `attempt` counts from 1.

    `delay` is what the settings make of the attempt, `jitter` the number that was drawn, `hint`
    what the provider asked for. `streams` are those that failed, empty for all.
    """

    due: datetime
    attempt: int
    cause: FailureClass
    priority: int
    delay: timedelta
    jitter: float | None = None
    hint: timedelta | None = None
    streams: tuple[str, ...] = ()
    options: RunOptions | None = None


class RetryMoved(Fact, frozen=True, kw_only=True, tag="retry-moved"):
    """The pending retry is due then: the clock stepped back, or the provider asked to wait."""

    due: datetime


class RetriesEnded(Fact, frozen=True, kw_only=True, tag="retries-ended"):
    """What failed is not tried again before its next turn, after so many `attempts`."""

    reason: RetriesEnd
    attempts: int
    by: Caller | None = None


class SyncStarted(Fact, frozen=True, kw_only=True, tag="sync-started"):
    """A sync runs. This event's number names the sync, and the versions that it writes.

    `priority` runs from 1 (first) to 10; `request` is the number of the SyncRequested, if any.
    `attempt` is 0, or which retry it is; `streams` are those that run, empty for all; `quiet` says
    that it runs inside quiet hours, because a person asked for it.
    """

    kind: Kind
    due: datetime
    priority: int
    request: int | None = None
    options: RunOptions | None = None
    attempt: int = 0
    streams: tuple[str, ...] = ()
    forced: bool = False
    quiet: bool = False


class BackfillRequested(Fact, frozen=True, kw_only=True, tag="backfill-requested"):
    """Somebody wants the days from `first` to `last`, `batch` of them a sync, the newest first."""

    first: date
    last: date
    batch: int
    threshold: timedelta | None = None
    by: Caller | None = None


class BackfillAdvanced(Fact, frozen=True, kw_only=True, tag="backfill-advanced"):
    """A backfill goes on with the days up to `last`, at `due`.

    A stream that `reached` names has its days from that one on, while others lag behind.
    """

    last: date
    due: datetime
    reached: Mapping[str, date] = {}


class BackfillEnded(Fact, frozen=True, kw_only=True, tag="backfill-ended"):
    """No more of it runs. `last` is the newest day that was not fetched, if any was left."""

    how: BackfillEnd
    last: date | None = None
    by: Caller | None = None


class CallFailed(Fact, frozen=True, kw_only=True, tag="call-failed"):
    """One exchange with the provider went wrong. `endpoint` is the file's template, not the URL.

    `excerpt` refers to how its answer began, if that is kept: by a digest with the tenant's key.
    """

    sync: int
    stream: str
    endpoint: str
    method: str
    cause: FailureClass
    status: int | None = None
    duration_ms: int = 0
    bytes: int = 0
    retry_after: timedelta | None = None
    excerpt: str = ""


class RecordsCaptured(Fact, frozen=True, kw_only=True, tag="records-captured"):
    """A stream's records were fetched, staged and accepted as version `version`.

    Counts are of records. `digest` is the keyed digest of the stream's whole content afterwards,
    in hexadecimal, keyed with the tenant's own key. `days` are the windows that came whole; those
    `owed` failed beside them, and are asked for again, however this sync ends.
    """

    stream: str
    version: int
    fetched: int
    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    rows: int
    pages: int
    digest: str
    days: tuple[date, ...] = ()
    owed: tuple[date, ...] = ()


class RecordsRefused(Fact, frozen=True, kw_only=True, tag="records-refused"):
    """What a stream's provider answered was not accepted; the last good version stays in force.

    With a `day` it is that day's answer alone; `rows` counts what stays in force. `guard` doubted
    it: taking it over would have left `offered` records. `share` is what was measured, `limit`
    what the guard allows; so many `fields` were gone or of another type; the provider itself says
    that there are `declared`.
    """

    stream: str
    version: int
    cause: FailureClass
    fetched: int
    rows: int
    day: date | None = None
    guard: Guard | None = None
    offered: int | None = None
    share: float | None = None
    limit: float | None = None
    fields: int = 0
    declared: int | None = None


class SyncSucceeded(Fact, frozen=True, kw_only=True, tag="sync-succeeded"):
    """At least one stream's records were accepted. What failed beside it is named.

    `records` counts what was fetched of the accepted streams, `days` those that came; those
    `waiting` were not fetched, since what they wait for is not healthy. So often was its token
    refreshed; `pass_` is the number of the pass that it was part of.
    """

    sync: int
    duration_ms: int
    records: int
    failures: tuple[StreamFailure, ...] = ()
    calls: tuple[CallTotal, ...] = ()
    waiting: tuple[str, ...] = ()
    days: int = 0
    refreshes: int = 0
    pass_: int | None = None


class SyncFailed(Fact, frozen=True, kw_only=True, tag="sync-failed"):
    """No stream's records were accepted. `cause` and `message` are the first failure's."""

    sync: int
    duration_ms: int
    cause: FailureClass
    message: str
    failures: tuple[StreamFailure, ...] = ()
    calls: tuple[CallTotal, ...] = ()
    waiting: tuple[str, ...] = ()
    refreshes: int = 0
    pass_: int | None = None


class SyncCancelled(Fact, frozen=True, kw_only=True, tag="sync-cancelled"):
    """Somebody took back a running sync, or (`sync` is None) one that had not started.

    One that is `replaced` was a request; the next one stands in for it.
    """

    sync: int | None = None
    by: Caller | None = None
    pass_: int | None = None
    replaced: bool = False


class SyncInterrupted(Fact, frozen=True, kw_only=True, tag="sync-interrupted"):
    """A running sync ended without an outcome: not the provider's fault, and not counted.

    `request` is the number of the request that it served, which stands again with its `options`;
    so does the retry that it was, if `retry` gives its attempt. `pass_` is the number of the pass
    that goes on without it.
    """

    sync: int
    reason: InterruptReason
    request: int | None = None
    options: RunOptions | None = None
    retry: int | None = None
    pass_: int | None = None
