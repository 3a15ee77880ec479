"""What was true of one connection, by its own events alone?

Its past is cheap: the log finds its events by its number, and no other event is needed. Nothing
else of the World is there: not its provider, not its tenant, not the fleet, nor who is under whom.
"""

from events.envelope import Recorded
from events.schema import ConnectionAdded
from projections import connection, issues, outbox, settings
from projections.settings import Scope
from projections.world import OF_ISSUES, OF_OUTBOX, OF_SIGNS, SETTINGS, World, fold_signs


def fold(world: World, recorded: Recorded) -> None:
    """Fold the connection's next event, of whatever number."""
    assert recorded.seq > world.seq, "a world is folded in the order of the log"
    world.seq, world.at = recorded.seq, recorded.at
    subject, event = recorded.subject, recorded.event
    if type(event) in SETTINGS:
        world.scopes[subject] = settings.evolve(world.scopes.get(subject, Scope()), recorded)
    elif type(event) in OF_OUTBOX:
        before = world.outboxes.pop(subject, ())
        after = outbox.evolve(before, recorded)
        world.outbox_bytes += outbox.size(after) - outbox.size(before)
        if after:
            world.outboxes[subject] = after
    elif type(event) in OF_ISSUES:
        known = world.issues.get(subject, issues.NOTHING)
        world.issues[subject] = issues.evolve(known, recorded)
    elif subject in world.connections:
        world.connections[subject] = connection.evolve(world.connections[subject], recorded)
    else:
        assert isinstance(event, ConnectionAdded), f"event {recorded.seq} comes before it is known"
        world.connections[subject] = connection.added(event)
    if type(event) in OF_SIGNS:
        fold_signs(world, recorded)
