"""When does a breaker open, and when does it close? Of a connection, and of a provider.

Calls trip it by document E's rule (so many failures within a window), syncs by a rate, since they
are too few for any window: so many in a row, or a share of the last twenty. A provider's wants
several distinct connections failing, so that one bad account does not stop all. A limit that was
hit, a refused credential and our own refusals are not the provider's failure.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from daemon.commands import CloseBreaker, OpenBreaker, ResetBreaker
from daemon.decide import failure
from daemon.decide.decisions import Decisions
from events.breakers import (
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReason,
    BreakerReset,
)
from events.policy import PolicySet
from events.schema import CallFailed
from events.terms import FailureClass
from projections import breaker, policy
from projections.breaker import Breaker, Outcome, Phase
from projections.connection import Connection
from projections.provider import Provider
from projections.run import Run
from projections.world import World

SYNCS_LEAST = 5  # failed ones among the last twenty: fewer say nothing about a rate


class _Level(Struct, frozen=True, kw_only=True):
    """One of the two breakers that a sync stands behind; so many `connections` must fail."""

    subject: int
    breaker: Breaker
    rules: PolicySet
    connections: int = 1


def note_call(subject: int, call: CallFailed, world: World, now: datetime) -> Decisions:
    """What a failed call does to the breakers that its connection stands behind."""
    if not failure.opens(call.cause):
        return []
    return [
        decided
        for level in _levels(subject, world)
        for decided in _after_call(level, subject, call.cause, now)
    ]


def note_failure(subject: int, cause: FailureClass, world: World, now: datetime) -> Decisions:
    """What a failed sync does; a service that was switched off is not asked again."""
    known = world.connections[subject]
    if cause is FailureClass.RETIRED and known.breaker.reason is not BreakerReason.RETIRED:
        latched = BreakerOpened(reason=BreakerReason.RETIRED, until=None, failures=1, cause=cause)
        return [(subject, latched)]
    if not failure.opens(cause):
        return []
    return [
        decided
        for level in _levels(subject, world)
        for decided in _after_failure(level, subject, cause, now)
    ]


def note_success(subject: int, run: Run, world: World, now: datetime) -> Decisions:
    """A probe that got through; enough of them close it, and neighbours need not wait longer."""
    decided: Decisions = []
    for level in _levels(subject, world):
        since = level.breaker.since
        if breaker.phase(level.breaker, now) is not Phase.HALF_OPEN:
            continue
        if since is not None and run.started < since:  # it began before the breaker opened
            continue
        successes = level.breaker.successes + 1
        enough = successes >= level.rules.breaker_successes
        event = BreakerClosed if enough else BreakerProbed
        decided.append((level.subject, event(successes=successes)))
    return [*decided, *_eased(subject, world, now)] if decided else []


def is_latched(stop: Breaker) -> bool:
    """Whether it is open until somebody closes it."""
    return stop.reason is not None and stop.until is None


def by_hand(command: OpenBreaker | CloseBreaker | ResetBreaker, world: World) -> Decisions:
    """Open until somebody closes it; close now; forget everything."""
    of: Connection | Provider | None = world.connections.get(command.subject)
    of = of or world.providers.get(command.subject)
    if of is None:
        return []
    match command:
        case OpenBreaker(by=by):
            if of.breaker.reason is BreakerReason.BY_HAND:
                return []
            opened = BreakerOpened(reason=BreakerReason.BY_HAND, until=None, by=by)
            return [(command.subject, opened)]
        case CloseBreaker(by=by):
            closed = of.breaker.reason is None
            return [] if closed else [(command.subject, BreakerClosed(by=by))]
        case ResetBreaker(by=by):
            return [(command.subject, BreakerReset(by=by))]


def _levels(subject: int, world: World) -> Iterator[_Level]:
    known = world.connections[subject]
    yield _Level(subject=subject, breaker=known.breaker, rules=policy.of_connection(world, subject))
    provider = world.providers.get(known.provider)
    if provider is not None:
        rules = policy.of_provider(world, known.provider)
        yield _Level(
            subject=known.provider,
            breaker=provider.breaker,
            rules=rules,
            connections=rules.breaker_connections,
        )


def _after_call(level: _Level, subject: int, cause: FailureClass, now: datetime) -> Decisions:
    match breaker.phase(level.breaker, now):
        case Phase.HALF_OPEN:
            return [_opened(level, BreakerReason.PROBE, 1, cause, now)]
        case Phase.CLOSED:
            since = now - level.rules.breaker_window
            recent = [
                each.connection
                for each in level.breaker.failures
                if since < each.at <= now and failure.opens(each.cause)
            ]
            if _trips(level, [*recent, subject], level.rules.breaker_failures):
                return [_opened(level, BreakerReason.CALLS, len(recent) + 1, cause, now)]
            return []
        case _:
            return []


def _after_failure(level: _Level, subject: int, cause: FailureClass, now: datetime) -> Decisions:
    match breaker.phase(level.breaker, now):
        case Phase.HALF_OPEN:
            return [_opened(level, BreakerReason.PROBE, 1, cause, now)]
        case Phase.CLOSED:
            last = (*level.breaker.outcomes, Outcome(connection=subject, cause=cause))
            told = [each for each in last if each.cause is None or failure.opens(each.cause)]
            failed = [each.connection for each in told if each.cause is not None]
            row = _in_a_row(told)
            share = level.rules.breaker_syncs_share * len(told)
            if _trips(level, row, level.rules.breaker_syncs_in_a_row) or (
                len(failed) >= share and _trips(level, failed, SYNCS_LEAST)
            ):
                return [_opened(level, BreakerReason.SYNCS, len(failed), cause, now)]
            return []
        case _:
            return []


def _in_a_row(told: list[Outcome]) -> list[int]:
    """The connections of the failures since the last success."""
    row: list[int] = []
    for each in reversed(told):
        if each.cause is None:
            break
        row.append(each.connection)
    return row


def _trips(level: _Level, failed: list[int], threshold: int) -> bool:
    return len(failed) >= threshold and len(set(failed)) >= level.connections


def _opened(
    level: _Level, reason: BreakerReason, failures: int, cause: FailureClass, now: datetime
) -> tuple[int, BreakerOpened]:
    until = now + _open_time(level.rules, level.breaker.opened)
    event = BreakerOpened(reason=reason, until=until, failures=failures, cause=cause)
    return level.subject, event


def _open_time(rules: PolicySet, opened: int) -> timedelta:
    """Constant, or doubled each time that it opens in a row, up to its greatest."""
    if not rules.breaker_doubling:
        return rules.breaker_open
    doubled: int = 2 ** min(opened, 30)
    if rules.breaker_open >= rules.breaker_open_max / doubled:
        return max(rules.breaker_open, rules.breaker_open_max)
    return rules.breaker_open * doubled


def _eased(subject: int, world: World, now: datetime) -> Decisions:
    """Connections of the same provider whose own breaker still waits."""
    provider = world.providers.get(world.connections[subject].provider)
    stopped = sorted(provider.stopped) if provider else []
    return [
        (other, BreakerEased(until=now, neighbour=subject))
        for other in stopped
        if other != subject
        and (stop := world.connections[other].breaker).until is not None
        and breaker.phase(stop, now) is Phase.OPEN
    ]
