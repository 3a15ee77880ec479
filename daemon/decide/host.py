"""What follows when a process starts, and when its settings are other ones?"""

from datetime import datetime

from daemon.commands import DeclareProvider, FillPass, NoteVaultKey, Recover, SetPolicy
from daemon.decide import outbox, passes, restoring
from daemon.decide.decisions import Decisions
from daemon.decide.doubt import RETRY
from daemon.decide.outcome import interrupted
from events.schema import (
    FLEET,
    AuthorisationWaived,
    DaemonStarted,
    RenewalScheduled,
    VaultKeyRotated,
)
from events.terms import InterruptReason, RestoreEnd
from projections import under
from projections.grant import Phase
from projections.world import World


def recover(command: Recover, world: World, now: datetime) -> Decisions:
    """Every sync that was running when the last life ended has been interrupted.

    So has every write that was under way. A rollback, or an acceptance, that did not come to its
    end has changed nothing.
    """
    open_runs = [
        event
        for subject in sorted(world.fleet.running)
        if (run := world.connections[subject].run)
        for event in interrupted(subject, run, InterruptReason.DIED, world)
    ]
    closed = [*open_runs, *_abandoned(world), *outbox.recovered(world, now)]
    return [*closed, (FLEET, DaemonStarted(version=command.version)), *_filled(world)]


def _abandoned(world: World) -> Decisions:
    return [
        event
        for subject in sorted(world.fleet.restoring)
        for event in restoring.abandoned(subject, world.connections[subject], RestoreEnd.DIED)
    ]


def _filled(world: World) -> Decisions:
    """A pass whose requests were cut short by the last life's end is as large as it came to be."""
    numbers = [each.number for each in world.fleet.passes if each.number is not None]
    return [event for number in numbers for event in passes.fill(FillPass(number=number), world)]


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


def declare(command: DeclareProvider, world: World, now: datetime) -> Decisions:
    known = world.providers.get(command.subject)
    new = command.declaration
    if known is not None and (known.digest, known.limits, known.streams) == (
        new.digest,
        new.limits,
        new.streams,
    ):
        return []  # the same file, and read by a version that knew its limits and guards
    return [(command.subject, command.declaration), *_followed(command, world, now)]


def _followed(command: DeclareProvider, world: World, now: datetime) -> Decisions:
    """What another way to authorise means for the grants that there are."""
    policy = command.declaration.grant
    person = policy is not None and policy.person
    decided: Decisions = []
    for subject in under.connections(world.under, command.subject):
        known = world.connections[subject]
        if not person and known.grant.phase is Phase.NEEDED:  # nobody is waited for any more
            decided.append((subject, AuthorisationWaived()))
        if person and known.grant.phase is Phase.IN_DOUBT and known.grant.renew_by is None:
            decided.append((subject, RenewalScheduled(renew_by=now + RETRY)))
    return decided
