"""Does every turn end in exactly one way, and is the next one where its interval puts it?"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from events.envelope import Recorded
from events.schema import SyncCancelled, SyncInterrupted, SyncScheduled, SyncStarted
from events.terms import Kind, ScheduleReason
from tests.simulation.auditor.reading import Line, Reading, is_whole

NONE = timedelta(0)


def check(reading: Reading, each: Recorded) -> Iterator[str]:
    line = reading.lines.get(each.subject)
    match each.event:
        case SyncScheduled() as planned if line:
            yield from _planned(reading, each, planned, line)
        case SyncStarted() if line and _is_unfollowed(reading, each.subject, line):
            yield "its last turn ended, and no next one was decided"
        case _:
            pass


def left(reading: Reading) -> Iterator[str]:
    """What the log owes at its end."""
    for subject, line in reading.lines.items():
        if line.plan is None or _is_unfollowed(reading, subject, line):
            yield f"{subject} has no next turn"


def _is_unfollowed(reading: Reading, subject: int, line: Line) -> bool:
    """Whether a run that stood for its turn ended, and the turn is still due."""
    if line.plan is None or line.ran is None or line.ended is None:
        return False
    if line.planned_by > line.ended.seq:
        return False
    if isinstance(line.ended.event, SyncInterrupted) or line.plan.due > line.ended.at:
        return False
    if isinstance(line.ended.event, SyncCancelled) and line.ran.kind is not Kind.SCHEDULED:
        return False
    return line.ran.kind is Kind.SCHEDULED and is_whole(line.ran) and not line.ran.streams


def _planned(reading: Reading, each: Recorded, planned: SyncScheduled, line: Line) -> Iterator[str]:
    before = line.plan
    first = min(planned.streams.values(), default=planned.due)
    if planned.due != first and planned.reason is ScheduleReason.INTERVAL:
        yield "it is not due with the first of its streams"
    match planned.reason:
        case ScheduleReason.ADDED:
            if before is not None or planned.due != each.at:
                yield "it was not added just now"
        case ScheduleReason.INTERVAL:
            if line.ended is None or line.ended.at != each.at or line.run or not line.ran:
                yield "nothing ended that stood for its turn"
            elif before is None or before.due > each.at:
                yield "a turn is decided while one lies ahead"
            elif planned.due <= each.at and not planned.streams:
                yield "the next turn is past already"
            else:
                yield from _stepped(reading, each, planned, line, before)
        case ScheduleReason.ASKED_TO_WAIT:
            if planned.due != line.asked_to_wait:
                yield f"its provider asked for {line.asked_to_wait}"
            if before is None or planned.due <= before.due:
                yield "what a provider asks for makes nothing sooner"
        case ScheduleReason.SETTINGS:
            if before is None or planned.due > before.due:
                yield "settings make nothing later"
        case ScheduleReason.CLOCK_STEPPED:
            if reading.stepped is None:
                yield "no clock stepped"
            if before is None or planned.due > before.due:
                yield "a step of the clock makes nothing later"
        case _:
            yield f"nobody here does that: {planned.reason}"


def _stepped(
    reading: Reading, each: Recorded, planned: SyncScheduled, line: Line, before: SyncScheduled
) -> Iterator[str]:
    """A slot is its interval after the one before; what lies between was skipped, counted."""
    intervals, interval = reading.own_intervals(each.subject), reading.interval(each.subject)
    share = float(str(reading.value("spread", each.subject)))
    if not planned.streams:
        if intervals:
            yield "streams have intervals of their own, and no turns"
        if not NONE <= planned.spread <= share * interval:
            yield f"{planned.spread} is more than its share of {interval}"
        steps = (planned.due + planned.spread - before.due - before.spread) / interval
        if steps != 1 + line.missed.get("", 0):
            yield f"it is due {steps} intervals later, and {line.missed} were missed"
        return
    if set(planned.streams) != set(intervals):
        yield f"turns of {set(planned.streams)}, and intervals of {set(intervals)}"
    for name, due in planned.streams.items():
        yield from _stream_stepped(reading, each, planned, line, (name, due, intervals[name]))


def _stream_stepped(
    reading: Reading,
    each: Recorded,
    planned: SyncScheduled,
    line: Line,
    stream: tuple[str, datetime, timedelta],
) -> Iterator[str]:
    """One that was left waiting may go with the next of the others."""
    assert line.ran is not None, "it was just seen"
    assert line.plan is not None, "it was just seen"
    name, due, interval = stream
    fresh = name not in line.plan.streams
    old = line.plan.streams.get(name, line.plan.due)
    ran = not line.ran.streams or name in line.ran.streams
    waits = any(it.name == name and it.waits_for for it in reading.streams[line.provider])
    if waits and ran and due == planned.due:
        return
    if old > each.at or not ran:
        if due != old:
            yield f"{name} did not run, and its turn moved"
        return
    spread = (1 + line.missed.get(name, 0)) * interval - (due - old)
    spread += line.plan.spread if fresh else NONE
    share = float(str(reading.value("spread", each.subject)))
    if due <= each.at or not NONE <= spread <= (share * interval if fresh else NONE):
        yield f"{name} is due at {due} after {old}, and {line.missed} were missed"
