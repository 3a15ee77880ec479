"""May details be kept of this tenant?"""

from events.consent import Believed
from projections.world import World


def monitored(world: World, tenant: int) -> bool:
    """What the tenant said last; of one who said nothing what the configuration believes.

    Whoever keeps more of a tenant than syncing goes by asks this first, each time.
    """
    known = world.tenants.get(tenant)
    if known is None or known.consent is None:
        return world.fleet.consent is Believed.ASSUMED
    return known.consent.granted


def of_connection(world: World, subject: int) -> bool:
    """The same, of the tenant whose connection that is."""
    return monitored(world, world.connections[subject].tenant)
