"""What does an event about an issue say, in one plain line?"""

from typing import assert_never

from daemon import issue_words
from events.issues import DriftJudged, IssueClosed, IssueEvent, IssueOpened, IssueRegraded, Severity

TONES = {Severity.CRITICAL: "red", Severity.MAJOR: "red", Severity.MINOR: "yellow"}


def told(event: IssueEvent | DriftJudged) -> str:
    match event:
        case DriftJudged():
            return issue_words.drifted(event)
        case IssueOpened(kind=kind, severity=severity):
            return f"issue ({kind}, {severity}): {issue_words.sentence(event)}"
        case IssueRegraded(kind=kind, opened=opened, severity=severity, before=before):
            of = _of(event.stream)
            return f"issue ({kind}{of}) of event {opened}: {severity} by now, was {before}"
        case IssueClosed(kind=kind, opened=opened, reason=reason):
            of = _of(event.stream)
            return f"issue ({kind}{of}) of event {opened} closed: {issue_words.ENDS[reason]}"
        case _:
            assert_never(event)


def tone(event: IssueEvent) -> str:
    return "green" if isinstance(event, IssueClosed) else TONES[event.severity]


def _of(stream: str) -> str:
    return f" of {stream}" if stream else ""
