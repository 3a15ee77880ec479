"""Does the auditor see it when a log breaks a promise? One event of a flawless one is another."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from itertools import islice, pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from events.breakers import BreakerOpened, BreakerReason
from events.envelope import Recorded
from events.fact import Fact
from events.limits import AllowanceTaken, LimitHeld
from events.limits import HoldReason as LimitHoldReason
from events.policy import Settings, SettingsSet
from events.schema import (
    FLEET,
    ConnectionPaused,
    ConnectionResumed,
    RecordsCaptured,
    RetriesEnded,
    RetryScheduled,
    SyncDeferred,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import HoldReason, Kind, RetriesEnd, ScheduleReason, SkipReason
from tests.simulation.auditor import complaints
from tests.simulation.auditor.reading import Reading
from tests.simulation.fleet_story import story

SEED = 5
TRIES = 30
MINUTE = timedelta(minutes=1)
NOTHING = ConnectionResumed()
"""Takes the place of an event that was not recorded after all."""


@cache
def flawless() -> list[Recorded]:
    told = story(SEED)
    assert not told.wrong, str(told)
    return told.events


Tampered = Iterator[Recorded]


def some(kind: type[Fact], /, **having: Any) -> Tampered:
    """Such events, in their order."""
    return (
        each
        for each in flawless()
        if isinstance(each.event, kind)
        and all(getattr(each.event, name) == value for name, value in having.items())
    )


def changed(kind: type[Fact], change: Callable[[Any, Recorded], dict[str, Any]], /, **having: Any):
    """Such an event, with some of its fields."""
    return lambda: (
        replace(found, event=replace(found.event, **change(found.event, found)))
        for found in some(kind, **having)
    )


def instead(kind: type[Fact], event: Callable[[Recorded], Fact], /, **having: Any):
    """Another event in the place of such a one."""
    return lambda: (replace(found, event=event(found)) for found in some(kind, **having))


def set_for_all(**settings: Any):
    """Somebody sets what those that start afterwards do not keep to."""
    event = SettingsSet(settings=Settings(**settings))
    return lambda: (replace(each, subject=FLEET, event=event) for each in some(RecordsCaptured))


def opened(**more: Any):
    """The breaker of a provider at which something runs opens, just before something starts."""

    def tamper() -> Tampered:
        reading = Reading()
        for before, each in pairwise(flawless()):
            line, start = reading.lines.get(each.subject), each.event
            reading.read(before)
            if line is None or not isinstance(start, SyncStarted) or start.forced:
                continue
            if len(reading.running(line.provider)) > 1:
                event = BreakerOpened(reason=BreakerReason.BY_HAND, **{"until": before.at} | more)
                yield replace(before, subject=line.provider, event=event)

    return tamper


def started(found: Recorded) -> SyncStarted:
    return SyncStarted(kind=Kind.SCHEDULED, due=found.at, priority=5)


def held() -> Tampered:
    """The provider asked to be left alone, just before calls are licensed."""
    for taken in some(AllowanceTaken):
        event = LimitHeld(until=taken.at + 90 * MINUTE, reason=LimitHoldReason.HINT)
        yield replace(taken, seq=taken.seq - 1, event=event)


INTERVAL = {"reason": ScheduleReason.INTERVAL, "streams": {}}
QUIET_HOURS = {"reason": HoldReason.QUIET_HOURS}

TAMPERINGS: dict[str, Callable[[], Tampered]] = {
    "began while": instead(SyncSucceeded, lambda _: NOTHING),
    "which did not run": changed(SyncSucceeded, lambda event, _: {"sync": event.sync - 1}),
    "starts inside quiet hours": instead(SyncDeferred, started, **QUIET_HOURS),
    "quiet hours are not over": changed(
        SyncDeferred, lambda _, found: {"until": found.at + MINUTE}, **QUIET_HOURS
    ),
    "says quiet=": changed(SyncStarted, lambda event, _: {"quiet": not event.quiet}),
    "is switched off": set_for_all(enabled=False),
    "the fleet's concurrency": set_for_all(concurrency=0),
    "its provider's concurrency": set_for_all(provider_concurrency=0),
    "one retry too many": set_for_all(retries_at_once=0),
    "though it is paused": instead(RecordsCaptured, lambda _: ConnectionPaused()),
    "is open": opened(until=None),
    "a second probe": opened(),
    "it opens for": changed(
        BreakerOpened, lambda event, found: {"until": (event.until or found.at) + MINUTE}
    ),
    "before it is due": changed(SyncStarted, lambda _, found: {"due": found.at + MINUTE}),
    "nobody asked for it": changed(
        SyncStarted, lambda *_: {"kind": Kind.MANUAL, "request": None}, kind=Kind.SCHEDULED
    ),
    "is pending": instead(SyncRequested, lambda _: NOTHING, kind=Kind.MANUAL),
    "no turn is due": changed(
        SyncScheduled, lambda event, _: {"due": event.due + MINUTE}, **INTERVAL
    ),
    "intervals later": changed(
        SyncScheduled, lambda event, _: {"due": event.due + MINUTE}, **INTERVAL
    ),
    "were missed": instead(SyncSkipped, lambda _: NOTHING, reason=SkipReason.MISSED),
    "no next one was decided": instead(SyncScheduled, lambda _: NOTHING, **INTERVAL),
    "it waits for": changed(RetryScheduled, lambda event, _: {"due": event.due + 90 * MINUTE}),
    "comes after attempt": changed(RetryScheduled, lambda event, _: {"attempt": event.attempt + 1}),
    "is one too many": changed(RetryScheduled, lambda *_: {"attempt": 99}),
    "retries are switched off": set_for_all(failover_enabled=False),
    "settings allow it": changed(
        RetriesEnded, lambda *_: {"reason": RetriesEnd.SETTINGS, "attempts": 0}
    ),
    "neither to be tried again": instead(RetryScheduled, lambda _: NOTHING),
    "are more than": changed(AllowanceTaken, lambda event, _: {"calls": event.calls + 99}),
    "to be left alone": held,
    "is not the fallback of": changed(
        SyncRequested, lambda _, found: {"origin": found.subject}, kind=Kind.FAILOVER
    ),
}


@pytest.mark.parametrize("sentence", TAMPERINGS)
def test_an_auditor_sees_what_was_tampered_with(sentence: str) -> None:
    """Of the first few events of a kind: where nothing follows from one, none could see it."""
    assert any(
        sentence in wrong
        for tampered in islice(TAMPERINGS[sentence](), TRIES)
        for wrong in complaints(_with(tampered))
    )


def _with(tampered: Recorded) -> list[Recorded]:
    events = [*flawless()]
    events[tampered.seq - 1] = tampered
    return events
