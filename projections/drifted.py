"""Has a stream drifted, as its last whole period shows, in the words of an event?"""

from datetime import datetime

from events.issues import Drifted, DriftJudged
from projections import arrivals, baseline, drift
from projections.arrivals import Came, Step
from projections.drift import ALARMS, RECENT, Rule, Verdict, Word

SAYS_NOTHING = frozenset({Word.SET_ASIDE, Word.NOT_SYNCED})
"""Who was paused, loaded or not asked may have drifted, or not: that is not over by it."""


def judged(came: Came, stream: str, zone: str, now: datetime, rule: Rule) -> DriftJudged | None:
    """None where there is no whole period yet, or it says nothing."""
    captures = [each for each in came.captures if each.stream == stream]
    step = arrivals.step_of(captures, now)
    series = arrivals.series(captures, came.pauses, step, zone, now)
    if not series.points:
        return None
    prepared, last = baseline.prepare(series), len(series.points) - 1
    found = [drift.judge(prepared, last, rule)]
    if found[0].word in ALARMS:  # for how long, is worth asking then alone
        found = []
        for index in range(max(0, last + 1 - RECENT), last + 1):
            drift.follow(found, drift.judge(prepared, index, rule))
    verdict = found[-1]
    if verdict.word in SAYS_NOTHING:
        return None
    until = arrivals.end(verdict.at, step, zone)
    before = [each.event for each in captures if each.at < until]
    return said(stream, verdict, step, max(before, default=0))


def said(stream: str, verdict: Verdict, step: Step, capture: int) -> DriftJudged:
    """The verdict in the words of an event; `capture` is the last one that it goes by."""
    return DriftJudged(
        stream=stream,
        how=Drifted(verdict.word.value) if verdict.word in ALARMS else None,
        at=verdict.at,
        since=verdict.since,
        in_a_row=verdict.in_a_row,
        hourly=step is Step.HOUR,
        actual=verdict.actual,
        expected=verdict.expected,
        capture=capture,
    )
