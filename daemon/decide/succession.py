"""Which connection of a tenant goes next, and how does one come forward?"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from daemon.commands import Advance
from daemon.decide import hindrance, quiet, rotation
from daemon.decide.decisions import Decisions
from daemon.decide.outcome import stands_for_due
from daemon.decide.turn import place, rank
from events.schema import SyncScheduled
from events.terms import ScheduleReason
from projections import policy
from projections.grant import Phase
from projections.world import World


class Next(Struct, frozen=True, kw_only=True):
    """Who goes next, and when at the earliest.

    Where nothing is to come but what follows a sync that `runs`, it is that one's next turn; None
    where it may have none as things are.
    """

    subject: int
    at: datetime | None
    runs: bool = False


def next_of(world: World, subjects: Iterable[int], now: datetime) -> Next | None:
    """Of what is due now the first by its rank, else the earliest (requirement A2).

    Ties go by the tenant's order of providers. What may not start is not next, and what runs only
    where nothing else is.
    """
    subjects = tuple(subjects)
    starts = [(hindrance.start(world, subject, now), subject) for subject in subjects]
    coming = [(at, subject) for at, subject in starts if at is not None]
    due = [(rank(world, subject, now), at, subject) for at, subject in coming if at <= now]
    if due:
        _, at, subject = min(due)
        return Next(subject=subject, at=at)
    if not coming:
        return _running(world, subjects, now)
    at, _, subject = min((at, place(world, subject), subject) for at, subject in coming)
    return Next(subject=subject, at=at)


def _running(world: World, subjects: Iterable[int], now: datetime) -> Next | None:
    """Of what runs the one whose next turn comes first."""
    running = [subject for subject in subjects if world.connections[subject].run]
    found = [(_after(world, subject, now), place(world, subject), subject) for subject in running]
    at, _, subject = min(
        found, key=lambda each: (each[0] is None, each[0] or now, *each[1:]), default=(None, 0, 0)
    )
    return Next(subject=subject, at=at, runs=True) if found else None


def _after(world: World, subject: int, now: datetime) -> datetime | None:
    """When the turn after the one that runs would come, if that ended now; None for none."""
    known, rules = world.connections[subject], policy.of_connection(world, subject)
    if known.run is None or known.paused or known.removed or not rules.enabled:
        return None
    planned = rotation.next_due(subject, world, now) if stands_for_due(known.run) else []
    turns = [event.due for _, event in planned if isinstance(event, SyncScheduled)]
    at = turns[0] if turns else known.schedule.due
    return (quiet.ends(rules, max(at, now)) or at) if at else None


def advance(command: Advance, world: World, now: datetime) -> Decisions:
    """Its turn is due now, and heeds what turns heed; nothing where it is due already."""
    subject, known = command.subject, world.connections.get(command.subject)
    if known is None or known.removed or known.paused or known.grant.phase is Phase.NEEDED:
        return []
    if known.schedule.due is not None and known.schedule.due <= now:
        return []
    asked = SyncScheduled(due=now, reason=ScheduleReason.ASKED, by=command.by)
    return [(subject, asked)]
