"""What follows from a wish, given a past? `given(*past).when(command).then(*events)`."""

from datetime import UTC, datetime, timedelta

from daemon import commands
from daemon.decide import decide
from events import schema, terms
from events.envelope import Recorded
from projections import world as worlds
from projections.world import World

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
PROVIDER, TENANT, ONE, OTHER = 1, 2, 3, 4


class given:  # noqa: N801 - it reads as a word of a sentence
    """Past events are (subject, event), recorded at noon, or (subject, event, when)."""

    def __init__(self, *past):
        self.world = World()
        for seq, (subject, event, *at) in enumerate(past, 1):
            when = at[0] if at else NOON
            worlds.fold(self.world, Recorded(seq=seq, at=when, subject=subject, event=event))

    def when(self, command, now=NOON):
        self.decided = decide(command, self.world, now)
        return self

    def then(self, *events):
        assert self.decided == list(events)


# The vocabulary of the scenes: most speak of the connection ONE, synced every six hours.

CAPTURED = {
    "fetched": 3,
    "added": 2,
    "changed": 1,
    "removed": 0,
    "unchanged": 0,
    "duplicates": 0,
    "rows": 5,
    "pages": 1,
    "digest": "00ff",
}
DECLARED = schema.ProviderDeclared(
    name="weather",
    digest="d1",
    streams=(
        terms.StreamPolicy(name="days"),
        terms.StreamPolicy(name="alerts", empty=terms.OnEmpty.ACCEPT),
    ),
)
ADDED = schema.ConnectionAdded(tenant=TENANT, provider=PROVIDER)
PAUSED = schema.ConnectionPaused()
RESUMED = schema.ConnectionResumed()
REMOVED = schema.ConnectionRemoved()
REQUESTED = schema.SyncRequested()


def scheduled(due, reason=terms.ScheduleReason.INTERVAL):
    return schema.SyncScheduled(due=due, reason=reason)


def started(due=NOON, priority=5, request=None):
    kind = terms.Kind.SCHEDULED if request is None else terms.Kind.MANUAL
    return schema.SyncStarted(kind=kind, due=due, priority=priority, request=request)


def captured(sync, stream="days", **counts):
    return schema.RecordsCaptured(stream=stream, version=sync, **CAPTURED | counts)


def capture(sync, stream="days", **counts):
    return commands.Capture(subject=ONE, offered=captured(sync, stream, **counts))


def lost(stream="days", cause=terms.FailureClass.SERVER):
    return terms.StreamFailure(stream=stream, cause=cause, message="it was down")


def finish(sync, *streams, failures=()):
    return commands.Finish(
        subject=ONE,
        sync=sync,
        duration_ms=1200,
        captured=streams,
        records=3,
        failures=failures,
        calls=(),
    )


def succeeded(sync, failures=()):
    return schema.SyncSucceeded(sync=sync, duration_ms=1200, records=3, failures=failures)


def failed(sync, *failures):
    first = failures[0]
    return schema.SyncFailed(
        sync=sync, duration_ms=1200, cause=first.cause, message=first.message, failures=failures
    )


KNOWN = ((PROVIDER, DECLARED), (ONE, ADDED), (ONE, scheduled(NOON, "added")))
"""Events 1 to 3: the connection is there and due at noon."""

RUNNING = (*KNOWN, (ONE, started()))
"""Event 4 started its sync."""

SYNC = len(RUNNING)
