"""What is true of the sync that a connection runs?"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import RecordsCaptured, SyncStarted, TokenRefreshed
from events.terms import Kind, RunOptions
from projections.schedule import Request, Retry, Schedule


class Run(Struct, frozen=True, kw_only=True):
    """The sync that runs: the number of its SyncStarted, and what made it start.

    `asked` and `retried` are what was pending and is served by it; `attempt` is 0, or which retry
    it is; `streams` are those that run, empty for all. So many `days` came so far, so often was
    the token refreshed, and `news` says that something new was found.
    """

    sync: int
    kind: Kind
    started: datetime
    due: datetime
    request: int | None
    options: RunOptions | None = None
    attempt: int = 0
    priority: int = 5
    streams: tuple[str, ...] = ()
    asked: Request | None = None
    retried: Retry | None = None
    days: int = 0
    refreshes: int = 0
    news: bool = False


def evolve(run: Run | None, recorded: Recorded, *, first: bool = False) -> Run | None:
    """What a run has brought so far. What a `first` load brings is not new."""
    match recorded.event:
        case RecordsCaptured(days=days) as event if run:
            news = run.news or (not first and event.added + event.changed + event.removed > 0)
            return replace(run, days=run.days + len(days), news=news)
        case TokenRefreshed() if run:
            return replace(run, refreshes=run.refreshes + 1)
        case _:
            return run


def begun(pending: Schedule, recorded: Recorded, event: SyncStarted) -> Run:
    return Run(
        sync=recorded.seq,
        kind=event.kind,
        started=recorded.at,
        due=event.due,
        request=event.request,
        options=event.options,
        attempt=event.attempt,
        priority=event.priority,
        streams=event.streams,
        asked=pending.request,
        retried=pending.retry,
    )


def is_retry(run: Run) -> bool:
    """Whether it came by itself to try again, and is no turn or wish that takes a retry along."""
    return run.kind is Kind.RETRY and run.asked is None


def is_regular(run: Run) -> bool:
    """Whether it asks for all days of its windows, and not for some alone."""
    options = run.options
    some = options is not None and (options.days is not None or options.failed_days)
    return run.kind is not Kind.BACKFILL and not some
