"""What is true of one connection?"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.limits import AllowanceRecounted, AllowanceTaken, LimitAdapted, LimitHeld
from events.schema import (
    ActorCrashed,
    AuthorisationBegun,
    AuthorisationNeeded,
    AuthorisationWaived,
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    ConnectionAdded,
    ConnectionAuthorised,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRemoved,
    ConnectionResumed,
    CredentialSet,
    RecordsCaptured,
    RecordsRefused,
    RefreshFailed,
    RefreshIntended,
    RenewalScheduled,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)
from events.terms import FailureClass, Kind, RunOptions
from projections import allowance, backfill, grant, health, schedule, streams
from projections.allowance import Allowance
from projections.backfill import Backfill
from projections.grant import Grant, Phase
from projections.health import Health
from projections.schedule import Schedule
from projections.streams import Streams


class Run(Struct, frozen=True, kw_only=True):
    """The sync that runs: the number of its SyncStarted, and what made it start."""

    sync: int
    kind: Kind
    started: datetime
    due: datetime
    request: int | None
    options: RunOptions | None = None


class Ending(Struct, frozen=True, kw_only=True):
    """How the last sync ended: succeeded, failed, cancelled or interrupted; by which event."""

    seq: int
    at: datetime
    word: str
    cause: FailureClass | None = None
    message: str = ""


class Connection(Struct, frozen=True, kw_only=True):
    """One tenant's account at one provider."""

    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    paused: bool = False
    removed: bool = False
    crashes: int = 0
    run: Run | None = None
    schedule: Schedule = Schedule()
    health: Health = Health()
    streams: Streams = {}
    grant: Grant = Grant()
    backfill: Backfill | None = None
    allowance: Allowance = Allowance()
    last: Ending | None = None


def added(event: ConnectionAdded) -> Connection:
    return Connection(
        tenant=event.tenant,
        provider=event.provider,
        declared=event.declared,
        interval=event.interval,
    )


def evolve(connection: Connection, recorded: Recorded) -> Connection:
    """Fold one event; the most frequent ones come first, since replay is made of them."""
    match recorded.event:
        case RecordsCaptured() | RecordsRefused():
            regular = connection.run is None or _is_regular(connection.run)
            after = streams.evolve(connection.streams, recorded, regular=regular)
            return replace(connection, streams=after)
        case SyncScheduled() | SyncRequested() | SyncSkipped() | SyncCancelled(sync=None):
            return replace(connection, schedule=schedule.evolve(connection.schedule, recorded))
        case SyncStarted() as started:
            return replace(
                connection,
                run=_run(recorded.seq, recorded.at, started),
                schedule=schedule.evolve(connection.schedule, recorded),
            )
        case SyncSucceeded() | SyncFailed() as ending:
            return _finished(connection, recorded, ending)
        case SyncCancelled():
            return replace(connection, run=None, last=_ending(recorded, "cancelled"))
        case SyncInterrupted():
            return replace(
                connection,
                run=None,
                schedule=schedule.evolve(connection.schedule, recorded),
                last=_ending(recorded, "interrupted"),
            )
        case (
            RefreshIntended()
            | TokenRefreshed()
            | RefreshFailed()
            | TokenInDoubt()
            | AuthorisationNeeded()
            | AuthorisationWaived()
            | RenewalScheduled()
            | AuthorisationBegun()
            | ConnectionAuthorised()
            | CredentialSet()
        ):
            return replace(connection, grant=grant.evolve(connection.grant, recorded))
        case BackfillRequested() | BackfillAdvanced() | BackfillEnded():
            return replace(connection, backfill=backfill.evolve(connection.backfill, recorded))
        case AllowanceTaken() | AllowanceRecounted() | LimitHeld() | LimitAdapted():
            return replace(connection, allowance=allowance.evolve(connection.allowance, recorded))
        case ActorCrashed(crashes=crashes):
            rested = schedule.evolve(connection.schedule, recorded)
            return replace(connection, crashes=crashes, schedule=rested)
        case ConnectionPaused():
            return replace(connection, paused=True)
        case ConnectionResumed():
            return replace(connection, paused=False)
        case ConnectionChanged(declared=declared, interval=interval):
            return replace(connection, declared=declared, interval=interval)
        case ConnectionRemoved():
            return replace(connection, removed=True)
        case ConnectionAdded() as event:
            return _added_again(connection, event)
        case _:
            return connection


def next_start(connection: Connection) -> datetime | None:
    """When the next sync may start; None while one runs, and where none may."""
    if connection.run or connection.paused or connection.removed:
        return None
    if connection.grant.phase is Phase.NEEDED:
        return None
    return schedule.next_start(connection.schedule, connection.backfill)


def next_work(connection: Connection) -> datetime | None:
    """When there is next something to do: a sync, or a grant to look after, also when paused."""
    keep = connection.grant.renew_by
    if keep is None or connection.run or connection.removed:
        return next_start(connection)
    start = next_start(connection)
    return keep if start is None else min(start, keep)


def _added_again(connection: Connection, event: ConnectionAdded) -> Connection:
    """A removed connection comes back as a new one, with its data and its past."""
    return replace(
        added(event),
        health=connection.health,
        streams=connection.streams,
        grant=grant.again(connection.grant),
        allowance=connection.allowance,
        last=connection.last,
    )


def _is_regular(run: Run) -> bool:
    options = run.options
    some = options is not None and (options.days is not None or options.failed_days)
    return run.kind is not Kind.BACKFILL and not some


def _run(seq: int, at: datetime, event: SyncStarted) -> Run:
    return Run(
        sync=seq,
        kind=event.kind,
        started=at,
        due=event.due,
        request=event.request,
        options=event.options,
    )


def _finished(
    connection: Connection, recorded: Recorded, event: SyncSucceeded | SyncFailed
) -> Connection:
    if isinstance(event, SyncSucceeded):
        crashes, last = 0, _ending(recorded, "succeeded")
    else:
        crashes, last = connection.crashes, _failure(recorded, event)
    failed = streams.failed(connection.streams, event.failures) if event.failures else None
    return replace(
        connection,
        run=None,
        crashes=crashes,
        health=health.evolve(connection.health, recorded),
        streams=failed or connection.streams,
        last=last,
    )


def _failure(recorded: Recorded, event: SyncFailed) -> Ending:
    return Ending(
        seq=recorded.seq,
        at=recorded.at,
        word="failed",
        cause=event.cause,
        message=event.message,
    )


def _ending(recorded: Recorded, word: str) -> Ending:
    return Ending(seq=recorded.seq, at=recorded.at, word=word)
