"""How would a connection do, had its state gone back to what it was?

What would be recorded is folded, and recorded nowhere.
"""

from datetime import datetime

from msgspec.structs import replace

from daemon.commands import FinishRollback
from daemon.decide import restoring
from events.envelope import Recorded
from events.terms import RollbackScope
from events.versions import RolledBack
from projections import connection as connections
from projections.connection import Connection
from projections.world import World

LATEST = 1.0  # a retry's delay is drawn when it goes back: until then, the longest one


def world_of(subject: int, was: Connection, world: World, now: datetime) -> World:
    """All that is true, but for that connection, which does as it `was`."""
    known = world.connections[subject]
    command = FinishRollback(
        subject=subject,
        started=world.seq,
        to=world.seq,
        scope=RollbackScope.STATE,
        was=was,
        jitter=LATEST,
    )
    back = RolledBack(
        to=command.to,
        scope=command.scope,
        started=command.started,
        state=restoring.state_of(was, [*known.streams]),
    )
    decided = [(subject, back), *restoring.following(command, was, world, now)]
    for seq, (_, event) in enumerate(decided, world.seq + 1):
        known = connections.evolve(known, Recorded(seq=seq, at=now, subject=subject, event=event))
    return replace(world, connections={**world.connections, subject: known})
