"""What is declared of one provider, and how many connections does it have?"""

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.limits import (
    AllowanceRecounted,
    AllowanceTaken,
    LimitAdapted,
    LimitHeld,
    LimitPolicy,
)
from events.schema import ConnectionAdded, ConnectionRemoved, ProviderDeclared
from events.terms import GrantPolicy, StreamPolicy
from projections import allowance
from projections.allowance import Allowance


class Provider(Struct, frozen=True, kw_only=True):
    name: str = ""
    digest: str = ""
    streams: tuple[StreamPolicy, ...] = ()
    grant: GrantPolicy | None = None
    connections: int = 0
    limits: tuple[LimitPolicy, ...] = ()
    allowance: Allowance = Allowance()


def evolve(provider: Provider, recorded: Recorded) -> Provider:
    match recorded.event:
        case ProviderDeclared(
            name=name, digest=digest, streams=streams, grant=grant, limits=limits
        ):
            return replace(
                provider, name=name, digest=digest, streams=streams, grant=grant, limits=limits
            )
        case AllowanceTaken() | AllowanceRecounted() | LimitHeld() | LimitAdapted():
            return replace(provider, allowance=allowance.evolve(provider.allowance, recorded))
        case ConnectionAdded():
            return replace(provider, connections=provider.connections + 1)
        case ConnectionRemoved():
            return replace(provider, connections=provider.connections - 1)
        case _:
            return provider


def stream(provider: Provider, name: str) -> StreamPolicy | None:
    """The stream's policy, or None where the provider's file no longer declares it."""
    return next((policy for policy in provider.streams if policy.name == name), None)
