"""Does the auditor see it when a log breaks a promise? One event of a flawless one is another."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from events.breakers import BreakerOpened, BreakerReason
from events.envelope import Recorded
from events.fact import Fact
from events.policy import Settings, SettingsSet
from events.schema import (
    FLEET,
    ConnectionPaused,
    ConnectionResumed,
    RecordsCaptured,
    RetryScheduled,
    SyncDeferred,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import HoldReason, Kind, ScheduleReason, SkipReason
from tests.simulation.auditor import complaints
from tests.simulation.auditor.reading import Reading
from tests.simulation.fleet_story import story

SEED = 2
MINUTE = timedelta(minutes=1)
NOTHING = ConnectionResumed()
"""Takes the place of an event that was not recorded after all."""


@cache
def flawless() -> list[Recorded]:
    told = story(SEED)
    assert not told.wrong, str(told)
    return told.events


def one(kind: type[Fact], /, **having: Any) -> Recorded:
    """The first such event after a while, when all have long been at work."""
    events = flawless()[len(flawless()) // 4 :]
    return next(
        each
        for each in events
        if isinstance(each.event, kind)
        and all(getattr(each.event, name) == value for name, value in having.items())
    )


def changed(kind: type[Fact], change: Callable[[Any, Recorded], dict[str, Any]], /, **having: Any):
    """That event, with some of its fields."""

    def tamper() -> Recorded:
        found = one(kind, **having)
        return replace(found, event=replace(found.event, **change(found.event, found)))

    return tamper


def instead(kind: type[Fact], event: Callable[[Recorded], Fact], /, **having: Any):
    """Another event in the place of that one."""

    def tamper() -> Recorded:
        found = one(kind, **having)
        return replace(found, event=event(found))

    return tamper


def set_for_all(**settings: Any):
    """Somebody sets what those that start afterwards do not keep to."""

    def tamper() -> Recorded:
        found = one(RecordsCaptured)
        return replace(found, subject=FLEET, event=SettingsSet(settings=Settings(**settings)))

    return tamper


def opened(**more: Any):
    """The breaker of a provider at which something runs opens, just before something starts."""

    def tamper() -> Recorded:
        reading = Reading()
        for before, each in pairwise(flawless()):
            line, start = reading.lines.get(each.subject), each.event
            reading.read(before)
            if line is None or not isinstance(start, SyncStarted) or start.forced:
                continue
            if len(reading.running(line.provider)) > 1 and before.at == each.at:
                event = BreakerOpened(reason=BreakerReason.BY_HAND, **{"until": each.at} | more)
                return replace(before, subject=line.provider, event=event)
        raise AssertionError("two never ran at one provider")

    return tamper


def started(found: Recorded) -> SyncStarted:
    return SyncStarted(kind=Kind.SCHEDULED, due=found.at, priority=5)


INTERVAL = {"reason": ScheduleReason.INTERVAL, "streams": {}}
QUIET_HOURS = {"reason": HoldReason.QUIET_HOURS}

TAMPERINGS: dict[str, Callable[[], Recorded]] = {
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
        BreakerOpened, lambda event, _: {"until": event.until + MINUTE}, reason="probe"
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
    "neither to be tried again": instead(RetryScheduled, lambda _: NOTHING),
    "is not the fallback of": changed(
        SyncRequested, lambda _, found: {"origin": found.subject}, kind=Kind.FAILOVER
    ),
}


@pytest.mark.parametrize("sentence", TAMPERINGS)
def test_an_auditor_sees_what_was_tampered_with(sentence: str) -> None:
    events = [*flawless()]
    tampered = TAMPERINGS[sentence]()
    events[tampered.seq - 1] = tampered
    found = complaints(events)
    assert any(sentence in each for each in found), found[:9]
