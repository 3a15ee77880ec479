"""When is an adaptive turn due, as far as is known when something new comes?

Soon after it usually does, ever more seldom while it does not come, now and then at another time,
so that a rhythm that changes shows; and never outside of what the settings allow.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from events.policy import Adaptation, Learnt, PolicySet
from events.schema import SyncScheduled
from events.terms import ScheduleReason
from projections import policy, rhythm, usual
from projections.rhythm import ROW, Rhythm
from projections.usual import Rates, Stretch

ENOUGH_LOOKS = 14  # two a day for a week, or one for two
ENOUGH_TIME = timedelta(days=7)  # each day of the week once
EXPLORES_EVERY = 4  # looks: a third more calls at most, and each hour is seen within weeks
BACK = timedelta(days=2)  # what was expected, and did not come, before that is not waited for
SILENCE = timedelta(days=4)  # a long weekend; what is silent for longer ...
SILENCE_SHARE = 8  # ... is looked for after that part of what goes beyond
DOUBLED_MAX = 16  # times: beyond that any wait is the longest one
NO_TIME = timedelta(0)
GOLDEN = 0.6180339887498949  # multiples of it lie evenly in whatever is explored


class Plan(Struct, frozen=True, kw_only=True):
    """When to look next, why then, and the stretch in which something new is expected, if any."""

    due: datetime
    why: Adaptation
    stretch: Stretch | None = None


def is_enough(of: Rhythm) -> bool:
    """Whether a rhythm can be told from what was seen."""
    if of.since is None or of.looked is None:
        return False
    return of.looks >= ENOUGH_LOOKS and of.looked - of.since >= ENOUGH_TIME


def turn(
    of: Rhythm, rules: PolicySet, now: datetime, *, spread: timedelta, explores: bool
) -> SyncScheduled:
    """The next one; where it `explores`, and it is time to, at another time. Neighbours differ."""
    plan = Plan(due=now + rules.interval, why=Adaptation.LEARNING)
    if of.looked is not None and is_enough(of):
        rates = usual.rates(rhythm.arrivals(of), of.looked)
        looks = of.looks if explores else None
        plan = planned(rates, rhythm.last_found(of), looks, rules, now)
    stretch = plan.stretch
    learnt = Learnt(
        why=plan.why,
        since=stretch.since if stretch else None,
        until=stretch.until if stretch else None,
        looks=of.looks,
        arrivals=len(of.rows) // ROW.size,
    )
    due = _within(plan.due, rules, now, spread)
    return SyncScheduled(due=due, reason=ScheduleReason.ADAPTIVE, learnt=learnt)


def planned(
    rates: Rates, found: datetime | None, looks: int | None, rules: PolicySet, now: datetime
) -> Plan:
    """What follows the last of so many `looks`, None for a sync that was none."""
    plan = _expected(rates, found, rules, now)
    if found is not None:  # in a long silence nothing is likely, however often it used to come
        seldom = now + max(NO_TIME, now - found - SILENCE) / SILENCE_SHARE
        plan = Plan(due=max(plan.due, seldom), why=plan.why, stretch=plan.stretch)
    if looks is not None and looks % EXPLORES_EVERY == 0:
        plan = _explored(plan, looks // EXPLORES_EVERY, rules, now)
    return Plan(due=_within(plan.due, rules, now), why=plan.why, stretch=plan.stretch)


def _within(
    due: datetime, rules: PolicySet, now: datetime, spread: timedelta = NO_TIME
) -> datetime:
    """That, and by `spread` later, inside of what the settings allow."""
    return min(max(due, now + rules.adaptive_least) + spread, now + policy.longest(rules))


def _expected(rates: Rates, found: datetime | None, rules: PolicySet, now: datetime) -> Plan:
    """When something new, since the last that was `found`, will likely have come."""
    most = now + policy.longest(rules)
    missed, last = -1, None
    ahead = usual.comes(rates, max(min(found, now), now - BACK)) if found else None
    while ahead and ahead.due <= now:
        missed, last = missed + 1, ahead
        ahead = usual.comes(rates, max(ahead.until or ahead.due, ahead.due + rules.adaptive_least))
    if last is not None:
        wait = max(rules.adaptive_least * 2 ** min(missed, DOUBLED_MAX), now - last.due)
        again = now + min(wait, most - now)
        if ahead is None or again < ahead.due:
            return Plan(due=again, why=Adaptation.LATE, stretch=last)
    if ahead is None:
        return Plan(due=most, why=Adaptation.SELDOM)
    why = Adaptation.USUAL if ahead.due <= most else Adaptation.SELDOM
    return Plan(due=ahead.due, why=why, stretch=ahead)


def _explored(plan: Plan, times: int, rules: PolicySet, now: datetime) -> Plan:
    """Some time before that; that itself where there is none between.

    At once every other time: what came just after a look would be found a whole day late each day,
    and nothing else would show it. Else at another time each.
    """
    first = now + rules.adaptive_least
    room = _within(plan.due, rules, now) - first
    if room < rules.adaptive_least:
        return plan
    part = 0.0 if times % 2 else times // 2 * GOLDEN % 1
    return Plan(due=first + part * room, why=Adaptation.EXPLORING, stretch=plan.stretch)
