"""Whose turn is it: what would a start do, may it start now, and who goes first?"""

from datetime import UTC, datetime
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from daemon.decide import days, rotation
from events.policy import PolicySet
from events.terms import Kind, RunOptions
from projections import allowance, breaker, health, policy
from projections.backfill import Backfill
from projections.breaker import Phase
from projections.connection import Connection
from projections.grant import Phase as GrantPhase
from projections.provider import Provider
from projections.schedule import Request, Retry, is_held, next_start
from projections.window import Moment
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

    Whoever goes serves the others that are due, so that one start is pending at most. Where nothing
    is due yet, this is what the next start will do.
    """
    known = world.connections[subject]
    plan, left = known.schedule, known.backfill
    at = max(now, next_start(plan, left) or now)
    free = not is_held(plan, at)
    points = health.priority(health.score(known.health, at))
    due = Turn(
        kind=Kind.SCHEDULED,
        due=plan.due or at,
        priority=points,
        streams=rotation.due_streams(world, subject, at),
    )
    came = due if free and plan.due is not None and plan.due <= at else None
    if plan.request and (free or plan.request.kind is not Kind.FAILOVER):
        return _requested(plan.request, plan.retry, came, points)
    if came:
        return _with_retry(came, plan.retry)
    if free and plan.retry and plan.retry.due <= at:
        return _retried(plan.retry)
    if left and left.due <= at:
        return _of_the_past(known, left)
    return due


def _requested(asked: Request, retry: Retry | None, due: Turn | None, points: int) -> Turn:
    """A request for a part leaves the retry of the rest pending; a turn that is due adds to it.

    One for days that failed stands for no turn.
    """
    days_alone = asked.options is not None and asked.options.failed_days
    whole = not asked.streams and not days_alone
    person = asked.kind is not Kind.FAILOVER
    turn = Turn(
        kind=asked.kind,
        due=asked.at,
        priority=1 if person else points,
        asked=person,
        request=asked,
        options=asked.options,
        streams=asked.streams,
    )
    if due and not days_alone:
        both = _united(asked.streams, due.streams)
        kind = turn.kind if person else due.kind  # a failover is once, and a turn is tried again
        turn = replace(turn, kind=kind, due=min(asked.at, due.due), streams=both)
    if retry and (whole or asked.kind is Kind.RETRY):
        both = _united(turn.streams, retry.streams)
        turn = replace(turn, attempt=retry.attempt, streams=both)
    return turn


def _with_retry(turn: Turn, retry: Retry | None) -> Turn:
    """A turn does what is to be tried again too, also where that was to wait some more."""
    if retry is None:
        return turn
    streams = _united(turn.streams, retry.streams)
    return replace(turn, due=min(turn.due, retry.due), attempt=retry.attempt, streams=streams)


def _retried(retry: Retry) -> Turn:
    return Turn(
        kind=Kind.RETRY,
        due=retry.due,
        priority=retry.priority,
        options=retry.options,
        attempt=retry.attempt,
        streams=retry.streams,
    )


def _of_the_past(known: Connection, left: Backfill) -> Turn:
    return Turn(
        kind=Kind.BACKFILL,
        due=left.due,
        priority=BACKFILL_PRIORITY,
        asked=True,
        options=days.options(known),
    )


def _united(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """The streams of both; empty for all."""
    return tuple(dict.fromkeys((*some, *more))) if some and more else ()


def is_full(world: World) -> bool:
    return len(world.fleet.running) >= policy.of_fleet(world).concurrency


def opens_at(world: World, provider: int, now: datetime) -> datetime | None:
    """When a sync may start at this provider; None for now, NEVER for not before it changes.

    A breaker whose wait is over lets one probe at a time through. Where all connections share a
    limit, what the provider asked of one holds for all.
    """
    known, ahead = world.providers[provider], world.fleet.ahead
    moment = Moment(wall=now, ahead=ahead)
    opens = _opens(world, provider, known, now)
    if not allowance.shuts(known.allowance, moment):
        return opens
    return max(now + allowance.held_for(known.allowance, moment), opens or now)


def _opens(world: World, provider: int, known: Provider, now: datetime) -> datetime | None:
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
    keep, asked = known.grant.renew_by, known.schedule.request
    tended = keep is not None and keep <= now
    if tended or (asked and asked.forced):
        return AT_ONCE, 0
    if known.grant.phase is GrantPhase.IN_DOUBT:
        return 0, 0
    turn = turn_of(world, subject, now)
    person = turn.asked and turn.request is not None
    return 0 if person else turn.priority, place(world, subject)


def place(world: World, subject: int) -> int:
    """Where the tenant's list has the provider; those that it does not name come after."""
    order = policy.of_connection(world, subject).priority_order
    name = world.providers[world.connections[subject].provider].name
    return order.index(name) if name in order else len(order)
