"""How many connections does one tenant have, and what have its programs called of late?"""

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.gateway import CallerAllowanceTaken
from events.limits import AllowanceRecounted
from events.schema import ConnectionAdded, ConnectionRemoved
from projections import callers
from projections.callers import Callers


class Tenant(Struct, frozen=True, kw_only=True):
    connections: int = 0
    callers: Callers = ()


def evolve(tenant: Tenant, recorded: Recorded) -> Tenant:
    """Fold an event of the tenant's own, or of one of its connections."""
    match recorded.event:
        case ConnectionAdded():
            return replace(tenant, connections=tenant.connections + 1)
        case ConnectionRemoved():
            return replace(tenant, connections=tenant.connections - 1)
        case CallerAllowanceTaken() | AllowanceRecounted():
            return replace(tenant, callers=callers.evolve(tenant.callers, recorded))
        case _:
            return tenant
