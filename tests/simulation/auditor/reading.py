"""What does a reader of the log know before each of its events?"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from events.breakers import BreakerClosed, BreakerEased, BreakerOpened, BreakerProbed, BreakerReset
from events.envelope import Recorded
from events.limits import AllowanceTaken, LimitHeld, LimitPolicy, StepsSummed
from events.schema import (
    ClockStepped,
    ConnectionAdded,
    ConnectionPaused,
    ConnectionRemoved,
    ConnectionResumed,
    DaemonStarted,
    ProviderDeclared,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import (
    FailureClass,
    Kind,
    RetriesEnd,
    ScheduleReason,
    SkipReason,
    StreamFailure,
    StreamPolicy,
)
from tests.simulation.auditor.in_force import InForce

GIVEN_UP = {RetriesEnd.USED_UP, RetriesEnd.BUDGET}  # after which another one takes over
MAY_PASS = {
    FailureClass.NETWORK,
    FailureClass.TIMEOUT,
    FailureClass.RATE_LIMITED,
    FailureClass.SERVER,
}


@dataclass(kw_only=True)
class Pending:
    """A request, or a retry, that no start has served yet."""

    seq: int
    due: datetime
    event: SyncRequested | RetryScheduled


@dataclass(kw_only=True)
class Stop:
    """A breaker: until when it is open, how often in a row, how many probes got through since."""

    until: datetime | None
    opened: int
    successes: int = 0


@dataclass(kw_only=True)
class Line:
    """One connection, as the log tells of it.

    `ran` is its last run and `ended` how that ended; `served` is what its last start was for, a
    request and a retry. `gave_up` and `latched` are the events that a failover follows. `hinted` is
    until when its provider then asked to be left alone, `asked_to_wait` what was made of that.
    """

    tenant: int
    provider: int
    paused: bool = False
    removed: bool = False
    run: Recorded | None = None
    ran: SyncStarted | None = None
    ended: Recorded | None = None
    plan: SyncScheduled | None = None
    planned_by: int = 0
    missed: dict[str, int] = field(default_factory=dict)
    request: Pending | None = None
    retry: Pending | None = None
    served: tuple[Pending | None, Pending | None] = (None, None)
    gave_up: int = 0
    latched: int = 0
    must_retry: bool = False
    hinted: datetime | None = None
    asked_to_wait: datetime | None = None

    @property
    def start(self) -> SyncStarted | None:
        event = self.run.event if self.run else None
        assert event is None or isinstance(event, SyncStarted), "only a start makes a run"
        return event


class Reading:
    def __init__(self) -> None:
        self.settings = InForce()
        self.lines: dict[int, Line] = {}
        self.streams: dict[int, tuple[StreamPolicy, ...]] = {}
        self.stops: dict[int, Stop] = {}
        self.limits: dict[int, tuple[LimitPolicy, ...]] = {}
        self.taken: defaultdict[int, list[tuple[datetime, int]]] = defaultdict(list)
        self.ahead = timedelta()
        self.held: dict[int, datetime] = {}  # by the steady time, as what was taken
        self.at: datetime | None = None
        self.stepped: Recorded | None = None
        """The first event after the wall clock last jumped."""
        self.retried: list[tuple[datetime, int]] = []  # when, at which provider
        self.turned: list[tuple[datetime, int]] = []

    def value(self, name: str, subject: int) -> object:
        line = self.lines[subject]
        return self.settings.value(name, subject, line.tenant, line.provider)

    def interval(self, subject: int) -> timedelta:
        found = self.value("interval", subject)
        assert isinstance(found, timedelta), "each connection has one"
        return found

    def is_quiet(self, at: datetime, subject: int) -> bool:
        line = self.lines[subject]
        return self.settings.is_quiet(at, subject, line.tenant, line.provider)

    def own_intervals(self, subject: int) -> Mapping[str, timedelta]:
        """By stream, where any has another one than its connection."""
        line, whole = self.lines[subject], self.interval(subject)
        found = {
            each.name: self.settings.stream_interval(each.name, subject, line.tenant, line.provider)
            or each.interval
            or whole
            for each in self.streams[line.provider]
        }
        return found if set(found.values()) - {whole} else {}

    def running(self, provider: int | None = None) -> list[SyncStarted]:
        """What runs, everywhere or at one provider."""
        return [
            line.start
            for line in self.lines.values()
            if line.start and provider in {None, line.provider}
        ]

    def _draw_near(self, now: datetime) -> None:
        """What a clock that was wrong put into the future was before this all the same.

        As was all that was before that, by as much: the same hour is lived through once more.
        """
        for taken in self.taken.values():
            late = max((at for at, _ in taken), default=now) - now
            if late > timedelta(0):
                taken[:] = [(at - late, calls) for at, calls in taken]

    def read(self, each: Recorded) -> None:
        if isinstance(each.event, ClockStepped) or (self.at is not None and each.at < self.at):
            self._step(each)
        self.at = each.at
        self.settings.read(each)
        match each.event:
            case ProviderDeclared(streams=streams, limits=limits):
                self.streams[each.subject], self.limits[each.subject] = streams, limits
            case StepsSummed(ahead=ahead):
                self.ahead = ahead
            case DaemonStarted():
                self._draw_near(each.at - self.ahead)
            case AllowanceTaken(calls=calls, ahead=ahead):
                self.taken[each.subject].append((each.at - ahead, calls))
            case LimitHeld(until=until, ahead=ahead):
                self.held[each.subject] = until - ahead
            case ConnectionAdded(tenant=tenant, provider=provider):
                self.lines[each.subject] = Line(tenant=tenant, provider=provider)
            case BreakerOpened(until=until):
                before = self.stops.get(each.subject)
                opened = 1 + (before.opened if before else 0)
                self.stops[each.subject] = Stop(until=until, opened=opened)
                if until is None and each.subject in self.lines:
                    self.lines[each.subject].latched = each.seq
            case BreakerEased(until=until) if each.subject in self.stops:
                self.stops[each.subject].until = until
            case BreakerProbed(successes=successes) if each.subject in self.stops:
                self.stops[each.subject].successes = successes
            case BreakerClosed() | BreakerReset():
                self.stops.pop(each.subject, None)
            case _ if each.subject in self.lines:
                self._read_line(self.lines[each.subject], each)
            case _:
                pass

    def _step(self, each: Recorded) -> None:
        """How long ago anything was, and until when to wait, nobody can tell any more."""
        self.stepped = each
        self.retried.clear()
        self.turned.clear()
        for line in self.lines.values():
            line.asked_to_wait = None

    def _read_line(self, line: Line, each: Recorded) -> None:
        match each.event:
            case ConnectionPaused():
                line.paused = True
            case ConnectionResumed():
                line.paused = False
            case ConnectionRemoved():
                line.removed = True
            case SyncScheduled() as planned:
                if planned.reason is ScheduleReason.ASKED_TO_WAIT:
                    line.asked_to_wait = planned.due
                line.plan, line.planned_by, line.missed = each.event, each.seq, {}
            case SyncSkipped(request=int()):
                line.request = None
            case SyncSkipped(reason=SkipReason.MISSED, stream=stream, count=count):
                line.missed[stream] = count
            case SyncRequested():
                line.request = Pending(seq=each.seq, due=each.at, event=each.event)
            case SyncCancelled(sync=None):
                line.request = None
            case RetryScheduled(due=due):
                line.retry, line.must_retry = (
                    Pending(seq=each.seq, due=due, event=each.event),
                    False,
                )
                self.retried.append((each.at, line.provider))
                line.asked_to_wait = line.hinted or line.asked_to_wait
            case RetryMoved(due=due) if line.retry:
                line.retry.due = due
            case RetriesEnded(reason=reason):
                line.retry, line.must_retry = None, False
                line.gave_up = each.seq if reason in GIVEN_UP else line.gave_up
            case SyncStarted():
                self._read_start(line, each, each.event)
            case SyncSucceeded() | SyncFailed() | SyncCancelled() | SyncInterrupted():
                _read_ending(line, each)
                line.must_retry = is_retried(line) and bool(
                    self.value("failover_enabled", each.subject)
                )
            case _:
                pass

    def _read_start(self, line: Line, each: Recorded, event: SyncStarted) -> None:
        line.run = each
        line.served = (
            line.request if event.request is not None else None,
            line.retry if event.attempt else None,
        )
        line.request = None if event.request is not None else line.request
        line.retry = None if event.attempt else line.retry
        if event.forced:  # a person wants no wait; what the provider answers now is its newest word
            line.asked_to_wait = None
        if event.attempt == 0:
            self.turned.append((each.at, line.provider))


def _read_ending(line: Line, each: Recorded) -> None:
    line.ran, line.run, line.ended = line.start, None, each
    match each.event:
        case SyncSucceeded(failures=failures) | SyncFailed(failures=failures):
            hints = [lost.retry_after for lost in failures if lost.retry_after]
            line.hinted = each.at + max(hints) if hints else None
        case SyncInterrupted(request=request, retry=retry):
            asked, tried = line.served
            if request is not None and asked is not None:
                asked.due, line.request = each.at, asked
            if retry is not None and tried is not None:
                tried.due, line.retry = each.at, tried
        case _:
            pass


def lost(line: Line) -> list[StreamFailure]:
    """What went wrong in its last sync against which trying again may help."""
    ending = line.ended.event if line.ended else None
    failures = ending.failures if isinstance(ending, SyncSucceeded | SyncFailed) else ()
    return [each for each in failures if each.cause in MAY_PASS]


def is_retried(line: Line) -> bool:
    """Whether it failed in what may pass, and neither was one sync and no more, nor has a retry."""
    ran = line.ran
    if ran is None or line.retry is not None or ran.kind is Kind.BACKFILL:
        return False
    once = ran.kind is Kind.FAILOVER and not ran.attempt
    return bool(lost(line)) and not once


def is_whole(ran: SyncStarted) -> bool:
    """Whether it did all that a turn would have done, of the streams that it names."""
    return ran.kind is not Kind.BACKFILL and not (ran.options and ran.options.failed_days)
