"""Which facts can be recorded about what is wrong, and for how long?

IssueOpened ──► IssueRegraded (graver) ──► … ──► IssueClosed

Their subject is what is in trouble: a connection (perhaps one `stream` of it), a source, a
provider, or the fleet. Of one kind a subject, or a stream, has at most one that is open.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from events.fact import Fact
from events.terms import FailureClass, Guard, NeedReason


class IssueKind(StrEnum):
    """What can be wrong."""

    STALE = "stale"
    GAP = "gap"
    FAILING = "failing"
    FLAPPING = "flapping"
    SLOW = "slow"
    OVERDUE = "overdue"
    WRITES = "writes-waiting"
    GRANT = "grant"
    RETIRED = "retired"
    CLOCK = "clock"
    REFUSED = "refused"
    DRIFTING = "drifting"
    QUEUED = "reports-waiting"


class Severity(StrEnum):
    """How bad it is, in the words of ITU-T X.733, the gravest first.

    Critical: it does not work, and nothing but a person will change that soon. Major: it works
    badly, or soon will not. Minor: somebody should look, in time.
    """

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class IssueEnd(StrEnum):
    """Why an issue is none any more. Of what is `removed`, `paused` or `moved` none is judged.

    Nor is what a stream brings of a tenant who does not consent to that: `unmonitored`.
    """

    OVER = "over"
    REMOVED = "removed"
    PAUSED = "paused"
    MOVED = "moved"
    UNMONITORED = "unmonitored"


class Drifted(StrEnum):
    """How a stream brings something else than it usually does."""

    LOW = "low"
    HIGH = "high"
    MISSING = "missing"
    SHIFTED = "shifted"
    DUPLICATED = "duplicated"


class DriftJudged(Fact, frozen=True, kw_only=True, tag="drift-judged"):
    """A stream has drifted, as its last whole periods show, or (`how` is None) not any more.

    The last of them began `at` that time, `in_a_row` of them were alike, `since` the one that began
    then; they are hours where it is `hourly`, else days. It brought `actual` records where so many
    were `expected`. Event `capture` is the last that had brought anything by then.
    """

    stream: str
    how: Drifted | None
    at: datetime
    since: datetime
    in_a_row: int
    hourly: bool
    actual: int
    expected: float | None = None
    capture: int = 0


class Threshold(Struct, frozen=True, kw_only=True):
    """By which limit it was judged: a setting's name, its value, and `whose` it is.

    `whose` is connection, tenant, provider, fleet, configuration or default, as of any setting; the
    source's of which it is expected; or learnt (from the interval, or from what is usual there).
    `fixed` is nobody's to set, and `asked` was named with the question. Event `event` says so,
    where one does.
    """

    name: str
    whose: str
    span: timedelta | None = None
    number: float | None = None
    event: int = 0


class IssueOpened(Fact, frozen=True, kw_only=True, tag="issue-opened"):
    """Something is wrong, and has been `since` then, as the events of the numbers `evidence` show.

    `cause`, `guard` and `need` are those of the last failure, refusal and grant; so many (`count`)
    failures, days, turns or writes it is about, `day` is the first of the days. `until` is when it
    will be, or was, too late. `measured` is what was measured, and `usual` what it usually is:
    milliseconds of a sync, seconds of a step of the clock, a share of syncs, records. A stream has
    drifted in that way (`how`) for `count` periods: hours where it is `hourly`, else days. What is
    `reported` is of a source: its reports are late, or so many (`count`) in a row tell of trouble,
    or so many things wait with it to be sent.
    """

    kind: IssueKind
    severity: Severity
    since: datetime
    evidence: tuple[int, ...]
    threshold: Threshold
    stream: str = ""
    cause: FailureClass | None = None
    guard: Guard | None = None
    need: NeedReason | None = None
    count: int = 0
    day: date | None = None
    until: datetime | None = None
    measured: float | None = None
    usual: float | None = None
    how: Drifted | None = None
    hourly: bool = False
    reported: bool = False


class IssueRegraded(Fact, frozen=True, kw_only=True, tag="issue-regraded"):
    """The issue that event `opened` opened is graver now: `severity`, and not `before` any more."""

    kind: IssueKind
    opened: int
    severity: Severity
    before: Severity
    evidence: tuple[int, ...]
    stream: str = ""


class IssueClosed(Fact, frozen=True, kw_only=True, tag="issue-closed"):
    """The issue that event `opened` opened is none any more."""

    kind: IssueKind
    opened: int
    reason: IssueEnd
    stream: str = ""


IssueEvent: TypeAlias = IssueOpened | IssueRegraded | IssueClosed
