"""What do a connection's last syncs show: that it fails, flaps, is slow, or is not believed?"""

from datetime import datetime, timedelta
from statistics import median_low

from daemon.decide import condition, failure, thresholds
from daemon.decide.capturing import is_in_time
from daemon.decide.failure import Turn
from daemon.decide.sighting import ADDED, FINE, Verdict, View, joined, later, numbers
from events.issues import IssueKind, IssueOpened, Severity, Threshold
from events.terms import FailureClass
from projections.streams import Stream

CLEAR_AFTER = 2  # successes in a row: one of them may be chance
FAILING_SHARE = 0.5  # of the last syncs; with less than that most of its data still comes
CLEAR_SHARE = 0.3
SHARE_LEAST = 10  # syncs: a share of fewer says little
MAJOR_TIMES, CRITICAL_TIMES = 2, 4  # its threshold
FLAPPING_CLEAR = 3  # a third of the turns that opened it
SLOW_LEAST = 5  # durations that make a usual one
SLOW_LATEST = 2  # in a row: one slow sync may be chance
SLOW_FLOOR_MS = 10_000  # nobody minds less, however short it usually is
SLOW_CLEAR = 0.7  # of the limit
SLOW_MAJOR = 3.0  # times the limit
REFUSED_AFTER = 2  # in a row: a provider has its moments
REFUSED_MAJOR = 6

OFTEN = thresholds.fixed("failing_share", number=FAILING_SHARE)
FOR_A_PERSON = thresholds.fixed("failing_for_a_person", number=1)


def failing(view: View) -> Verdict:
    """Failures in a row, or too many of the last; else of one stream alone that counts."""
    whole = _failing(view)
    names = [
        name
        for name in condition.declared(view.known, view.at)
        if name in view.known.streams and (not whole.found or view.has(IssueKind.FAILING, name))
    ]
    return joined([whole, *(_failing_stream(view, name) for name in names)])


def flapping(view: View) -> Verdict:
    """From up to down and back, so often within the last turns."""
    within, limit = thresholds.flaps_within(view), view.rules.flapping_after
    recent = [each for each in view.signs.turns if view.now < later(each.at, within)]
    left = limit // FLAPPING_CLEAR
    many = len(recent) > left if view.has(IssueKind.FLAPPING) else len(recent) >= limit
    if not many:
        return FINE
    found = IssueOpened(
        kind=IssueKind.FLAPPING,
        severity=Severity.MAJOR if len(recent) >= MAJOR_TIMES * limit else Severity.MINOR,
        since=recent[0].at,
        evidence=numbers(*recent),
        threshold=thresholds.of_number(view, "flapping_after", span=within),
        count=len(recent),
    )
    return Verdict(found=(found,), again=later(recent[-1 - left].at, within))


def slow(view: View) -> Verdict:
    """The last syncs took far longer than those before them."""
    before, latest = view.signs.durations[:-SLOW_LATEST], view.signs.durations[-SLOW_LATEST:]
    if len(before) < SLOW_LEAST:
        return FINE
    usual = median_low(before)
    limit = max(usual * view.rules.slow_factor, usual + SLOW_FLOOR_MS)
    took = max(latest) if view.has(IssueKind.SLOW) else min(latest)
    if took <= limit * (SLOW_CLEAR if view.has(IssueKind.SLOW) else 1):
        return FINE
    done = view.signs.succeeded
    found = IssueOpened(
        kind=IssueKind.SLOW,
        severity=Severity.MAJOR if took > SLOW_MAJOR * limit else Severity.MINOR,
        since=done[0].at,
        evidence=numbers(*done),
        threshold=thresholds.of_number(view, "slow_factor", span=timedelta(milliseconds=limit)),
        measured=float(took),
        usual=float(usual),
    )
    return Verdict(found=(found,))


def refused(view: View) -> Verdict:
    """Answers that are held for a person's word, or are refused again and again."""
    return joined(_refused(view, name, stream) for name, stream in view.known.streams.items())


def _failing(view: View) -> Verdict:
    known, signs = view.known, view.signs
    in_a_row, opened = known.health.consecutive_failures, view.open.get((IssueKind.FAILING, ""))
    outcomes, cause = known.breaker.outcomes, known.last.cause if known.last else None
    lost = sum(bool(each.causes) for each in outcomes)
    share = lost / len(outcomes) if len(outcomes) >= SHARE_LEAST else 0
    by = _opened_by(view, in_a_row, cause, share)
    often = share >= (CLEAR_SHARE if opened else FAILING_SHARE)
    if opened is not None and (often or in_a_row > 0 or signs.recovered < CLEAR_AFTER):
        by = by or opened.what.threshold
    if by is None:
        return FINE
    by_share = often and (in_a_row == 0 or by.name == OFTEN.name)
    found = IssueOpened(
        kind=IssueKind.FAILING,
        severity=graded(in_a_row, view.rules.failing_after, cause),
        since=_since(view),
        evidence=numbers(*(signs.failed or signs.turns or (signs.begun,))),
        threshold=by,
        cause=cause,
        count=lost if by_share else in_a_row,
        measured=share if by_share else None,
    )
    return Verdict(found=(found,))


def _opened_by(
    view: View, in_a_row: int, cause: FailureClass | None, share: float = 0
) -> Threshold | None:
    """By which limit that is too much; None: it opens nothing, though what is open may stay so."""
    if in_a_row >= view.rules.failing_after:
        return thresholds.of_number(view, "failing_after")
    if share >= FAILING_SHARE:
        return OFTEN
    return FOR_A_PERSON if in_a_row > 0 and _is_for_a_person(cause) else None


def _since(view: View) -> datetime:
    """When the first of the row failed; of what has mended meanwhile, as it was said before."""
    signs, known = view.signs, view.open.get((IssueKind.FAILING, ""))
    if known is not None and not signs.failed:
        return known.what.since
    first, *_ = (*signs.failed, *signs.turns, signs.begun)
    assert first is not None, ADDED
    return first.at


def _failing_stream(view: View, name: str) -> Verdict:
    """What is refused is told as that; and a stream of a connection that fails, with it."""
    stream, opened = view.known.streams[name], view.open.get((IssueKind.FAILING, name))
    cause = condition.cause_of(view.known, name)
    by = None if stream.doubt else _opened_by(view, stream.failures, cause)
    if opened is not None and stream.failures > 0:
        by = by or opened.what.threshold
    if by is None:
        return FINE
    begun = view.signs.begun
    assert begun is not None, ADDED
    found = IssueOpened(
        kind=IssueKind.FAILING,
        severity=graded(stream.failures, view.rules.failing_after, cause),
        since=stream.captured_at or begun.at,
        evidence=numbers(stream.version, stream.failed_in),
        threshold=by,
        stream=name,
        cause=cause,
        count=stream.failures,
    )
    return Verdict(found=(found,))


def _refused(view: View, name: str, stream: Stream) -> Verdict:
    mark, held = view.signs.refused.get(name), stream.held
    waits = held is not None and is_in_time(stream, held)
    again_and_again = stream.doubt is not None and stream.failures >= REFUSED_AFTER
    stays = view.has(IssueKind.REFUSED, name) and stream.failures > 0
    if mark is None or not (waits or again_and_again or stays):
        return FINE
    grave = waits or stream.failures >= REFUSED_MAJOR
    found = IssueOpened(
        kind=IssueKind.REFUSED,
        severity=Severity.MAJOR if grave else Severity.MINOR,
        since=held.at if held and waits else mark.at,
        evidence=numbers(mark, held.version if held and waits else None),
        threshold=thresholds.fixed("refused_after", number=1 if waits else REFUSED_AFTER),
        stream=name,
        cause=stream.failure.cause if stream.failure else None,
        guard=held.guard if held and waits else stream.doubt,
        count=stream.failures,
    )
    return Verdict(found=(found,))


def graded(in_a_row: int, limit: int, cause: FailureClass | None) -> Severity:
    """What a person must mend is never minor: no retry helps."""
    if in_a_row >= CRITICAL_TIMES * limit:
        return Severity.CRITICAL
    grave = in_a_row >= MAJOR_TIMES * limit or (in_a_row > 0 and _is_for_a_person(cause))
    return Severity.MAJOR if grave else Severity.MINOR


def _is_for_a_person(cause: FailureClass | None) -> bool:
    return cause is not None and failure.RULES[cause].turn is Turn.PERSON
