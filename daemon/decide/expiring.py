"""What ends soon, or has ended: a grant, a provider; and does the clock still go right?"""

from datetime import datetime, timedelta

from daemon.decide import thresholds
from daemon.decide.sighting import FINE, Steps, Verdict, View, earlier, grade, later, numbers
from events.issues import IssueKind, IssueOpened, Severity, Threshold
from events.terms import NeedReason
from projections.grant import Grant, Phase
from projections.provider import Provider
from projections.signs import Signs

AUTHORISE_WITHIN = timedelta(hours=1)  # who adds a connection authorises it in the same sitting
DOUBT_AFTER = timedelta(hours=1)  # it settles by itself within minutes, where it can
UNATTENDED: Steps = (1, 24)
NEAR = 4  # of the time before a grant's end the last quarter is grave
SUNSET_NEAR = timedelta(days=30)  # to move to another provider takes people weeks
CLOCK_FOR = timedelta(days=1)  # what a step upset shows within a day
CLOCK_MAJOR = timedelta(hours=1)  # deadlines of hours are wrong by as much


def token(view: View) -> Verdict:
    """A grant that a person must give, or that ends soon, or of which nobody knows."""
    grant, mark = view.known.grant, view.signs.grant
    if mark is None:
        return FINE
    if grant.phase is Phase.NEEDED:
        return _needed(view, mark.at)
    if grant.phase is Phase.IN_DOUBT:
        since = grant.doubted_at or mark.at
        severity, again = grade(view.now, since, DOUBT_AFTER, UNATTENDED)
        limit = thresholds.fixed("doubt_after", span=DOUBT_AFTER)
        return _token(view, severity, since, limit, again=again)
    return _ending(view, mark.at)


def retired(subject_signs: Signs, at: Provider, now: datetime) -> Verdict:
    """A provider that was switched off, or says when it will be, while connections need it."""
    retirement = at.retirement
    if not at.connections:
        return FINE
    limit = thresholds.fixed("sunset_near", span=SUNSET_NEAR)
    if retirement.found_at is not None:
        mark = numbers(retirement.found_in)
        return _retired(Severity.CRITICAL, retirement.found_at, mark, limit)
    if retirement.declared and subject_signs.declared:
        mark = numbers(subject_signs.declared)
        return _retired(Severity.MAJOR, subject_signs.declared.at, mark, limit)
    if not retirement.announced:
        return FINE
    heard, mark = retirement.announced[-1], numbers(subject_signs.announced)
    if heard.sunset is None:
        return _retired(Severity.MINOR, heard.at, mark, limit)
    near = heard.sunset - SUNSET_NEAR
    is_near = now >= near
    severity = Severity.MAJOR if is_near else Severity.MINOR
    again = None if is_near else near
    return _retired(severity, heard.at, mark, limit, until=heard.sunset, again=again)


def clock(fleet: Signs, now: datetime) -> Verdict:
    """Steps of the last day."""
    recent = [each for each in fleet.steps if now < later(each.mark.at, CLOCK_FOR)]
    if not recent:
        return FINE
    largest = max((each.by for each in recent), key=abs)
    found = IssueOpened(
        kind=IssueKind.CLOCK,
        severity=Severity.MAJOR if abs(largest) >= CLOCK_MAJOR else Severity.MINOR,
        since=recent[0].mark.at,
        evidence=numbers(*(each.mark for each in recent)),
        threshold=thresholds.fixed("clock_for", span=CLOCK_FOR),
        count=len(recent),
        measured=largest.total_seconds(),
    )
    return Verdict(found=(found,), again=later(recent[0].mark.at, CLOCK_FOR))


def _needed(view: View, since: datetime) -> Verdict:
    reason = view.known.grant.reason
    if reason is not NeedReason.NEW:
        limit = thresholds.fixed("authorise_within", span=timedelta(0))
        return _token(view, Severity.CRITICAL, since, limit)
    due = later(since, AUTHORISE_WITHIN)
    late = view.now >= due or view.has(IssueKind.GRANT)
    limit = thresholds.fixed("authorise_within", span=AUTHORISE_WITHIN)
    severity = Severity.MAJOR if late else None
    return _token(view, severity, since, limit, again=None if late else due)


def _ending(view: View, since: datetime) -> Verdict:
    end = _end(view.known.grant, view.at)
    if end is None:
        return FINE
    before = view.rules.token_before
    marks = (
        (end, Severity.CRITICAL),
        (earlier(end, before / NEAR), Severity.MAJOR),
        (earlier(end, before), Severity.MINOR),
    )
    severity = next((word for at, word in marks if view.now >= at), None)
    again = min((at for at, _ in marks if view.now < at), default=None)
    limit = thresholds.of_span(view, "token_before")
    return _token(view, severity, since, limit, until=end, again=again)


def _end(grant: Grant, at: Provider) -> datetime | None:
    """When a person will have to authorise anew, unless something is done before.

    What is renewed by itself ends only where it is not renewed for as long as its provider lets a
    grant lie; what cannot be renewed, with its token.
    """
    rules = at.grant
    if grant.phase is Phase.NONE or rules is None or not rules.person:
        return None
    if not grant.token:
        return grant.expires_at
    last = max((each for each in (grant.refreshed_at, grant.authorised_at) if each), default=None)
    return None if last is None or rules.idle is None else later(last, rules.idle)


def _token(
    view: View,
    severity: Severity | None,
    since: datetime,
    limit: Threshold,
    *,
    until: datetime | None = None,
    again: datetime | None = None,
) -> Verdict:
    if severity is None:
        return Verdict(again=again)
    found = IssueOpened(
        kind=IssueKind.GRANT,
        severity=severity,
        since=since,
        evidence=numbers(view.signs.grant),
        threshold=limit,
        need=view.known.grant.reason,
        until=until,
    )
    return Verdict(found=(found,), again=again)


def _retired(
    severity: Severity,
    since: datetime,
    evidence: tuple[int, ...],
    limit: Threshold,
    *,
    until: datetime | None = None,
    again: datetime | None = None,
) -> Verdict:
    found = IssueOpened(
        kind=IssueKind.RETIRED,
        severity=severity,
        since=since,
        evidence=evidence,
        threshold=limit,
        until=until,
    )
    return Verdict(found=(found,), again=again)
