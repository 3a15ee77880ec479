"""Which scenes do the tests of retries share? A connection that syncs, and then fails."""

from msgspec.structs import replace

from events import schema, terms
from events.breakers import BreakerReason
from events.schema import RetriesEnded, RetryMoved, RetryScheduled, SyncRequested
from events.terms import FailureClass
from projections.fleet import DEFAULT_POLICY
from tests.policy.transcript import (
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    finish,
    given,
    lost,
    started,
)

OF_RETRIES = (RetryScheduled, RetryMoved, RetriesEnded, SyncRequested)
SYNC = 5
"""Events 1 to 3 are KNOWN, the fourth is the policy, the fifth starts the sync."""
AGAIN = RetryScheduled(
    due=NOON + 5 * MINUTE,
    attempt=1,
    cause=FailureClass.SERVER,
    priority=6,
    delay=5 * MINUTE,
    streams=("days",),
)
BY = terms.Caller(uid=1000, role="operator")


LATCHED = schema.BreakerOpened(reason=BreakerReason.BY_HAND, until=None)


def rules(**settings):
    return (0, replace(DEFAULT_POLICY, failover_enabled=True, **settings))


def running(*before, start=None, **settings):
    """Its sync runs under these settings."""
    return (*KNOWN, rules(**settings), *before, (ONE, start or started()))


def fails(*failures, sync=SYNC, jitter=0.0, captured=()):
    return replace(finish(sync, *captured, failures=failures or (lost(),)), jitter=jitter)


def decided(past, command, now=NOON):
    """What is decided about retries; the rest is told elsewhere."""
    found = given(*past).when(command, now).decided
    return [(subject, event) for subject, event in found if isinstance(event, OF_RETRIES)]


def retried(past, command=None, now=NOON):
    """The one retry that is scheduled."""
    ((subject, event),) = decided(past, command or fails(), now)
    assert (subject, type(event)) == (ONE, RetryScheduled)
    return event


def the_retry(past):
    return given(*past).world.connections[ONE].schedule.retry
