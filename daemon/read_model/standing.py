"""How do things stand with a connection, or a tenant, as rows that time alone does not change?"""

from datetime import UTC, datetime, timedelta

import msgspec

from daemon.decide import condition, punctuality, reporting
from daemon.read_model.rows import Row
from daemon.read_model.timestamps import SECOND, iso, maybe
from events.sources import Figures
from events.terms import Kind
from projections import connection, health, policy
from projections.connection import Connection
from projections.grant import Phase
from projections.health import STALE_AFTER
from projections.provider import Provider
from projections.streams import NEW, checked_at
from projections.world import World

FAR = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
"""A time at which whatever goes stale is stale."""


def account(world: World, subject: int) -> Row:
    """The row of a connection, in the order of the table's columns."""
    known, changed = world.connections[subject], world.at
    assert changed is not None, "what is known was recorded some time"
    at, counters, grant = _provider(world, known), known.health, known.grant
    trouble, fresh = condition.trouble(known), _fresh(known, changed)
    success = counters.last_success
    return (
        subject,
        known.tenant,
        known.provider,
        _status(known),
        0 if known.removed else policy.of_connection(world, subject).interval // SECOND,
        counters.total,
        counters.successful,
        counters.failed,
        counters.duration_ms,
        counters.consecutive_failures,
        maybe(counters.first),
        maybe(success),
        maybe(counters.last_failure),
        iso(success + STALE_AFTER) if success else None,
        counters.up / SECOND,
        maybe(counters.up_since),
        health.score(counters, fresh),
        health.score(counters, FAR),
        condition.of_connection(known, at, fresh).value,
        condition.of_connection(known, at, FAR).value,
        (trouble.message or None) if trouble else None,
        *_next(known),
        grant.phase.value,
        maybe(grant.expires_at),
        grant.refreshes,
        maybe(grant.refreshed_at),
        maybe(grant.authorised_at),
        iso(changed),
    )


def streams(world: World, subject: int) -> list[Row]:
    """The rows of its streams, those of the provider's file first."""
    known, changed = world.connections[subject], world.at
    assert changed is not None, "what is known was recorded some time"
    at, fresh = _provider(world, known), _fresh(known, changed)
    return [_stream(subject, known, at, name, fresh) for name in condition.names(known, at)]


def tenant(world: World, subject: int) -> Row:
    """The row of a tenant's settings."""
    rules, changed = policy.of_tenant(world, subject), world.at
    assert changed is not None, "what is known was recorded some time"
    quiet = rules.quiet_hours_start != rules.quiet_hours_end
    return (
        subject,
        int(rules.enabled),
        rules.interval // SECOND,
        msgspec.json.encode(rules.priority_order).decode(),
        int(rules.failover_enabled),
        rules.max_retry_attempts,
        rules.retry_delay // SECOND,
        rules.quiet_hours_start.isoformat("minutes") if quiet else None,
        rules.quiet_hours_end.isoformat("minutes") if quiet else None,
        rules.timezone,
        int(rules.notification_enabled),
        iso(changed),
    )


def source(world: World, subject: int) -> Row | None:
    """The row of a source that reports from outside; of one that may not any more there is none."""
    known, changed = reporting.living(world, subject), world.at
    assert changed is not None, "what is known was recorded some time"
    if known is None:
        return None
    due = punctuality.standing(known, world, FAR)
    latest, queue = known.latest, known.queue
    told = latest.figures if latest else Figures()
    return (
        subject,
        known.tenant,
        known.expectation.pattern.value,
        told.platform.value if told.platform else None,
        told.health.value if told.health else None,
        iso(known.added),
        iso(due.due_at),
        iso(due.late_at),
        maybe(latest.at) if latest else None,
        told.records,
        told.errors,
        queue.figures.queue_depth if queue else None,
        maybe(queue.figures.oldest) if queue else None,
        maybe(queue.at) if queue else None,
        iso(changed),
    )


def _provider(world: World, known: Connection) -> Provider | None:
    """What its file says is nothing to a connection that was removed."""
    return None if known.removed else world.providers.get(known.provider)


def _fresh(known: Connection, otherwise: datetime) -> datetime:
    """A time at which nothing is stale that has ever succeeded."""
    return known.health.last_success or otherwise


def _status(known: Connection) -> str:
    if known.removed:
        return "removed"
    if known.grant.phase is Phase.NEEDED:
        return "unauthorised"
    return "paused" if known.paused else "active"


def _next(known: Connection) -> Row:
    """Start, kind, priority, attempt, request and plan of what is pending.

    No priority where it follows from the score.
    """
    plan, start = known.schedule, connection.next_start(known)
    if start is None:
        return (None, None, None, 0, None, plan.planned)
    asked, retry = plan.request, plan.retry
    if asked is not None:
        priority = 1 if asked.kind is not Kind.FAILOVER else None
        return (iso(start), asked.kind.value, priority, 0, asked.seq, plan.planned)
    turn = plan.due is not None and plan.due <= start
    if retry is not None and not turn:
        kind = Kind.RETRY.value
        return (iso(start), kind, retry.priority, retry.attempt, None, plan.planned)
    if not turn and known.backfill is not None:
        return (iso(start), Kind.BACKFILL.value, 10, 0, None, plan.planned)
    return (iso(start), Kind.SCHEDULED.value, None, 0, None, plan.planned)


def _stream(
    subject: int, known: Connection, at: Provider | None, name: str, fresh: datetime
) -> Row:
    stream, cause = known.streams.get(name, NEW), condition.cause_of(known, name)
    return (
        subject,
        name,
        condition.of_stream(known, at, name, fresh).value,
        condition.of_stream(known, at, name, FAR).value,
        stream.version,
        stream.rows,
        condition.failures_of(known, name),
        maybe(stream.captured_at),
        maybe(stream.failed_at),
        maybe(checked_at(stream)),
        stream.newest_day.isoformat() if stream.newest_day else None,
        msgspec.json.encode(stream.failed_days).decode(),
        cause.value if cause else None,
        condition.message_of(known, name) or None,
    )
