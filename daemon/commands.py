"""What can be wished for? Imperative wishes to the journal; what comes of them, `decide` says."""

from datetime import timedelta
from typing import TypeAlias

from msgspec import Struct

from events.schema import CallFailed, PolicySet, ProviderDeclared, RecordsCaptured
from events.terms import Caller, CallTotal, InterruptReason, StreamFailure


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


class DeclareProvider(Struct, frozen=True, kw_only=True):
    subject: int
    declaration: ProviderDeclared


class Connect(Struct, frozen=True, kw_only=True):
    """Add a connection, bring a removed one back, change its settings.

    `credential` says that the vault holds another one than before.
    """

    subject: int
    tenant: int
    provider: int
    declared: bool = False
    interval: timedelta | None = None
    credential: bool = False
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


class Cancel(Struct, frozen=True, kw_only=True):
    """Take back the sync that runs, or else the one that was requested."""

    subject: int
    by: Caller | None = None


class Review(Struct, frozen=True, kw_only=True):
    """Decide a due time anew that lies further off than the interval allows (the clock stepped)."""

    subject: int


class Start(Struct, frozen=True, kw_only=True):
    subject: int


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
    | DeclareProvider
    | Connect
    | Remove
    | Pause
    | Resume
    | Request
    | Cancel
    | Review
    | Start
    | NoteCall
    | Capture
    | Finish
    | Interrupt
    | Crash
)
