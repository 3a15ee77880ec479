"""What is true of one connection?"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.limits import AllowanceRecounted, AllowanceTaken, LimitAdapted, LimitHeld
from events.schema import (
    ActorCrashed,
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    CallFailed,
    CallMade,
    ConnectionAdded,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRelinked,
    ConnectionRemoved,
    ConnectionResumed,
    RecordsCaptured,
    RecordsRefused,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncCancelled,
    SyncDeferred,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.versions import (
    AcceptanceStarted,
    RecordsQuarantined,
    RestoreEvent,
    RollbackStarted,
    RolledBack,
    VersionEvent,
)
from projections import (
    allowance,
    backfill,
    breaker,
    ending,
    grant,
    health,
    rhythm,
    run,
    schedule,
    streams,
)
from projections.allowance import Allowance
from projections.backfill import Backfill
from projections.breaker import Breaker
from projections.ending import Ending
from projections.grant import Grant, Phase
from projections.health import Health
from projections.rhythm import Rhythm
from projections.run import Run
from projections.schedule import Schedule
from projections.streams import NEW, Streams

OF_BREAKER = (
    CallFailed,
    CallMade,
    BreakerOpened,
    BreakerProbed,
    BreakerEased,
    BreakerClosed,
    BreakerReset,
)
OF_ALLOWANCE = (AllowanceTaken, AllowanceRecounted, LimitHeld, LimitAdapted)
OF_SCHEDULE = (SyncDeferred, RetryScheduled, RetryMoved, RetriesEnded)
OF_BACKFILL = (BackfillRequested, BackfillAdvanced, BackfillEnded)


class Connection(Struct, frozen=True, kw_only=True):
    """One tenant's account at one provider.

    `former` holds the streams that it had at providers which it was moved away from. While it is
    going back, or a held version is taken over, `restoring` is the number of that one's beginning.
    """

    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    paused: bool = False
    removed: bool = False
    crashes: int = 0
    run: Run | None = None
    schedule: Schedule = Schedule()
    breaker: Breaker = Breaker()
    health: Health = Health()
    streams: Streams = {}
    grant: Grant = Grant()
    backfill: Backfill | None = None
    allowance: Allowance = Allowance()
    last: Ending | None = None
    former: Mapping[int, Streams] = {}
    restoring: int | None = None
    rhythm: Rhythm = rhythm.NOTHING


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
        case RecordsCaptured() | RecordsRefused() | RecordsQuarantined():
            regular = run.is_regular(connection.run) if connection.run else None
            after = streams.evolve(connection.streams, recorded, regular=regular)
            first = not connection.streams.get(recorded.event.stream, NEW).version
            begun = run.evolve(connection.run, recorded, first=first)
            return replace(connection, run=begun, streams=after)
        case SyncScheduled() | SyncRequested() | SyncSkipped() | SyncCancelled(sync=None):
            return replace(connection, schedule=schedule.evolve(connection.schedule, recorded))
        case SyncStarted() as started:
            return replace(
                connection,
                run=run.begun(connection.schedule, recorded, started),
                schedule=schedule.evolve(connection.schedule, recorded),
            )
        case SyncSucceeded() | SyncFailed() as event:
            return _finished(connection, recorded, event)
        case SyncCancelled():
            return replace(connection, run=None, last=ending.of(recorded, "cancelled"))
        case SyncInterrupted() as event:
            return replace(
                connection,
                run=None,
                schedule=_pending_again(connection, recorded, event),
                last=ending.of(recorded, "interrupted"),
            )
        case ActorCrashed(crashes=crashes):
            after_rest = schedule.evolve(connection.schedule, recorded)
            return replace(connection, crashes=crashes, schedule=after_rest)
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
        case ConnectionRelinked() as event:
            return _moved(connection, event)
        case _:
            return _evolve_slice(connection, recorded)


def _evolve_slice(connection: Connection, recorded: Recorded) -> Connection:
    """What concerns one of its slices alone."""
    event = recorded.event
    if isinstance(event, grant.READ):
        after = grant.evolve(connection.grant, recorded)
        return replace(connection, run=run.evolve(connection.run, recorded), grant=after)
    if isinstance(event, OF_BREAKER):
        return replace(connection, breaker=breaker.evolve(connection.breaker, recorded))
    if isinstance(event, OF_ALLOWANCE):
        return replace(connection, allowance=allowance.evolve(connection.allowance, recorded))
    if isinstance(event, OF_SCHEDULE):
        return replace(connection, schedule=schedule.evolve(connection.schedule, recorded))
    if isinstance(event, VersionEvent):
        return replace(connection, streams=streams.evolve(connection.streams, recorded))
    if isinstance(event, RestoreEvent):
        return _restoring(connection, recorded)
    if isinstance(event, OF_BACKFILL):
        return replace(connection, backfill=backfill.evolve(connection.backfill, recorded))
    return connection


def _restoring(connection: Connection, recorded: Recorded) -> Connection:
    match recorded.event:
        case RollbackStarted() | AcceptanceStarted():
            return replace(connection, restoring=recorded.seq)
        case RolledBack(state=state) if state is not None:
            connection = replace(
                connection,
                crashes=state.crashes,
                breaker=breaker.restored(connection.breaker, state.breaker, recorded.subject),
                health=health.restored(connection.health, state.consecutive_failures),
                last=ending.restored(state.last),
            )
    after = streams.evolve(connection.streams, recorded)
    known = rhythm.unsure(connection.rhythm) if after != connection.streams else connection.rhythm
    return replace(connection, restoring=None, streams=after, rhythm=known)


def next_start(connection: Connection) -> datetime | None:
    """When the next sync may start, as far as the connection itself is concerned.

    None while one runs, or it is going back, and where none may.
    """
    if connection.run or connection.paused or connection.removed or connection.restoring:
        return None
    if connection.grant.phase is Phase.NEEDED:
        return None
    asked, stop = connection.schedule.request, connection.breaker
    if stop.reason and stop.until is None and not (asked and asked.forced):
        return None
    return schedule.next_start(connection.schedule, connection.backfill, stop.until)


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
        breaker=Breaker(openings=connection.breaker.openings),
        streams=connection.streams,
        grant=grant.again(connection.grant),
        allowance=connection.allowance,
        last=connection.last,
        former=connection.former,
        rhythm=rhythm.unsure(connection.rhythm),
    )


def _moved(connection: Connection, event: ConnectionRelinked) -> Connection:
    """All that is a matter between it and its provider begins anew; where it was before, goes on.

    How well it did, and what people set for it, stays.
    """
    former = {**connection.former}
    if connection.streams:
        former[event.before] = connection.streams
    return replace(
        connection,
        provider=event.provider,
        crashes=0,
        schedule=Schedule(),
        breaker=Breaker(openings=connection.breaker.openings),
        streams=former.pop(event.provider, {}),
        grant=grant.again(connection.grant),
        backfill=None,
        allowance=Allowance(),
        last=None,
        former=former,
        rhythm=rhythm.NOTHING,
    )


def _pending_again(connection: Connection, recorded: Recorded, event: SyncInterrupted) -> Schedule:
    served = connection.run
    asked = served.asked if served and event.request is not None else None
    retried = served.retried if served and event.retry is not None else None
    return schedule.again(connection.schedule, recorded.at, asked, retried)


def _finished(
    connection: Connection, recorded: Recorded, event: SyncSucceeded | SyncFailed
) -> Connection:
    succeeded = isinstance(event, SyncSucceeded)
    ran = connection.run.streams if connection.run else ()
    return replace(
        connection,
        run=None,
        crashes=0 if succeeded else connection.crashes,
        schedule=schedule.evolve(connection.schedule, recorded),
        health=health.evolve(connection.health, recorded),
        breaker=breaker.evolve(connection.breaker, recorded),
        streams=streams.ended(connection.streams, recorded, ran),
        rhythm=rhythm.evolve(connection.rhythm, connection.run, event),
        last=ending.of(recorded, "succeeded" if succeeded else "failed", connection.run),
    )
