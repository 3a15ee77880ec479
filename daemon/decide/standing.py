"""Why are a connection, and each of its streams, as well as they are: which events say so?"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from daemon.decide import condition
from daemon.decide.condition import Ground
from events.schema import AuthorisationNeeded, RecordsCaptured, RecordsRefused
from events.versions import RecordsQuarantined, RolledBack
from projections import health, why
from projections.connection import Connection
from projections.health import Health
from projections.provider import Provider
from projections.streams import NEW
from projections.why import Why

SCORE_MAX = 100


class Part(StrEnum):
    """What a health score is summed up from."""

    SUCCESS_RATE = "success-rate"
    FAILURES_IN_A_ROW = "failures-in-a-row"
    STALE = "stale"
    BOUNDS = "bounds"
    ROUNDING = "rounding"


class Term(Struct, frozen=True, kw_only=True):
    """What one part adds to the score. `count` is of what: successes `of` attempts, failures.

    `events` are the numbers of those that make it so, `at` is when it becomes so, or became.
    """

    part: Part
    points: float
    count: int = 0
    of: int = 0
    events: tuple[int, ...] = ()
    at: datetime | None = None


class Fact(Struct, frozen=True, kw_only=True):
    """One thing that is true of a stream, and the event that says so."""

    topic: str
    event: int = 0


def terms(known: Health, of: Why, succeeded: int, now: datetime) -> tuple[Term, ...]:
    """The score term by term; nothing before the first attempt has ended.

    `succeeded` is the number of the last success, 0 where there was none.
    """
    rate, points = health.success_rate(known), health.score(known, now)
    if rate is None or points is None:
        return ()
    found = [
        Term(
            part=Part.SUCCESS_RATE,
            points=rate,
            count=known.successful,
            of=known.total,
            events=(of.first,),
        )
    ]
    if known.consecutive_failures:
        found.append(_in_a_row(known, of))
    stale, last = health.stale_penalty(known, now), known.last_success
    found.append(
        Term(
            part=Part.STALE,
            points=0.0 - stale,
            events=(succeeded,) if succeeded else (),
            at=last + health.STALE_AFTER if last else None,
        )
    )
    return (*found, *_fitted(sum(each.points for each in found), points))


def _in_a_row(known: Health, of: Why) -> Term:
    """Where a rollback brought them back, it says so for those that are not known any more."""
    events, number = of.failures, known.consecutive_failures
    back = why.number(of, RolledBack)
    if len(events) < min(number, why.FAILURES_KEPT) and back:
        events = tuple(sorted((*events, back)))
    return Term(
        part=Part.FAILURES_IN_A_ROW,
        points=0.0 - health.failure_penalty(known),
        count=number,
        events=events,
    )


def _fitted(whole: float, points: int) -> tuple[Term, ...]:
    """From 0 to 100, without digits."""
    inside = max(0.0, min(float(SCORE_MAX), whole))
    both = ((Part.BOUNDS, inside - whole), (Part.ROUNDING, points - inside))
    return tuple(Term(part=part, points=more) for part, more in both if more)


def of_stream(
    known: Connection, at: Provider, name: str, of: Why, now: datetime
) -> tuple[Fact, ...]:
    """What makes it as it is, the gravest first, with the event of each; then its data."""
    found = [_ground(known, name, each, of) for each in condition.grounds(known, at, name, now)]
    data = [
        Fact(topic="captured", event=why.of_stream(of, name, RecordsCaptured)),
        Fact(topic="rolled-back", event=why.of_stream(of, name, RolledBack)),
    ]
    stream, in_force = known.streams.get(name, NEW), max(each.event for each in data)
    data.append(Fact(topic="pruned", event=stream.pruned_in))
    doubted = max(why.of_stream(of, name, kind) for kind in _DOUBTED)
    if doubted > in_force:
        data.append(Fact(topic="refused", event=doubted))
    elif stream.held:
        data.append(Fact(topic="held", event=why.of_stream(of, name, RecordsQuarantined)))
    data.sort(key=lambda each: -each.event)
    return _once([each for each in (*found, *data) if each.event])


def _ground(known: Connection, name: str, ground: Ground, of: Why) -> Fact:
    match ground:
        case Ground.PERSON:
            return Fact(topic=ground, event=why.number(of, AuthorisationNeeded))
        case Ground.EMPTY:
            return Fact(topic=ground, event=_emptied(known, name, of))
        case Ground.OWES:
            return Fact(topic=ground, event=_owed(known, name, of))
        case Ground.NO_SYNC | Ground.SCORE:
            return Fact(topic=ground)  # there is no event of the stream's own that says so
        case _:
            return Fact(topic=ground, event=_failed(known, name, of))


_DOUBTED = (RecordsRefused, RecordsQuarantined)


def _emptied(known: Connection, name: str, of: Why) -> int:
    """What was refused as empty, the sync that says so where nothing else does, or what came so."""
    captured = max(why.of_stream(of, name, kind) for kind in (RecordsCaptured, RolledBack))
    if not known.streams.get(name, NEW).empty:
        return captured
    refused = why.doubted(of, name)
    return refused if refused > captured else why.failed(of, name)


def _owed(known: Connection, name: str, of: Why) -> int:
    """What left days owed last: an end, a rollback to when they were, or a sync before its end."""
    left = max(_failed(known, name, of), why.of_stream(of, name, RolledBack))
    return left or why.of_stream(of, name, RecordsCaptured)


def _failed(known: Connection, name: str, of: Why) -> int:
    """The end of the sync that failed before it came to any stream, or the last of its own."""
    last = known.last
    if last and condition.failed_whole(known, name):
        return last.seq
    return max(why.failed(of, name), why.doubted(of, name))


def _once(facts: list[Fact]) -> tuple[Fact, ...]:
    """One line an event: what is graver says it first."""
    found: dict[int, Fact] = {}
    for each in facts:
        found.setdefault(each.event, each)
    return tuple(found.values())
