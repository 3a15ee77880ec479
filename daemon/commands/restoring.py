"""What can be wished for of what a connection was: going back to it, and keeping it no longer?"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from events.terms import Caller, RestoreEnd, RollbackScope
from events.versions import StreamRestored
from projections.connection import Connection


class BeginRollback(Struct, frozen=True, kw_only=True):
    """Go back to how it was at event `to`; its data to these `versions` (stream → version)."""

    subject: int
    to: int
    scope: RollbackScope
    versions: Mapping[str, int] = {}
    by: Caller | None = None


class FinishRollback(Struct, frozen=True, kw_only=True):
    """What began with event `started` is staged as `streams` say; or `was` is how it had done.

    `jitter` was drawn from [0, 1), for a retry's delay.
    """

    subject: int
    started: int
    to: int
    scope: RollbackScope
    streams: tuple[StreamRestored, ...] = ()
    was: Connection | None = None
    jitter: float = 0.0
    by: Caller | None = None


class AbandonRestore(Struct, frozen=True, kw_only=True):
    """What began with event `started` cannot come to its end."""

    subject: int
    started: int
    reason: RestoreEnd


class KeptVersion(Struct, frozen=True, kw_only=True):
    """A version, and when it was begun."""

    version: int
    at: datetime


class PruneVersions(Struct, frozen=True, kw_only=True):
    """Keep no version of a stream for longer than settings say.

    `oldest` are its oldest ones in order; there are so many `newer` ones.
    """

    subject: int
    stream: str
    oldest: tuple[KeptVersion, ...]
    newer: int


RestoreCommand: TypeAlias = BeginRollback | FinishRollback | AbandonRestore | PruneVersions
