"""May an answer be kept, and does a kept one do for a call?

       stored ──► FRESH ──fresh──► STALE ──while_revalidate──► OLD ──if_error──► (useless)
                   given            given, and asked anew       given where none can be had

An answer that a write through us may have changed is OLD at once.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from daemon.decide.calling import Held
from events.terms import FailureClass, SkipReason

KEPT_STATUS = 200
IF_ERROR = timedelta(days=7)  # where nobody says otherwise: marked as old, it beats no answer
LONGEST = timedelta(days=366)

UNREACHED = frozenset(
    {
        FailureClass.NETWORK,
        FailureClass.TIMEOUT,
        FailureClass.RATE_LIMITED,
        FailureClass.SERVER,
        FailureClass.MALFORMED,
        FailureClass.RETIRED,
        FailureClass.CANCELLED,
    }
)
"""Losses that say nothing of the thing asked for: what was last known of it may still be so."""


class Said(Struct, frozen=True, kw_only=True):
    """What an answer's headers say of its use; None where they are silent."""

    no_store: bool = False
    no_cache: bool = False
    must_revalidate: bool = False
    fresh: timedelta | None = None
    while_revalidate: timedelta | None = None
    if_error: timedelta | None = None


class Rules(Struct, frozen=True, kw_only=True):
    """What the provider's file says of it, which goes before what the answer does."""

    cached: bool = True
    fresh: timedelta | None = None
    while_revalidate: timedelta | None = None
    if_error: timedelta | None = None


class Lifetime(Struct, frozen=True, kw_only=True):
    """One after the other, from when the answer was last known to be good."""

    fresh: timedelta
    while_revalidate: timedelta
    if_error: timedelta


class Use(StrEnum):
    FRESH = "fresh"
    STALE = "stale"
    OLD = "old"
    NONE = "none"


def lifetime(status: int, said: Said, rules: Rules) -> Lifetime | None:
    """For how long an answer is kept, and for what; None where it is not.

    `must-revalidate` and `no-cache` forbid to pass it off as good; what is given where no other
    can be had is marked, so they do not touch that. `no-store` does.
    """
    if status != KEPT_STATUS or not rules.cached or said.no_store:
        return None
    unchecked = not (said.no_cache or said.must_revalidate)
    found = Lifetime(
        fresh=_first(rules.fresh, timedelta() if said.no_cache else said.fresh),
        while_revalidate=_first(
            rules.while_revalidate, said.while_revalidate if unchecked else None
        ),
        if_error=_first(rules.if_error, said.if_error, IF_ERROR),
    )
    return found if found.fresh + found.while_revalidate + found.if_error else None


def renewed(before: Lifetime, said: Said, rules: Rules) -> Lifetime | None:
    """For how long it is kept that was found unchanged (304): many then say nothing more of it."""
    return before if said == Said() else lifetime(KEPT_STATUS, said, rules)


def use(kept: Lifetime, at: datetime, now: datetime, *, doubted: bool = False) -> Use:
    """What an answer that was good at that time is good for now.

    `doubted` ones may have been changed by a write. A time to come is from a clock that was wrong.
    """
    age = now - at
    shown = not doubted and age >= timedelta()
    if shown and age < kept.fresh:
        return Use.FRESH
    if shown and age < kept.fresh + kept.while_revalidate:
        return Use.STALE
    ends = kept.fresh + kept.while_revalidate + kept.if_error
    return Use.OLD if age < ends else Use.NONE


def falls_back(found: Use, why: Held | FailureClass) -> bool:
    """Whether the kept answer is given, since no other can be had, and why not.

    Not where a person stopped the connection: a call that may not be made has no answer.
    """
    if found is Use.NONE:
        return False
    if isinstance(why, Held):
        return why.reason is SkipReason.BREAKER
    return why in UNREACHED


def patience(whole_s: float, *, turn_in_s: float, probes: bool) -> float:
    """For how long a caller with a kept answer waits for another one.

    Not for a breaker's probe, and not where the limits do not let it leave within that time.
    """
    return 0.0 if probes or turn_in_s >= whole_s else whole_s


def _first(*said: timedelta | None) -> timedelta:
    """The first that was said, in bounds; nothing where nobody did."""
    for each in said:
        if each is not None:
            return min(each, LONGEST)
    return timedelta()
