"""What is wrong with this subject, and what was of late?"""

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.issues import (
    IssueClosed,
    IssueEnd,
    IssueKind,
    IssueOpened,
    IssueRegraded,
    Severity,
)

CLOSED_KEPT = 8  # of a subject: older ones are in the log

Key: TypeAlias = tuple[IssueKind, str]
"""What a subject has one open issue of at most: its kind, and the stream (empty: no one stream)."""


class Issue(Struct, frozen=True, kw_only=True):
    """Event `opened`, at `at`, said `what` is wrong; it is `severity` by now."""

    opened: int
    at: datetime
    what: IssueOpened
    severity: Severity


class Closed(Struct, frozen=True, kw_only=True):
    """Event `event`, at `at`, closed it."""

    event: int
    at: datetime
    issue: Issue
    reason: IssueEnd


class Issues(Struct, frozen=True, kw_only=True):
    """Those that are open, in the order in which they were opened, and the last that were."""

    open: tuple[Issue, ...] = ()
    closed: tuple[Closed, ...] = ()


NOTHING = Issues()


def evolve(issues: Issues, recorded: Recorded) -> Issues:
    match recorded.event:
        case IssueOpened() as what:
            seq, at = recorded.seq, recorded.at
            issue = Issue(opened=seq, at=at, what=what, severity=what.severity)
            return replace(issues, open=(*issues.open, issue))
        case IssueRegraded(opened=opened, severity=severity):
            after = (
                replace(each, severity=severity) if each.opened == opened else each
                for each in issues.open
            )
            return replace(issues, open=tuple(after))
        case closed:
            assert isinstance(closed, IssueClosed), "no other event is about an issue"
            seq, at = recorded.seq, recorded.at
            ended = tuple(
                Closed(event=seq, at=at, issue=each, reason=closed.reason)
                for each in issues.open
                if each.opened == closed.opened
            )
            left = tuple(each for each in issues.open if each.opened != closed.opened)
            return Issues(open=left, closed=(*issues.closed, *ended)[-CLOSED_KEPT:])


def key(issue: Issue) -> Key:
    return issue.what.kind, issue.what.stream
