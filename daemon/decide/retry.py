"""Is what failed tried again before its next turn, when, and what if that is used up?"""

from datetime import datetime, timedelta

from daemon.commands import Finish, Retry
from daemon.decide import failure
from daemon.decide.decisions import Decisions
from events.policy import Backoff, PolicySet
from events.schema import RetriesEnded, RetryScheduled, SyncRequested
from events.terms import Caller, Kind, RetriesEnd, RunOptions, StreamFailure
from projections import policy
from projections.connection import Connection
from projections.grant import Phase
from projections.provider import last_hour
from projections.run import Run
from projections.world import World

PRIORITY_MAX = 10
BUDGET_LEAST = 10  # retries an hour and provider that no budget forbids: a small fleet may try


def after(command: Finish, run: Run, world: World, now: datetime) -> Decisions:
    """Try the failed streams again, if trying again may help and is allowed (requirement A8)."""
    subject = command.subject
    lost = [each for each in command.failures if failure.is_retried(each.cause)]
    rules = policy.of_connection(world, subject)
    if not lost or run.kind is Kind.BACKFILL or not rules.failover_enabled:
        return []
    if run.attempt >= rules.max_retry_attempts:
        ended = RetriesEnded(reason=RetriesEnd.USED_UP, attempts=run.attempt)
        return [(subject, ended), *failover(subject, run, world)]
    if not _budget_allows(world, subject, rules, now):
        return [(subject, RetriesEnded(reason=RetriesEnd.BUDGET, attempts=run.attempt))]
    delay = backoff(rules, run.attempt + 1)
    drawn = command.jitter * delay if rules.retry_jitter else delay
    hint = max((each.retry_after for each in lost if each.retry_after), default=None)
    scheduled = RetryScheduled(
        due=now + max(drawn, hint or drawn),
        attempt=run.attempt + 1,
        cause=lost[0].cause,
        priority=max(1, min(PRIORITY_MAX, run.priority + rules.retry_priority_step)),
        delay=delay,
        jitter=command.jitter if rules.retry_jitter else None,
        hint=hint,
        streams=_streams(lost),
        options=_options(command, run, lost),
    )
    return [(subject, scheduled)]


def backoff(rules: PolicySet, attempt: int) -> timedelta:
    """The delay before that attempt, from 1: doubled each time, up to its greatest (B4)."""
    if rules.retry_backoff is Backoff.FIXED:
        return rules.retry_delay
    factor: int = 2 ** (attempt - 1)
    return max(rules.retry_delay, min(rules.retry_delay * factor, rules.retry_delay_max))


def failover(subject: int, run: Run | None, world: World) -> Decisions:
    """Sync the fallback once (requirement A10). A failover that fails has none of its own."""
    instead = policy.fallback(world, subject)
    if instead is None or (run is not None and run.kind is Kind.FAILOVER):
        return []
    known, other = world.connections[subject], world.connections.get(instead)
    if other is None or other.tenant != known.tenant or not may_be_asked(other):
        return []
    return [(instead, SyncRequested(kind=Kind.FAILOVER, origin=subject))]


def may_be_asked(known: Connection) -> bool:
    """Whether a request would not be in vain, or one too many."""
    idle = not (known.removed or known.paused or known.schedule.request)
    return idle and known.grant.phase is not Phase.NEEDED


def by_hand(command: Retry, world: World) -> Decisions:
    """Try now what waits to be tried again, or else what failed last."""
    known = world.connections.get(command.subject)
    if known is None or not may_be_asked(known):
        return []
    pending = known.schedule.retry
    failing = tuple(name for name, stream in known.streams.items() if stream.failure)
    if pending is None and not failing and not known.health.consecutive_failures:
        return []
    asked = SyncRequested(
        by=command.by,
        kind=Kind.RETRY,
        forced=command.forced,
        streams=pending.streams if pending else failing,
        options=pending.options if pending else None,
    )
    return [(command.subject, asked)]


def ended(subject: int, known: Connection, by: Caller | None) -> Decisions:
    """Take back a retry that is pending."""
    pending = known.schedule.retry
    if pending is None:
        return []
    reason, attempts = RetriesEnd.CANCELLED, pending.attempt - 1
    return [(subject, RetriesEnded(reason=reason, attempts=attempts, by=by))]


def _budget_allows(world: World, subject: int, rules: PolicySet, now: datetime) -> bool:
    """Whether this retry is within the provider's share: an outage must not become a storm."""
    provider = world.providers.get(world.connections[subject].provider)
    if provider is None:
        return True
    turns, retries = last_hour(provider, now)
    return retries < max(BUDGET_LEAST, rules.retry_budget * turns)


def _streams(lost: list[StreamFailure]) -> tuple[str, ...]:
    """Which streams to try again; what failed before there was a stream to speak of is all."""
    names = {each.stream: None for each in lost}
    return () if "" in names else tuple(names)


def _options(command: Finish, run: Run, lost: list[StreamFailure]) -> RunOptions | None:
    """Days that failed beside others that came are tried alone."""
    days_alone = all(each.day and each.stream in command.captured for each in lost)
    return RunOptions(failed_days=True) if days_alone else run.options
