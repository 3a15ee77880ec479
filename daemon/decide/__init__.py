"""What follows from a wish, given all that is known? The only place that chooses; it never acts.

The answer is a list of (subject, event); the empty list means no.
"""

from datetime import datetime
from typing import assert_never

from daemon.commands import (
    AbandonRestore,
    AccessCommand,
    Activate,
    Advance,
    Authorise,
    Backfill,
    BeginAuthorisation,
    BeginPass,
    BeginRollback,
    Cancel,
    Capture,
    CloseBreaker,
    Command,
    Connect,
    ConsentCommand,
    Crash,
    DeclareProvider,
    DeclareSettings,
    FillPass,
    Finish,
    FinishRollback,
    GatewayCommand,
    GrantCommand,
    HostCommand,
    Inspect,
    Interrupt,
    LimitCommand,
    LoseRefresh,
    MembershipCommand,
    NoteAnnouncement,
    NoteAnswer,
    NoteCall,
    NoteDrift,
    NoteSteps,
    NoteVaultKey,
    OfferDays,
    OpenBreaker,
    OutboxCommand,
    Pause,
    PolicyCommand,
    PruneVersions,
    QuarantineCommand,
    Reconsider,
    Recount,
    Recover,
    Relink,
    Remove,
    Renew,
    Request,
    ResetBreaker,
    ResetSettings,
    RestoreCommand,
    Resume,
    Retry,
    Review,
    SetClient,
    SetPolicy,
    SetSettings,
    Settle,
    SourceCommand,
    Start,
    StepClock,
    Stop,
    SyncCommand,
    TakeAllowance,
    Testify,
)
from daemon.decide import (
    access,
    breaker,
    calling,
    capturing,
    consent,
    days,
    doubt,
    drifting,
    host,
    issues,
    limits,
    membership,
    outbox,
    outcome,
    passes,
    relinking,
    reporting,
    restoring,
    retention,
    retirement,
    retry,
    rotation,
    settings,
    start,
    succession,
    tokens,
    vain,
)
from daemon.decide.decisions import Decisions
from events.schema import FLEET, ClockStepped, DaemonStopped
from projections.world import World

__all__ = ["Decisions", "decide"]


def decide(command: Command, world: World, now: datetime) -> Decisions:
    decided = _decide(command, world, now)
    decided += vain.unauthorised(decided, world)
    return [*decided, *passes.ended(decided, world, now)] if world.fleet.passes else decided


def _decide(command: Command, world: World, now: datetime) -> Decisions:
    if isinstance(command, GatewayCommand):  # the most frequent one
        return calling.note(command, world, now)
    if isinstance(command, SyncCommand):
        return _of_sync(command, world, now)
    if isinstance(command, GrantCommand):
        return _of_grant(command, world, now)
    if isinstance(command, MembershipCommand):
        return _of_membership(command, world, now)
    if isinstance(command, PolicyCommand):
        return _of_policy(command, world)
    if isinstance(command, LimitCommand):
        return _of_limit(command, world, now)
    if isinstance(command, OutboxCommand):
        return outbox.decide(command, world, now)
    if isinstance(command, RestoreCommand):
        return _of_restore(command, world, now)
    if isinstance(command, QuarantineCommand):
        return capturing.decide(command, world)
    if isinstance(command, SourceCommand):
        return reporting.decide(command, world, now)
    if isinstance(command, Inspect):
        return issues.inspect(command, world, now)
    if isinstance(command, NoteDrift):
        return drifting.note(command, world)
    if isinstance(command, AccessCommand):
        return access.decide(command, world)
    if isinstance(command, ConsentCommand):
        return consent.decide(command, world)
    if isinstance(command, NoteAnnouncement):
        return retirement.announce(command, world, now)
    return _of_host(command, world, now)


def _of_sync(command: SyncCommand, world: World, now: datetime) -> Decisions:
    match command:
        case Start():
            return start.start(command, world, now)
        case Capture():
            return capturing.capture(command, world, now)
        case NoteCall():
            return outcome.note_call(command, world, now)
        case Finish():
            return [*outcome.finish(command, world, now), *days.advance(command, world, now)]
        case OfferDays():
            return capturing.offer(command, world)
        case Interrupt():
            return outcome.interrupt(command, world)
        case Crash():
            return [*outcome.crash(command, world, now), *days.give_up(command, world)]
        case Request():
            return start.request(command, world, now)
        case Advance():
            return succession.advance(command, world, now)
        case Cancel():
            return start.cancel(command, world, now)
        case BeginPass():
            return passes.begin(command, world)
        case FillPass():
            return passes.fill(command, world)
        case Retry():
            return retry.by_hand(command, world, now)
        case Review():
            return start.review(command, world, now)
        case Reconsider():
            return rotation.reconsider(command, world, now)
        case Backfill():
            return days.backfill(command, world)
        case _:
            assert_never(command)


def _of_grant(command: GrantCommand, world: World, now: datetime) -> Decisions:
    match command:
        case Renew():
            return tokens.renew(command, world, now)
        case Testify():
            return doubt.testify(command, world)
        case Activate():
            return tokens.activate(command, world, now)
        case LoseRefresh():
            return tokens.lose(command, world, now)
        case BeginAuthorisation():
            return tokens.begin(command, world)
        case Authorise():
            return tokens.authorise(command, world, now)
        case Settle():
            return tokens.settle(command, world, now)
        case SetClient():
            return tokens.set_client(command, world)
        case _:
            assert_never(command)


def _of_limit(command: LimitCommand, world: World, now: datetime) -> Decisions:
    match command:
        case TakeAllowance():
            return limits.take(command, world, now)
        case NoteAnswer():
            return limits.note_answer(command, world, now)
        case NoteSteps():
            return limits.note_steps(command, world)
        case Recount():
            return limits.recount(command, world, now)
        case _:
            assert_never(command)


def _of_membership(command: MembershipCommand, world: World, now: datetime) -> Decisions:
    match command:
        case Connect():
            return membership.connect(command, world, now)
        case Relink():
            return relinking.relink(command, world, now)
        case Remove():
            return membership.remove(command, world, now)
        case Pause():
            return membership.pause(command, world)
        case Resume():
            return membership.resume(command, world)
        case _:
            assert_never(command)


def _of_policy(command: PolicyCommand, world: World) -> Decisions:
    match command:
        case SetSettings():
            return settings.set_(command, world)
        case ResetSettings():
            return settings.reset(command, world)
        case DeclareSettings():
            return settings.declare(command, world)
        case OpenBreaker() | CloseBreaker() | ResetBreaker():
            return breaker.by_hand(command, world)
        case _:
            assert_never(command)


def _of_restore(command: RestoreCommand, world: World, now: datetime) -> Decisions:
    match command:
        case BeginRollback():
            return restoring.begin(command, world)
        case FinishRollback():
            return restoring.finish(command, world, now)
        case AbandonRestore():
            return restoring.abandon(command, world)
        case PruneVersions():
            return retention.prune(command, world, now)
        case _:
            assert_never(command)


def _of_host(command: HostCommand, world: World, now: datetime) -> Decisions:
    match command:
        case Recover():
            return host.recover(command, world, now)
        case SetPolicy():
            return host.set_policy(command, world)
        case NoteVaultKey():
            return host.note_vault_key(command, world)
        case DeclareProvider():
            return host.declare(command, world, now)
        case StepClock(by=by):
            return [(FLEET, ClockStepped(step=by))]
        case Stop(interrupted=interrupted):
            return [(FLEET, DaemonStopped(interrupted=interrupted))]
        case _:
            assert_never(command)
