"""How does a scene look for what is wrong, and say what it expects to be told?"""

from daemon import commands
from events import schema
from events.issues import IssueClosed, IssueOpened, IssueRegraded, Severity
from events.terms import FailureClass
from tests.policy.transcript import (
    KNOWN,
    NOON,
    ONE,
    captured,
    failed,
    given,
    lost,
    started,
)

__all__ = ["Scene", "told"]

MINOR, MAJOR, CRITICAL = Severity.MINOR, Severity.MAJOR, Severity.CRITICAL


class Scene:
    """A connection's life, event by event, and what an inspection says at each moment of it."""

    def __init__(self, *past):
        self.given = given(*(past or KNOWN))

    @property
    def world(self):
        return self.given.world

    def then(self, event, at=NOON, subject=ONE):
        """That happens; its number."""
        self.given.fold(subject, event, at)
        return self.world.seq

    def syncs(self, at, *, well=True, took=1200, cause=FailureClass.SERVER, brings=True):
        """A sync starts and ends at once; the number of its end."""
        sync = self.then(started(), at)
        if well and brings:
            self.then(captured(sync), at)
        if well:
            event = schema.SyncSucceeded(sync=sync, duration_ms=took, records=3)
        else:
            event = failed(sync, lost(cause=cause))
        return self.then(event, at)

    def look(self, at, subject=ONE):
        """What an inspection records, which happens then."""
        self.given.when(commands.Inspect(subjects=(subject,)), at)
        decided = self.given.decided
        for each, event in decided:
            self.then(event, at, each)
        return [event for _, event in decided]

    def told(self, at, subject=ONE):
        """The same, in short."""
        return [told(event) for event in self.look(at, subject)]

    def open(self, subject=ONE):
        found = self.world.issues.get(subject)
        return {each.what.kind.value: each for each in found.open} if found else {}


def told(event):
    match event:
        case IssueOpened(kind=kind, severity=severity, stream=stream):
            return ("opened", *filter(None, (kind.value, stream)), severity.value)
        case IssueRegraded(kind=kind, severity=severity, stream=stream):
            return ("graver", *filter(None, (kind.value, stream)), severity.value)
        case IssueClosed(kind=kind, reason=reason, stream=stream):
            return ("closed", *filter(None, (kind.value, stream)), reason.value)
