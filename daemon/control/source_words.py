"""Why is a source as it is, in sentences?"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from daemon.decide import condition
from daemon.decide.condition import Ground
from projections import health
from projections.connection import Connection
from projections.streams import NEW

GROUNDS = {
    Ground.NO_SYNC: "no sync has come to it yet",
    Ground.PERSON: "its connection waits to be authorised",
    Ground.EMPTY: "it is empty, which its provider's file does not say is fine",
    Ground.FINAL: "what failed does not pass by itself: somebody must look",
    Ground.CHRONIC: f"{condition.CHRONIC} syncs in a row or more brought nothing of it",
    Ground.FAILED: "something of it failed in its last sync",
    Ground.OWES: "it owes some days, which are tried again",
    Ground.SCORE: f"its connection scores less than {condition.SCORE_GOOD}",
}


def of_connection(known: Connection, now: datetime) -> list[str]:
    """How its last sync failed, if it did, and what its score is made of."""
    trouble = condition.trouble(known)
    said = [trouble.message] if trouble and trouble.message else []
    paused = ["it is paused, and does not count"] if known.paused else []
    return [*paused, *said, *_score(known, now)]


def of_stream(known: Connection, name: str, grounds: Iterable[Ground]) -> list[str]:
    """Its own failure, if it has one, and why it is less than healthy, the gravest first."""
    message = condition.message_of(known, name)
    return [
        *([message] if message else []),
        *(GROUNDS[each] for each in grounds),
        *_doubt(known, name),
    ]


def _doubt(known: Connection, name: str) -> Iterator[str]:
    held = known.streams.get(name, NEW).held
    if held:
        yield f"version {held.version} is held back until somebody takes it over or drops it"


def _score(known: Connection, now: datetime) -> Iterator[str]:
    counters, rate = known.health, health.success_rate(known.health)
    if rate is None:
        yield "no sync has ended yet"
        return
    yield f"{rate:.4g} % of {_count(counters.total, 'sync')} succeeded"
    if counters.consecutive_failures:
        streak = _count(counters.consecutive_failures, "failure")
        yield f"less {health.failure_penalty(counters)} for {streak} in a row"
    if stale := health.stale_penalty(counters, now):
        since = f"in {health.STALE_AFTER.days} days" if counters.last_success else "yet"
        yield f"less {stale} for no success {since}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
