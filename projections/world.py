"""What is true now? Every slice by subject, and the one place where an event is folded into them.

The journal alone calls `fold`, which replaces slices in these maps in place: a copy a event would
make each event cost what the fleet costs. The slices themselves never change.
"""

from datetime import datetime

from msgspec import Struct, field

from events.envelope import Recorded
from events.schema import (
    FLEET,
    ActorCrashed,
    AllowanceRecounted,
    AllowanceTaken,
    AuthorisationBegun,
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    CallFailed,
    ConnectionAdded,
    ConnectionAuthorised,
    ConnectionRemoved,
    LimitAdapted,
    LimitHeld,
    ProviderClientSet,
    ProviderDeclared,
    RecordsCaptured,
    RecordsRefused,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
)
from projections import connection, fleet, provider, tenant
from projections.connection import Connection
from projections.fleet import Fleet
from projections.provider import Provider
from projections.tenant import Tenant


class World(Struct, kw_only=True):
    """All state, as of event `seq`, recorded at `at`."""

    seq: int = 0
    at: datetime | None = None
    fleet: Fleet = Fleet()
    connections: dict[int, Connection] = field(default_factory=dict)
    providers: dict[int, Provider] = field(default_factory=dict)
    tenants: dict[int, Tenant] = field(default_factory=dict)


CONCERNS_CONNECTION_ALONE = frozenset(
    {
        RecordsCaptured,
        RecordsRefused,
        SyncScheduled,
        SyncRequested,
        SyncSkipped,
        CallFailed,
        AllowanceTaken,
        AllowanceRecounted,
        LimitHeld,
        LimitAdapted,
        ActorCrashed,
        AuthorisationBegun,
        ConnectionAuthorised,
        BackfillRequested,
        BackfillAdvanced,
        BackfillEnded,
    }
)
"""What no slice above the connection's reads: folding it there would change nothing."""


def fold(world: World, recorded: Recorded) -> None:
    """Fold one event, the next one, into its subject's slice and those above it."""
    assert recorded.seq == world.seq + 1, "a world is folded in the order of the log"
    world.seq = recorded.seq
    world.at = recorded.at
    subject, event = recorded.subject, recorded.event
    slice_ = world.connections.get(subject)
    if slice_ is not None:
        world.connections[subject] = connection.evolve(slice_, recorded)
        if type(event) in CONCERNS_CONNECTION_ALONE:
            return
        if isinstance(event, (ConnectionAdded, ConnectionRemoved)):
            _fold_above(world, world.connections[subject], recorded)
    elif isinstance(event, ConnectionAdded):
        world.connections[subject] = connection.added(event)
        _fold_above(world, world.connections[subject], recorded)
    elif subject in world.providers or isinstance(event, ProviderDeclared | ProviderClientSet):
        before = world.providers.get(subject, Provider())
        world.providers[subject] = provider.evolve(before, recorded)
    else:
        assert subject == FLEET, f"event {recorded.seq} speaks of {subject}, which is not known"
    world.fleet = fleet.evolve(world.fleet, recorded)


def _fold_above(world: World, slice_: Connection, recorded: Recorded) -> None:
    before = world.providers.get(slice_.provider, Provider())
    world.providers[slice_.provider] = provider.evolve(before, recorded)
    above = world.tenants.get(slice_.tenant, Tenant())
    world.tenants[slice_.tenant] = tenant.evolve(above, recorded)
