"""How is it told that the values of a watched field are not what they usually are, and why so?"""

from collections.abc import Iterator, Sequence

from daemon.cli import times
from daemon.control.drift_messages import FieldAlarms
from projections.drift import SIGMA
from projections.value_drift import LOT_ROWS, LOT_VERSIONS, VERSIONS_ENOUGH, FieldVerdict
from projections.value_figures import LOTS_ENOUGH, POINTS, Figure, ValueWord, What

SHOWN = 20  # alarms of a field, the last ones: who has more needs another threshold first
FIGURES = {
    What.MEDIAN: "median",
    What.NULLS: "nulls",
    What.TEXTS: "texts among values",
    What.NEW: "texts never seen before",
    What.MIX: "texts otherwise mixed",
}


def is_any_shifted(fields: Sequence[FieldVerdict]) -> bool:
    return any(each.word is ValueWord.SHIFTED for each in fields)


def why(
    fields: Sequence[FieldVerdict], threshold: float, percent: float, *, all_terms: bool
) -> Iterator[str]:
    """What is not as usual: each field, a line, and a line for each figure; or all there is.

    And what fields lack, so that whoever has just named one to be watched sees that it is.
    """
    yield from lacking(fields)
    for each in fields:
        if each.word is not ValueWord.NOT_ENOUGH and (
            all_terms or each.word is not ValueWord.STEADY
        ):
            yield _likened(each)
            for figure in each.figures:
                if all_terms or figure.word is not ValueWord.STEADY:
                    yield _terms(figure, threshold, percent)


def lacking(fields: Sequence[FieldVerdict]) -> Iterator[str]:
    """How much there is of fields that cannot be judged yet, and how much it takes: a line each."""
    for each in fields:
        if each.word is ValueWord.NOT_ENOUGH:
            yield f"values of {each.field} are watched: not enough data yet, {_not_enough(each)}"


def sum_up(fields: Sequence[FieldAlarms]) -> Iterator[str]:
    """What each field's backtest came to, a line, and a line for each alarm."""
    for each in fields:
        yield (
            f"values of {each.field}: {times.count(each.versions, 'version')}, "
            f"{each.judged:,} judged; {times.count(each.runs, 'alarm')}"
        )
        for alarm in each.alarms[-SHOWN:]:
            said = [_off(one) for one in alarm.figures if one.word is ValueWord.SHIFTED]
            yield f"  version {alarm.version}: {'; '.join(said)}"
        if len(each.alarms) > SHOWN:
            yield f"  the last {SHOWN} of {len(each.alarms):,}; all of them: --json"


def _not_enough(of: FieldVerdict) -> str:
    there = of.versions + of.versions_before
    return (
        f"{times.count(there, 'version')} with {times.count(of.rows + of.rows_before, 'row')}; it "
        f"takes {VERSIONS_ENOUGH} versions or more, in {LOTS_ENOUGH} lots (of {LOT_ROWS} rows, or "
        f"{LOT_VERSIONS} versions), before the last lot"
    )


def _likened(of: FieldVerdict) -> str:
    since = f" since version {of.since}" if of.word is ValueWord.SHIFTED else ""
    return (
        f"values of {of.field} {of.word.value}{since}: {times.count(of.rows, 'row')} of "
        f"{times.count(of.versions, 'version')} up to {of.version}, likened to {of.lots} lots "
        f"before ({times.count(of.rows_before, 'row')} of "
        f"{times.count(of.versions_before, 'version')})"
    )


def _terms(of: Figure, threshold: float, percent: float) -> str:
    spreads = "" if of.score is None else f", {of.score:+,.1f} spreads of {_written(of, of.spread)}"
    far = f"{percent:g} %" if of.what is What.MEDIAN else f"{100 * POINTS:g} points"
    again = f"; it was as far off in {of.stretches} stretches before" if of.stretches else ""
    return (
        f"  {_off(of)}{spreads} (from {of.lots} lots: the larger of {SIGMA} x MAD "
        f"{_written(of, of.mad)}, and chance); too far is {threshold:g}, and {far}{again}"
    )


def _off(of: Figure) -> str:
    unit = "%" if of.what is What.MEDIAN else "points"
    off = "" if of.percent is None else f", {of.percent:+,.0f} {unit}"
    actual, expected = _written(of, of.actual), _written(of, of.expected)
    return f"{FIGURES[of.what]} {actual}, expected {expected}{off}"


def _written(of: Figure, value: float) -> str:
    if of.what is not What.MEDIAN:
        return f"{100 * value:.0f} %"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
