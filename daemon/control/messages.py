"""What is said over the control socket? Requests and answers, as both ends type them.

Times are ISO 8601 in UTC, durations are ISO 8601 too unless the name ends in its unit. Every answer
carries `seq`, the number of the last event that it knows of; it may be about to become durable.
"""

from datetime import date, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from daemon.control.account_messages import BackfillView, GrantView
from daemon.control.outbox_messages import WritesView
from daemon.control.policy_messages import BreakerView
from daemon.control.provider_messages import RetirementView
from events.schema import Event
from events.terms import FailureClass, Kind

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""The number of an event; 0 lies before the first."""


class Problem(Struct, frozen=True, kw_only=True):
    """Why something was not done: a stable code, and a sentence that says what to do.

    `retry_after_s` is when to come back, where that is known, as in the header Retry-After.
    """

    code: str
    message: str
    retry_after_s: int | None = None


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No arguments."""


class ConnectionName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names one connection: tenant/provider or tenant/provider/account."""

    connection: str


class ProviderName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: str


class ConnectionsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All connections; where there are more than `first`, so many of them, the most urgent ones."""

    first: Annotated[int, Meta(ge=1)] | None = None


class NewConnection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A connection to add. `interval` as in the configuration; `credential` goes to the vault."""

    connection: str
    provider: str | None = None
    interval: str | None = None
    credential: str | None = None
    settings: dict[str, str] | None = None


class LogQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events after a number, the last `limit` of them where `after` is not given.

    `connection` may name a source, too, and one that was removed.
    """

    after: Number | None = None
    connection: str | None = None
    limit: int = 100


class TailQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Follow the log after that number (from now on where it is not given)."""

    after: Number | None = None
    connection: str | None = None


class Done(Struct, frozen=True, kw_only=True):
    """What a wish came to: the events that it caused, durable by now. None: nothing to do."""

    seq: int
    events: list[int]
    message: str


class StreamView(Struct, frozen=True, kw_only=True):
    """One stream: the version in force, its rows, and its last failure if it is newer.

    `condition` is healthy, degraded, unhealthy or unknown, `overall` the same as excellent, good,
    fair or poor. `captured_at` is its last success; `held` the version that is held beside it.
    """

    stream: str
    version: int
    rows: int
    captured_at: datetime | None
    cause: FailureClass | None = None
    message: str | None = None
    failed_days: list[date] = []
    condition: str = "unknown"
    overall: str = "poor"
    consecutive_failures: int = 0
    last_failure: datetime | None = None
    last_check: datetime | None = None
    held: int | None = None


class RunView(Struct, frozen=True, kw_only=True):
    """A sync that runs, and how far it has come; that is not known as of then."""

    sync: int
    kind: Kind
    started: datetime
    stream: str
    pages: int | None
    records: int | None


class ConnectionView(Struct, frozen=True, kw_only=True):
    """One connection; `score` and `uptime_percentage` are None before any sync has ended.

    `state` is idle, due, held (its time has come, and it may not start), running, paused or
    unauthorised; `condition` and `overall` are as those of a stream. `next_start` is when it can
    start as things are; `held_by` is as in the schedule. `breakers` are its own and its provider's,
    where they are not closed; `stream_intervals` those that are not the connection's. `retirement`
    is its provider's, if anything is known of that; `former` has the streams of providers that it
    was moved away from.
    """

    connection: str
    subject: int
    provider: str
    state: str
    score: int | None
    next_start: datetime | None
    interval: timedelta
    declared: bool
    total: int
    successful: int
    failed: int
    consecutive_failures: int
    average_duration_ms: int | None
    last_success: datetime | None
    last_failure: datetime | None
    last: str | None
    cause: FailureClass | None
    message: str | None
    running: RunView | None
    streams: list[StreamView]
    grant: GrantView | None = None
    backfill: BackfillView | None = None
    condition: str = "unknown"
    overall: str = "poor"
    uptime_percentage: float | None = None
    held_by: str | None = None
    held_until: datetime | None = None
    breakers: list[BreakerView] = []
    stream_intervals: dict[str, timedelta] = {}
    writes: WritesView | None = None
    retirement: RetirementView | None = None
    former: dict[str, list[StreamView]] = {}


class Connections(Struct, frozen=True, kw_only=True):
    """By their names, or the most urgent first where these are not all; there are `of` so many."""

    seq: int
    now: datetime
    connections: list[ConnectionView]
    of: int = 0


class ConnectionAnswer(Struct, frozen=True, kw_only=True):
    seq: int
    now: datetime
    connection: ConnectionView


class Status(Struct, frozen=True, kw_only=True):
    """The daemon at a glance. `trouble` names what keeps it from its work, as sentences.

    `retiring` are the providers with connections that were, or will be, switched off.
    As of then there is no `pid`, and `stopped_at` is when the daemon had stopped, if it had.

    `due` are those that may start now, `held` those whose time has come and that may not, but for
    the paused and the unauthorised; `next_start` is when one can that cannot now.
    """

    seq: int
    version: str
    pid: int | None
    state: str
    started_at: datetime | None
    now: datetime
    connections: int
    running: int
    due: int
    paused: int
    failing: int
    succeeded: int
    failed: int
    next_start: datetime | None
    trouble: list[str]
    unauthorised: int = 0
    held: int = 0
    writes: WritesView | None = None
    retiring: dict[str, RetirementView] = {}
    stopped_at: datetime | None = None


class QueueItem(Struct, frozen=True, kw_only=True):
    """A sync that runs (processing) or will (pending). `priority` 1 runs first.

    `due` is when its time comes or came, `next_start` when it can start as things are: None where
    it runs, or may not; `held_by` is as in the schedule. How many `records` a sync that runs has
    brought is not known as of then.
    """

    connection: str
    status: str
    kind: Kind
    priority: int
    due: datetime
    sync: int | None
    records: int | None
    attempt: int = 0
    next_start: datetime | None = None
    held_by: str | None = None
    held_until: datetime | None = None


class Queue(Struct, frozen=True, kw_only=True):
    """What runs, what is due, and what comes next, in the order in which it will run."""

    seq: int
    now: datetime
    concurrency: int
    items: list[QueueItem]


class EventView(Struct, frozen=True, kw_only=True):
    """One event, with its subject's name as it is now.

    `names` are those of the connections that it speaks of besides.
    """

    seq: int
    at: datetime
    subject: int
    name: str
    event: Event
    names: dict[int, str] = {}


class Events(Struct, frozen=True, kw_only=True):
    seq: int
    events: list[EventView]


class LogStats(Struct, frozen=True, kw_only=True):
    """How large the log is. `unwritten` events are decided and not on disk yet."""

    seq: int
    unwritten: int
    head: str
    bytes: int
    types: dict[str, int]


class WatchTick(Struct, frozen=True, kw_only=True):
    """What a watched sync has come to: `event` when one was recorded, else its progress."""

    seq: int
    running: RunView | None
    event: EventView | None = None
