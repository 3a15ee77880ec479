"""Is what failed tried again before its next turn, when, and what if that is used up?"""

from datetime import datetime, timedelta

from daemon.commands import Finish, Retry
from daemon.decide import failure, vain
from daemon.decide.decisions import Decisions
from events.policy import Backoff, PolicySet
from events.schema import RetriesEnded, RetryMoved, RetryScheduled, SyncRequested, SyncSkipped
from events.terms import Caller, Kind, RetriesEnd, RunOptions, SkipReason, StreamFailure
from projections import breaker, policy
from projections.connection import Connection
from projections.grant import Phase
from projections.provider import last_hour
from projections.run import Run
from projections.world import World

PRIORITY_MAX = 10
BUDGET_LEAST = 10  # retries an hour and provider that no budget forbids: a small fleet may try


def after(command: Finish, run: Run, world: World, now: datetime) -> Decisions:
    """Try the failed streams again, if trying again may help and is allowed (requirement A8).

    A retry that still waits is of something else, and stands; a failover is one sync and no more,
    unless it served a retry of its own connection.
    """
    subject = command.subject
    lost = [each for each in command.failures if failure.is_retried(each.cause)]
    rules = policy.of_connection(world, subject)
    if world.connections[subject].schedule.retry:
        return _moved(command, world, now)
    once = run.kind is Kind.BACKFILL or (run.kind is Kind.FAILOVER and not run.attempt)
    if not lost or once or not rules.failover_enabled:
        return []
    if run.attempt >= rules.max_retry_attempts:
        ended = RetriesEnded(reason=RetriesEnd.USED_UP, attempts=run.attempt)
        return [(subject, ended), *failover(subject, run, world)]
    if not _budget_allows(world, subject, rules, now):
        ended = RetriesEnded(reason=RetriesEnd.BUDGET, attempts=run.attempt)
        return [(subject, ended), *failover(subject, run, world)]
    delay = backoff(rules, run.attempt + 1)
    drawn = command.jitter * delay if rules.retry_jitter else delay
    hint = asked_to_wait(command)
    scheduled = RetryScheduled(
        due=now + max(drawn, hint or drawn),
        attempt=run.attempt + 1,
        cause=lost[0].cause,
        priority=max(1, min(PRIORITY_MAX, run.priority + rules.retry_priority_step)),
        delay=delay,
        jitter=command.jitter if rules.retry_jitter else None,
        hint=hint,
        streams=_streams(lost, command.waiting),
        options=_options(command, run, lost),
    )
    return [(subject, scheduled)]


def backoff(rules: PolicySet, attempt: int) -> timedelta:
    """The delay before that attempt, from 1: doubled each time, up to its greatest (B4)."""
    if rules.retry_backoff is Backoff.FIXED:
        return rules.retry_delay
    factor: int = 2 ** (attempt - 1)
    return max(rules.retry_delay, min(rules.retry_delay * factor, rules.retry_delay_max))


def asked_to_wait(command: Finish) -> timedelta | None:
    """For how long the provider wants to be left alone, by whichever answer asked for most."""
    return max((each.retry_after for each in command.failures if each.retry_after), default=None)


def failover(subject: int, run: Run, world: World) -> Decisions:
    """Sync the fallback once (requirement A10). A failover that fails has none of its own."""
    rules, instead = policy.of_connection(world, subject), policy.fallback(world, subject)
    if instead is None or run.kind is Kind.FAILOVER or not rules.failover_enabled:
        return []
    known, other = world.connections[subject], world.connections.get(instead)
    if other is None or other.tenant != known.tenant or not may_be_asked(other, world):
        return []
    return [(instead, SyncRequested(kind=Kind.FAILOVER, origin=subject))]


def may_be_asked(known: Connection, world: World) -> bool:
    """Whether a request would be neither in vain, nor one too many."""
    return not known.removed and not known.schedule.request and refusal(known, world) is None


def refusal(known: Connection, world: World, *, forced: bool = False) -> SkipReason | None:
    """Why a request would be in vain, if it would: a person has to do something first."""
    if known.paused:
        return SkipReason.PAUSED
    if known.grant.phase is Phase.NEEDED:
        return SkipReason.NOT_AUTHORISED
    stops = (known.breaker, world.providers[known.provider].breaker)
    shut = not forced and any(breaker.is_latched(stop) for stop in stops)
    return SkipReason.BREAKER if shut else None


def by_hand(command: Retry, world: World, now: datetime) -> Decisions:
    """Try now what waits to be tried again, or else what failed last."""
    known = world.connections.get(command.subject)
    if known is None or known.removed:
        return []
    asked, pending = known.schedule.request, known.schedule.retry
    if asked and not vain.gives_way(asked, Kind.RETRY, forced=command.forced):
        return []
    failing = tuple(name for name, stream in known.streams.items() if stream.failure)
    if pending is None and not failing and not known.health.consecutive_failures:
        return []
    if reason := refusal(known, world, forced=command.forced):
        return [(command.subject, SyncSkipped(reason=reason, due=now))]
    wanted = SyncRequested(
        by=command.by,
        kind=Kind.RETRY,
        forced=command.forced,
        streams=pending.streams if pending else failing,
        options=pending.options if pending else None,
    )
    return [*vain.left_out(command.subject, asked, command.by), (command.subject, wanted)]


def ended(
    subject: int, known: Connection, by: Caller | None, reason: RetriesEnd = RetriesEnd.CANCELLED
) -> Decisions:
    """Take back a retry that is pending."""
    pending = known.schedule.retry
    if pending is None:
        return []
    return [(subject, RetriesEnded(reason=reason, attempts=pending.attempt - 1, by=by))]


def reconsidered(subject: int, world: World) -> Decisions:
    """Take back a retry that would not be scheduled any more: settings are other ones."""
    known, rules = world.connections[subject], policy.of_connection(world, subject)
    pending = known.schedule.retry
    if pending and rules.failover_enabled and pending.attempt <= rules.max_retry_attempts:
        return []
    return ended(subject, known, None, RetriesEnd.SETTINGS)


def _moved(command: Finish, world: World, now: datetime) -> Decisions:
    """A hint holds for the retry that waits too."""
    pending, hint = world.connections[command.subject].schedule.retry, asked_to_wait(command)
    if pending is None or hint is None or pending.due >= now + hint:
        return []
    return [(command.subject, RetryMoved(due=now + hint))]


def _budget_allows(world: World, subject: int, rules: PolicySet, now: datetime) -> bool:
    """Whether this retry is within the provider's share: an outage must not become a storm."""
    turns, retries = last_hour(world.providers[world.connections[subject].provider], now)
    return retries < max(BUDGET_LEAST, rules.retry_budget * turns)


def _streams(lost: list[StreamFailure], waiting: tuple[str, ...]) -> tuple[str, ...]:
    """Which streams to try again, and what waited for them; empty for all.

    What failed before there was a stream to speak of is all.
    """
    names = {each.stream: None for each in lost} | dict.fromkeys(waiting)
    return () if "" in names else tuple(names)


def _options(command: Finish, run: Run, lost: list[StreamFailure]) -> RunOptions | None:
    """Days that failed beside others that came are tried alone."""
    days_alone = all(each.day and each.stream in command.captured for each in lost)
    return RunOptions(failed_days=True) if days_alone else run.options
