"""At which times of the day does something new usually come, and when will it have come?

An arrival is known as a stretch alone. How often something comes in each half hour is what makes
all stretches that were seen most likely, newer ones counting more: B. W. Turnbull, "The empirical
distribution function with arbitrarily grouped, censored and truncated data", JRSS B 38 (1976),
solved by its own steps of self-consistency. Days are those of UTC: a rhythm that keeps to a wall
clock elsewhere moves by an hour twice a year, and is followed.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from projections.rhythm import EPOCH, Arrival

A_DAY, NO_TIME = timedelta(days=1), timedelta(0)
BIN = timedelta(minutes=30)  # finer than the least interval that is worth adapting
BINS = A_DAY // BIN
LEAST_WEIGHT = 1e-6  # of the newest: what weighs nothing at all could be placed nowhere
STEPS = 8  # of self-consistency: what comes at one time of the day stands out after three
HALF_LIFE = timedelta(days=5)  # so that a rhythm that changed is the usual one within two weeks
LIKELY = 0.5  # arrivals expected: it is likelier that something came than that nothing did
PEAK = 2.0  # times the mean: a half hour above it belongs to those when it usually comes
INTO_PEAK = 0.8  # of what comes in such hours: the rest is worth another look, not the wait
POINTS = 48  # of one arrival: each half hour of the day in which it may have come
NEGLIGIBLE = 0.001  # of all: such a point changes no mean by more than its minutes
AHEAD = 7 * BINS  # half hours: beyond a week nothing is foretold

Rates: TypeAlias = tuple[float, ...]
"""How many arrivals are expected in each half hour of a day of UTC."""

Placed: TypeAlias = Sequence[tuple[datetime, float]]
"""When one arrival may have come, the latest first, and how likely each is."""


class Stretch(Struct, frozen=True, kw_only=True):
    """Something will likely have come by `due`, and usually does between `since` and `until`.

    Where it comes at any time, both are None.
    """

    due: datetime
    since: datetime | None = None
    until: datetime | None = None


def rates(arrivals: Sequence[Arrival], looked: datetime) -> Rates:
    """As of that last look; zeros where nothing ever came."""
    if not arrivals:
        return (0.0,) * BINS
    newest = arrivals[-1].found
    ages = [max(newest - each.found, NO_TIME) for each in arrivals]  # a clock was ahead for some
    weights = [max(LEAST_WEIGHT, 0.5 ** (each / HALF_LIFE)) for each in ages]
    told = [
        (weight, overlap(each))
        for weight, each in zip(weights, arrivals, strict=True)
        if each.found - each.after < A_DAY  # one that is wider says nothing of the time of day
    ]
    density = [1 / BINS] * BINS
    for _ in range(STEPS if told else 0):
        counts = [0.0] * BINS
        for weight, parts in told:
            scale = weight / sum(minutes * density[at] for at, minutes in parts)
            for at, minutes in parts:
                counts[at] += scale * minutes * density[at]
        total = sum(counts)
        density = [each / total for each in counts]
    seen = max(looked - arrivals[0].after, A_DAY) / HALF_LIFE
    days = HALF_LIFE / A_DAY / math.log(2) * (1 - 0.5**seen)
    now = sum(weights) * 0.5 ** (max(looked - newest, NO_TIME) / HALF_LIFE)
    return tuple(each * now / days for each in density)


def overlap(arrival: Arrival) -> Sequence[tuple[int, int]]:
    """Half hours of the day that lie in it, in their order, with how many minutes of each do.

    The last day of it, where it is longer than that.
    """
    minute = timedelta(minutes=1)
    start = (max(arrival.after, arrival.found - A_DAY) - EPOCH) // minute
    end = max((arrival.found - EPOCH) // minute, start + 1)
    width, found = BIN // minute, list[tuple[int, int]]()
    while start < end:
        edge = min(end, (start // width + 1) * width)
        found.append((start // width % BINS, edge - start))
        start = edge
    return found


def placed(arrival: Arrival, rates: Rates) -> Placed:
    """When it may have come, and how likely, which sums to one: at most POINTS, evenly apart."""
    width = max(arrival.found - arrival.after, timedelta(minutes=1))
    times = [arrival.found - (n + 0.5) * width / POINTS for n in range(POINTS)]
    weights = [rates[_bin(at) % BINS] for at in times]
    total = sum(weights)
    if not total:
        return [(at, 1 / POINTS) for at in times]
    return [
        (at, each / total)
        for at, each in zip(times, weights, strict=True)
        if each > NEGLIGIBLE * total
    ]


def comes(rates: Rates, since: datetime) -> Stretch | None:
    """When something new will likely have come, counted from then; None: not within a week.

    Not in the middle of the hours when it usually comes, but where most of them is over.
    """
    peak = PEAK * sum(rates) / BINS
    first, start = _bin(since), since
    came, before = 0.0, list[float]()
    for at in range(first, first + AHEAD):
        end = EPOCH + (at + 1) * BIN
        rate = rates[at % BINS]
        share = rate * ((end - start) / BIN)
        if came + share >= LIKELY and rate <= peak and came < LIKELY:
            return Stretch(due=start + (LIKELY - came) / share * (end - start))
        came += share
        before.append(share)
        start = end
        if came >= LIKELY and rates[(at + 1) % BINS] <= peak:
            return _stretch(rates, peak, before, end, since)
    return None


def _stretch(
    rates: Rates, peak: float, shares: Sequence[float], end: datetime, since: datetime
) -> Stretch:
    """The hours that end then, in which it usually comes, and where most of them is over."""
    last = _bin(end) - 1
    length = next(n for n in range(1, BINS) if rates[(last - n) % BINS] <= peak)
    left, at, due = (1 - INTO_PEAK) * sum(shares[-length:]), -1, end
    while shares[at] < left:
        left -= shares[at]
        at -= 1
        due -= BIN
    due -= left / shares[at] * BIN
    return Stretch(due=max(due, since), since=end - length * BIN, until=end)


def _bin(at: datetime) -> int:
    """Half hours since 1970."""
    return (at.astimezone(UTC) - EPOCH) // BIN
