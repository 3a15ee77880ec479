"""What can be wished for? Imperative wishes to the journal; what comes of them, `decide` says."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from events.schema import CallFailed, PolicySet, ProviderDeclared, RecordsCaptured
from events.terms import (
    Caller,
    CallTotal,
    FailureClass,
    InterruptReason,
    RunOptions,
    StreamFailure,
)


class Recover(Struct, frozen=True, kw_only=True):
    """Close what an earlier life left open, and note that this one has begun."""

    version: str


class Stop(Struct, frozen=True, kw_only=True):
    """Note that this life ends in good order, `interrupted` syncs having been cut short."""

    interrupted: int


class StepClock(Struct, frozen=True, kw_only=True):
    """The wall clock jumped by that much against the host's own counter."""

    by: timedelta


class SetPolicy(Struct, frozen=True, kw_only=True):
    policy: PolicySet


class NoteVaultKey(Struct, frozen=True, kw_only=True):
    """The vault's `sealed` secrets lie under this version of its master key."""

    version: int
    sealed: int
    by: Caller | None = None


class DeclareProvider(Struct, frozen=True, kw_only=True):
    subject: int
    declaration: ProviderDeclared


class Connect(Struct, frozen=True, kw_only=True):
    """Add a connection, bring a removed one back, change its settings.

    `credential` and `settings` say that the vault holds others than before.
    """

    subject: int
    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    credential: bool = False
    settings: bool = False
    by: Caller | None = None


class Remove(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class Pause(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class Resume(Struct, frozen=True, kw_only=True):
    subject: int
    by: Caller | None = None


class Request(Struct, frozen=True, kw_only=True):
    """Sync this connection now."""

    subject: int
    by: Caller | None = None
    options: RunOptions | None = None


class Backfill(Struct, frozen=True, kw_only=True):
    """Fetch the days from `first` to `last` of the past, `batch` of them a sync."""

    subject: int
    first: date
    last: date
    batch: int
    threshold: timedelta | None = None
    by: Caller | None = None


class Cancel(Struct, frozen=True, kw_only=True):
    """Take back the sync that runs, or else the one that was requested."""

    subject: int
    by: Caller | None = None


class Review(Struct, frozen=True, kw_only=True):
    """The clock stepped, `by` that much: decide anew what lies further off than it may."""

    subject: int
    by: timedelta


class Start(Struct, frozen=True, kw_only=True):
    subject: int


class BeginAuthorisation(Struct, frozen=True, kw_only=True):
    """Note that somebody is sent to the provider to authorise this connection."""

    subject: int
    by: Caller | None = None


class Pair(Struct, frozen=True, kw_only=True):
    """What may be said of a pair of tokens that lies sealed in the vault."""

    generation: int
    token: str
    expires_at: datetime
    rotated: bool = True


class Authorise(Struct, frozen=True, kw_only=True):
    """The first pair of a new grant is sealed: use it."""

    subject: int
    pair: Pair
    by: Caller | None = None


class Introspection(StrEnum):
    """What the provider says of a token in doubt when it is asked."""

    NOT_ASKED = "not-asked"
    ACTIVE = "active"
    INACTIVE = "inactive"
    SILENT = "silent"


class Renew(Struct, frozen=True, kw_only=True):
    """A token is about to be used: refresh it first, if that is needed and allowed.

    `kept` is the pair in the vault; `refused` the generation that the provider no longer takes.
    With `going_on` the sync has begun already, and only what is about to expire counts.
    """

    subject: int
    kept: int | None
    sync: int | None = None
    refused: int | None = None
    going_on: bool = False


class Testify(Struct, frozen=True, kw_only=True):
    """What the provider says of a token in doubt that is about to be sent again."""

    subject: int
    says: Introspection
    sync: int | None = None


class Activate(Struct, frozen=True, kw_only=True):
    """A new pair came and is sealed."""

    subject: int
    pair: Pair
    sync: int | None = None


class LoseRefresh(Struct, frozen=True, kw_only=True):
    """A refresh brought no pair. `sent` says that it may have reached the provider unanswered.

    `error` is a registered OAuth error code, or nothing; `retry_after` is for how long the
    provider asked to be left alone; `missing` says that the vault does not hold what was intended.
    """

    subject: int
    cause: FailureClass
    message: str
    sent: bool
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None
    missing: bool = False
    sync: int | None = None


class Settle(Struct, frozen=True, kw_only=True):
    """An earlier life ended in a refresh, or an authorisation: this is what was kept of it."""

    subject: int
    kept: Pair | None


class SetClient(Struct, frozen=True, kw_only=True):
    """The vault holds another id and secret of ours for this provider than before."""

    subject: int
    by: Caller | None = None


class DayCount(Struct, frozen=True, kw_only=True):
    """How many records a day brought, and how many of it are in force."""

    day: date
    fetched: int
    before: int


class OfferDays(Struct, frozen=True, kw_only=True):
    """These days of a stream came whole: which of them are not to be believed?"""

    subject: int
    sync: int
    stream: str
    days: tuple[DayCount, ...]


class NoteCall(Struct, frozen=True, kw_only=True):
    subject: int
    call: CallFailed


class Capture(Struct, frozen=True, kw_only=True):
    """A stream's records are staged as `offered` says: accept them or not."""

    subject: int
    offered: RecordsCaptured


class Finish(Struct, frozen=True, kw_only=True):
    """A sync went through all its streams: these were captured, those failed."""

    subject: int
    sync: int
    duration_ms: int
    captured: tuple[str, ...]
    records: int
    failures: tuple[StreamFailure, ...]
    calls: tuple[CallTotal, ...]


class Interrupt(Struct, frozen=True, kw_only=True):
    subject: int
    sync: int
    reason: InterruptReason


class Crash(Struct, frozen=True, kw_only=True):
    """Our own code failed while working for this connection. `error` names type and place only."""

    subject: int
    error: str


Command: TypeAlias = (
    Recover
    | Stop
    | StepClock
    | SetPolicy
    | NoteVaultKey
    | DeclareProvider
    | Connect
    | Remove
    | Pause
    | Resume
    | Request
    | Backfill
    | BeginAuthorisation
    | Authorise
    | Renew
    | Testify
    | Activate
    | LoseRefresh
    | Settle
    | SetClient
    | OfferDays
    | Cancel
    | Review
    | Start
    | NoteCall
    | Capture
    | Finish
    | Interrupt
    | Crash
)
