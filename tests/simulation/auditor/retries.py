"""Is what fails tried again as often and as late as the settings say, and no more?"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from events.envelope import Recorded
from events.policy import Backoff
from events.schema import RetriesEnded, RetryMoved, RetryScheduled, SyncStarted
from events.terms import Kind, RetriesEnd
from tests.simulation.auditor.reading import Line, Reading, lost

HOUR = timedelta(hours=1)
FREE = 10  # retries an hour and provider that no budget forbids


def check(reading: Reading, each: Recorded) -> Iterator[str]:
    line = reading.lines.get(each.subject)
    match each.event:
        case RetryScheduled() as retry if line:
            yield from _allowed(reading, each, retry, line)
            yield from _delay(reading, each, retry)
        case SyncStarted() if line and line.must_retry:
            yield "what failed was neither to be tried again, nor given up"
        case SyncStarted(kind=Kind.RETRY, attempt=int(attempt)) if attempt:
            yield from _still_allowed(reading, each, attempt)
        case RetryMoved(due=due) if line:
            if line.retry is None or due > line.retry.due:
                yield "a step of the clock makes nothing later"
        case RetriesEnded(reason=RetriesEnd.USED_UP, attempts=attempts) if line:
            if attempts < _number(reading, "max_retry_attempts", each.subject):
                yield f"{attempts} attempts have not used them up"
        case RetriesEnded(reason=RetriesEnd.BUDGET) if line:
            if _retries(reading, each.at, line) < FREE and reading.stepped is None:
                yield "the budget allows one more"
        case RetriesEnded(reason=RetriesEnd.SETTINGS, attempts=attempts) if line:
            most = _number(reading, "max_retry_attempts", each.subject)
            if reading.value("failover_enabled", each.subject) and attempts < most:
                yield "settings allow it"
        case _:
            pass


def _still_allowed(reading: Reading, each: Recorded, attempt: int) -> Iterator[str]:
    """Settings that are other ones since it was scheduled took it back."""
    if not reading.value("failover_enabled", each.subject):
        yield "retries are switched off"
    if attempt > _number(reading, "max_retry_attempts", each.subject):
        yield f"attempt {attempt} is one too many"


def _allowed(reading: Reading, each: Recorded, retry: RetryScheduled, line: Line) -> Iterator[str]:
    if line.ended is None or line.ran is None or line.ended.at != each.at:
        yield "nothing has just failed"
        return
    failures = lost(line)
    if retry.cause not in {it.cause for it in failures}:
        yield f"trying again does not help against {retry.cause}"
    if retry.attempt != line.ran.attempt + 1:
        yield f"attempt {retry.attempt} comes after attempt {line.ran.attempt}"
    yield from _still_allowed(reading, each, retry.attempt)
    waited = set(getattr(line.ended.event, "waiting", ()))
    if {it.stream for it in failures} | waited != set(retry.streams):
        yield f"{retry.streams} are not what failed, with what waited for it"
    step = _number(reading, "retry_priority_step", each.subject)
    if retry.priority != max(1, min(10, line.ran.priority + step)):
        yield f"its priority is {retry.priority} after {line.ran.priority}"
    hints = [it.retry_after for it in failures if it.retry_after]
    if retry.hint != max(hints, default=None):
        yield f"it heeds {retry.hint}, and {hints} was asked for"
    if not _within_budget(reading, each, line):
        yield "the provider's budget for retries is used up"


def _delay(reading: Reading, each: Recorded, retry: RetryScheduled) -> Iterator[str]:
    """It waits as long as the settings say, or less by chance, but never less than the hint."""
    least, most = (reading.value(f"retry_delay{it}", each.subject) for it in ("", "_max"))
    assert isinstance(least, timedelta), "a delay is a span of time"
    assert isinstance(most, timedelta), "a delay is a span of time"
    delay = least
    if reading.value("retry_backoff", each.subject) is not Backoff.FIXED:
        for _ in range(retry.attempt - 1):
            delay = max(least, min(2 * delay, most))
    if retry.delay != delay:
        yield f"attempt {retry.attempt} waits for {delay}, not {retry.delay}"
    jitter, hint = reading.value("retry_jitter", each.subject), retry.hint or timedelta(0)
    waits = retry.due - each.at
    lowest = timedelta(0) if jitter else delay
    if (retry.jitter is not None) != jitter:
        yield "it is jittered, or is not, against its settings"
    if not max(lowest, hint) <= waits <= max(delay, hint):
        yield f"it waits for {waits}"


def _within_budget(reading: Reading, each: Recorded, line: Line) -> bool:
    """Not asked for within an hour of a step of the clock: which hour is meant then?"""
    stepped = reading.stepped.at if reading.stepped else None
    if stepped is not None and stepped - HOUR < each.at < stepped + HOUR:
        return True
    turned = [it for it in reading.turned if _is_recent(it, each.at, line.provider)]
    budget = reading.settings.value("retry_budget", line.provider)
    return _retries(reading, each.at, line) < max(FREE, budget * len(turned))


def _retries(reading: Reading, at: datetime, line: Line) -> int:
    return sum(_is_recent(it, at, line.provider) for it in reading.retried)


def _is_recent(of: tuple[datetime, int], at: datetime, provider: int) -> bool:
    """Within the last sixty minutes of the clock, this one among them."""
    minute = at.replace(second=0, microsecond=0)
    return of[1] == provider and minute - HOUR + timedelta(minutes=1) <= of[0] <= at


def _number(reading: Reading, name: str, subject: int) -> int:
    found = reading.value(name, subject)
    assert isinstance(found, int), "a count is a number"
    return found
