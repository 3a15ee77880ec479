"""May a connection go back to what it was, what differs, and what follows from having done so?

Its data goes back as a whole, records and cursor together, and leaves its turns where they are. Its
state goes back without what it counts; from that the next start is decided anew, from now: its
turns on the grid that they had then, and a retry that was pending then after its delay. What a
person asked for, what the provider asked for (a wait), and what is left of a backfill stay as they
are. While it goes back nothing of it syncs, and nobody else waits.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.commands import AbandonRestore, BeginRollback, FinishRollback
from daemon.decide import capturing, retry, rotation
from daemon.decide.decisions import Decisions
from events.schema import RetryScheduled, SyncScheduled
from events.terms import (
    FailureClass,
    RestoreEnd,
    RetriesEnd,
    RollbackScope,
    ScheduleReason,
)
from events.versions import (
    BreakerRestored,
    EndingRestored,
    RestoreAbandoned,
    RollbackStarted,
    RolledBack,
    StateRestored,
    StreamRestored,
    StreamStateRestored,
)
from projections import policy
from projections.connection import Connection
from projections.schedule import NO_SPREAD
from projections.streams import NEW, Stream, is_kept
from projections.world import World


class Obstacle(StrEnum):
    GONE = "gone"
    SYNCING = "syncing"
    RESTORING = "restoring"
    PRUNED = "pruned"


def obstacle(subject: int, versions: Mapping[str, int], world: World) -> Obstacle | None:
    """What keeps a connection from going back to these versions now."""
    known = world.connections.get(subject)
    if known is None or known.removed:
        return Obstacle.GONE
    if known.restoring is not None:
        return Obstacle.RESTORING
    if known.run is not None:
        return Obstacle.SYNCING
    return Obstacle.PRUNED if pruned(known, versions) else None


def pruned(known: Connection, versions: Mapping[str, int]) -> list[str]:
    """The streams of which that version is not kept any more."""
    return [
        name
        for name, version in versions.items()
        if not is_kept(known.streams.get(name, NEW), version)
    ]


def differing(known: Connection, was: Connection, wanted: Collection[str]) -> dict[str, Stream]:
    """What each of the `wanted` streams (empty: all) was then, where its data is not that now."""
    found = {
        name: was.streams.get(name, NEW) for name in known.streams if not wanted or name in wanted
    }
    return {
        name: then
        for name, then in found.items()
        if then.version != known.streams[name].version
        and _content(then) != _content(known.streams[name])
    }


def state_of(known: Connection, streams: Collection[str]) -> StateRestored:
    """What of a connection's state can go back: nothing that is counted, or under way."""
    stop, last = known.breaker, known.last
    return StateRestored(
        consecutive_failures=known.health.consecutive_failures,
        crashes=known.crashes,
        breaker=BreakerRestored(
            reason=stop.reason,
            until=stop.until,
            since=stop.since,
            event=stop.event,
            opened=stop.opened,
            successes=stop.successes,
            outcomes=tuple(each.causes for each in stop.outcomes),
        ),
        last=EndingRestored(
            seq=last.seq,
            at=last.at,
            word=last.word,
            cause=last.cause,
            message=last.message,
            whole=last.whole,
            waited=last.waited,
        )
        if last
        else None,
        streams=tuple(_stream_state(name, known.streams.get(name, NEW)) for name in streams),
    )


def is_as_then(known: Connection, was: Connection) -> bool:
    """Whether its state is what it was: streak, breaker, last sync, and whether a retry waits."""
    pending, then = known.schedule.retry, was.schedule.retry
    same = (pending and pending.attempt) == (then and then.attempt)
    return same and state_of(known, [*known.streams]) == state_of(was, [*known.streams])


def ends_held(known: Connection, versions: Collection[str]) -> list[str]:
    """Of which of these streams, had they gone back, what is held could not be taken over then."""
    return [
        name
        for name in versions
        if (there := known.streams[name]).held and capturing.is_in_time(there, there.held)
    ]


def differing_state(known: Connection, was: Connection) -> list[str]:
    """The streams that did otherwise then."""
    return [
        name
        for name, stream in known.streams.items()
        if _stream_state(name, stream) != _stream_state(name, was.streams.get(name, NEW))
    ]


def begin(command: BeginRollback, world: World) -> Decisions:
    if obstacle(command.subject, command.versions, world):
        return []
    begun = RollbackStarted(
        to=command.to, scope=command.scope, streams=tuple(command.versions), by=command.by
    )
    return [(command.subject, begun)]


def finish(command: FinishRollback, world: World, now: datetime) -> Decisions:
    """What was begun is done. Where it was given up meanwhile, it is not."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.restoring != command.started:
        return []
    was = command.was
    back = RolledBack(
        to=command.to,
        scope=command.scope,
        started=command.started,
        streams=command.streams,
        state=state_of(was, [*known.streams]) if was else None,
        by=command.by,
    )
    if was is None:
        return [(subject, back)]
    assert command.scope is RollbackScope.STATE, "only its state goes back with how it had done"
    return [(subject, back), *following(command, was, world, now)]


def following(command: FinishRollback, was: Connection, world: World, now: datetime) -> Decisions:
    """When it starts next, decided anew."""
    return [
        *_planned(command.subject, was, world, now),
        *_retried(command, was, world, now),
    ]


def abandon(command: AbandonRestore, world: World) -> Decisions:
    known = world.connections.get(command.subject)
    if known is None or known.restoring != command.started:
        return []
    return abandoned(command.subject, known, command.reason)


def abandoned(subject: int, known: Connection, reason: RestoreEnd) -> Decisions:
    """Give up what a connection does instead of syncing, if it does anything."""
    if known.restoring is None:
        return []
    return [(subject, RestoreAbandoned(started=known.restoring, reason=reason))]


def restored(name: str, was: Stream, digest: str, **counts: int) -> StreamRestored:
    """What of a stream goes back with its records, which `digest` and `counts` speak of."""
    return StreamRestored(
        stream=name,
        of=was.version,
        rows=was.rows,
        digest=digest,
        captured_at=was.captured_at,
        newest_day=was.newest_day,
        failed_days=was.failed_days,
        **counts,
    )


def _content(stream: Stream) -> tuple[object, ...]:
    """What tells two versions apart of which one was put together from the other."""
    return (
        stream.digest if stream.rows else "",
        stream.rows,
        stream.captured_at,
        stream.newest_day,
        stream.failed_days,
    )


def _stream_state(name: str, stream: Stream) -> StreamStateRestored:
    return StreamStateRestored(
        stream=name,
        failures=stream.failures,
        failed_in=stream.failed_in,
        failed_at=stream.failed_at,
        failure=stream.failure,
        empty=stream.empty,
        doubt=stream.doubt,
    )


def _planned(subject: int, was: Connection, world: World, now: datetime) -> Decisions:
    """Its turns where they were then, stepped past now; none within what the provider asked for."""
    plan = was.schedule
    if plan.due is None:
        return []
    rules, intervals = policy.of_connection(world, subject), rotation.own_intervals(world, subject)
    earliest = rotation.waits_until(world.connections[subject].schedule, now)
    streams = {
        name: max(earliest, _stepped(plan.streams.get(name, plan.due), interval, now))
        for name, interval in intervals.items()
    }
    due = max(earliest, _stepped(plan.due, policy.longest(rules), now))
    anew = SyncScheduled(
        due=min(streams.values(), default=due),
        reason=ScheduleReason.ROLLED_BACK,
        spread=NO_SPREAD if streams else plan.spread,
        streams=streams,
    )
    return [(subject, anew)]


def _stepped(due: datetime, interval: timedelta, now: datetime) -> datetime:
    """The first turn of that grid after now."""
    return due + ((now - due) // interval + 1) * interval


def _retried(command: FinishRollback, was: Connection, world: World, now: datetime) -> Decisions:
    """What waited for its retry then waits for it again, if settings still allow that."""
    subject, known = command.subject, world.connections[command.subject]
    then, rules = was.schedule.retry, policy.of_connection(world, subject)
    if then is None or not rules.failover_enabled or then.attempt > rules.max_retry_attempts:
        return retry.ended(subject, known, command.by, RetriesEnd.ROLLED_BACK)
    delay = retry.backoff(rules, then.attempt)
    drawn = command.jitter * delay if rules.retry_jitter else delay
    again = RetryScheduled(
        due=max(now + drawn, rotation.waits_until(known.schedule, now)),
        attempt=then.attempt,
        cause=_cause(was),
        priority=then.priority,
        delay=delay,
        jitter=command.jitter if rules.retry_jitter else None,
        streams=then.streams,
        options=then.options,
    )
    return [(subject, again)]


def _cause(was: Connection) -> FailureClass:
    """Why something waited to be tried again."""
    causes = [was.last.cause if was.last else None]
    causes += [each.failure.cause for each in was.streams.values() if each.failure]
    return next((each for each in causes if each), FailureClass.INTERNAL)
