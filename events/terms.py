"""In which terms do events speak: kinds, classes, reasons, and the small values they carry?"""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What made a sync start."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"


class FailureClass(StrEnum):
    """What went wrong with a call or a sync."""

    NETWORK = "network"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate-limited"
    SERVER = "server"
    AUTH = "auth"
    NOT_FOUND = "not-found"
    INVALID = "invalid"
    MALFORMED = "malformed"
    EMPTY = "empty"
    RETIRED = "retired"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class SkipReason(StrEnum):
    """Why a due sync did not start."""

    MISSED = "missed"
    PAUSED = "paused"
    REMOVED = "removed"


class ScheduleReason(StrEnum):
    """What put the next due time where it is."""

    ADDED = "added"
    INTERVAL = "interval"
    INTERVAL_CHANGED = "interval-changed"
    CLOCK_STEPPED = "clock-stepped"
    ASKED_TO_WAIT = "asked-to-wait"


class InterruptReason(StrEnum):
    """Why a running sync ended without an outcome of its own."""

    SHUTDOWN = "shutdown"
    DIED = "died"
    DISK_FULL = "disk-full"


class Mode(StrEnum):
    """What the absence of a record means: gone (full), or nothing (incremental)."""

    FULL = "full"
    INCREMENTAL = "incremental"


class OnEmpty(StrEnum):
    """What an answer without records means where there were some."""

    ROLLBACK = "rollback"
    ACCEPT = "accept"


class Caller(Struct, frozen=True, kw_only=True):
    """Who asked: the peer's user id on the control socket, and the role that socket gives."""

    uid: int
    role: str


class StreamPolicy(Struct, frozen=True, kw_only=True):
    """What `decide` reads of a stream's declaration."""

    name: str
    mode: Mode = Mode.FULL
    empty: OnEmpty = OnEmpty.ROLLBACK


class CallTotal(Struct, frozen=True, kw_only=True):
    """The successful calls of one sync to one endpoint, summed. Durations in milliseconds."""

    endpoint: str
    calls: int = 0
    bytes: int = 0
    duration_ms: int = 0


class StreamFailure(Struct, frozen=True, kw_only=True):
    """How one stream of a sync ended badly. `message` is our own sentence, never the provider's."""

    stream: str
    cause: FailureClass
    message: str
    status: int | None = None
    retry_after: timedelta | None = None
