"""What does one sync bring: how many new records, of which streams, and what is not believed?

Volumes follow the weekday and the hour, and grow; a sync brings what came since the one before it.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from events import schema, terms
from events.versions import QuarantineDropped, RecordsQuarantined

A_YEAR = timedelta(days=365)
AN_HOUR = timedelta(hours=1)
GROWTH = 0.4  # more records a day after a year
BY_WEEKDAY = (1.0, 1.05, 1.05, 1.0, 0.95, 0.6, 0.5)  # Monday first
BY_HOUR = tuple(1 + 0.8 * math.sin((hour - 8) * math.pi / 12) for hour in range(24))  # peak: 14
NOISE = 0.2  # sigma of a log-normal factor
RECORDS_AN_HOUR = {"days": 0.5, "sleep": 2.0, "heart": 30.0}
RECORD_BYTES = 180
PAGE = 100  # records
HOURS_MAX = 48.0  # older ones the provider does not have any more
REFUSED_SHARE = 0.002  # of what a stream answers
HELD_SHARE = 0.001
DAYS = "days"
"""The one stream that is fetched by the day."""


@dataclass
class Field:
    """One stream as its connection has it by now; it brings `factor` times what is usual."""

    name: str
    begin: datetime
    factor: float
    rows: int = 0
    since: datetime | None = None
    held: int | None = None


@dataclass
class Harvest:
    """What one sync brought: its events, and what its end says of it."""

    events: list[schema.Event] = field(default_factory=list)
    failures: tuple[terms.StreamFailure, ...] = ()
    calls: tuple[terms.CallTotal, ...] = ()
    records: int = 0
    days: int = 0
    good: int = 0


def of(fields: list[Field], sync: int, at: datetime, dice: random.Random) -> Harvest:
    """All streams of one connection, asked at that time."""
    brought = Harvest()
    for stream in fields:
        fetched = _fetched(stream, at, dice)
        chance = dice.random()
        pages = 1 + fetched // PAGE
        brought.calls += (
            terms.CallTotal(
                endpoint=f"/1/user/-/{stream.name}.json",
                calls=pages,
                bytes=200 + fetched * RECORD_BYTES,
                duration_ms=pages * dice.randrange(80, 400),
            ),
        )
        if chance < REFUSED_SHARE + HELD_SHARE and stream.rows:
            brought.events += _doubted(stream, sync, fetched, held=chance >= REFUSED_SHARE)
            brought.failures += (
                terms.StreamFailure(
                    stream=stream.name, cause=terms.FailureClass.EMPTY, message="it was doubted"
                ),
            )
            continue
        brought.events.append(_captured(stream, sync, fetched, at, dice))
        brought.records += fetched
        brought.days += stream.name == DAYS
        brought.good += 1
    return brought


def _fetched(stream: Field, at: datetime, dice: random.Random) -> int:
    """So many records came since the last sync that brought any, at that weekday and hour."""
    hours = (at - (stream.since or at - AN_HOUR)) / AN_HOUR
    usual = RECORDS_AN_HOUR[stream.name] * stream.factor * min(hours, HOURS_MAX)
    usual *= (
        BY_WEEKDAY[at.weekday()] * BY_HOUR[at.hour] * (1 + GROWTH * (at - stream.begin) / A_YEAR)
    )
    return round(usual * math.exp(dice.gauss(0.0, NOISE)) + dice.random())


def _captured(
    stream: Field, sync: int, fetched: int, at: datetime, dice: random.Random
) -> schema.RecordsCaptured:
    seen = min(stream.rows, dice.randrange(4))
    added = max(0, fetched - seen)
    stream.rows += added
    stream.since = at
    return schema.RecordsCaptured(
        stream=stream.name,
        version=sync,
        fetched=fetched,
        added=added,
        changed=seen // 2,
        removed=0,
        unchanged=fetched - added - seen // 2,
        duplicates=0,
        rows=stream.rows,
        pages=1 + fetched // PAGE,
        digest=f"{dice.getrandbits(256):064x}",
        days=(at.date(),) if stream.name == DAYS else (),
    )


def _doubted(stream: Field, sync: int, fetched: int, *, held: bool) -> Iterator[schema.Event]:
    """A guard did not believe it. What was held before is dropped by somebody first."""
    if not held:
        yield schema.RecordsRefused(
            stream=stream.name,
            version=sync,
            cause=terms.FailureClass.EMPTY,
            fetched=0,
            rows=stream.rows,
            guard=terms.Guard.EMPTY,
        )
        return
    if stream.held is not None:
        yield QuarantineDropped(stream=stream.name, version=stream.held)
    stream.held = sync
    yield RecordsQuarantined(
        stream=stream.name,
        version=sync,
        guard=terms.Guard.SHRUNK,
        cause=terms.FailureClass.MALFORMED,
        fetched=fetched,
        added=fetched,
        changed=0,
        removed=stream.rows,
        rows=stream.rows,
        offered=fetched,
        share=0.9,
        limit=0.5,
    )
