"""Did that come about which is told next? If not, nothing is told."""

from daemon.control.messages import ConnectionView
from daemon.demo.witness import Sync, Unexpected
from events.schema import SyncFailed, SyncSucceeded
from events.terms import FailureClass


def expect(came_about: bool, what: str) -> None:
    """Raises Unexpected."""
    if not came_about:
        raise Unexpected(f"expected {what}; the log above shows what happened instead")


def succeeded(sync: Sync, what: str) -> Sync:
    """Raises Unexpected."""
    expect(isinstance(sync.ending, SyncSucceeded) and not sync.refused, what)
    return sync


def failed(sync: Sync, cause: FailureClass) -> Sync:
    """Raises Unexpected."""
    ending = sync.ending
    came_about = isinstance(ending, SyncFailed) and ending.cause is cause
    expect(came_about, f"a sync to fail as `{cause}`")
    return sync


def in_force(view: ConnectionView) -> dict[str, int]:
    """How many rows of each stream are in force."""
    return {each.stream: each.rows for each in view.streams}
