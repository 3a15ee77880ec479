"""What is said over the control socket of what is wrong?"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from daemon.control.rotation_messages import Whose
from events.issues import IssueEnd, IssueKind, Severity, Threshold

Hours = Annotated[float, Meta(gt=0, le=876_600)]
"""At most a century."""


class IssuesQuery(Whose, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything, or what concerns a tenant, or one of its connections or sources.

    Of one kind or severity; with `closed` also those that were closed last.
    """

    kind: IssueKind | None = None
    severity: Severity | None = None
    closed: bool = False


class DetectQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant's connections and sources, or one; what is older than the threshold is stale."""

    tenant: str
    threshold_hours: Hours
    provider: str | None = None


class IssueView(Struct, frozen=True, kw_only=True):
    """Something that is wrong with `name`: a connection, a source, a provider or the fleet.

    `issue` is the number of the event that opened it, at `opened_at`; None where it was only looked
    for. `evidence` are the numbers of the events that show it, `threshold` is by what it was
    judged, and `judged` says so in words. `command` is what helps, as it is typed. Where it is
    closed, event `closed` says so, and `reason` why.
    """

    kind: IssueKind
    category: str
    severity: Severity
    name: str
    stream: str
    since: datetime
    sentence: str
    command: str
    evidence: list[int]
    threshold: Threshold
    judged: str
    issue: int | None = None
    opened_at: datetime | None = None
    closed: int | None = None
    closed_at: datetime | None = None
    reason: IssueEnd | None = None


class IssueList(Struct, frozen=True, kw_only=True):
    """The gravest first, then the oldest; those that are closed come last. `left_off` were more."""

    seq: int
    now: datetime
    issues: list[IssueView]
    left_off: int = 0
