"""Which connection of a tenant goes next, and how does one come forward?"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from daemon.commands import Advance
from daemon.decide import hindrance
from daemon.decide.decisions import Decisions
from daemon.decide.turn import place, rank
from events.schema import SyncScheduled
from events.terms import ScheduleReason
from projections.grant import Phase
from projections.world import World


class Next(Struct, frozen=True, kw_only=True):
    """Who goes next, and when at the earliest."""

    subject: int
    at: datetime


def next_of(world: World, subjects: Iterable[int], now: datetime) -> Next | None:
    """Of what is due now the first by its rank, else the earliest (requirement A2).

    Ties go by the tenant's order of providers. What runs is not next, nor what may not start.
    """
    starts = [(hindrance.start(world, subject, now), subject) for subject in subjects]
    coming = [(at, subject) for at, subject in starts if at is not None]
    due = [(rank(world, subject, now), at, subject) for at, subject in coming if at <= now]
    if due:
        _, at, subject = min(due)
        return Next(subject=subject, at=at)
    if not coming:
        return None
    at, _, subject = min((at, place(world, subject), subject) for at, subject in coming)
    return Next(subject=subject, at=at)


def advance(command: Advance, world: World, now: datetime) -> Decisions:
    """Its turn is due now, and heeds what turns heed; nothing where it is due already."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed or known.paused or known.grant.phase is Phase.NEEDED:
        return []
    if known.schedule.due is not None and known.schedule.due <= now:
        return []
    asked = SyncScheduled(due=now, reason=ScheduleReason.ASKED, by=command.by)
    return [(subject, asked)]
