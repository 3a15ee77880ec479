"""What can be wished for? Imperative wishes to the journal; what comes of them, `decide` says."""

from typing import TypeAlias

from daemon.commands.gateway import GatewayCommand, NoteCallMade
from daemon.commands.grants import (
    Activate,
    Authorise,
    BeginAuthorisation,
    GrantCommand,
    Introspection,
    LoseRefresh,
    Pair,
    Renew,
    SetClient,
    Settle,
    Testify,
)
from daemon.commands.host import (
    DeclareProvider,
    HostCommand,
    NoteVaultKey,
    Recover,
    SetPolicy,
    StepClock,
    Stop,
)
from daemon.commands.limits import LimitCommand, NoteAnswer, NoteSteps, Recount, TakeAllowance
from daemon.commands.membership import (
    Connect,
    MembershipCommand,
    Pause,
    Relink,
    Remove,
    Resume,
)
from daemon.commands.policy import (
    CloseBreaker,
    DeclareSettings,
    OpenBreaker,
    PolicyCommand,
    ResetBreaker,
    ResetSettings,
    SetSettings,
)
from daemon.commands.retirement import NoteAnnouncement, RetirementCommand
from daemon.commands.syncs import (
    Advance,
    Backfill,
    BeginPass,
    Cancel,
    Capture,
    Crash,
    DayCount,
    FillPass,
    Finish,
    Interrupt,
    NoteCall,
    OfferDays,
    Reconsider,
    Request,
    Retry,
    Review,
    Start,
    SyncCommand,
)

__all__ = [
    "Activate",
    "Advance",
    "Authorise",
    "Backfill",
    "BeginAuthorisation",
    "BeginPass",
    "Cancel",
    "Capture",
    "CloseBreaker",
    "Command",
    "Connect",
    "Crash",
    "DayCount",
    "DeclareProvider",
    "DeclareSettings",
    "FillPass",
    "Finish",
    "GatewayCommand",
    "GrantCommand",
    "HostCommand",
    "Interrupt",
    "Introspection",
    "LimitCommand",
    "LoseRefresh",
    "MembershipCommand",
    "NoteAnnouncement",
    "NoteAnswer",
    "NoteCall",
    "NoteCallMade",
    "NoteSteps",
    "NoteVaultKey",
    "OfferDays",
    "OpenBreaker",
    "Pair",
    "Pause",
    "PolicyCommand",
    "Reconsider",
    "Recount",
    "Recover",
    "Relink",
    "Remove",
    "Renew",
    "Request",
    "ResetBreaker",
    "ResetSettings",
    "Resume",
    "RetirementCommand",
    "Retry",
    "Review",
    "SetClient",
    "SetPolicy",
    "SetSettings",
    "Settle",
    "Start",
    "StepClock",
    "Stop",
    "SyncCommand",
    "TakeAllowance",
    "Testify",
]

Command: TypeAlias = (
    HostCommand
    | MembershipCommand
    | SyncCommand
    | GrantCommand
    | PolicyCommand
    | LimitCommand
    | GatewayCommand
    | RetirementCommand
)
