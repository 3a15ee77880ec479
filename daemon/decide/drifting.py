"""What is new of what streams bring, and when has one drifted for so long that it is an issue?"""

from daemon.commands.issues import NoteDrift
from daemon.decide import thresholds
from daemon.decide.decisions import Decisions
from daemon.decide.sighting import FINE, Verdict, View, joined, numbers
from events.issues import Drifted, DriftJudged, IssueKind, IssueOpened, Severity
from projections import consent, signs
from projections.signs import Judged
from projections.world import World

OPEN_AFTER = 2  # periods in a row: one may be a bad day
MAJOR_DAYS, MAJOR_HOURS = 7, 12  # in a row: a week, half a day


def note(command: NoteDrift, world: World) -> Decisions:
    """Nothing where it was paused, moved or withdrawn since that was seen."""
    subject, known = command.subject, world.connections[command.subject]
    seen = world.signs.get(subject, signs.NOTHING)
    begun = seen.begun.seq if seen.begun else 0
    if known.removed or known.paused or begun > command.upto:
        return []
    if not consent.of_connection(world, subject):
        return []
    return [
        (subject, each)
        for each in command.judged
        if _is_news(_said(world, subject, each.stream), each)
    ]


def drifting(view: View) -> Verdict:
    """Streams that have brought something else than usual, of a tenant who consents to that."""
    if not consent.of_connection(view.world, view.subject):
        return FINE
    there = [each.name for each in view.at.streams if each.name in view.signs.drifted]
    return joined(_drifting(view, each) for each in there)


def grade(judged: DriftJudged) -> Severity | None:
    """How bad that is; None where it is too early to say."""
    if judged.in_a_row < OPEN_AFTER:
        return None
    many = judged.in_a_row >= (MAJOR_HOURS if judged.hourly else MAJOR_DAYS)
    if judged.how is Drifted.MISSING or (many and judged.how is not Drifted.DUPLICATED):
        return Severity.MAJOR
    return Severity.MINOR


def _drifting(view: View, stream: str) -> Verdict:
    """Once it is open, one fine period closes it, and no other does."""
    judged = _said(view.world, view.subject, stream)
    severity = grade(judged.what) if judged else None
    if judged is None or (severity is None and not view.has(IssueKind.DRIFTING, stream)):
        return FINE
    what = judged.what
    found = IssueOpened(
        kind=IssueKind.DRIFTING,
        severity=severity or Severity.MINOR,
        since=what.since,
        evidence=numbers(what.capture, judged.mark),
        threshold=thresholds.of_drift(view, stream),
        stream=stream,
        count=what.in_a_row,
        measured=float(what.actual),
        usual=what.expected,
        how=what.how,
        hourly=what.hourly,
    )
    return Verdict(found=(found,))


def _said(world: World, subject: int, stream: str) -> Judged | None:
    """What was said last of it; what a tenant's consent came after counts no more."""
    found = world.signs.get(subject, signs.NOTHING).drifted.get(stream)
    said = world.tenants[world.connections[subject].tenant].consent
    return None if found and said and found.mark.seq < said.event else found


def _is_news(before: Judged | None, judged: DriftJudged) -> bool:
    if judged.how is None:
        return before is not None
    if before is None:
        return grade(judged) is not None
    return judged.how is not before.what.how or grade(judged) is not grade(before.what)
