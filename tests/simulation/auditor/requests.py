"""Is each wish one that could be made, and does a failover follow from what it must?"""

from collections.abc import Iterator

from events.envelope import Recorded
from events.schema import SyncCancelled, SyncRequested, SyncSkipped
from events.terms import Kind, SkipReason
from tests.simulation.auditor.reading import Line, Reading


def check(reading: Reading, each: Recorded) -> Iterator[str]:
    line = reading.lines.get(each.subject)
    match each.event:
        case SyncRequested() as wish if line:
            yield from _wish(reading, wish, line)
            if wish.kind is Kind.FAILOVER:
                yield from _failover(reading, each, wish, line)
        case SyncSkipped(request=int(request)) if line:
            if line.request is None or line.request.seq != request:
                yield f"request {request} is not pending"
        case SyncSkipped(reason=SkipReason.BREAKER) if line:
            if not any(_latched(reading, it) for it in (each.subject, line.provider)):
                yield "no breaker stands open for good"
        case SyncCancelled(sync=None) if line and line.request is None:
            yield "nothing was requested that could be taken back"
        case _:
            pass


def _wish(reading: Reading, wish: SyncRequested, line: Line) -> Iterator[str]:
    """One is pending at most: only a forced one takes the place of one that is not."""
    before = line.request.event if line.request else None
    if isinstance(before, SyncRequested) and not (wish.forced and not before.forced):
        yield "one is pending already"
    if line.paused or line.removed:
        yield "it is paused, or removed"


def _failover(reading: Reading, each: Recorded, wish: SyncRequested, line: Line) -> Iterator[str]:
    """In the step in which the other one gave up, or was switched off for good."""
    other = reading.lines.get(wish.origin or 0)
    if other is None or other.tenant != line.tenant:
        yield f"{wish.origin} is no connection of the same tenant"
        return
    assert wish.origin is not None, "it is known"
    if reading.settings.own("fallback", wish.origin) != each.subject:
        yield f"it is not the fallback of {wish.origin}"
    ran = other.ran
    if other.ended is None or other.ended.at != each.at or ran is None:
        yield f"no sync of {wish.origin} has just ended"
    elif ran.kind is Kind.FAILOVER:
        yield "a failover has no failover"
    elif each.seq - 1 not in {other.gave_up, other.latched}:
        yield f"{wish.origin} has neither used up its retries nor been switched off"


def _latched(reading: Reading, subject: int) -> bool:
    stop = reading.stops.get(subject)
    return stop is not None and stop.until is None
