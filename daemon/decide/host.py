"""What follows when a process starts, and when its settings are other ones?"""

from daemon.commands import DeclareProvider, Recover, SetPolicy
from daemon.decide.outcome import Decisions, interrupted
from events.schema import FLEET, DaemonStarted
from events.terms import InterruptReason
from projections.world import World


def recover(command: Recover, world: World) -> Decisions:
    """Every sync that was running when the last life ended has been interrupted."""
    open_runs = [
        (subject, interrupted(known, known.run, InterruptReason.DIED))
        for subject in sorted(world.fleet.running)
        if (known := world.connections[subject]).run
    ]
    return [*open_runs, (FLEET, DaemonStarted(version=command.version))]


def set_policy(command: SetPolicy, world: World) -> Decisions:
    if command.policy == world.fleet.policy:
        return []
    return [(FLEET, command.policy)]


def declare(command: DeclareProvider, world: World) -> Decisions:
    known = world.providers.get(command.subject)
    if known is not None and known.digest == command.declaration.digest:
        return []
    return [(command.subject, command.declaration)]
