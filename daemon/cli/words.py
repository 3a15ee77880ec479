"""What does an event say, in one plain line?"""

import pwd
from datetime import timedelta
from typing import assert_never

from daemon import guard_words
from daemon.cli import (
    access_words,
    account_words,
    adaptive_words,
    consent_words,
    ending_words,
    issue_words,
    limit_words,
    membership_words,
    outbox_words,
    pass_words,
    policy_words,
    source_words,
    sync_words,
    times,
    version_words,
)
from daemon.cli.causes import CAUSES, of_call
from daemon.cli.membership_words import MembershipEvent
from daemon.control.messages import EventView
from events.access import AccessEvent
from events.consent import ConsentEvent
from events.issues import DriftJudged, IssueEvent
from events.limits import (
    AllowanceRecounted,
    AllowanceTaken,
    LimitAdapted,
    LimitHeld,
    StepsSummed,
)
from events.outbox import OutboxEvent
from events.policy import Learnt
from events.schema import (
    ActorCrashed,
    AuthorisationNeeded,
    BackfillAdvanced,
    BackfillEnded,
    BackfillRequested,
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReset,
    CallerAllowanceTaken,
    CallFailed,
    CallMade,
    ClockStepped,
    ConnectionAuthorised,
    ConnectionRelinked,
    DaemonStarted,
    DaemonStopped,
    Event,
    PassBegun,
    PassEnded,
    PassFilled,
    PolicySet,
    ProviderDeclared,
    ProviderRetired,
    ProviderReturned,
    RecordsCaptured,
    RecordsRefused,
    RefreshFailed,
    RetirementAnnounced,
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
    TokenInDoubt,
    VaultKeyRotated,
)
from events.sources import SourceEvent
from events.terms import (
    BackfillEnd,
    Caller,
    FailureClass,
    Guard,
    ScheduleReason,
)
from events.versions import RestoreEvent, VersionEvent

REASONS = {
    ScheduleReason.ADDED: " (just added)",
    ScheduleReason.RELINKED: " (just moved to this provider)",
    ScheduleReason.INTERVAL: "",
    ScheduleReason.INTERVAL_CHANGED: " (the interval changed)",
    ScheduleReason.CLOCK_STEPPED: " (the clock jumped)",
    ScheduleReason.AUTHORISED: " (just authorised)",
    ScheduleReason.ASKED_TO_WAIT: " (the provider asked to wait until then)",
    ScheduleReason.SETTINGS: " (settings changed)",
    ScheduleReason.ASKED: " (asked for)",
    ScheduleReason.ROLLED_BACK: " (decided anew, after it went back)",
    ScheduleReason.ADAPTIVE: "",
}


def line(view: EventView, width: int = 0) -> str:
    """Number, local time, whom it concerns (padded to `width`), and the sentence."""
    return f"{view.seq:>6}  {times.local(view.at)}  {view.name:<{width}}  {sentence(view)}"


def tone(event: Event) -> str | None:
    """A colour for what a person should see: red for failures, yellow for what did not happen."""
    if isinstance(event, OutboxEvent):
        return outbox_words.tone(event)
    if isinstance(event, VersionEvent | RestoreEvent):
        return version_words.tone(event)
    if isinstance(event, IssueEvent):
        return issue_words.tone(event)
    match event:
        case SyncFailed() | ActorCrashed() | CallFailed() | RecordsRefused() | RefreshFailed():
            return "red"
        case CallMade(cause=FailureClass()):
            return "red"
        case BackfillEnded(how=BackfillEnd.FAILED):
            return "red"
        case SyncSucceeded(failures=failures) if failures:
            return "red"
        case SyncSkipped() | SyncCancelled() | SyncInterrupted() | ClockStepped():
            return "yellow"
        case BreakerOpened() | RetriesEnded() | ProviderRetired():
            return "red"
        case SyncDeferred() | RetryScheduled() | BreakerProbed() | BreakerEased():
            return "yellow"
        case AuthorisationNeeded() | TokenInDoubt() | LimitHeld() | RetirementAnnounced():
            return "yellow"
        case (
            BreakerClosed()
            | SyncSucceeded()
            | ConnectionAuthorised()
            | ProviderReturned()
            | BackfillEnded(how=BackfillEnd.DONE)
        ):
            return "green"
        case _:
            return None


def sentence(view: EventView) -> str:
    event = view.event
    if isinstance(event, OutboxEvent):
        return outbox_words.told(event, _who(event))
    if isinstance(event, VersionEvent | RestoreEvent):
        return version_words.told(event, _who(event))
    if isinstance(event, IssueEvent | DriftJudged):
        return issue_words.told(event)
    if isinstance(event, AccessEvent):
        return access_words.told(event, _who(event), view.names)
    if isinstance(event, ConsentEvent):
        return consent_words.told(event, _who(event))
    if isinstance(event, MembershipEvent):
        return membership_words.told(event, _who(event))
    if isinstance(event, SourceEvent):
        return source_words.told(event, _who(event))
    match event:
        case DaemonStarted() | DaemonStopped() | ClockStepped() | VaultKeyRotated():
            return _host(event)
        case PolicySet():
            return policy_words.fleet(event)
        case ProviderDeclared(streams=streams):
            return f"provider declared; streams: {', '.join(each.name for each in streams)}"
        case SyncScheduled(due=due, learnt=Learnt() as learnt):
            return f"next sync at {times.local(due)} ({adaptive_words.learnt(learnt)})"
        case SyncScheduled(due=due, reason=reason):
            return f"next sync at {times.local(due)}{REASONS[reason]}{by(event.by)}"
        case ActorCrashed(error=error, crashes=crashes, until=until):
            again = _if(crashes > 1, f", {crashes} times in a row")
            return f"rounds itself failed ({error}){again}; rests until {times.local(until)}"
        case ConnectionRelinked() | RetirementAnnounced() | ProviderRetired() | ProviderReturned():
            return ending_words.told(event, _who(event), view.names)
        case CallFailed() | CallMade() | RecordsCaptured() | RecordsRefused():
            return _stream(event)
        case BackfillRequested() | BackfillAdvanced() | BackfillEnded():
            return account_words.backfill(event, _who(event), view.at)
        case SettingsDeclared() | SettingsSet() | SettingsReset():
            return policy_words.change(event, _who(event), view.names)
        case BreakerOpened() | BreakerProbed() | BreakerEased() | BreakerClosed() | BreakerReset():
            return policy_words.breaking(event, _who(event))
        case PassBegun() | PassFilled() | PassEnded():
            return pass_words.told(event, _who(event))
        case RetryScheduled() | RetryMoved() | RetriesEnded():
            return sync_words.again(event, _who(event))
        case SyncRequested() | SyncSkipped() | SyncDeferred() | SyncStarted():
            return sync_words.start(event, view.seq, _who(event), view.names)
        case SyncSucceeded() | SyncFailed() | SyncCancelled() | SyncInterrupted():
            return sync_words.ending(event, _who(event))
        case (
            AllowanceTaken()
            | CallerAllowanceTaken()
            | AllowanceRecounted()
            | LimitHeld()
            | LimitAdapted()
            | StepsSummed()
        ):
            return limit_words.limit(event)
        case _:
            return account_words.account(event, _who(event))


def _host(event: DaemonStarted | DaemonStopped | ClockStepped | VaultKeyRotated) -> str:
    match event:
        case DaemonStarted(version=version):
            return f"rounds {version} started"
        case DaemonStopped(interrupted=interrupted):
            return "rounds stopped" + _if(
                interrupted, f"; {times.count(interrupted, 'sync')} interrupted"
            )
        case ClockStepped(step=step):
            way = "forward" if step > timedelta() else "back"
            return f"the host's clock jumped {way} by {times.about(abs(step))}"
        case VaultKeyRotated(version=version, sealed=sealed):
            anew = f"{times.count(sealed, 'secret')} sealed anew"
            return f"the vault's key is now key {version}{by(event.by)}; {anew}"


def _who(event: Event) -> str:
    caller = getattr(event, "by", None)
    return by(caller) if isinstance(caller, Caller) else ""


def _answer(event: CallFailed | CallMade) -> str:
    code = _if(event.status, f" ({event.status})")
    return code + (f"; asked to wait {times.about(event.retry_after)}" if event.retry_after else "")


def _stream(event: CallFailed | CallMade | RecordsCaptured | RecordsRefused) -> str:
    match event:
        case CallFailed(endpoint=endpoint, cause=cause):
            return f"sync {event.sync}: {endpoint} failed: {CAUSES[cause]}{_answer(event)}"
        case CallMade(endpoint=endpoint, attempt=attempt, cause=cause):
            again = _if(attempt > 1, f", attempt {attempt}")
            took = f" in {times.milliseconds(event.duration_ms)}"
            went = "answered" if cause is None else f"failed: {of_call(cause)}"
            return f"{event.kind}{_who(event)}: {endpoint}{again} {went}{_answer(event)}{took}"
        case RecordsCaptured(stream=stream, fetched=fetched, days=days):
            of = f" of {times.spans(days)}" if days else ""
            return f"{stream}{of}: {times.count(fetched, 'record')} fetched, {_differences(event)}"
        case RecordsRefused(stream=stream, fetched=fetched, rows=rows, cause=cause, day=day):
            of = f" of {day}" if day else ""
            empty = event.guard in (None, Guard.EMPTY)
            why = CAUSES[cause] if empty else guard_words.what(event)
            return (
                f"{stream}{of}: {times.count(fetched, 'record')} refused ({why}); "
                f"the {times.count(rows, 'row')} of before stay"
            )
        case _:
            assert_never(event)


def _differences(event: RecordsCaptured) -> str:
    numbers = (
        (event.added, "new"),
        (event.changed, "changed"),
        (event.removed, "removed"),
        (event.duplicates, "duplicate"),
    )
    words = [f"{number:,} {word}" for number, word in numbers if number]
    return ", ".join(words) or "nothing changed"


def by(caller: Caller | None) -> str:
    if caller is None:
        return ""
    try:
        return f" by {pwd.getpwuid(caller.uid).pw_name}"
    except KeyError:  # the user is gone, or lives in another container
        return f" by user {caller.uid}"


def _if(condition: object, text: str) -> str:
    return text if condition else ""
