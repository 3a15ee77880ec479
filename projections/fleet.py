"""What is true of the fleet as a whole: settings, what runs, totals?"""

from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.schema import (
    AuthorisationNeeded,
    ConnectionAdded,
    ConnectionRemoved,
    DaemonStarted,
    DaemonStopped,
    PolicySet,
    RefreshFailed,
    RefreshIntended,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
    VaultKeyRotated,
)
from events.terms import Kind

DEFAULT_POLICY = PolicySet(
    interval=timedelta(hours=6),
    concurrency=10,
    crash_delay=timedelta(seconds=10),
    crash_delay_max=timedelta(hours=1),
)


class Fleet(Struct, frozen=True, kw_only=True):
    """`running` holds the connections that sync, or renew their grant, `retrying` those that retry.

    `alive` is the number of DaemonStarted, or 0; `vault_key` is the version that seals.
    """

    policy: PolicySet = DEFAULT_POLICY
    running: frozenset[int] = frozenset()
    retrying: frozenset[int] = frozenset()
    connections: int = 0
    succeeded: int = 0
    failed: int = 0
    alive: int = 0
    vault_key: int = 1


def evolve(fleet: Fleet, recorded: Recorded) -> Fleet:
    match recorded.event:
        case SyncStarted(kind=Kind.RETRY):
            return replace(
                fleet,
                running=fleet.running | {recorded.subject},
                retrying=fleet.retrying | {recorded.subject},
            )
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
        case ConnectionAdded():
            return replace(fleet, connections=fleet.connections + 1)
        case ConnectionRemoved():
            return replace(fleet, connections=fleet.connections - 1)
        case PolicySet() as policy:
            return replace(fleet, policy=policy)
        case DaemonStarted():
            return replace(fleet, alive=recorded.seq)
        case DaemonStopped():
            return replace(fleet, alive=0)
        case VaultKeyRotated(version=version):
            return replace(fleet, vault_key=version)
        case _:
            return fleet


def _without(subjects: frozenset[int], subject: int) -> frozenset[int]:
    return subjects - {subject} if subject in subjects else subjects
