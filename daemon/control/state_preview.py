"""What would going back change in how a connection does?"""

from collections.abc import Collection
from datetime import datetime

from daemon.control.desk import Desk
from daemon.control.rollback_messages import LastSync, StatePreview, StateView, StreamState
from daemon.decide import condition, foreseen, hindrance, restoring
from projections.connection import Connection
from projections.ending import Ending
from projections.streams import NEW
from projections.world import World


def of(desk: Desk, subject: int, was: Connection) -> StatePreview:
    world, now = desk.journal.world, desk.journal.clock.now()
    known = world.connections[subject]
    names = restoring.differing_state(known, was)
    then = foreseen.world_of(subject, was, world, now)
    return StatePreview(
        differs=not restoring.is_as_then(known, was),
        before=_view(world, subject, names, now),
        after=_view(then, subject, names, now),
    )


def _view(world: World, subject: int, names: Collection[str], now: datetime) -> StateView:
    known = world.connections[subject]
    at, stop, retry = world.providers.get(known.provider), known.breaker, known.schedule.retry
    return StateView(
        condition=condition.of_connection(known, at, now),
        failures=known.health.consecutive_failures,
        crashes=known.crashes,
        breaker=stop.reason.value if stop.reason else "closed",
        breaker_until=stop.until if stop.reason else None,
        outcomes=len(stop.outcomes),
        retry=retry.attempt if retry else 0,
        last=_last(known.last),
        next_start=hindrance.start(world, subject, now),
        streams={name: _stream(world, subject, name, now) for name in names},
    )


def _stream(world: World, subject: int, name: str, now: datetime) -> StreamState:
    known = world.connections[subject]
    stream = known.streams.get(name, NEW)
    return StreamState(
        condition=condition.of_stream(known, world.providers.get(known.provider), name, now),
        failures=stream.failures,
        failed_at=stream.failed_at,
        cause=stream.failure.cause if stream.failure else None,
        doubt=stream.doubt,
        empty=stream.empty,
    )


def _last(last: Ending | None) -> LastSync | None:
    if last is None:
        return None
    return LastSync(event=last.seq, at=last.at, word=last.word, cause=last.cause)
