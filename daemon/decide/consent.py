"""What follows when a tenant consents to detailed monitoring, or does not any more?"""

from typing import assert_never

from daemon.commands.consent import ConsentCommand, GrantConsent, SetMonitoring, WithdrawConsent
from daemon.decide.decisions import Decisions
from events.consent import ConsentGranted, ConsentWithdrawn, MonitoringSet
from events.schema import FLEET
from projections.world import World


def decide(command: ConsentCommand, world: World) -> Decisions:
    match command:
        case SetMonitoring(consent=consent):
            return (
                [] if consent == world.fleet.consent else [(FLEET, MonitoringSet(consent=consent))]
            )
        case GrantConsent(subject=subject, words=words, by=by):
            if not may_say(world, subject, granted=True):
                return []
            return [(subject, ConsentGranted(words=words, by=by))]
        case WithdrawConsent(subject=subject, words=words, by=by):
            if not may_say(world, subject, granted=False):
                return []
            return [(subject, ConsentWithdrawn(words=words, by=by))]
        case _:
            assert_never(command)


def may_say(world: World, tenant: int, *, granted: bool) -> bool:
    """Whether that is news: nobody says again what holds already."""
    known = world.tenants.get(tenant)
    said = known.consent if known else None
    return known is not None and (said is None or said.granted != granted)
