"""What is true now? Every slice by subject, and the one place where an event is folded into them.

The journal alone calls `fold`, which replaces slices in these maps in place: a copy a event would
make each event cost what the fleet costs. The slices themselves never change.
"""

from datetime import datetime
from typing import get_args

from msgspec import Struct, field

from events.envelope import Recorded
from events.issues import DriftJudged, IssueEvent
from events.outbox import OutboxEvent
from events.schema import (
    FLEET,
    ActorCrashed,
    AllowanceRecounted,
    AllowanceTaken,
    AuthorisationBegun,
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    CallFailed,
    CallMade,
    ConnectionAdded,
    ConnectionAuthorised,
    ConnectionRelinked,
    ConnectionRemoved,
    LimitAdapted,
    LimitHeld,
    ProviderClientSet,
    ProviderDeclared,
    RecordsCaptured,
    RecordsRefused,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
    SettingsDeclared,
    SettingsReset,
    SettingsSet,
    SyncCancelled,
    SyncDeferred,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.sources import SourceAdded, SourceEvent, SourceRemoved
from events.versions import QuarantineDropped, RecordsQuarantined, RolledBack, VersionsPruned
from projections import (
    connection,
    fleet,
    issues,
    outbox,
    provider,
    reported,
    settings,
    signs,
    tenant,
    under,
)
from projections.connection import Connection
from projections.fleet import Fleet
from projections.issues import Issues
from projections.outbox import Outbox
from projections.provider import Provider
from projections.reported import Source
from projections.settings import Scope
from projections.signs import Signs
from projections.tenant import Tenant
from projections.under import Under


class World(Struct, kw_only=True):
    """All state, as of event `seq`, recorded at `at`.

    `outboxes` has the connections alone whose writes wait, `outbox_bytes` is how much these hold;
    `issues` has those alone with which anything is, or was, wrong.
    `under` follows from `connections`: those that live, by whose they are.
    """

    seq: int = 0
    at: datetime | None = None
    fleet: Fleet = Fleet()
    connections: dict[int, Connection] = field(default_factory=dict)
    providers: dict[int, Provider] = field(default_factory=dict)
    tenants: dict[int, Tenant] = field(default_factory=dict)
    scopes: dict[int, Scope] = field(default_factory=dict)
    outboxes: dict[int, Outbox] = field(default_factory=dict)
    outbox_bytes: int = 0
    under: Under = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    issues: dict[int, Issues] = field(default_factory=dict)
    signs: dict[int, Signs] = field(default_factory=dict)


BREAKERS = (BreakerOpened, BreakerProbed, BreakerEased, BreakerClosed, BreakerReset)
"""What a connection's breaker can do, and a provider's."""

OF_BREAKERS = (*BREAKERS, RolledBack)
"""What can tell a provider that a connection's breaker stands otherwise."""

CONCERNS_CONNECTION_ALONE = frozenset(
    {
        RecordsCaptured,
        RecordsRefused,
        RecordsQuarantined,
        QuarantineDropped,
        VersionsPruned,
        DriftJudged,
        SyncScheduled,
        SyncRequested,
        SyncSkipped,
        SyncDeferred,
        RetryScheduled,
        RetryMoved,
        RetriesEnded,
        CallFailed,
        CallMade,
        *BREAKERS,
        AllowanceTaken,
        AllowanceRecounted,
        LimitHeld,
        LimitAdapted,
        ActorCrashed,
        ConnectionRelinked,
        AuthorisationBegun,
        ConnectionAuthorised,
        BackfillRequested,
        BackfillAdvanced,
        BackfillEnded,
    }
)
"""What the fleet's slice does not read: folding it there would change nothing."""

CONCERNS_PROVIDER = frozenset(
    {
        ConnectionAdded,
        ConnectionRemoved,
        SyncStarted,
        SyncSucceeded,
        SyncFailed,
        SyncCancelled,
        SyncInterrupted,
        RetryScheduled,
        CallFailed,
        CallMade,
    }
)
"""What the slice of a connection's provider reads of the connection's own events."""

PARTS_OF_PASS = (
    SyncRequested,
    SyncSucceeded,
    SyncFailed,
    SyncCancelled,
    SyncSkipped,
    SyncInterrupted,
)
"""What can be part of a pass that somebody asked for."""

OF_OUTBOX = frozenset(get_args(OutboxEvent))
"""What a connection's outbox alone reads: folding it anywhere else would change nothing."""

OF_SOURCE = frozenset(get_args(SourceEvent))
"""What a source's slice alone reads, but for its coming and going, which its tenant's does too."""

OF_ISSUES = frozenset(get_args(IssueEvent))
"""What the issues of its subject alone read."""

OF_SIGNS = signs.OF_CONNECTION | signs.OF_OTHERS | {ConnectionRemoved}
"""What is a sign of something, and what ends all of them."""

SETTINGS = frozenset({SettingsDeclared, SettingsSet, SettingsReset})
"""What any subject can have: the fleet, a provider, a tenant, a connection."""


def fold(world: World, recorded: Recorded) -> None:
    """Fold one event, the next one, into its subject's slice and those above it."""
    assert recorded.seq == world.seq + 1, "a world is folded in the order of the log"
    world.seq = recorded.seq
    world.at = recorded.at
    _fold(world, recorded)
    if type(recorded.event) in OF_SIGNS:
        fold_signs(world, recorded)


def _fold(world: World, recorded: Recorded) -> None:
    subject, event = recorded.subject, recorded.event
    if type(event) in SETTINGS:
        scope = world.scopes.get(subject, Scope())
        world.scopes[subject] = settings.evolve(scope, recorded)
        return
    if type(event) in OF_OUTBOX:
        _fold_outbox(world, recorded)
        return
    if type(event) in OF_SOURCE:
        _fold_source(world, recorded)
        return
    if type(event) in OF_ISSUES:
        there = world.issues.get(subject, issues.NOTHING)
        world.issues[subject] = issues.evolve(there, recorded)
        return
    slice_ = world.connections.get(subject)
    if slice_ is not None:
        world.connections[subject] = slice_ = connection.evolve(slice_, recorded)
        if type(event) in CONCERNS_PROVIDER:
            _fold_above(world, slice_, recorded)
        elif isinstance(event, ConnectionRelinked):
            _fold_move(world, subject, event)
        elif isinstance(event, OF_BREAKERS):
            at = world.providers[slice_.provider]
            world.providers[slice_.provider] = provider.neighbour(at, recorded)
        if isinstance(event, PARTS_OF_PASS) and event.pass_ is not None:
            world.fleet = fleet.of_pass(world.fleet, recorded)
        if type(event) in CONCERNS_CONNECTION_ALONE:
            return
    elif subject in world.tenants:
        world.tenants[subject] = tenant.evolve(world.tenants[subject], recorded)
        return
    elif isinstance(event, ConnectionAdded):
        world.connections[subject] = connection.added(event)
        _fold_above(world, world.connections[subject], recorded)
    elif subject in world.providers or isinstance(event, ProviderDeclared | ProviderClientSet):
        before = world.providers.get(subject, Provider())
        world.providers[subject] = provider.evolve(before, recorded)
        return
    else:
        assert subject == FLEET, f"event {recorded.seq} speaks of {subject}, which is not known"
    world.fleet = fleet.evolve(world.fleet, recorded)


def fold_signs(world: World, recorded: Recorded) -> None:
    """After all else: it tells of what came of the event."""
    subject, known = recorded.subject, world.connections.get(recorded.subject)
    if isinstance(recorded.event, ConnectionRemoved):
        world.signs.pop(subject, None)
        return
    before = world.signs.get(subject, signs.NOTHING)
    world.signs[subject] = signs.evolve(before, recorded, known.streams if known else {})


def _fold_outbox(world: World, recorded: Recorded) -> None:
    before = world.outboxes.pop(recorded.subject, ())
    after = outbox.evolve(before, recorded)
    world.outbox_bytes += outbox.size(after) - outbox.size(before)
    if after:
        world.outboxes[recorded.subject] = after


def _fold_source(world: World, recorded: Recorded) -> None:
    subject, event = recorded.subject, recorded.event
    known = world.sources.get(subject)
    if isinstance(event, SourceAdded):
        known = reported.added(known, recorded, event)
    else:
        assert known is not None, f"event {recorded.seq} speaks of {subject}, which is not known"
        known = reported.evolve(known, recorded)
    world.sources[subject] = known
    if known.removed:
        world.signs.pop(subject, None)
    else:
        before = world.signs.get(subject, signs.NOTHING)
        world.signs[subject] = signs.of_source(before, recorded, known)
    if isinstance(event, SourceAdded | SourceRemoved):
        above = world.tenants.get(known.tenant, Tenant())
        world.tenants[known.tenant] = tenant.evolve(above, recorded)


def _fold_above(world: World, slice_: Connection, recorded: Recorded) -> None:
    before = world.providers.get(slice_.provider, Provider())
    world.providers[slice_.provider] = provider.evolve(before, recorded)
    if isinstance(recorded.event, (ConnectionAdded, ConnectionRemoved)):
        above = world.tenants.get(slice_.tenant, Tenant())
        world.tenants[slice_.tenant] = tenant.evolve(above, recorded)
        if slice_.removed:
            under.leave(world.under, recorded.subject, slice_.tenant, slice_.provider)
        else:
            under.join(world.under, recorded.subject, slice_)


def _fold_move(world: World, subject: int, event: ConnectionRelinked) -> None:
    """One provider less has this connection, another one more."""
    world.providers[event.before] = provider.left(world.providers[event.before], subject)
    world.providers[event.provider] = provider.joined(world.providers[event.provider])
    under.leave(world.under, subject, event.before)
    under.join(world.under, subject, world.connections[subject])
