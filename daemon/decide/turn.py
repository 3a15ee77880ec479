"""Whose turn is it: what would a start do, may it start now, and who goes first?"""

from datetime import UTC, datetime
from typing import TypeAlias

from msgspec import Struct

from daemon.decide import days, rotation
from events.policy import PolicySet
from events.terms import Kind, RunOptions
from projections import breaker, connection, health, policy
from projections.breaker import Phase
from projections.connection import Connection
from projections.grant import Phase as GrantPhase
from projections.provider import Provider
from projections.schedule import Request, Retry, Schedule, is_held
from projections.world import World

NEVER = datetime.max.replace(tzinfo=UTC)
"""Until something changes: a place becomes free, somebody closes a breaker."""

BACKFILL_PRIORITY = 10
AT_ONCE = -1  # the rank of what no provider's breaker keeps waiting


class Turn(Struct, frozen=True, kw_only=True):
    """What a start would do: why, for which streams, as which attempt, in which place.

    What a person `asked` for does not keep to quiet hours, nor to the master switch.
    """

    kind: Kind
    due: datetime
    priority: int
    asked: bool = False
    request: Request | None = None
    options: RunOptions | None = None
    attempt: int = 0
    streams: tuple[str, ...] = ()


def turn_of(world: World, subject: int, now: datetime) -> Turn:
    """A request goes before a turn, that before a retry, and that before days of the past.

    Whoever goes serves the others that are due, so that one start is pending at most.
    """
    known = world.connections[subject]
    plan, left, free = known.schedule, known.backfill, not is_held(known.schedule, now)
    due = plan.due if free and plan.due is not None and plan.due <= now else None
    retry = plan.retry if free and plan.retry and (due or plan.retry.due <= now) else None
    points = health.priority(health.score(known.health, now))
    if plan.request and (free or plan.request.kind is not Kind.FAILOVER):
        return _requested(plan, plan.request, due, points)
    if due:
        return Turn(
            kind=Kind.SCHEDULED,
            due=min(due, retry.due) if retry else due,
            priority=points,
            attempt=retry.attempt if retry else 0,
            streams=_with(rotation.due_streams(world, subject, now), retry),
        )
    if retry:
        return _retried(retry, retry.due)
    if left and left.due <= now:
        return Turn(
            kind=Kind.BACKFILL,
            due=left.due,
            priority=BACKFILL_PRIORITY,
            asked=True,
            options=days.options(known),
        )
    return _coming(known, points, now)


def _requested(plan: Schedule, asked: Request, due: datetime | None, points: int) -> Turn:
    """A request for a part leaves the retry of the rest pending; a turn that is due adds to it."""
    whole = not asked.streams and not (asked.options and asked.options.failed_days)
    serves = plan.retry if plan.retry and (whole or asked.kind is Kind.RETRY) else None
    person = asked.kind is not Kind.FAILOVER
    return Turn(
        kind=asked.kind,
        due=min(asked.at, due) if due else asked.at,
        priority=1 if person else points,
        asked=person,
        request=asked,
        options=asked.options,
        attempt=serves.attempt if serves else 0,
        streams=() if due else asked.streams,
    )


def _retried(retry: Retry, at: datetime) -> Turn:
    return Turn(
        kind=Kind.RETRY,
        due=at,
        priority=retry.priority,
        options=retry.options,
        attempt=retry.attempt,
        streams=retry.streams,
    )


def _coming(known: Connection, points: int, now: datetime) -> Turn:
    """Where nothing is due yet: what its next start will be."""
    plan, left = known.schedule, known.backfill
    at = connection.next_start(known) or plan.due or now
    if plan.retry and (plan.due is None or plan.retry.due < plan.due):
        return _retried(plan.retry, at)
    if left and (plan.due is None or left.due < plan.due):
        return Turn(kind=Kind.BACKFILL, due=at, priority=BACKFILL_PRIORITY, asked=True)
    return Turn(kind=Kind.SCHEDULED, due=at, priority=points)


def _with(due: tuple[str, ...], retried: Retry | None) -> tuple[str, ...]:
    """The streams whose turn it is, and those to be tried again; empty for all."""
    if not due or (retried and not retried.streams):
        return ()
    more = retried.streams if retried else ()
    return (*due, *(name for name in more if name not in due))


def is_full(world: World) -> bool:
    return len(world.fleet.running) >= policy.of_fleet(world).concurrency


def opens_at(world: World, provider: int, now: datetime) -> datetime | None:
    """When a sync may start at this provider; None for now, NEVER for not before it changes.

    A breaker whose wait is over lets one probe at a time through.
    """
    known = world.providers.get(provider)
    if known is None:
        return None
    match breaker.phase(known.breaker, now):
        case Phase.OPEN:
            return known.breaker.until or NEVER
        case Phase.HALF_OPEN if known.running:
            return NEVER
        case _:
            rules = policy.of_provider(world, provider)
            full = len(known.running) >= rules.provider_concurrency
            return NEVER if full else _after_batch(known, rules, now)


def _after_batch(known: Provider, rules: PolicySet, now: datetime) -> datetime | None:
    """A batch has started: when the pause after it is over (requirement C5)."""
    if len(known.starts) < rules.batch_size:
        return None
    over = known.starts[-rules.batch_size] + rules.batch_pause
    return over if now < over <= now + rules.batch_pause else None


def retries_are_full(world: World) -> bool:
    return len(world.fleet.retrying) >= policy.of_fleet(world).retries_at_once


def is_retry(world: World, subject: int, now: datetime) -> bool:
    """Whether its start would be a retry that nobody asked for: of those few run at once."""
    turn = turn_of(world, subject, now)
    return turn.kind is Kind.RETRY and not turn.asked


Rank: TypeAlias = tuple[int, int]
"""Where a connection stands among those that are due: by priority, then by its tenant's order."""


def rank(world: World, subject: int, now: datetime) -> Rank:
    """What cannot wait goes first, then requests, then by priority (requirements A2, A9).

    Some ways out of a doubt close soon; looking after a grant is no sync.
    """
    known = world.connections[subject]
    at, keep = connection.next_start(known), known.grant.renew_by
    asked = known.schedule.request
    tended = keep is not None and keep <= now
    if tended or (asked and asked.forced):
        return AT_ONCE, 0
    if at is None or known.grant.phase is GrantPhase.IN_DOUBT:
        return 0, 0
    turn = turn_of(world, subject, now)
    person = turn.asked and turn.request is not None
    return 0 if person else turn.priority, place(world, subject)


def place(world: World, subject: int) -> int:
    """Where the tenant's list has the provider; those that it does not name come after."""
    order = policy.of_connection(world, subject).priority_order
    provider = world.providers.get(world.connections[subject].provider)
    name = provider.name if provider else ""
    return order.index(name) if name in order else len(order)
