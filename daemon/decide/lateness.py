"""What should have come, or left, by now: data, days, a start, a write?"""

from datetime import datetime, timedelta

from daemon.decide import thresholds
from daemon.decide.sighting import (
    ADDED,
    FINE,
    Steps,
    Verdict,
    View,
    grade,
    joined,
    later,
    numbers,
)
from events.issues import IssueKind, IssueOpened, Severity
from projections import breaker, connection, outbox, schedule
from projections.breaker import Phase
from projections.grant import Phase as GrantPhase

STALE: Steps = (1, 2, 4)
OVERDUE: Steps = (1, 4, 16)  # of a quarter of an hour: an hour, four hours
WAITING: Steps = (1, 8, 48)  # of an hour: a working day, two days
GAP_MAJOR, GAP_CRITICAL = 3, 14  # days: a long weekend; two weeks, which many providers keep
WRITES_AFTER = timedelta(hours=1)  # a provider that is down is back by then, as a rule


def stale(view: View) -> Verdict:
    """No success of the connection for too long; or, where it has some, of one of its streams.

    One that is off, or that waits to be authorised, has nothing new to say by being stale.
    """
    done = view.signs.succeeded
    last = done[-1] if done else view.signs.begun
    whole = _stale(view, "", done[-1].at if done else None, numbers(last, *view.signs.failed[-1:]))
    if whole.found:
        kept = [each for each in view.known.streams if view.has(IssueKind.STALE, each)]
        return joined([whole, *(_stale_stream(view, each) for each in kept)])
    return joined([whole, *(_stale_stream(view, each.name) for each in view.at.streams)])


def gap(view: View) -> Verdict:
    """Days that are owed, while later ones have come."""
    return joined(_gap(view, each) for each in view.signs.owing)


def overdue(view: View) -> Verdict:
    """A start that is due long since, though nothing says that it may not be."""
    known, stop = view.known, view.at.breaker
    start = connection.next_start(known)
    if start is None or breaker.is_latched(stop):
        return FINE
    if breaker.phase(stop, view.now) is Phase.OPEN:
        return Verdict(again=stop.until)
    since = max(each for each in (start, stop.until, view.alive) if each)
    asked = known.schedule.request
    evidence = numbers(known.schedule.planned, asked.seq if asked else 0)
    severity, again = grade(view.now, since, view.rules.overdue_after, OVERDUE)
    if severity is None:
        return Verdict(again=again)
    found = IssueOpened(
        kind=IssueKind.OVERDUE,
        severity=severity,
        since=start,
        evidence=evidence,
        threshold=thresholds.of_span(view, "overdue_after"),
    )
    return Verdict(found=(found,), again=again)


def writes(view: View) -> Verdict:
    """A write that has waited for long, whatever it waits for."""
    waiting = view.world.outboxes.get(view.subject, ())
    first = outbox.first(waiting)
    if first is None:
        return FINE
    severity, again = grade(view.now, first.at, WRITES_AFTER, WAITING)
    waits = None if view.has(IssueKind.WRITES) else view.settles
    if severity is None or waits:
        return Verdict(again=waits if severity else again)
    found = IssueOpened(
        kind=IssueKind.WRITES,
        severity=severity,
        since=first.at,
        evidence=numbers(first.number),
        threshold=thresholds.fixed("writes_after", span=WRITES_AFTER),
        cause=first.cause,
        count=len(waiting),
    )
    return Verdict(found=(found,), again=again)


def _stale_stream(view: View, name: str) -> Verdict:
    """What never came is the connection's to tell, or that of what failed."""
    stream = view.known.streams.get(name)
    if stream is None or stream.captured_at is None:
        return FINE
    evidence = numbers(stream.version, stream.failed_in)
    return _stale(view, name, stream.captured_at, evidence)


def _stale(view: View, stream: str, last: datetime | None, evidence: tuple[int, ...]) -> Verdict:
    assert view.signs.begun is not None, ADDED
    is_open = view.has(IssueKind.STALE, stream)
    if not is_open and _is_off(view):
        return FINE
    since = max(last, view.signs.begun.at) if last else view.signs.begun.at
    severity, again = grade(view.now, since, thresholds.stale(view, stream), STALE)
    waits = None if is_open else _may_wait(view)
    if severity is None or waits:
        return Verdict(again=waits if severity else again)
    ending = view.known.last
    found = IssueOpened(
        kind=IssueKind.STALE,
        severity=severity,
        since=last or since,
        evidence=evidence,
        threshold=thresholds.of_stale(view, stream),
        stream=stream,
        cause=ending.cause if ending else None,
    )
    return Verdict(found=(found,), again=again)


def _gap(view: View, name: str) -> Verdict:
    stream, owing = view.known.streams[name], view.signs.owing[name]
    newest = stream.newest_day
    if newest is None:
        return FINE
    missing = [day for day in stream.failed_days if day < newest]
    due = later(owing.mark.at, thresholds.gap(view, name))
    if not missing or (view.now < due and not view.has(IssueKind.GAP, name)):
        return Verdict(again=due if missing else None)
    grave = Severity.CRITICAL if len(missing) >= GAP_CRITICAL else Severity.MAJOR
    found = IssueOpened(
        kind=IssueKind.GAP,
        severity=grave if len(missing) >= GAP_MAJOR else Severity.MINOR,
        since=owing.mark.at,
        evidence=numbers(owing.mark),
        threshold=thresholds.of_gap(view, name),
        stream=name,
        cause=stream.failure.cause if stream.failure else None,
        count=len(missing),
        day=missing[0],
        until=stream.owed_until.get(missing[0]),
    )
    return Verdict(found=(found,))


def _is_off(view: View) -> bool:
    """Whether nothing is meant to come."""
    hold = view.known.schedule.hold
    held = hold is not None and hold.until is None
    return held or not view.rules.enabled or view.known.grant.phase is GrantPhase.NEEDED


def _may_wait(view: View) -> datetime | None:
    """Until when what is late is not told: quiet hours, and the first minutes of a life."""
    hold = view.known.schedule.hold
    held = hold.until if hold and schedule.is_held(view.known.schedule, view.now) else None
    return max((each for each in (held, view.settles) if each), default=None)
