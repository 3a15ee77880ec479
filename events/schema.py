"""Which facts can be recorded, and in which words?

Glossary, one word for one thing, here and in every command, table and message:

provider    a service that holds somebody's data (a health tracker, an inventory system)
tenant      a person or organisation whose data is fetched
connection  one tenant's account at one provider
stream      one kind of record of a connection (days, orders)
sync        one run of a connection over its streams that are due
version     the state of a stream after one sync, numbered by the event that opened that sync
call        one HTTP exchange with a provider
source      what reports its own figures from outside the host, as a tenant's phone does
report      what a source tells at once, as of a time of its own

Every event speaks of one *subject*, an integer: a connection, a provider, a tenant, a source, the
fleet (0). Names of tenants, connections and sources lie in the vault, what providers say lies in
the data store; neither ever stands here, so that forgetting a tenant touches no event. Tags are the
disk format: a new field needs a default, a new meaning needs a new tag, and a tag once written is
never used for anything else.
"""

from datetime import datetime, timedelta
from typing import TypeAlias

from events.access import AccessEvent
from events.accounts import (
    AuthorisationBegun,
    AuthorisationNeeded,
    AuthorisationWaived,
    ConnectionAuthorised,
    CredentialSet,
    ProviderClientSet,
    RefreshFailed,
    RefreshIntended,
    RenewalScheduled,
    TokenInDoubt,
    TokenRefreshed,
)
from events.breakers import BreakerClosed, BreakerEased, BreakerOpened, BreakerProbed, BreakerReset
from events.consent import ConsentEvent
from events.fact import Fact
from events.gateway import CallerAllowanceTaken, CallMade
from events.issues import DriftJudged, IssueEvent
from events.limits import (
    AllowanceRecounted,
    AllowanceTaken,
    LimitAdapted,
    LimitHeld,
    LimitPolicy,
    StepsSummed,
)
from events.membership import (
    ConnectionAdded,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRelinked,
    ConnectionRemoved,
    ConnectionResumed,
)
from events.outbox import OutboxEvent
from events.passes import PassBegun, PassEnded, PassFilled
from events.policy import PolicySet, SettingsDeclared, SettingsReset, SettingsSet
from events.retirement import ProviderRetired, ProviderReturned, RetirementAnnounced
from events.sources import SourceEvent
from events.syncs import (
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    CallFailed,
    RecordsCaptured,
    RecordsRefused,
    RetriesEnded,
    RetryMoved,
    RetryScheduled,
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
from events.terms import Caller, GrantPolicy, StreamPolicy
from events.versions import RestoreEvent, VersionEvent

__all__ = [
    "FLEET",
    "ActorCrashed",
    "AllowanceRecounted",
    "AllowanceTaken",
    "AuthorisationBegun",
    "AuthorisationNeeded",
    "AuthorisationWaived",
    "BackfillAdvanced",
    "BackfillEnded",
    "BackfillRequested",
    "BreakerClosed",
    "BreakerEased",
    "BreakerOpened",
    "BreakerProbed",
    "BreakerReset",
    "CallFailed",
    "CallMade",
    "CallerAllowanceTaken",
    "ClockStepped",
    "ConnectionAdded",
    "ConnectionAuthorised",
    "ConnectionChanged",
    "ConnectionPaused",
    "ConnectionRelinked",
    "ConnectionRemoved",
    "ConnectionResumed",
    "CredentialSet",
    "DaemonStarted",
    "DaemonStopped",
    "Event",
    "Fact",
    "LimitAdapted",
    "LimitHeld",
    "PassBegun",
    "PassEnded",
    "PassFilled",
    "PolicySet",
    "ProviderClientSet",
    "ProviderDeclared",
    "ProviderRetired",
    "ProviderReturned",
    "RecordsCaptured",
    "RecordsRefused",
    "RefreshFailed",
    "RefreshIntended",
    "RenewalScheduled",
    "RetirementAnnounced",
    "RetriesEnded",
    "RetryMoved",
    "RetryScheduled",
    "SettingsDeclared",
    "SettingsReset",
    "SettingsSet",
    "StepsSummed",
    "SyncCancelled",
    "SyncDeferred",
    "SyncFailed",
    "SyncInterrupted",
    "SyncRequested",
    "SyncScheduled",
    "SyncSkipped",
    "SyncStarted",
    "SyncSucceeded",
    "TokenInDoubt",
    "TokenRefreshed",
    "VaultKeyRotated",
]

FLEET = 0
"""The subject of what concerns the whole fleet."""


# -- the fleet ------------------------------------------------------------------------------------


class DaemonStarted(Fact, frozen=True, kw_only=True, tag="daemon-started"):
    """A process took the log over; what an earlier one left open has been closed."""

    version: str


class DaemonStopped(Fact, frozen=True, kw_only=True, tag="daemon-stopped"):
    """A process ended in good order."""

    interrupted: int = 0


class ClockStepped(Fact, frozen=True, kw_only=True, tag="clock-stepped"):
    """The wall clock jumped by `step` against the host's own counter."""

    step: timedelta


class VaultKeyRotated(Fact, frozen=True, kw_only=True, tag="vault-key-rotated"):
    """All that the vault keeps, `sealed` secrets, lies under this version of its master key."""

    version: int
    sealed: int
    by: Caller | None = None


# -- a provider -----------------------------------------------------------------------------------


class ProviderDeclared(Fact, frozen=True, kw_only=True, tag="provider-declared"):
    """A provider's file, as far as decisions read it, is in force. `digest` is of all of it.

    `retired` says that it was switched off; `successor` is the name of the one that follows it.
    """

    name: str
    digest: str
    streams: tuple[StreamPolicy, ...]
    grant: GrantPolicy | None = None
    limits: tuple[LimitPolicy, ...] = ()
    retired: bool = False
    successor: str = ""


# -- a connection ---------------------------------------------------------------------------------


class ActorCrashed(Fact, frozen=True, kw_only=True, tag="actor-crashed"):
    """Our own code failed while it worked for this connection, which rests until `until`.

    `error` is the exception's type and place, never its text.
    """

    error: str
    crashes: int
    until: datetime


Event: TypeAlias = (
    DaemonStarted
    | DaemonStopped
    | ClockStepped
    | PolicySet
    | PassBegun
    | PassFilled
    | PassEnded
    | SettingsDeclared
    | SettingsSet
    | SettingsReset
    | BreakerOpened
    | BreakerProbed
    | BreakerEased
    | BreakerClosed
    | BreakerReset
    | VaultKeyRotated
    | ProviderDeclared
    | RetirementAnnounced
    | ProviderRetired
    | ProviderReturned
    | AllowanceTaken
    | AllowanceRecounted
    | LimitHeld
    | LimitAdapted
    | StepsSummed
    | ConnectionAdded
    | ConnectionChanged
    | ConnectionRemoved
    | ConnectionRelinked
    | CredentialSet
    | ProviderClientSet
    | AuthorisationBegun
    | ConnectionAuthorised
    | AuthorisationNeeded
    | AuthorisationWaived
    | RefreshIntended
    | RenewalScheduled
    | TokenRefreshed
    | RefreshFailed
    | TokenInDoubt
    | BackfillRequested
    | BackfillAdvanced
    | BackfillEnded
    | ConnectionPaused
    | ConnectionResumed
    | SyncScheduled
    | SyncRequested
    | SyncSkipped
    | SyncDeferred
    | RetryScheduled
    | RetryMoved
    | RetriesEnded
    | SyncStarted
    | CallFailed
    | CallMade
    | CallerAllowanceTaken
    | OutboxEvent
    | SourceEvent
    | IssueEvent
    | DriftJudged
    | AccessEvent
    | ConsentEvent
    | RecordsCaptured
    | RecordsRefused
    | VersionEvent
    | RestoreEvent
    | SyncSucceeded
    | SyncFailed
    | SyncCancelled
    | SyncInterrupted
    | ActorCrashed
)
