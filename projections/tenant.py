"""How many connections does one tenant have?"""

from msgspec import Struct

from events.envelope import Recorded
from events.schema import ConnectionAdded, ConnectionRemoved


class Tenant(Struct, frozen=True, kw_only=True):
    connections: int = 0


def evolve(tenant: Tenant, recorded: Recorded) -> Tenant:
    match recorded.event:
        case ConnectionAdded():
            return Tenant(connections=tenant.connections + 1)
        case ConnectionRemoved():
            return Tenant(connections=tenant.connections - 1)
        case _:
            return tenant
