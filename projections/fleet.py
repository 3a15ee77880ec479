"""What is true of the fleet as a whole: settings, what runs, totals?"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.consent import Believed, MonitoringSet
from events.envelope import Recorded
from events.limits import StepsSummed
from events.schema import (
    AuthorisationNeeded,
    ClockStepped,
    ConnectionAdded,
    ConnectionRemoved,
    DaemonStarted,
    DaemonStopped,
    PassBegun,
    PassEnded,
    PassFilled,
    PolicySet,
    RefreshFailed,
    RefreshIntended,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
    VaultKeyRotated,
)
from events.terms import Kind
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    RestoreAbandoned,
    RollbackStarted,
    RolledBack,
)
from projections import tally
from projections.tally import Tally

DEATHS_KEPT = 5  # more than it takes to say that it keeps dying

DEFAULT_POLICY = PolicySet(
    interval=timedelta(hours=6),
    concurrency=10,
    crash_delay=timedelta(seconds=10),
    crash_delay_max=timedelta(hours=1),
)


class Fleet(Struct, frozen=True, kw_only=True):
    """`passes` are those that somebody asked for, while they are under way.

    `running` holds the connections that sync, or renew their grant, `retrying` those that retry,
    `restoring` those that go back, or have a held version taken over.

    `policy_in` is the number of the event that said what the configuration says, or 0. `alive` is
    the number of DaemonStarted, or 0; `vault_key` is the version that seals; `ahead` is
    by how much steps have put the wall clock ahead of the steady time.

    `deaths` are when a life began after one that had not ended in good order, the last few of them;
    `stepped` is when the wall clock last jumped, by `step`.
    by how much steps have put the wall clock ahead of the steady time. `consent` is what is
    believed of tenants who said nothing of detailed monitoring.
    """

    policy: PolicySet = DEFAULT_POLICY
    policy_in: int = 0
    running: frozenset[int] = frozenset()
    retrying: frozenset[int] = frozenset()
    connections: int = 0
    succeeded: int = 0
    failed: int = 0
    alive: int = 0
    vault_key: int = 1
    passes: tuple[Tally, ...] = ()
    ahead: timedelta = timedelta()
    restoring: frozenset[int] = frozenset()
    deaths: tuple[datetime, ...] = ()
    stepped: datetime | None = None
    step: timedelta = timedelta()
    consent: Believed = Believed.ASSUMED


def of_pass(fleet: Fleet, recorded: Recorded) -> Fleet:
    """Fold an event of a connection that is part of a pass."""
    number = getattr(recorded.event, "pass_", None)
    passes = [_told(each, recorded) if each.number == number else each for each in fleet.passes]
    return replace(fleet, passes=tuple(passes))


def evolve(fleet: Fleet, recorded: Recorded) -> Fleet:
    match recorded.event:
        case SyncStarted(kind=Kind.RETRY):
            one = {recorded.subject}
            return replace(fleet, running=fleet.running | one, retrying=fleet.retrying | one)
        case SyncStarted() | RefreshIntended(sync=None):
            return replace(fleet, running=fleet.running | {recorded.subject})
        case SyncSucceeded():
            return replace(
                fleet,
                running=fleet.running - {recorded.subject},
                retrying=_without(fleet.retrying, recorded.subject),
                succeeded=fleet.succeeded + 1,
            )
        case SyncFailed():
            return replace(
                fleet,
                running=fleet.running - {recorded.subject},
                retrying=_without(fleet.retrying, recorded.subject),
                failed=fleet.failed + 1,
            )
        case (
            SyncCancelled(sync=int())
            | SyncInterrupted()
            | TokenRefreshed(sync=None)
            | RefreshFailed(sync=None)
            | TokenInDoubt(sync=None)
            | AuthorisationNeeded(sync=None)
        ):
            return replace(
                fleet,
                running=fleet.running - {recorded.subject},
                retrying=_without(fleet.retrying, recorded.subject),
            )
        case RollbackStarted() | AcceptanceStarted():
            return replace(fleet, restoring=fleet.restoring | {recorded.subject})
        case RolledBack() | QuarantineAccepted() | RestoreAbandoned():
            return replace(fleet, restoring=fleet.restoring - {recorded.subject})
        case PassBegun() | PassFilled() | PassEnded() as event:
            return replace(fleet, passes=_passes(fleet.passes, recorded, event))
        case ConnectionAdded():
            return replace(fleet, connections=fleet.connections + 1)
        case ConnectionRemoved():
            return replace(fleet, connections=fleet.connections - 1)
        case MonitoringSet(consent=consent):
            return replace(fleet, consent=consent)
        case PolicySet() as policy:
            return replace(fleet, policy=policy, policy_in=recorded.seq)
        case DaemonStarted() | DaemonStopped() | ClockStepped() | StepsSummed() as event:
            return _of_host(fleet, recorded, event)
        case VaultKeyRotated(version=version):
            return replace(fleet, vault_key=version)
        case _:
            return fleet


def _of_host(
    fleet: Fleet,
    recorded: Recorded,
    event: DaemonStarted | DaemonStopped | ClockStepped | StepsSummed,
) -> Fleet:
    match event:
        case DaemonStarted():
            deaths = (*fleet.deaths, recorded.at)[-DEATHS_KEPT:] if fleet.alive else fleet.deaths
            return replace(fleet, alive=recorded.seq, deaths=deaths)
        case DaemonStopped():
            return replace(fleet, alive=0)
        case ClockStepped(step=step):
            return replace(fleet, stepped=recorded.at, step=step)
        case _:
            return replace(fleet, ahead=event.ahead)


def _passes(
    before: tuple[Tally, ...], recorded: Recorded, event: PassBegun | PassFilled | PassEnded
) -> tuple[Tally, ...]:
    match event:
        case PassBegun():
            return (*before, Tally(begun=recorded.at, number=recorded.seq))
        case PassFilled(number=number, wanted=wanted):
            filled = (
                replace(each, wanted=wanted) if each.number == number else each for each in before
            )
            return tuple(filled)
        case _:
            return tuple(each for each in before if each.number != event.number)


def _told(before: Tally, recorded: Recorded) -> Tally:
    if isinstance(recorded.event, SyncRequested):
        return replace(before, requested=before.requested + 1)
    return tally.evolve(before, recorded)


def _without(subjects: frozenset[int], subject: int) -> frozenset[int]:
    return subjects - {subject} if subject in subjects else subjects
