"""What do all operations work with, and how are names and subjects told apart?"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Self

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.actor import Progress
from daemon.app import Daemon
from daemon.auditor import Auditor
from daemon.authorisation import Authorisations
from daemon.cache.cache import Cache
from daemon.commands import DeclareProvider
from daemon.configuration import Configuration
from daemon.connect import declaration
from daemon.control.messages import EventView
from daemon.excerpts import Excerpts
from daemon.gateway.gateway import Gateway
from daemon.gateway.outbox import Outbox
from daemon.journal import Journal
from daemon.past import Past, PastJournal
from daemon.places import Places
from daemon.provider import Provider
from daemon.quarantine import Quarantine
from daemon.read_model.reading import Reading
from daemon.relinking import Relinker
from daemon.restoring import Restorer
from daemon.snapshotter import Snapshotter
from daemon.store.storage import Storage
from daemon.supervisor import Supervisor
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.access import ExcerptRead, FleetRead
from events.envelope import Recorded
from events.policy import Settings
from events.schema import (
    FLEET,
    BreakerOpened,
    ConnectionRelinked,
    Event,
    PassEnded,
    ProviderRetired,
    ProviderReturned,
    SettingsDeclared,
    SettingsSet,
    SyncRequested,
)
from projections.connection import Connection


class Refused(Exception):
    """An operation is not carried out. The code is stable, the sentence says what to do.

    `retry_after` is when it may be, where that is known.
    """

    def __init__(self, code: str, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


def seconds(wait: timedelta) -> int:
    """How long to wait, as it is said: who comes back then is not too early."""
    return math.ceil(wait.total_seconds())


PASTS_MAX = 2  # a World each, while it is answered from; others wait for their turn
PASTS_WAITING_MAX = 16  # so many of them: each has a connection, and those are few
REPLAYS_MAX = 4  # a World each, for as long as somebody listens


class Desk(Struct, frozen=True, kw_only=True):
    """The parts of the running daemon that its operations use.

    `live` is False where it stands as it once stood: then there is nothing but the World of then.
    It `sees` those tenants alone, for whom it was narrowed (see `narrowed`); None is all.
    """

    journal: Journal
    supervisor: Supervisor
    storage: Storage
    vault: Vault
    configuration: Configuration
    keeper: Keeper
    gateway: Gateway
    cache: Cache
    outbox: Outbox
    relinker: Relinker
    snapshotter: Snapshotter
    past: Past
    restorer: Restorer
    quarantine: Quarantine
    excerpts: Excerpts
    reading: Reading
    auditor: Auditor
    providers: Mapping[int, Provider]
    places: Places
    version: str
    pasts: trio.CapacityLimiter
    replays: trio.CapacityLimiter
    live: bool = True
    sees: frozenset[int] | None = None
    authorisations: Authorisations = msgspec.field(default_factory=Authorisations)

    @classmethod
    def of(
        cls,
        daemon: Daemon,
        vault: Vault,
        configuration: Configuration,
        places: Places,
        version: str,
    ) -> Self:
        """The desk of a running daemon, real or simulated."""
        return cls(
            journal=daemon.journal,
            supervisor=daemon.supervisor,
            storage=daemon.storage,
            vault=vault,
            configuration=configuration,
            keeper=daemon.keeper,
            gateway=daemon.gateway,
            cache=daemon.cache,
            outbox=daemon.outbox,
            relinker=daemon.relinker,
            snapshotter=daemon.snapshotter,
            past=daemon.past,
            restorer=daemon.restorer,
            quarantine=daemon.quarantine,
            excerpts=daemon.excerpts,
            reading=daemon.reading,
            auditor=daemon.auditor,
            providers=daemon.providers,
            places=places,
            version=version,
            pasts=trio.CapacityLimiter(PASTS_MAX),
            replays=trio.CapacityLimiter(REPLAYS_MAX),
        )

    def as_of(self, journal: PastJournal) -> Self:
        """The same desk, from which the World of back then is seen, and its time.

        What is asked of anything but `journal` is still answered as of now: what runs, what is
        kept, what names and files say.
        """
        return replace(self, journal=journal, live=False)

    def find(self, name: str) -> tuple[int, Connection]:
        """The connection of that name. Raises Refused (not-found)."""
        subject, connection = self.ever(name)
        if connection.removed:
            raise _no_connection(name)
        return subject, connection

    def ever(self, name: str) -> tuple[int, Connection]:
        """The same, also where it was removed: its data is kept. Raises Refused (not-found)."""
        subject = self.vault.subject("connection", name)
        connection = self.journal.world.connections.get(subject) if subject else None
        if subject is None or connection is None:
            raise _no_connection(name)
        return subject, connection

    def progress(self, subject: int) -> Progress | None:
        """How far its running sync has come, as long as somebody knows."""
        return self.supervisor.progress(subject) if self.live else None

    def declare(self, provider: Provider) -> list[Recorded]:
        """Bring a provider into force that nobody has used before."""
        subject = self.vault.enrol("provider", provider.file.name)
        return self.journal.execute(
            DeclareProvider(subject=subject, declaration=declaration(provider.file))
        )

    def view(self, recorded: Recorded) -> EventView:
        event = _shown(recorded, self)
        return EventView(
            seq=recorded.seq,
            at=recorded.at,
            subject=recorded.subject,
            name=self.vault.name(recorded.subject) if recorded.subject else "fleet",
            event=event,
            names={each: self.vault.name(each) for each in _others(event)},
        )


def _no_connection(name: str) -> Refused:
    words = f"there is no connection {name}; `rounds connection list` shows those there are"
    return Refused("not-found", words)


def _shown(recorded: Recorded, desk: Desk) -> Event:
    """The event, without what it tells of connections that may not be seen.

    That is who noticed that a provider ended, and how many failures opened its breaker.
    """
    event, seen = recorded.event, desk.journal.world.connections
    match event:
        case _ if desk.sees is None:
            return event
        case ProviderRetired() | ProviderReturned() if event.connection not in seen:
            return replace(event, connection=FLEET)
        case BreakerOpened() if recorded.subject not in seen:
            return replace(event, failures=0)
        case _:
            return event


def _others(event: Event) -> list[int]:
    """Which connections and providers an event speaks of besides its subject."""
    match event:
        case SettingsSet(settings=Settings(fallback=int() as other)):
            return [other]
        case SettingsDeclared(settings=Settings(fallback=int() as other)):
            return [other]
        case SyncRequested(origin=int() as other):
            return [other]
        case ProviderRetired(connection=other) | ProviderReturned(connection=other):
            return [other]
        case ConnectionRelinked(provider=provider, before=before):
            return [provider, before]
        case FleetRead(tenants=tuple() as tenants):
            return [*tenants]
        case ExcerptRead(connection=connection):
            return [connection]
        case PassEnded(errors=errors):
            return [each.connection for each in errors]
        case _:
            return []
