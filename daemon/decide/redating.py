"""What of the writes that wait is dated by the wall clock, and goes back with it?"""

from datetime import timedelta

from msgspec.structs import replace

from daemon.decide import outbox
from daemon.decide.decisions import Decisions
from events.outbox import WriteRedated
from projections.outbox import Phase, Write
from projections.world import World


def reviewed(subject: int, world: World, by: timedelta) -> Decisions:
    """Rests go back with the clock, and so does until when a provider knows a key.

    Else a write could be sent again with a key for longer than that, by the step.
    """
    if by > timedelta(0):
        return []
    return [
        decided
        for each in world.outboxes.get(subject, ())
        if each.phase is not Phase.IN_DOUBT
        for decided in _moved(subject, each, by)
    ]


def _moved(subject: int, write: Write, by: timedelta) -> Decisions:
    if write.phase is Phase.QUEUED and write.due is not None:
        deferred = replace(
            outbox.stays(write, write.due + by, over_limit=write.over_limit),
            known_until=write.known_until + by if write.doubted and write.known_until else None,
            soonest=write.soonest + by if write.soonest else None,
        )
        return [(subject, deferred)]
    if write.known_until is None:
        return []
    return [(subject, WriteRedated(write=write.number, known_until=write.known_until + by))]
