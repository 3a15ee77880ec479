"""When does a provider fail everybody, and in which way?

Failures come in bursts: an hour of 503 at one provider, not one failure in twelve for everybody.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from events.terms import FailureClass

DAYS_BETWEEN = 21.0  # on average, at one provider
SHORTEST_S, LONGEST_S = 600.0, 10 * 3600.0
BURST = (
    FailureClass.SERVER,
    FailureClass.SERVER,
    FailureClass.TIMEOUT,
    FailureClass.NETWORK,
    FailureClass.RATE_LIMITED,
)
"""What an outage looks like, each as often as it stands here."""

STRAY = (
    FailureClass.NETWORK,
    FailureClass.TIMEOUT,
    FailureClass.SERVER,
    FailureClass.MALFORMED,
    FailureClass.NOT_FOUND,
    FailureClass.INVALID,
)
"""What fails one connection alone, once."""

STRAY_SHARE = 0.012  # of syncs
HIT_SHARE = 0.9  # of the syncs in an outage: some get through

MESSAGES = {
    FailureClass.NETWORK: "the connection to the provider broke off",
    FailureClass.TIMEOUT: "the provider did not answer in time",
    FailureClass.RATE_LIMITED: "the provider asked for fewer calls",
    FailureClass.SERVER: "the provider answered 503 to every attempt",
    FailureClass.AUTH: "the provider no longer takes the token",
    FailureClass.NOT_FOUND: "the provider has nothing at this path",
    FailureClass.INVALID: "the provider refused the request",
    FailureClass.MALFORMED: "the provider's answer could not be read",
    FailureClass.EMPTY: "the provider answered with nothing, where there was data",
}
STATUS = {
    FailureClass.RATE_LIMITED: 429,
    FailureClass.SERVER: 503,
    FailureClass.AUTH: 401,
    FailureClass.NOT_FOUND: 404,
    FailureClass.INVALID: 400,
    FailureClass.MALFORMED: 200,
    FailureClass.EMPTY: 200,
}


class Outage(NamedTuple):
    begin: datetime
    end: datetime
    cause: FailureClass


def drawn(begin: datetime, end: datetime, dice: random.Random) -> tuple[Outage, ...]:
    """One provider's outages in that time, in order; none overlap."""
    found, at = [], begin
    while True:
        at += timedelta(days=dice.expovariate(1 / DAYS_BETWEEN))
        if at >= end:
            return tuple(found)
        over = at + timedelta(seconds=dice.uniform(SHORTEST_S, LONGEST_S) * dice.random())
        found.append(Outage(at, over, dice.choice(BURST)))
        at = over


def cause(outages: Sequence[Outage], at: datetime, dice: random.Random) -> FailureClass | None:
    """How a sync that starts then fails, if it does."""
    place = bisect_right(outages, at, key=lambda each: each.begin) - 1
    if place >= 0 and at < outages[place].end:
        return outages[place].cause if dice.random() < HIT_SHARE else None
    return dice.choice(STRAY) if dice.random() < STRAY_SHARE else None
