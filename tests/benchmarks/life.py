"""What does one connection live through, from the day it was added?"""

import math
import random
from collections.abc import Generator, Sequence
from datetime import datetime, timedelta

from events import schema, terms
from events.breakers import BreakerReason
from events.limits import HoldReason, Span
from tests.benchmarks import grants, harvest, outages
from tests.benchmarks.alive import QUIET, USUAL_MS, Account, Alive, Retold, Story, Told
from tests.benchmarks.harvest import Field
from tests.benchmarks.outages import Outage

RETRIES = 3
RETRY_DELAY = timedelta(minutes=5)  # doubled with each
PASSING = {
    terms.FailureClass.NETWORK,
    terms.FailureClass.TIMEOUT,
    terms.FailureClass.RATE_LIMITED,
    terms.FailureClass.SERVER,
}
TRIPS = 5  # failures in a row open the breaker
OPEN = timedelta(seconds=30)
CLOSES = 2  # successes close it
ASKED_SHARE = 0.01  # of turns that a person did not wait for
ALLOWANCE_SHARE = 0.2  # of syncs that take a new block of calls
BLOCK = 20  # calls
SPANS = (Span(per=timedelta(minutes=15)), Span(per=timedelta(days=1)))
TAIL = 0.6  # sigma of a log-normal duration
SOON = timedelta(minutes=5)  # after the end: whoever goes on from here finds nothing overdue
LATE_S = 20.0  # what is due waits for its turn
WAIT = timedelta(minutes=15)  # what a provider asks for


def of(account: Account, found: Sequence[Outage], end: datetime, seed: int) -> Story:
    """One connection's whole story. Nothing of it lies after `end`."""
    dice, me = random.Random(seed), account.subject
    at = account.added
    alive = Alive(account=account, outages=found, dice=dice, end=end)
    alive.fields = [
        Field(name=name, begin=at, factor=math.exp(dice.gauss(0, 0.5))) for name in account.streams
    ]
    alive.usual_ms = USUAL_MS * math.exp(dice.gauss(0, 0.3))
    added = schema.ConnectionAdded(
        tenant=account.tenant, provider=account.provider, declared=True, interval=account.interval
    )
    yield at, me, added
    if account.oauth:
        yield from grants.authorised(alive, at)
    due = at + account.interval * dice.random()
    yield at, me, schema.SyncScheduled(due=due, reason=terms.ScheduleReason.ADDED)
    while due < end - QUIET:
        at = yield from _turn(alive, due)
        due = max(due + account.interval, at + timedelta(seconds=1))
        if due >= end - QUIET:
            due = max(due, end + SOON)
        yield at, me, schema.SyncScheduled(due=due, reason=terms.ScheduleReason.INTERVAL)


def _turn(alive: Alive, due: datetime) -> Retold:
    """What is due, and tried again until it comes, or until that is used up."""
    dice, me = alive.dice, alive.account.subject
    kind, request = terms.Kind.SCHEDULED, None
    at = due + timedelta(seconds=LATE_S * dice.random() ** 3)
    if dice.random() < ASKED_SHARE:
        request = yield due, me, schema.SyncRequested(by=grants.PERSON)
        kind, at = terms.Kind.MANUAL, due + timedelta(milliseconds=20)
    for attempt in range(RETRIES + 1):
        started = schema.SyncStarted(
            kind=kind, due=due, priority=min(10, 3 + attempt), request=request, attempt=attempt
        )
        at, cause = yield from _sync(alive, at, started)
        if cause is terms.FailureClass.AUTH:
            return (yield from grants.asleep(alive, at, due))
        if cause not in PASSING:
            return at
        delay = RETRY_DELAY * 2**attempt
        if attempt == RETRIES or at + delay > alive.end - QUIET:
            yield at, me, schema.RetriesEnded(reason=terms.RetriesEnd.USED_UP, attempts=attempt)
            return at
        due, kind, request = at + delay, terms.Kind.RETRY, None
        yield (
            at,
            me,
            schema.RetryScheduled(
                due=due,
                attempt=attempt + 1,
                cause=cause,
                priority=min(10, 4 + attempt),
                delay=delay,
                jitter=dice.random(),
            ),
        )
        at = due + timedelta(milliseconds=dice.randrange(1, 900))
    raise AssertionError("the last attempt returns")


def _sync(
    alive: Alive, at: datetime, started: schema.SyncStarted
) -> Generator[Told, int, tuple[datetime, terms.FailureClass | None]]:
    """One sync: when it ended, and how it failed, if it did."""
    dice, me = alive.dice, alive.account.subject
    sync = yield at, me, started
    refreshes = 0
    if grants.expires_soon(alive, at):
        at, refused = yield from grants.refreshed(alive, at, sync)
        if refused:
            yield from _failed(alive, at, sync, terms.FailureClass.AUTH, 300)
            return at, terms.FailureClass.AUTH
        refreshes = 1
    if dice.random() < ALLOWANCE_SHARE:
        taken = schema.AllowanceTaken(calls=BLOCK, spans=SPANS, until=at + timedelta(minutes=5))
        yield at, me, taken
    cause = outages.cause(alive.outages, at, dice)
    lasted_ms = round(alive.usual_ms * math.exp(dice.gauss(0, TAIL)))
    if cause is terms.FailureClass.TIMEOUT:
        lasted_ms += 10_000
    ended = at + timedelta(milliseconds=lasted_ms)
    if cause is None:
        brought = harvest.of(alive.fields, sync, ended, dice)
        for event in brought.events:
            yield ended, me, event
        if brought.good:
            yield from _succeeded(alive, ended, sync, lasted_ms, brought, refreshes)
            return ended, None
        cause = terms.FailureClass.EMPTY
    yield from _failed(alive, ended, sync, cause, lasted_ms, refreshes)
    return ended, cause


def _succeeded(
    alive: Alive,
    at: datetime,
    sync: int,
    lasted_ms: int,
    brought: harvest.Harvest,
    refreshes: int,
) -> Story:
    me = alive.account.subject
    alive.streak = 0
    yield (
        at,
        me,
        schema.SyncSucceeded(
            sync=sync,
            duration_ms=lasted_ms,
            records=brought.records,
            failures=brought.failures,
            calls=brought.calls,
            days=brought.days,
            refreshes=refreshes,
        ),
    )
    if alive.probes is not None:
        alive.probes += 1
        if alive.probes < CLOSES:
            yield at, me, schema.BreakerProbed(successes=alive.probes)
        else:
            yield at, me, schema.BreakerClosed(successes=alive.probes)
            alive.probes = None


def _failed(
    alive: Alive,
    at: datetime,
    sync: int,
    cause: terms.FailureClass,
    lasted_ms: int,
    refreshes: int = 0,
) -> Story:
    me, status = alive.account.subject, outages.STATUS.get(cause)
    wait = WAIT if cause is terms.FailureClass.RATE_LIMITED else None
    first = alive.fields[0].name
    if cause is not terms.FailureClass.EMPTY:
        yield (
            at,
            me,
            schema.CallFailed(
                sync=sync,
                stream=first,
                endpoint=f"/1/user/-/{first}.json",
                method="GET",
                cause=cause,
                status=status,
                duration_ms=lasted_ms,
                retry_after=wait,
            ),
        )
    if wait is not None:
        yield at, me, schema.LimitHeld(until=at + wait, reason=HoldReason.HINT)
    message = outages.MESSAGES[cause]
    failures = tuple(
        terms.StreamFailure(stream=each.name, cause=cause, message=message, status=status)
        for each in alive.fields
    )
    yield (
        at,
        me,
        schema.SyncFailed(
            sync=sync,
            duration_ms=lasted_ms,
            cause=cause,
            message=message,
            failures=failures,
            refreshes=refreshes,
        ),
    )
    alive.streak += 1
    if alive.streak >= TRIPS or alive.probes is not None:
        reason = BreakerReason.SYNCS if alive.probes is None else BreakerReason.PROBE
        alive.probes = 0
        opened = schema.BreakerOpened(
            reason=reason, until=at + OPEN, failures=alive.streak, cause=cause
        )
        yield at, me, opened
