"""What is asked of a tenant's past, and what is a right answer, whoever gives it?

Each is told by a plain walk over all events here: slow, and without an index, a fold or a database.
Moments are microseconds since 1970, days are counted from there too, so that answers can be
compared number by number.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from events import schema
from events.codec import to_microseconds
from events.envelope import Recorded

A_DAY = 86_400_000_000
AN_HOUR = 3_600_000_000
WEEKS = 8  # that a weekday's usual volume is taken of
CHRONIC = 3  # failures in a row
STREAM = "days"
"""Whose volume is asked for."""


class Source(NamedTuple):
    """How one connection has done."""

    subject: int
    total: int
    successful: int
    failed: int
    in_a_row: int
    duration_ms: int
    last_success: int | None
    last_failure: int | None


class Day(NamedTuple):
    """What all syncs that ended on one day, in UTC, came to."""

    day: int
    successful: int
    failed: int
    records: int
    duration_ms: int
    refreshes: int


class Cause(NamedTuple):
    day: int
    cause: str
    failed: int


class Issue(NamedTuple):
    """What is wrong with one connection: `since` is a moment, or the number of a day."""

    subject: int
    kind: str
    since: int


class Drift(NamedTuple):
    """The last whole day's new records against the median of the same weekday before it."""

    subject: int
    actual: int
    expected: float


class Waiting(NamedTuple):
    """What is to come of one connection: its next turn, and a retry, if one is pending."""

    subject: int
    due: int
    retry: int | None


class Answers(NamedTuple):
    """All of them, of one tenant, as of one moment."""

    status: list[Source]
    history: list[Day]
    causes: list[Cause]
    issues: list[Issue]
    drift: list[Drift]
    queue: list[Waiting]


def first_day(now: int, days: int) -> int:
    """The first of so many days, the last of which is today."""
    return now // A_DAY - days + 1


def told(facts: Iterable[Recorded], tenant: int, now: int, days: int, hours: int) -> Answers:
    """The oracle: every answer from all events, with nothing but loops."""
    theirs: set[int] = set()
    mine: dict[int, list[Recorded]] = defaultdict(list)
    for recorded in facts:
        if isinstance(recorded.event, schema.ConnectionAdded) and recorded.event.tenant == tenant:
            theirs.add(recorded.subject)
        if recorded.subject in theirs:
            mine[recorded.subject].append(recorded)
    lives = sorted(mine.items())
    return Answers(
        status=[_source(subject, life) for subject, life in lives],
        history=_history([each for _, life in lives for each in life], first_day(now, days)),
        causes=_causes([each for _, life in lives for each in life], first_day(now, days)),
        issues=sorted(
            each for subject, life in lives for each in _issues(subject, life, now, hours)
        ),
        drift=[_drift(subject, life, now) for subject, life in lives],
        queue=[_waiting(subject, life) for subject, life in lives],
    )


def _source(subject: int, life: list[Recorded]) -> Source:
    good, bad, in_a_row, lasted = [], [], 0, 0
    for each in life:
        match each.event:
            case schema.SyncSucceeded(duration_ms=duration):
                good.append(to_microseconds(each.at))
                in_a_row, lasted = 0, lasted + duration
            case schema.SyncFailed(duration_ms=duration):
                bad.append(to_microseconds(each.at))
                in_a_row, lasted = in_a_row + 1, lasted + duration
    return Source(
        subject=subject,
        total=len(good) + len(bad),
        successful=len(good),
        failed=len(bad),
        in_a_row=in_a_row,
        duration_ms=lasted,
        last_success=good[-1] if good else None,
        last_failure=bad[-1] if bad else None,
    )


def _history(life: list[Recorded], first: int) -> list[Day]:
    found: dict[int, Day] = {}
    for each in life:
        day = to_microseconds(each.at) // A_DAY
        before = found.get(day, Day(day, 0, 0, 0, 0, 0))
        match each.event:
            case schema.SyncSucceeded() as event if day >= first:
                found[day] = Day(
                    day,
                    before.successful + 1,
                    before.failed,
                    before.records + event.records,
                    before.duration_ms + event.duration_ms,
                    before.refreshes + event.refreshes,
                )
            case schema.SyncFailed() as event if day >= first:
                found[day] = before._replace(
                    failed=before.failed + 1,
                    duration_ms=before.duration_ms + event.duration_ms,
                    refreshes=before.refreshes + event.refreshes,
                )
    return [found[day] for day in sorted(found)]


def _causes(life: list[Recorded], first: int) -> list[Cause]:
    counted = Counter(
        (to_microseconds(each.at) // A_DAY, each.event.cause.value)
        for each in life
        if isinstance(each.event, schema.SyncFailed)
    )
    return sorted(Cause(day, cause, n) for (day, cause), n in counted.items() if day >= first)


def _issues(subject: int, life: list[Recorded], now: int, hours: int) -> Iterable[Issue]:
    """Stale: no success for so long. Failing: often in a row. Gap: a day without, between two with.

    Gaps are looked for in the last WEEKS weeks.
    """
    source = _source(subject, life)
    if source.last_success is not None and now - source.last_success > hours * AN_HOUR:
        yield Issue(subject, "stale", source.last_success)
    if source.in_a_row >= CHRONIC and source.last_failure is not None:
        yield Issue(subject, "failing", source.last_failure)
    days = {
        to_microseconds(each.at) // A_DAY
        for each in life
        if isinstance(each.event, schema.SyncSucceeded)
    }
    first = first_day(now, 7 * WEEKS)
    ordered = sorted(day for day in days if day >= first)
    for before, after in pairwise(ordered):
        if after > before + 1:
            yield Issue(subject, "gap", before + 1)


def _drift(subject: int, life: list[Recorded], now: int) -> Drift:
    last = now // A_DAY - 1
    volume: Counter[int] = Counter()
    for each in life:
        if isinstance(each.event, schema.RecordsCaptured) and each.event.stream == STREAM:
            volume[to_microseconds(each.at) // A_DAY] += each.event.added
    usual = [volume[last - 7 * week] for week in range(1, WEEKS + 1) if last - 7 * week in volume]
    return Drift(subject, volume[last], float(statistics.median(usual)) if usual else 0.0)


def _waiting(subject: int, life: list[Recorded]) -> Waiting:
    due, retry = 0, None
    for each in life:
        match each.event:
            case schema.SyncScheduled():
                due = to_microseconds(each.event.due)
            case schema.RetryScheduled():
                retry = to_microseconds(each.event.due)
            case schema.RetriesEnded():
                retry = None
            case schema.SyncStarted(attempt=attempt) if attempt:
                retry = None
    return Waiting(subject, due, retry)
