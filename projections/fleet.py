"""What is true of the fleet as a whole: settings, what runs, totals?"""

from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.limits import StepsSummed
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

DEFAULT_POLICY = PolicySet(
    interval=timedelta(hours=6),
    concurrency=10,
    crash_delay=timedelta(seconds=10),
    crash_delay_max=timedelta(hours=1),
)


class Fleet(Struct, frozen=True, kw_only=True):
    """`running` holds the connections that sync, or renew their grant.

    `alive` is the number of DaemonStarted, or 0; `vault_key` is the version that seals; `ahead` is
    by how much steps have put the wall clock ahead of the steady time.
    """

    policy: PolicySet = DEFAULT_POLICY
    running: frozenset[int] = frozenset()
    connections: int = 0
    succeeded: int = 0
    failed: int = 0
    alive: int = 0
    vault_key: int = 1
    ahead: timedelta = timedelta()


def evolve(fleet: Fleet, recorded: Recorded) -> Fleet:
    match recorded.event:
        case SyncStarted() | RefreshIntended(sync=None):
            return replace(fleet, running=fleet.running | {recorded.subject})
        case SyncSucceeded():
            return replace(
                fleet,
                running=fleet.running - {recorded.subject},
                succeeded=fleet.succeeded + 1,
            )
        case SyncFailed():
            return replace(
                fleet, running=fleet.running - {recorded.subject}, failed=fleet.failed + 1
            )
        case (
            SyncCancelled(sync=int())
            | SyncInterrupted()
            | TokenRefreshed(sync=None)
            | RefreshFailed(sync=None)
            | TokenInDoubt(sync=None)
            | AuthorisationNeeded(sync=None)
        ):
            return replace(fleet, running=fleet.running - {recorded.subject})
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
        case StepsSummed(ahead=ahead):
            return replace(fleet, ahead=ahead)
        case VaultKeyRotated(version=version):
            return replace(fleet, vault_key=version)
        case _:
            return fleet
