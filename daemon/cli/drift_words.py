"""How is a verdict on what a stream brought told, with the terms that it was made of?"""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.cli import times, value_words
from daemon.control.drift_messages import DriftBacktest, StreamAlarms, StreamDrift
from daemon.shape import FieldShift
from projections.arrivals import Step
from projections.baseline import ENOUGH, LEVEL, Baseline, Season
from projections.drift import ALARMS, RECENT, SIGMA, Verdict, Word
from projections.freshness import Freshness

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORDS = {
    Word.SHIFTED: "shifted to another level",
    Word.IRREGULAR: "irregular",
    Word.NOT_ENOUGH: "not enough data yet",
    Word.NOT_SYNCED: "not synced",
    Word.SET_ASIDE: "set aside (a load, or paused)",
}


def day(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%a %d %b %Y")


def period(of: Verdict, step: Step, zone: str) -> str:
    return _begin(of.at, step, zone)


def since(of: Verdict, step: Step, zone: str, *, whole: bool = True) -> str:
    """Of an alarm; where not all periods were judged, a long run may have begun before."""
    if of.word not in ALARMS:
        return ""
    before = "" if whole or of.in_a_row < RECENT else " or before"
    return _begin(of.since, step, zone) + before


def _begin(at: datetime, step: Step, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return local.strftime("%a %d %b" if step is Step.DAY else "%a %d %b %H:%M")


def expected(of: Verdict) -> str:
    return "" if of.expected is None else _number(of.expected)


def off(of: Verdict) -> str:
    return "" if of.percent is None else f"{of.percent:+,.0f} %"


def word(of: Verdict) -> str:
    return WORDS.get(of.word, of.word.value)


def unjudged(of: StreamDrift) -> str:
    """In place of a verdict, which is of a whole day, or hour."""
    return "nothing came yet" if of.brought_at is None else f"no whole {of.step.value} yet"


def age(of: Freshness, now: datetime) -> str:
    said = times.relative(of.newest, now)
    return f"{said} (late)" if of.late else said


def own_rule(of: StreamAlarms, found: DriftBacktest) -> str:
    """What a stream was judged by, where that is its own."""
    if (of.threshold, of.percent) == (found.threshold, found.percent):
        return ""
    return f" (with drift_threshold={of.threshold:g} drift_percent={of.percent:g} of its own)"


def sum_up(of: StreamAlarms) -> str:
    """What a stream's backtest came to, in a line."""
    noun = of.step.value
    head = f"{of.stream}: {times.count(of.periods, f'whole {noun}')}"
    if of.periods <= LEVEL[of.step] + ENOUGH[of.step]:
        return f"{head}, not enough data yet: {_enough(of.step)}"
    if not of.judged:
        return f"{head}, none of which could be judged: it brings something too seldom"
    often = "" if of.a_month is None else f", {of.a_month:.1f} a month"
    return f"{head}, {of.judged:,} judged; {times.count(of.runs, 'alarm')}{often}"


def why(of: StreamDrift, *, all_terms: bool) -> Iterator[str]:
    """Its terms, in lines; also those of watched fields that are as usual, or not."""
    values = value_words.why(of.fields, of.threshold, of.percent, all_terms=all_terms)
    return itertools.chain(_why(of), values)


def _why(of: StreamDrift) -> Iterator[str]:
    verdict = of.verdict
    if verdict is not None and verdict.baseline is not None:
        yield from _terms(verdict, verdict.baseline, of)
    if verdict is not None and verdict.repeated is not None:
        yield (
            f"{verdict.duplicates:,} of {times.count(verdict.fetched, 'record')} repeated a key; "
            f"usually {100 * verdict.repeated:.0f} % do"
        )
    elif verdict is not None and verdict.word is Word.NOT_ENOUGH:
        yield f"{_enough(of.step)}; there are {of.periods:,}"
    elif verdict is not None and verdict.word is Word.IRREGULAR:
        yield (
            f"nothing came in half of the last {LEVEL[of.step]} {of.step.value}s or more: what "
            "comes so seldom cannot be foretold"
        )
    if of.freshness is not None and of.freshness.expected_s is not None:
        yield _freshness(of.freshness, of.threshold)
    yield from _fields(of)


def _fields(of: StreamDrift) -> Iterator[str]:
    """What became of its fields: in answers that were doubted, and in those that were believed."""
    for each in of.reshaped:
        fields = times.count(each.fields, "field")
        yield (
            f"{fields} gone or of another type in the answer of {times.local(each.at)}: "
            f"rounds log show {each.event}"
        )
    if of.shape is not None and of.shape.shifts:
        named = [_shift(each) for each in of.shape.shown]
        left = of.shape.shifts - len(named)
        more = f", and {left:,} more" if left else ""
        yield f"since version {of.shape.before}: {', '.join(named)}{more}"


def _shift(of: FieldShift) -> str:
    if of.how == "retyped":
        return f"{of.field} was {of.before or 'of no one type'}, is {of.after or 'of no one type'}"
    return f"{of.field} {of.how}"


def _terms(of: Verdict, usual: Baseline, stream: StreamDrift) -> Iterator[str]:
    step, noun = stream.step, stream.step.value
    covers = f" x {of.covers} (it makes up for {of.covers - 1} before it)" if of.covers > 1 else ""
    yield (
        f"expected {_number(usual.expected * of.covers)} = level {_number(usual.level)} (median of "
        f"{LEVEL[step]} {noun}s) x {usual.share:.3f} (median share of "
        f"{usual.cell_periods} {_cell(usual, noun)}){covers}"
    )
    spread, side = (usual.below, "below") if of.off < 0 else (usual.above, "above")
    measure = "the missing part" if of.off < 0 else "the logarithm of actual / expected"
    yield (
        f"off {of.off:+.3f} ({measure}); {noun}s {side} are usually off {spread:.3f} (median of "
        f"{usual.periods} {noun}s): {of.off:+.3f} / ({SIGMA} x {spread:.3f}) = {of.score:+.1f} "
        f"spreads; too far is {stream.threshold:g}, and {stream.percent:g} %"
    )
    if not of.syncs:
        yield f"no sync of it was accepted in that {noun}"
    if of.word is Word.IRREGULAR:
        yield (
            f"{usual.surprises} of {usual.periods} {noun}s, in {usual.stretches} stretches, "
            "brought nothing where others do, or something where others do not"
        )


def _cell(of: Baseline, noun: str) -> str:
    weekday, hour = of.cell
    match of.season:
        case Season.WEEKDAY:
            return f"{WEEKDAYS[weekday]}s"
        case Season.HOUR:
            return f"hours from {hour:02}:00"
        case Season.WEEKDAY_HOUR:
            return f"hours from {hour:02}:00 on {WEEKDAYS[weekday]}s"
        case Season.ALL:
            return f"{noun}s"


def _freshness(of: Freshness, threshold: float) -> str:
    assert of.expected_s is not None, "it has been likened to earlier moments"
    then = "hours of that weekday" if of.season is Season.WEEKDAY_HOUR else "hours of that time"
    return (
        f"newest data is {_span(of.age_s)} old; at {of.moments} earlier {then} it was "
        f"{_span(of.expected_s)} (median); late from {_span(of.limit_s)} on: that, and the longer "
        f"of {threshold:g} x {SIGMA} x {_span(of.spread_s)} (spread) and {_span(of.wait_s)} (a "
        "usual wait)"
    )


def _span(seconds: float | None) -> str:
    return times.about(timedelta(seconds=round(seconds or 0)))


def _enough(step: Step) -> str:
    noun = step.value
    return f"it takes {LEVEL[step] + ENOUGH[step]} {noun}s with a sync, and a {noun} more"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.1f}"
