"""May each sync start when it does, and does each wait say rightly for how long?"""

from collections.abc import Iterator
from datetime import timedelta

from events.envelope import Recorded
from events.schema import RecordsCaptured, RecordsRefused, SyncDeferred, SyncStarted, SyncSucceeded
from events.terms import HoldReason, Kind
from tests.simulation.auditor.reading import Line, Reading

MICROSECOND = timedelta(microseconds=1)


def check(reading: Reading, each: Recorded) -> Iterator[str]:
    line = reading.lines.get(each.subject)
    match each.event:
        case SyncStarted() as start if line:
            yield from _place(reading, each, start, line)
            yield from _reason(each, start, line)
            yield from _hours(reading, each, start)
            if not start.forced:
                yield from _breakers(reading, each, line)
        case SyncDeferred(reason=reason) if line:
            yield from _deferral(reading, each, reason)
        case RecordsCaptured(stream=name) | RecordsRefused(stream=name) if line and line.start:
            if line.start.streams and name not in line.start.streams:
                yield f"{name} was not to be fetched"
        case SyncSucceeded(waiting=names) if line:
            waits = {it.name for it in reading.streams[line.provider] if it.waits_for}
            if not waits.issuperset(names):
                yield f"{names} wait, of which nobody said so"
        case _:
            pass


def _place(reading: Reading, each: Recorded, start: SyncStarted, line: Line) -> Iterator[str]:
    """There is a place for it: in the fleet, at its provider, among retries."""
    if line.paused or line.removed:
        yield "it starts though it is paused, or removed"
    if len(reading.running()) >= reading.settings.value("concurrency"):
        yield "one more than the fleet's concurrency starts"
    there = len(reading.running(line.provider))
    places = reading.settings.value("provider_concurrency", line.provider)
    if there >= places and not start.forced:
        yield "one more than its provider's concurrency starts"
    if start.kind is Kind.RETRY and start.request is None:
        retrying = [it for it in reading.running() if it.kind is Kind.RETRY]
        if len(retrying) >= reading.settings.value("retries_at_once"):
            yield "one retry too many starts"
    if not 1 <= start.priority <= 10:
        yield f"its priority is {start.priority}"


def _reason(each: Recorded, start: SyncStarted, line: Line) -> Iterator[str]:
    """Something asked for it, and it serves all that is pending."""
    if start.due > each.at:
        yield f"it starts before it is due at {start.due}"
    pending = line.request.seq if line.request else None
    if start.request != pending:
        yield f"it serves request {start.request}, and {pending} is pending"
    attempt = getattr(line.retry.event, "attempt", 0) if line.retry else 0
    if start.attempt != attempt:
        yield f"it is attempt {start.attempt}, and attempt {attempt} is pending"
    if start.kind is Kind.SCHEDULED and (line.plan is None or line.plan.due > each.at):
        yield "no turn is due"
    no_retry = line.retry is None or line.retry.due > each.at
    if start.kind is Kind.RETRY and start.request is None and no_retry:
        yield "no retry is due"
    if start.kind in {Kind.MANUAL, Kind.FAILOVER} and start.request is None:
        yield "nobody asked for it"


def _hours(reading: Reading, each: Recorded, start: SyncStarted) -> Iterator[str]:
    """What no person asked for keeps to quiet hours, to the master switch, to a provider's wish."""
    quiet = reading.is_quiet(each.at, each.subject)
    if start.quiet != quiet:
        yield f"it says quiet={start.quiet}, and that is wrong"
    line = reading.lines[each.subject]
    until = line.asked_to_wait
    if not start.forced and until is not None and each.at < until:
        yield f"a {start.kind} sync starts before {until}, as its provider asked"
    if start.request is not None and start.kind is not Kind.FAILOVER:
        return
    if quiet:
        yield f"a {start.kind} sync starts inside quiet hours"
    if not reading.value("enabled", each.subject):
        yield f"a {start.kind} sync starts though its tenant, or the fleet, is switched off"


def _breakers(reading: Reading, each: Recorded, line: Line) -> Iterator[str]:
    for subject in (each.subject, line.provider):
        stop = reading.stops.get(subject)
        if stop is None:
            continue
        if stop.until is None or each.at < stop.until:
            yield f"it starts while the breaker of {subject} is open"
        elif subject == line.provider and reading.running(line.provider):
            yield "a second probe starts at its provider"


def _deferral(reading: Reading, each: Recorded, reason: HoldReason) -> Iterator[str]:
    assert isinstance(each.event, SyncDeferred), "it was just seen"
    until = each.event.until
    if reason is HoldReason.DISABLED:
        if reading.value("enabled", each.subject) or until is not None:
            yield "it waits for a switch that is on"
    elif until is None or not reading.is_quiet(each.at, each.subject):
        yield "it waits for quiet hours that are none"
    elif reading.is_quiet(until, each.subject):
        yield f"quiet hours are not over at {until}"
    elif not reading.is_quiet(until - MICROSECOND, each.subject):
        yield f"quiet hours were over before {until}"
