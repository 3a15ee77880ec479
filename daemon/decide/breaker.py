"""When does a breaker open, and when does it close? Of a connection, and of a provider.

Calls trip it by document E's rule (so many failures within a window), syncs by a rate, since they
are too few for any window: so many in a row, or a share of the last twenty. A provider's wants
several distinct connections failing, so that one bad account does not stop all. A limit that was
hit, a refused credential and our own refusals are not the provider's failure: they say nothing.

Once it has waited, a sync or a program's call that began after it opened is its probe; what began
before is not. `began` is the number of the sync's event, or of the last one before the call.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from msgspec import Struct

from daemon.commands import CloseBreaker, OpenBreaker, ResetBreaker
from daemon.decide import failure, retirement, vain
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
from events.terms import FailureClass, StreamFailure
from projections import breaker, policy, under
from projections.breaker import OUTCOMES_KEPT, Breaker, Outcome, Phase
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


def note_call(
    subject: int, cause: FailureClass, began: int, world: World, now: datetime
) -> Decisions:
    """What a failed call does to the breakers that its connection stands behind."""
    if not failure.opens(cause):
        return []
    counted = [(level, _calls(level, subject, now)) for level in _levels(subject, world)]
    return _opened(counted, BreakerReason.CALLS, cause, began, now)


def note_failure(
    subject: int, failures: Sequence[StreamFailure], began: int, world: World, now: datetime
) -> Decisions:
    """What a failed sync does to them, if any of its failures is the provider's."""
    causes = tuple(each.cause for each in failures)
    cause = next((each for each in causes if failure.opens(each)), None)
    if cause is None:
        return []
    outcome = Outcome(connection=subject, causes=causes)
    counted = [(level, _syncs(level, outcome)) for level in _levels(subject, world)]
    return _opened(counted, BreakerReason.SYNCS, cause, began, now)


def note_success(subject: int, began: int, world: World, now: datetime) -> Decisions:
    """A probe that got through; enough of them close it, and neighbours need not wait longer."""
    decided: Decisions = []
    for level in _levels(subject, world):
        if not _is_probe(level.breaker, began, now):
            continue
        successes = level.breaker.successes + 1
        enough = successes >= level.rules.breaker_successes
        event = BreakerClosed if enough else BreakerProbed
        decided.append((level.subject, event(successes=successes)))
    return [*decided, *_eased(subject, began, world, now), *retirement.returned(subject, world)]


def latch(subject: int, world: World) -> Decisions:
    """A service that was switched off for good is not asked again, until somebody closes it."""
    if world.connections[subject].breaker.reason is BreakerReason.RETIRED:
        return []
    reason, cause = BreakerReason.RETIRED, FailureClass.RETIRED
    opened = BreakerOpened(reason=reason, until=None, failures=1, cause=cause)
    return [*vain.shut_out(subject, world.connections[subject]), (subject, opened)]


def is_retired(subject: int, run: Run, failures: Sequence[StreamFailure], world: World) -> bool:
    """Whether all of the service is gone, and not only where one stream of several was.

    One that waits for others is not asked once they are gone: it says nothing.
    """
    known = world.connections[subject]
    silent = {each.name for each in world.providers[known.provider].streams if each.waits_for}
    silent |= {each.stream for each in failures}
    if any(each.cause is not FailureClass.RETIRED for each in failures):
        return False
    others = [each for name, each in known.streams.items() if run.streams and name not in silent]
    return all(
        each.failure is not None and each.failure.cause is FailureClass.RETIRED for each in others
    )


def by_hand(command: OpenBreaker | CloseBreaker | ResetBreaker, world: World) -> Decisions:
    """Open until somebody closes it; close now; forget everything."""
    of: Connection | Provider | None = world.connections.get(command.subject)
    of = of or world.providers.get(command.subject)
    if of is None:
        return []
    match command:
        case OpenBreaker(by=by):
            opened = BreakerOpened(reason=BreakerReason.BY_HAND, until=None, by=by)
            if breaker.is_latched(of.breaker):
                return []
            return [*_shut_out(command.subject, world), (command.subject, opened)]
        case CloseBreaker(by=by):
            closed = of.breaker.reason is None
            return [] if closed else [(command.subject, BreakerClosed(by=by))]
        case ResetBreaker(by=by):
            return [(command.subject, BreakerReset(by=by))]
        case _:
            assert_never(command)


def _shut_out(subject: int, world: World) -> Decisions:
    """Of a connection itself, or of all that live at a provider."""
    known = world.connections
    behind = (subject,) if subject in known else under.connections(world.under, subject)
    return [skip for each in behind for skip in vain.shut_out(each, known[each])]


def _levels(subject: int, world: World) -> Iterator[_Level]:
    known = world.connections[subject]
    yield _Level(subject=subject, breaker=known.breaker, rules=policy.of_connection(world, subject))
    rules = policy.of_provider(world, known.provider)
    yield _Level(
        subject=known.provider,
        breaker=world.providers[known.provider].breaker,
        rules=rules,
        connections=rules.breaker_connections,
    )


def _opened(
    counted: list[tuple[_Level, int]],
    reason: BreakerReason,
    cause: FailureClass,
    began: int,
    now: datetime,
) -> Decisions:
    """Open what so many failures trip: a probe's does it alone, and nothing what is open."""
    decided: Decisions = []
    for level, failures in counted:
        probes = _is_probe(level.breaker, began, now)
        if not probes and (level.breaker.reason is not None or not failures):
            continue
        opened = BreakerOpened(
            reason=BreakerReason.PROBE if probes else reason,
            until=now + _open_time(level.rules, level.breaker.opened),
            failures=1 if probes else failures,
            cause=cause,
        )
        decided.append((level.subject, opened))
    return decided


def _is_probe(stop: Breaker, began: int, now: datetime) -> bool:
    """Whether this tells if it may close: it waits no longer, and what tells began after it."""
    return breaker.phase(stop, now) is Phase.HALF_OPEN and began >= stop.event


def _calls(level: _Level, subject: int, now: datetime) -> int:
    """How many calls failed within the window, if it is tripped by them."""
    since = now - level.rules.breaker_window
    recent = [
        each.connection
        for each in level.breaker.failures
        if since < each.at <= now and failure.opens(each.cause)
    ]
    return _tripped(level, [*recent, subject], level.rules.breaker_failures)


def _syncs(level: _Level, last: Outcome) -> int:
    """How many syncs failed, in a row or of the last twenty, if it is tripped by them."""
    outcomes = (*level.breaker.outcomes, last)[-OUTCOMES_KEPT:]
    told = [each for each in outcomes if not each.causes or is_failure(each)]
    failed = [each.connection for each in told if each.causes]
    if row := _tripped(level, _in_a_row(told), level.rules.breaker_syncs_in_a_row):
        return row
    share = level.rules.breaker_syncs_share * len(told)
    return _tripped(level, failed, SYNCS_LEAST) if len(failed) >= share else 0


def is_failure(outcome: Outcome) -> bool:
    """Whether a sync says that its provider fails; what is neither that nor a success is silent."""
    return any(failure.opens(cause) for cause in outcome.causes)


def _in_a_row(told: list[Outcome]) -> list[int]:
    """The connections of the failures since the last success."""
    row: list[int] = []
    for each in reversed(told):
        if not each.causes:
            break
        row.append(each.connection)
    return row


def _tripped(level: _Level, failed: list[int], threshold: int) -> int:
    """How many failed, if these are enough, and of enough connections."""
    enough = len(failed) >= threshold and len(set(failed)) >= level.connections
    return len(failed) if enough else 0


def _open_time(rules: PolicySet, opened: int) -> timedelta:
    """Constant, or doubled each time that it opens in a row, up to its greatest."""
    if not rules.breaker_doubling:
        return rules.breaker_open
    doubled: int = 2 ** min(opened, 30)
    if rules.breaker_open >= rules.breaker_open_max / doubled:
        return max(rules.breaker_open, rules.breaker_open_max)
    return rules.breaker_open * doubled


def _eased(subject: int, began: int, world: World, now: datetime) -> Decisions:
    """Connections of the same provider whose own breaker still waits, though this one got through.

    It must have begun after theirs opened, else it says nothing of what came then.
    """
    provider = world.providers[world.connections[subject].provider]
    waiting = ((other, world.connections[other].breaker) for other in sorted(provider.stopped))
    return [
        (other, BreakerEased(until=now, neighbour=subject))
        for other, stop in waiting
        if other != subject and began >= stop.event and breaker.phase(stop, now) is Phase.OPEN
    ]
