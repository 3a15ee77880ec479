"""What can be wished for? Imperative wishes to the journal; what comes of them, `decide` says."""

from typing import TypeAlias

from daemon.commands.access import AccessCommand, NoteExcerpts, NoteReads
from daemon.commands.consent import (
    ConsentCommand,
    GrantConsent,
    SetMonitoring,
    WithdrawConsent,
)
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
from daemon.commands.issues import Inspect, IssueCommand, NoteDrift
from daemon.commands.limits import (
    LimitCommand,
    NoteAnswer,
    NoteSteps,
    ProgramCall,
    Recount,
    TakeAllowance,
)
from daemon.commands.membership import (
    Connect,
    MembershipCommand,
    Pause,
    Relink,
    Remove,
    Resume,
)
from daemon.commands.outbox import (
    AbandonWrite,
    BeginWrite,
    DeliverWrite,
    DropWrite,
    ExpireWrite,
    LoseWrite,
    MissWrite,
    OutboxCommand,
    PutOffWrite,
    QueueWrite,
    RecallWrite,
    RetryWrite,
    SettleWrite,
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
from daemon.commands.quarantine import (
    AcceptHeld,
    CaptureHeld,
    DropHeld,
    QuarantineCommand,
)
from daemon.commands.restoring import (
    AbandonRestore,
    BeginRollback,
    FinishRollback,
    KeptVersion,
    PruneVersions,
    RestoreCommand,
)
from daemon.commands.retirement import NoteAnnouncement, RetirementCommand
from daemon.commands.sources import (
    AddSource,
    NoteSourceToken,
    RemoveSource,
    SourceCommand,
    TakeReports,
)
from daemon.commands.syncs import (
    Advance,
    Backfill,
    BeginPass,
    Cancel,
    Capture,
    Crash,
    DayCount,
    Evidence,
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
    "AbandonRestore",
    "AbandonWrite",
    "AcceptHeld",
    "AccessCommand",
    "Activate",
    "AddSource",
    "Advance",
    "Authorise",
    "Backfill",
    "BeginAuthorisation",
    "BeginPass",
    "BeginRollback",
    "BeginWrite",
    "Cancel",
    "Capture",
    "CaptureHeld",
    "CloseBreaker",
    "Command",
    "Connect",
    "ConsentCommand",
    "Crash",
    "DayCount",
    "DeclareProvider",
    "DeclareSettings",
    "DeliverWrite",
    "DropHeld",
    "DropWrite",
    "Evidence",
    "ExpireWrite",
    "FillPass",
    "Finish",
    "FinishRollback",
    "GatewayCommand",
    "GrantCommand",
    "GrantConsent",
    "HostCommand",
    "Inspect",
    "Interrupt",
    "Introspection",
    "IssueCommand",
    "KeptVersion",
    "LimitCommand",
    "LoseRefresh",
    "LoseWrite",
    "MembershipCommand",
    "MissWrite",
    "NoteAnnouncement",
    "NoteAnswer",
    "NoteCall",
    "NoteCallMade",
    "NoteDrift",
    "NoteExcerpts",
    "NoteReads",
    "NoteSourceToken",
    "NoteSteps",
    "NoteVaultKey",
    "OfferDays",
    "OpenBreaker",
    "OutboxCommand",
    "Pair",
    "Pause",
    "PolicyCommand",
    "ProgramCall",
    "PruneVersions",
    "PutOffWrite",
    "QuarantineCommand",
    "QueueWrite",
    "RecallWrite",
    "Reconsider",
    "Recount",
    "Recover",
    "Relink",
    "Remove",
    "RemoveSource",
    "Renew",
    "Request",
    "ResetBreaker",
    "ResetSettings",
    "RestoreCommand",
    "Resume",
    "RetirementCommand",
    "Retry",
    "RetryWrite",
    "Review",
    "SetClient",
    "SetMonitoring",
    "SetPolicy",
    "SetSettings",
    "Settle",
    "SettleWrite",
    "SourceCommand",
    "Start",
    "StepClock",
    "Stop",
    "SyncCommand",
    "TakeAllowance",
    "TakeReports",
    "Testify",
    "WithdrawConsent",
]

Command: TypeAlias = (
    HostCommand
    | MembershipCommand
    | SyncCommand
    | GrantCommand
    | PolicyCommand
    | LimitCommand
    | GatewayCommand
    | OutboxCommand
    | RetirementCommand
    | RestoreCommand
    | QuarantineCommand
    | SourceCommand
    | IssueCommand
    | AccessCommand
    | ConsentCommand
)
