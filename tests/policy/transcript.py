"""What follows from a wish, given a past? `given(*past).when(command).then(*events)`."""

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from daemon import commands
from daemon.decide import decide
from events import schema, terms, versions
from events.envelope import Recorded
from events.policy import Settings
from projections import world as worlds
from projections.world import World

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
PROVIDER, TENANT, ONE, OTHER = 1, 2, 3, 4


class given:  # noqa: N801 - it reads as a word of a sentence
    """Past events are (subject, event), recorded at noon, or (subject, event, when)."""

    def __init__(self, *past):
        self.world = World()
        for each in past:
            self.fold(*each)

    def fold(self, subject, event, at=NOON):
        """And then that happened."""
        seq = self.world.seq + 1
        worlds.fold(self.world, Recorded(seq=seq, at=at, subject=subject, event=event))

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
        terms.StreamPolicy(name="alerts", empty=terms.Reaction.ACCEPT),
    ),
)
ADDED = schema.ConnectionAdded(tenant=TENANT, provider=PROVIDER)
PAUSED = schema.ConnectionPaused()
RESUMED = schema.ConnectionResumed()
REMOVED = schema.ConnectionRemoved()
REQUESTED = schema.SyncRequested()


def scheduled(due, reason=terms.ScheduleReason.INTERVAL):
    return schema.SyncScheduled(due=due, reason=reason)


def started(due=NOON, priority=5, request=None, **more):
    kind = terms.Kind.SCHEDULED if request is None else terms.Kind.MANUAL
    return schema.SyncStarted(
        **{"kind": kind, "due": due, "priority": priority, "request": request} | more
    )


def captured(sync, stream="days", **counts):
    return schema.RecordsCaptured(stream=stream, version=sync, **CAPTURED | counts)


def quarantined(version, stream="days"):
    """Of 30 rows 3 were left: that is held."""
    return versions.RecordsQuarantined(
        stream=stream,
        version=version,
        guard=terms.Guard.SHRUNK,
        cause=terms.FailureClass.MALFORMED,
        fetched=3,
        added=0,
        changed=0,
        removed=27,
        rows=30,
        offered=3,
    )


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


def summed(since, until, records=3, **more):
    """What one successful sync of the provider came to, an interval after it began or later."""
    counts = {"total": 1, "successful": 1, "failed": 0, "records": records} | more
    duration = (until - since) // timedelta(milliseconds=1)
    return PROVIDER, schema.PassEnded(begun=since, duration_ms=duration, **counts)


def setting(**values):
    """Somebody gave the subject these settings of its own."""
    return schema.SettingsSet(settings=Settings(**values))


KNOWN = ((PROVIDER, DECLARED), (ONE, ADDED), (ONE, scheduled(NOON, "added")))
"""Events 1 to 3: the connection is there and due at noon."""

RUNNING = (*KNOWN, (ONE, started()))
"""Event 4 started its sync."""

SYNC = len(RUNNING)


# A connection of a provider that speaks OAuth: its pairs of tokens, and what becomes of them.

PERSON = terms.GrantPolicy(way_out=terms.WayOut.TRY_ONCE)
MACHINE = terms.GrantPolicy(way_out=terms.WayOut.FREE, person=False)


def account(grant, *events):
    """KNOWN, at a provider with that grant; then these events of ONE, each of them at noon."""
    return (
        (PROVIDER, replace(DECLARED, grant=grant)),
        *KNOWN[1:],
        *((ONE, each) for each in events),
    )


def pair(generation=1, *, expires_at=NOON + HOUR, token=None, **more):
    return {
        "generation": generation,
        "token": f"token {generation}" if token is None else token,
        "expires_at": expires_at,
        **more,
    }


def authorised(generation=1, **more):
    return schema.ConnectionAuthorised(**pair(generation, **more))


def intended(reason=terms.RefreshReason.EXPIRING, generation=1, *, token=None, **more):
    token = f"token {generation}" if token is None else token
    return schema.RefreshIntended(generation=generation, token=token, reason=reason, **more)


def refreshed(generation=2, **more):
    return schema.TokenRefreshed(**pair(generation, **more))


SOON = NOON + 5 * SECOND
"""When a doubt that began at noon is looked into, should no sync come first."""


def in_doubt(generation=1, reason=terms.DoubtReason.DIED, *, renew_by=SOON, **more):
    return schema.TokenInDoubt(generation=generation, reason=reason, renew_by=renew_by, **more)


def needed(reason, generation=1, **more):
    return schema.AuthorisationNeeded(reason=reason, generation=generation, **more)


FIFTH = 5
"""Events 1 to 3 are KNOWN, the fourth gave the first pair; a sync after that is the fifth."""

KEPT = account(PERSON, authorised())
"""A person authorised it, and its pair expires at one o'clock."""


def renew(kept=1, sync=FIFTH, **more):
    return commands.Renew(subject=ONE, kept=kept, sync=sync, **more)


def activate(generation=2, *, rotated=True, sync=FIFTH, **more):
    kept = commands.Pair(rotated=rotated, **pair(generation, **more))
    return commands.Activate(subject=ONE, pair=kept, sync=sync)


def lose(cause=terms.FailureClass.NETWORK, *, sent=False, sync=FIFTH, **more):
    return commands.LoseRefresh(
        subject=ONE, cause=cause, message="it is gone", sent=sent, sync=sync, **more
    )


def refresh_failed(cause=terms.FailureClass.NETWORK, generation=1, **more):
    return schema.RefreshFailed(
        generation=generation, cause=cause, message="it is gone", **{"sync": FIFTH} | more
    )


def grant(past):
    return given(*past).world.connections[ONE].grant


def running(*events, **start):
    """KEPT, then its sync (event 5), then these."""
    return (*KEPT, *((ONE, each) for each in (started(**start), *events)))


# A backfill: days of the past, some of them a sync.


def day(number):
    return date(2026, 4, number)


def wanted(first=1, last=10, batch=3, **more):
    return schema.BackfillRequested(first=day(first), last=day(last), batch=batch, **more)


def backfilling(first, last, due=NOON, **options):
    """The SyncStarted of some of its days."""
    days = terms.RunOptions(first=day(first), last=day(last), **options)
    return started(due, 10, kind=terms.Kind.BACKFILL, options=days)
