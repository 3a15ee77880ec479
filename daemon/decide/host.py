"""What follows when a process starts, and when its settings are other ones?"""

from daemon.commands import DeclareProvider, NoteVaultKey, Recover, SetPolicy
from daemon.decide.outcome import Decisions, interrupted
from events.schema import FLEET, DaemonStarted, VaultKeyRotated
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


def note_vault_key(command: NoteVaultKey, world: World) -> Decisions:
    """A life that died between a rotation and this leaves it to the next one."""
    if command.version == world.fleet.vault_key:
        return []
    rotated = VaultKeyRotated(version=command.version, sealed=command.sealed, by=command.by)
    return [(FLEET, rotated)]


def declare(command: DeclareProvider, world: World) -> Decisions:
    known = world.providers.get(command.subject)
    if known is not None and known.digest == command.declaration.digest:
        return []
    return [(command.subject, command.declaration)]
