"""What does a fleet's log look like after some weeks?"""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from events import schema, terms
from events.envelope import Recorded

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
INTERVAL = timedelta(hours=6)
STREAMS = ("days", "sleep", "heart")
FAILURES_PERCENT = 8


def history(connections: int, events: int, seed: int = 1) -> list[Recorded]:
    """The first `events` facts of a fleet of `connections`, each synced every six hours."""
    dice = random.Random(seed)
    facts = itertools.islice(_facts(connections, dice), events)
    return [
        Recorded(seq=seq, at=at, subject=subject, event=event)
        for seq, (at, subject, event) in enumerate(facts, 1)
    ]


def _facts(connections: int, dice: random.Random) -> Iterator[tuple[datetime, int, schema.Event]]:
    yield BEGIN, schema.FLEET, schema.DaemonStarted(version="0.1.0")
    declared = tuple(terms.StreamPolicy(name=name) for name in STREAMS)
    yield (
        BEGIN,
        1,
        schema.ProviderDeclared(name="fitbit", digest="5f" * 32, streams=declared),
    )
    for subject in range(2, connections + 2):
        yield BEGIN, subject, schema.ConnectionAdded(tenant=subject, provider=1, declared=True)
    seq, now = connections + 3, BEGIN
    while True:
        for subject in range(2, connections + 2):
            now += INTERVAL / connections
            for at, event in sync_facts(seq, now, dice):
                yield at, subject, event
                seq += 1


def sync_facts(
    sync: int, now: datetime, dice: random.Random
) -> Iterator[tuple[datetime, schema.Event]]:
    """One sync, from its start to the next one's time."""
    started = schema.SyncStarted(kind=terms.Kind.SCHEDULED, due=now, priority=3)
    yield now + timedelta(microseconds=dice.randrange(1_000_000)), started
    ended = now + timedelta(microseconds=dice.randrange(500_000, 9_000_000))
    taken = (ended - now) // timedelta(milliseconds=1)
    if dice.randrange(100) < FAILURES_PERCENT:
        yield ended, _failed(sync, taken)
    else:
        yield from ((ended, _captured(sync, stream, dice)) for stream in STREAMS)
        yield ended, _succeeded(sync, taken, dice)
    due = now + INTERVAL + timedelta(microseconds=dice.randrange(60_000_000))
    yield ended, schema.SyncScheduled(due=due, reason=terms.ScheduleReason.INTERVAL)


def _failed(sync: int, taken: int) -> schema.SyncFailed:
    message = "the provider answered 503 to every attempt"
    cause = terms.FailureClass.SERVER
    failures = tuple(
        terms.StreamFailure(stream=stream, cause=cause, message=message, status=503)
        for stream in STREAMS
    )
    return schema.SyncFailed(
        sync=sync, duration_ms=taken, cause=cause, message=message, failures=failures
    )


def _captured(sync: int, stream: str, dice: random.Random) -> schema.RecordsCaptured:
    added = dice.randrange(200)
    return schema.RecordsCaptured(
        stream=stream,
        version=sync,
        fetched=added + 40,
        added=added,
        changed=3,
        removed=1,
        unchanged=36,
        duplicates=0,
        rows=dice.randrange(10_000),
        pages=1 + added // 100,
        digest=f"{dice.getrandbits(256):064x}",
    )


def _succeeded(sync: int, taken: int, dice: random.Random) -> schema.SyncSucceeded:
    calls = tuple(
        terms.CallTotal(
            endpoint=f"/1/user/-/{stream}/date/{{start}}/{{end}}.json",
            calls=dice.randrange(1, 4),
            bytes=dice.randrange(100_000),
            duration_ms=taken // 3,
        )
        for stream in STREAMS
    )
    return schema.SyncSucceeded(
        sync=sync, duration_ms=taken, records=dice.randrange(600), calls=calls
    )
