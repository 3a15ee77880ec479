"""What is said of snapshots over the control socket?"""

from datetime import datetime

from msgspec import Struct


class SnapshotView(Struct, frozen=True, kw_only=True):
    """One snapshot: of event `snapshot`, recorded at `at`. `fault` says why it is of no use."""

    snapshot: int
    bytes: int
    at: datetime | None = None
    usable: bool = True
    fault: str = ""


class SnapshotList(Struct, frozen=True, kw_only=True):
    """The newest first."""

    seq: int
    snapshots: list[SnapshotView]


class SnapshotTaken(Struct, frozen=True, kw_only=True):
    """The last snapshot is of event `snapshot`, and on the disk."""

    seq: int
    snapshot: int
    message: str
