"""What follows when a connection is moved to another provider, and what keeps it from being moved?

Its past, its counters and what people set for it stay. Consent cannot be moved: a person gives it
anew, and what was asked for, waited or failed at the provider before has come to its end.
"""

from datetime import datetime
from enum import StrEnum

from daemon.commands import Relink
from daemon.decide import capturing, outbox, retry, vain
from daemon.decide.days import ended
from daemon.decide.decisions import Decisions
from daemon.decide.tokens import needs_person
from events.schema import (
    AuthorisationNeeded,
    ConnectionRelinked,
    CredentialSet,
    SyncScheduled,
    SyncSkipped,
)
from events.terms import BackfillEnd, NeedReason, ScheduleReason, SkipReason
from projections.connection import Connection
from projections.grant import Phase as GrantPhase
from projections.outbox import Phase
from projections.world import World


class Obstacle(StrEnum):
    SAME = "same"
    SYNCING = "syncing"
    WRITING = "writing"
    RENEWING = "renewing"
    RESTORING = "restoring"


def obstacle(subject: int, provider: int, world: World) -> Obstacle | None:
    """What keeps this connection from being moved there now."""
    known = world.connections[subject]
    if known.provider == provider:
        return Obstacle.SAME
    if known.run:
        return Obstacle.SYNCING
    if known.restoring:
        return Obstacle.RESTORING
    if any(each.phase is Phase.UNDER_WAY for each in world.outboxes.get(subject, ())):
        return Obstacle.WRITING
    return Obstacle.RENEWING if known.grant.phase is GrantPhase.REFRESHING else None


def relink(command: Relink, world: World, now: datetime) -> Decisions:
    """It begins anew at the other provider: due at once, or once a person has authorised it."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed or command.provider not in world.providers:
        return []
    if obstacle(subject, command.provider, world):
        return []
    moved = ConnectionRelinked(provider=command.provider, before=known.provider, by=command.by)
    wishes = (("credential", command.credential), ("settings", command.settings))
    person = needs_person(world, command.provider)
    need = AuthorisationNeeded(reason=NeedReason.NEW, generation=known.grant.generation)
    return [
        *([] if person else vain.skipped(subject, known, SkipReason.RELINKED)),
        *_overdue(subject, known, now),
        *retry.ended(subject, known, command.by),
        *ended(subject, known, BackfillEnd.CANCELLED, command.by),
        *outbox.dropped(subject, world, command.by),
        *capturing.dropped(subject, known, command.by),
        (subject, moved),
        *((subject, CredentialSet(purpose=each, by=command.by)) for each, new in wishes if new),
        *([(subject, need)] if person else []),  # for which what was requested is skipped
        (subject, SyncScheduled(due=now, reason=ScheduleReason.RELINKED)),
    ]


def _overdue(subject: int, known: Connection, now: datetime) -> Decisions:
    """The scheduled sync that waited for a place, a breaker, or a person."""
    due = known.schedule.due
    if due is None or due > now:
        return []
    return [(subject, SyncSkipped(reason=SkipReason.RELINKED, due=due))]
