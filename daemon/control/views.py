"""How does a connection look to people: its state in words, its run, its place in the queue?"""

from datetime import date, datetime

from msgspec.structs import replace

from daemon.control import breakers, ending, outbox
from daemon.control.account_messages import BackfillView, GrantView
from daemon.control.desk import Desk
from daemon.control.messages import ConnectionView, QueueItem, RunView, StreamView
from daemon.control.policy_messages import BreakerView
from daemon.decide import condition, hindrance
from daemon.decide.hindrance import Held
from daemon.decide.turn import Turn, turn_of
from events.schema import BackfillRequested
from events.terms import Kind
from projections import breaker, health, policy
from projections.backfill import Backfill
from projections.breaker import Phase as BreakerPhase
from projections.connection import Connection
from projections.grant import Grant, Phase
from projections.provider import Provider
from projections.streams import NEW, checked_at

COMES = 2  # the place in the queue of what comes: after what runs, and after what is due


def view_of(desk: Desk, subject: int, connection: Connection) -> ConnectionView:
    world, now = desk.journal.world, desk.journal.clock.now()
    counters, last, trouble = connection.health, connection.last, condition.trouble(connection)
    provider = world.providers.get(connection.provider)
    word = condition.of_connection(connection, provider, now)
    start, held = hindrance.outlook(world, subject, now)
    return ConnectionView(
        connection=desk.vault.name(subject),
        subject=subject,
        provider=provider.name if provider else desk.vault.name(connection.provider),
        state=state(connection, start, held, turn_of(world, subject, now), now),
        score=health.score(counters, now),
        next_start=start,
        interval=policy.of_connection(world, subject).interval,
        declared=connection.declared,
        total=counters.total,
        successful=counters.successful,
        failed=counters.failed,
        consecutive_failures=counters.consecutive_failures,
        average_duration_ms=health.average_duration_ms(counters),
        last_success=counters.last_success,
        last_failure=counters.last_failure,
        last=last.word if last else None,
        cause=trouble.cause if trouble else None,
        message=trouble.message or None if trouble else None,
        running=running(desk, subject),
        streams=streams(connection, provider, now),
        grant=_grant(connection.grant),
        backfill=_backfill(connection),
        condition=word,
        overall=condition.overall(word, counters.consecutive_failures),
        uptime_percentage=health.uptime_percentage(counters, now),
        held_by=held.why if held else None,
        held_until=held.until if held else None,
        breakers=_breakers(desk, subject, connection, now),
        stream_intervals=policy.stream_intervals(world, subject),
        writes=outbox.counted(world.outboxes.get(subject, ())),
        retirement=ending.view(desk, connection.provider),
        former=_former(desk, connection, now),
    )


def _former(desk: Desk, connection: Connection, now: datetime) -> dict[str, list[StreamView]]:
    """The streams of each provider that it was moved away from."""
    return {
        desk.vault.name(at): streams(replace(connection, streams=there, last=None), None, now)
        for at, there in connection.former.items()
    }


def _breakers(desk: Desk, subject: int, known: Connection, now: datetime) -> list[BreakerView]:
    """Its own and its provider's, where they are not closed."""
    at = desk.journal.world.providers[known.provider]
    both = (("connection", subject, known.breaker), ("provider", known.provider, at.breaker))
    return [
        breakers.view(desk, place, whose, stop, now)
        for place, whose, stop in both
        if breaker.phase(stop, now) is not BreakerPhase.CLOSED
    ]


def _grant(grant: Grant) -> GrantView | None:
    if grant.phase is Phase.NONE:
        return None
    return GrantView(
        phase=grant.phase,
        reason=grant.reason,
        error=grant.error,
        generation=grant.generation,
        expires_at=grant.expires_at,
        renew_by=grant.renew_by,
        authorised_at=grant.authorised_at,
        refreshes=grant.refreshes,
        refreshed_at=grant.refreshed_at,
    )


def _backfill(connection: Connection) -> BackfillView | None:
    left = connection.backfill
    if left is None:
        return None
    return BackfillView(first=left.first, last=left.last, batch=left.batch, due=left.due)


def asked(desk: Desk, left: Backfill) -> date | None:
    """The last of the days that a backfill was asked for: its request says so."""
    found = desk.journal.log.read(left.request - 1, limit=1)
    event = found[0].event if found else None
    return event.last if isinstance(event, BackfillRequested) else None


def streams(connection: Connection, provider: Provider | None, now: datetime) -> list[StreamView]:
    """Those of the provider's file first, then those that there were before."""
    names = condition.names(connection, provider)
    return [_stream(connection, provider, name, now) for name in names]


def _stream(
    connection: Connection, provider: Provider | None, name: str, now: datetime
) -> StreamView:
    stream = connection.streams.get(name, NEW)
    word = condition.of_stream(connection, provider, name, now)
    failures = condition.failures_of(connection, name)
    return StreamView(
        stream=name,
        version=stream.version,
        rows=stream.rows,
        captured_at=stream.captured_at,
        cause=condition.cause_of(connection, name),
        message=condition.message_of(connection, name) or None,
        failed_days=list(stream.failed_days),
        condition=word,
        overall=condition.overall(word, failures),
        consecutive_failures=failures,
        last_failure=stream.failed_at,
        last_check=checked_at(stream),
        held=stream.held.version if stream.held else None,
    )


def state(
    connection: Connection, start: datetime | None, held: Held | None, turn: Turn, now: datetime
) -> str:
    if connection.run:
        return "running"
    if connection.paused:
        return "paused"
    if connection.grant.phase is Phase.NEEDED:
        return "unauthorised"
    if start is not None and start <= now:
        return "due"
    return "held" if hindrance.is_late(held, turn, now) else "idle"


def running(desk: Desk, subject: int) -> RunView | None:
    run = desk.journal.world.connections[subject].run
    if run is None:
        return None
    progress = desk.progress(subject)
    return RunView(
        sync=run.sync,
        kind=run.kind,
        started=run.started,
        stream=progress.stream if progress else "",
        pages=progress.pages if progress else _nothing(desk),
        records=progress.records if progress else _nothing(desk),
    )


def _nothing(desk: Desk) -> int | None:
    """How far what has no progress has come: it has yet to begin, or nobody knows any more."""
    return 0 if desk.live else None


def queued(desk: Desk, subject: int, now: datetime) -> QueueItem | None:
    """Its place in the queue; none where nothing is to come, or people paused it."""
    world = desk.journal.world
    known, (start, held) = world.connections[subject], hindrance.outlook(world, subject, now)
    run = known.run
    if known.removed or not (run or start or (held and held.why not in hindrance.SET_ASIDE)):
        return None
    turn = turn_of(world, subject, now)
    progress = desk.progress(subject)
    return QueueItem(
        connection=desk.vault.name(subject),
        status="processing" if run else "pending",
        kind=run.kind if run else turn.kind,
        priority=run.priority if run else turn.priority,
        due=run.due if run else turn.due,
        sync=run.sync if run else None,
        records=progress.records if progress else _nothing(desk) if run else 0,
        attempt=run.attempt if run else turn.attempt,
        next_start=start,
        held_by=held.why if held else None,
        held_until=held.until if held else None,
    )


def order(item: QueueItem, now: datetime) -> tuple[int, int, datetime]:
    """What runs; what is due, by priority (requests before all); what comes, by time; the rest."""
    if item.status == "processing":
        return (0, 0, item.due)
    if item.next_start is None:
        return (3, 0, item.due)
    if item.next_start <= now:
        return (1, 0 if item.kind is Kind.MANUAL else item.priority, item.due)
    return (COMES, 0, item.next_start)
