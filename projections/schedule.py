"""When may this connection's next sync start, and what asked for it?

ConnectionAdded ──► SyncScheduled(due) ──► SyncStarted ──► … ──► SyncScheduled(next due)
                    SyncRequested ───────────┤ (the next start serves whatever is pending)
                    RetryScheduled(due) ─────┘
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.policy import Learnt
from events.schema import (
    ActorCrashed,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncCancelled,
    SyncDeferred,
    SyncFailed,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import HoldReason, Kind, RunOptions, StreamFailure
from projections.backfill import Backfill

NO_SPREAD = timedelta(0)


class Request(Struct, frozen=True, kw_only=True):
    """A wish for a sync: the number of its event, when it was made, and what it is for."""

    seq: int
    at: datetime
    options: RunOptions | None = None
    kind: Kind = Kind.MANUAL
    forced: bool = False
    streams: tuple[str, ...] = ()
    pass_: int | None = None


class Retry(Struct, frozen=True, kw_only=True):
    """What failed is to be tried again: `attempt` counts from 1."""

    due: datetime
    attempt: int
    priority: int
    streams: tuple[str, ...] = ()
    options: RunOptions | None = None


class Hold(Struct, frozen=True, kw_only=True):
    """What is due, but was not asked for by a person, waits; without `until` for settings.

    What a person asks for runs meanwhile, and leaves the hold as it is.
    """

    reason: HoldReason
    until: datetime | None


class Wait(Struct, frozen=True, kw_only=True):
    """The provider asked, then, to be left alone until then: what the last sync heard of it.

    `event` is the number of that sync's end.
    """

    event: int
    since: datetime
    until: datetime


class Schedule(Struct, frozen=True, kw_only=True):
    """`due` is the next scheduled start; before `rest_until` our own crashes keep everything back.

    `due` lies `spread` before its slot; the event of the number `planned` says so. Where streams
    have intervals of their own, `streams` says when each is due. A new due time ends a rest and a
    hold that were decided before it. Of an adaptive turn it says what was `learnt`.
    """

    due: datetime | None = None
    planned: int = 0
    spread: timedelta = NO_SPREAD
    streams: Mapping[str, datetime] = {}
    request: Request | None = None
    retry: Retry | None = None
    hold: Hold | None = None
    wait: Wait | None = None
    rest_until: datetime | None = None
    learnt: Learnt | None = None


def evolve(schedule: Schedule, recorded: Recorded) -> Schedule:
    match recorded.event:
        case SyncScheduled(due=due, spread=spread, streams=streams, learnt=learnt):
            return replace(
                schedule,
                due=due,
                planned=recorded.seq,
                spread=spread,
                streams=streams,
                hold=None,
                rest_until=None,
                learnt=learnt,
            )
        case SyncStarted(attempt=attempt, request=request):
            return replace(
                schedule,
                request=schedule.request if request is None else None,
                retry=None if attempt else schedule.retry,
                rest_until=None,
            )
        case SyncRequested() as event:
            return replace(schedule, request=_asked(recorded, event))
        case RetryScheduled() as event:
            retry = Retry(
                due=event.due,
                attempt=event.attempt,
                priority=event.priority,
                streams=event.streams,
                options=event.options,
            )
            return replace(schedule, retry=retry)
        case SyncSucceeded(failures=failures) | SyncFailed(failures=failures):
            return replace(schedule, wait=_wait(recorded, failures))
        case RetryMoved(due=due) if schedule.retry:
            return replace(schedule, retry=replace(schedule.retry, due=due))
        case SyncDeferred(reason=reason, until=until):
            return replace(schedule, hold=Hold(reason=reason, until=until))
        case SyncSkipped(request=int()) | SyncCancelled(sync=None):
            return replace(schedule, request=None)
        case RetriesEnded():
            return replace(schedule, retry=None)
        case ActorCrashed(until=until):
            return replace(schedule, rest_until=until)
        case _:
            return schedule


def again(
    schedule: Schedule, at: datetime, request: Request | None, retry: Retry | None
) -> Schedule:
    """What an interrupted sync had served is pending again, from then on."""
    asked = replace(request, at=at) if request else schedule.request
    tried = replace(retry, due=at) if retry else schedule.retry
    return replace(schedule, request=asked, retry=tried)


def next_start(
    schedule: Schedule, backfill: Backfill | None = None, closed_until: datetime | None = None
) -> datetime | None:
    """The earliest instant at which a sync may start; what is pending is served by one start.

    What a person asked for heeds no hold, but the breaker (`closed_until`) and what its provider
    asked for, unless it is forced.
    """
    asked = schedule.request
    planned = _planned(schedule)
    wishes = [planned] if planned else []
    if backfill:
        wishes += [max(backfill.due, schedule.wait.until) if schedule.wait else backfill.due]
    if asked and asked.kind is not Kind.FAILOVER:
        wishes += [_asked_for(schedule, asked)]
    if not wishes:
        return None
    bounds = [schedule.rest_until]
    bounds += [] if asked and asked.forced else [closed_until]
    return max([min(wishes), *(bound for bound in bounds if bound is not None)])


def _asked_for(schedule: Schedule, asked: Request) -> datetime:
    """When it may start. A wait noted before it that lies ahead of it was a wrong clock's."""
    wait = schedule.wait
    if wait is None or asked.forced or (wait.event < asked.seq and asked.at < wait.since):
        return asked.at
    return max(asked.at, wait.until)


def _wait(recorded: Recorded, failures: tuple[StreamFailure, ...]) -> Wait | None:
    hint = max((each.retry_after for each in failures if each.retry_after), default=None)
    at = recorded.at
    return Wait(event=recorded.seq, since=at, until=at + hint) if hint else None


def is_held(schedule: Schedule, now: datetime) -> bool:
    """Whether what no person asked for has to wait."""
    hold = schedule.hold
    return hold is not None and (hold.until is None or now < hold.until)


def _planned(schedule: Schedule) -> datetime | None:
    """When what no person asked for may start: a turn, a retry, a failover."""
    asked, retry, hold = schedule.request, schedule.retry, schedule.hold
    wishes = [schedule.due] if schedule.due else []
    wishes += [retry.due] if retry else []
    wishes += [_asked_for(schedule, asked)] if asked and asked.kind is Kind.FAILOVER else []
    if not wishes:
        return None
    if hold is None:
        return min(wishes)
    return max(min(wishes), hold.until) if hold.until else None


def _asked(recorded: Recorded, event: SyncRequested) -> Request:
    return Request(
        seq=recorded.seq,
        at=recorded.at,
        options=event.options,
        kind=event.kind,
        forced=event.forced,
        streams=event.streams,
        pass_=event.pass_,
    )
