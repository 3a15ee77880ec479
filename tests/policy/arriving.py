"""Which series do tests judge? Made of counts, or of a connection's events."""

import random
from datetime import UTC, datetime, timedelta

from events.envelope import Recorded
from projections import arrivals, traces
from projections.arrivals import Point, Reading, Series, Step

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STEPS = {Step.DAY: DAY, Step.HOUR: HOUR}


def series(counts, step=Step.DAY):
    """Periods that brought so much, in one sync each; None where there was no sync."""
    points = (
        Point(at=MONDAY + STEPS[step] * n, new=each or 0, fetched=each or 0, syncs=each is not None)
        for n, each in enumerate(counts)
    )
    return Series(step=step, points=tuple(points))


def about(level, days, seed=1, spread=0.05):
    """So many a day, more or less."""
    dice = random.Random(seed)
    return [round(level * dice.uniform(1 - spread, 1 + spread)) for _ in range(days)]


def came(*past):
    """What is read of events, given as (event, when) or (event, when, number)."""
    reading, found = Reading(), []
    for number, (event, at, *given) in enumerate(past, 1):
        seq = given[0] if given else number
        trace = traces.trace(Recorded(seq=seq, at=at, subject=4, event=event))
        reading, arrival = arrivals.read(reading, trace) if trace else (reading, None)
        found += [arrival] if arrival is not None else []
    return reading, found
