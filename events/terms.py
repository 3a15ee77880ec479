"""In which terms do events speak: kinds, classes, reasons, and the small values they carry?"""

from datetime import date, datetime, timedelta
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What made a sync start."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"
    RETRY = "retry"
    FAILOVER = "failover"


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
    RELINKED = "relinked"
    NOT_AUTHORISED = "not-authorised"
    BREAKER = "breaker"


class HoldReason(StrEnum):
    """What keeps a due sync from starting for now."""

    QUIET_HOURS = "quiet-hours"
    DISABLED = "disabled"


class RetriesEnd(StrEnum):
    """Why a failed sync is not tried again before its next turn, though its failure may pass."""

    USED_UP = "used-up"
    BUDGET = "budget"
    CANCELLED = "cancelled"
    SETTINGS = "settings"
    ROLLED_BACK = "rolled-back"


class ScheduleReason(StrEnum):
    """What put the next due time where it is."""

    ADDED = "added"
    RELINKED = "relinked"
    INTERVAL = "interval"
    INTERVAL_CHANGED = "interval-changed"
    CLOCK_STEPPED = "clock-stepped"
    ASKED_TO_WAIT = "asked-to-wait"
    AUTHORISED = "authorised"
    SETTINGS = "settings"
    ASKED = "asked"
    ROLLED_BACK = "rolled-back"
    ADAPTIVE = "adaptive"


class InterruptReason(StrEnum):
    """Why a running sync ended without an outcome of its own."""

    SHUTDOWN = "shutdown"
    DIED = "died"
    DISK_FULL = "disk-full"


class Mode(StrEnum):
    """What the absence of a record means: gone, nothing, or gone inside the days that came."""

    FULL = "full"
    WINDOW = "window"
    INCREMENTAL = "incremental"


class Guard(StrEnum):
    """What doubts an answer: see `daemon/decide/guards.py`."""

    EMPTY = "empty"
    SHRUNK = "shrunk"
    SCHEMA = "schema"
    DUPLICATES = "duplicates"
    STALE = "stale"
    INCOMPLETE = "incomplete"


class Reaction(StrEnum):
    """What becomes of an answer that a guard doubts.

    It is refused and the last good version stays in force; or held beside that; or believed.
    """

    ROLLBACK = "rollback"
    QUARANTINE = "quarantine"
    ACCEPT = "accept"


class RollbackScope(StrEnum):
    """What goes back: records and cursors together, or how the connection does."""

    DATA = "data"
    STATE = "state"


class RestoreEnd(StrEnum):
    """Why a rollback, or an acceptance, changed nothing."""

    DIED = "died"
    FAILED = "failed"
    DISK_FULL = "disk-full"
    SUPERSEDED = "superseded"
    REMOVED = "removed"


class WayOut(StrEnum):
    """What can be done about a refresh token that may have been used up, or not."""

    FREE = "free"
    REUSE = "reuse"
    INTROSPECT = "introspect"
    TRY_ONCE = "try-once"
    ASK = "ask"


class NeedReason(StrEnum):
    """Why a person must authorise a connection."""

    NEW = "new"
    REFUSED = "refused"
    EXPIRED = "expired"
    IN_DOUBT = "in-doubt"
    USED_UP = "used-up"
    LOST = "lost"


class RefreshReason(StrEnum):
    """What made a token be refreshed."""

    FIRST = "first"
    EXPIRING = "expiring"
    REFUSED = "refused"
    IDLE = "idle"
    IN_DOUBT = "in-doubt"


class DoubtReason(StrEnum):
    """Why nobody knows whether a refresh token was replaced."""

    DIED = "died"
    UNANSWERED = "unanswered"
    OVERTAKEN = "overtaken"


class BackfillEnd(StrEnum):
    """How a backfill came to its end."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class GrantPolicy(Struct, frozen=True, kw_only=True):
    """What `decide` reads of a provider's OAuth declaration.

    `person` says that a person must consent; `reuse` is how long a replaced refresh token stays
    good; after `idle` without a refresh the grant dies.
    """

    way_out: WayOut
    person: bool = True
    reuse: timedelta | None = None
    idle: timedelta | None = None


class RunOptions(Struct, frozen=True, kw_only=True):
    """What holds for one run alone.

    `days` is how many days each window goes back, or `first` to `last` are its days; `threshold`
    is how long a token must still be good for; `failed_days` asks for those days alone that failed.
    """

    days: int | None = None
    first: date | None = None
    last: date | None = None
    threshold: timedelta | None = None
    failed_days: bool = False


class Caller(Struct, frozen=True, kw_only=True):
    """Who asked: the peer's user id on the control socket, and the role that socket gives."""

    uid: int
    role: str


class GuardPolicy(Struct, frozen=True, kw_only=True):
    """What becomes of answers that are doubted for another reason than that they are empty.

    One is shrunk where more than `shrunk_by` of the rows are missing of which at least `rows_min`
    are in force; doubled where more than `duplicates_share` of its records repeat a key; stale
    where it has said the same, to the byte, for longer than `stale_after` (None: for ever).
    """

    shrunk: Reaction = Reaction.QUARANTINE
    shrunk_by: float = 0.5
    rows_min: int = 20
    schema: Reaction = Reaction.QUARANTINE
    duplicates: Reaction = Reaction.ACCEPT
    duplicates_share: float = 0.0
    stale: Reaction = Reaction.ACCEPT
    stale_after: timedelta | None = None
    incomplete: Reaction = Reaction.ROLLBACK


class StreamPolicy(Struct, frozen=True, kw_only=True):
    """What `decide` reads of a stream's declaration.

    `interval` is the stream's own; with `waits_for` it is fetched only while that stream, or the
    connection as a whole, is healthy.
    """

    name: str
    mode: Mode = Mode.FULL
    empty: Reaction = Reaction.ROLLBACK
    guards: GuardPolicy = GuardPolicy()
    interval: timedelta | None = None
    waits_for: str | None = None


class CallTotal(Struct, frozen=True, kw_only=True):
    """The successful calls of one sync to one endpoint, summed. Durations in milliseconds."""

    endpoint: str
    calls: int = 0
    bytes: int = 0
    duration_ms: int = 0


class StreamFailure(Struct, frozen=True, kw_only=True):
    """How one stream of a sync, or one day of it, ended badly. `message` is our own sentence.

    `owed` says that this day is asked for again: until it comes where trying again may help, else
    while it is refused, but not after `owed_until`.
    """

    stream: str
    cause: FailureClass
    message: str
    status: int | None = None
    retry_after: timedelta | None = None
    day: date | None = None
    owed: bool = False
    owed_until: datetime | None = None
