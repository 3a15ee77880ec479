"""Which facts can be recorded, and in which words?

Glossary, one word for one thing, here and in every command, table and message:

provider    a service that holds somebody's data (a health tracker, an inventory system)
tenant      a person or organisation whose data is fetched
connection  one tenant's account at one provider
stream      one kind of record of a connection (days, orders)
sync        one run of a connection over its streams that are due
version     the state of a stream after one sync, numbered by the event that opened that sync
call        one HTTP exchange with a provider

Every event speaks of one *subject*, an integer: a connection, a provider, a tenant, the fleet (0).
Names of tenants and connections lie in the vault, what providers say lies in the data store;
neither ever stands here, so that forgetting a tenant touches no event. Tags are the disk format: a
new field needs a default, a new meaning needs a new tag, and a tag once written is never used for
anything else.
"""

from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from events.terms import (
    Caller,
    CallTotal,
    FailureClass,
    InterruptReason,
    Kind,
    ScheduleReason,
    SkipReason,
    StreamFailure,
    StreamPolicy,
)

FLEET = 0
"""The subject of what concerns the whole fleet."""


class Fact(Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """What every event is: an immutable fact with an explicit tag. It refers to no cycle."""


# -- the fleet ------------------------------------------------------------------------------------


class DaemonStarted(Fact, frozen=True, kw_only=True, tag="daemon-started"):
    """A process took the log over; what an earlier one left open has been closed."""

    version: str


class DaemonStopped(Fact, frozen=True, kw_only=True, tag="daemon-stopped"):
    """A process ended in good order."""

    interrupted: int = 0


class ClockStepped(Fact, frozen=True, kw_only=True, tag="clock-stepped"):
    """The wall clock jumped by `step` against the host's own counter."""

    step: timedelta


class PolicySet(Fact, frozen=True, kw_only=True, tag="policy-set"):
    """The settings that decisions read from here on."""

    interval: timedelta
    concurrency: int
    crash_delay: timedelta
    crash_delay_max: timedelta


# -- a provider -----------------------------------------------------------------------------------


class ProviderDeclared(Fact, frozen=True, kw_only=True, tag="provider-declared"):
    """A provider's file, as far as decisions read it, is in force. `digest` is of all of it."""

    name: str
    digest: str
    streams: tuple[StreamPolicy, ...]


# -- a connection ---------------------------------------------------------------------------------


class ConnectionAdded(Fact, frozen=True, kw_only=True, tag="connection-added"):
    """A connection exists. `interval` is None where the fleet's setting holds."""

    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    by: Caller | None = None


class ConnectionChanged(Fact, frozen=True, kw_only=True, tag="connection-changed"):
    """A connection's own settings are other ones from here on."""

    declared: bool = False
    interval: timedelta | None = None
    by: Caller | None = None


class ConnectionRemoved(Fact, frozen=True, kw_only=True, tag="connection-removed"):
    """A connection is no longer synced. Its data and its past remain, its credential does not."""

    by: Caller | None = None


class CredentialSet(Fact, frozen=True, kw_only=True, tag="credential-set"):
    """A connection's credential is another one from here on; it lies sealed in the vault."""

    purpose: str = "credential"
    by: Caller | None = None


class ConnectionPaused(Fact, frozen=True, kw_only=True, tag="connection-paused"):
    """Nothing starts on this connection until it is resumed."""

    by: Caller | None = None


class ConnectionResumed(Fact, frozen=True, kw_only=True, tag="connection-resumed"):
    """The connection is synced again."""

    by: Caller | None = None


class SyncScheduled(Fact, frozen=True, kw_only=True, tag="sync-scheduled"):
    """The next scheduled sync is due then. `reason` says what moved it there."""

    due: datetime
    reason: ScheduleReason


class SyncRequested(Fact, frozen=True, kw_only=True, tag="sync-requested"):
    """Somebody wants a sync now."""

    by: Caller | None = None


class SyncSkipped(Fact, frozen=True, kw_only=True, tag="sync-skipped"):
    """Due syncs that did not start: `count` of them, the first due at `due`.

    `request` is the number of the request that was skipped, if it was one.
    """

    reason: SkipReason
    due: datetime
    count: int = 1
    request: int | None = None


class SyncStarted(Fact, frozen=True, kw_only=True, tag="sync-started"):
    """A sync runs. This event's number names the sync, and the versions that it writes.

    `priority` runs from 1 (first) to 10; `request` is the number of the SyncRequested, if any.
    """

    kind: Kind
    due: datetime
    priority: int
    request: int | None = None


class CallFailed(Fact, frozen=True, kw_only=True, tag="call-failed"):
    """One exchange with the provider went wrong. `endpoint` is the file's template, not the URL."""

    sync: int
    stream: str
    endpoint: str
    method: str
    cause: FailureClass
    status: int | None = None
    duration_ms: int = 0
    bytes: int = 0
    retry_after: timedelta | None = None


class RecordsCaptured(Fact, frozen=True, kw_only=True, tag="records-captured"):
    """A stream's records were fetched, staged and accepted as version `version`.

    Counts are of records. `digest` is the keyed digest of the stream's whole content afterwards,
    in hexadecimal, keyed with the tenant's own key.
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


class RecordsRefused(Fact, frozen=True, kw_only=True, tag="records-refused"):
    """What a stream's provider answered was not accepted; the last good version stays in force."""

    stream: str
    version: int
    cause: FailureClass
    fetched: int
    rows: int


class SyncSucceeded(Fact, frozen=True, kw_only=True, tag="sync-succeeded"):
    """At least one stream's records were accepted. What failed beside it is named.

    `records` counts what was fetched of the accepted streams.
    """

    sync: int
    duration_ms: int
    records: int
    failures: tuple[StreamFailure, ...] = ()
    calls: tuple[CallTotal, ...] = ()


class SyncFailed(Fact, frozen=True, kw_only=True, tag="sync-failed"):
    """No stream's records were accepted. `cause` and `message` are the first failure's."""

    sync: int
    duration_ms: int
    cause: FailureClass
    message: str
    failures: tuple[StreamFailure, ...] = ()
    calls: tuple[CallTotal, ...] = ()


class SyncCancelled(Fact, frozen=True, kw_only=True, tag="sync-cancelled"):
    """Somebody took back a running sync, or (`sync` is None) one that had not started."""

    sync: int | None = None
    by: Caller | None = None


class SyncInterrupted(Fact, frozen=True, kw_only=True, tag="sync-interrupted"):
    """A running sync ended without an outcome: not the provider's fault, and not counted.

    `request` is the number of the request that it served, which stands again.
    """

    sync: int
    reason: InterruptReason
    request: int | None = None


class ActorCrashed(Fact, frozen=True, kw_only=True, tag="actor-crashed"):
    """Our own code failed while it worked for this connection, which rests until `until`.

    `error` is the exception's type and place, never its text.
    """

    error: str
    crashes: int
    until: datetime


Event: TypeAlias = (
    DaemonStarted
    | DaemonStopped
    | ClockStepped
    | PolicySet
    | ProviderDeclared
    | ConnectionAdded
    | ConnectionChanged
    | ConnectionRemoved
    | CredentialSet
    | ConnectionPaused
    | ConnectionResumed
    | SyncScheduled
    | SyncRequested
    | SyncSkipped
    | SyncStarted
    | CallFailed
    | RecordsCaptured
    | RecordsRefused
    | SyncSucceeded
    | SyncFailed
    | SyncCancelled
    | SyncInterrupted
    | ActorCrashed
)
