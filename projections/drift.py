"""Did a stream bring in each period what it usually brings, and if not, since when not?

Each period is judged by what lies before it (see `baseline`). It is off where it is off by more
than `threshold` spreads, each made comparable to a standard deviation, and by more than `percent`
of what was expected: the first so that what varies much does not alarm, the second so that what
hardly varies does not alarm over a trifle. What came late makes up for what was missing.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from projections import baseline
from projections.arrivals import Point, Series
from projections.baseline import Baseline, Prepared

SIGMA = 1.4826
"""A median of absolute deviations, times this, is a standard deviation where errors are normal."""

SHIFTED_AFTER = 3  # periods in a row on the same side: one may be a bad day, three are a new level
GAPS_SHARE = 0.05  # of the earlier periods: where more stretches surprised, one more is no news
STRETCHES_SHARE = 0.1  # where even more did, what comes and when cannot be foretold at all
SURPRISES_SHARE = 0.3  # nor where so many periods did, though in a few long stretches
LATE_MAX = 14  # periods that one can make up for: a sync fetches at once what came meanwhile
DUPLICATED_SHARE = 0.1  # of its records, over the usual: pages that move overlap by less
RECENT = 14  # periods that are judged where not all are asked for: so far back goes a `since`


class Word(StrEnum):
    """How a period was."""

    STEADY = "steady"
    LOW = "low"
    HIGH = "high"
    MISSING = "missing"
    SHIFTED = "shifted"
    DUPLICATED = "duplicated"
    IRREGULAR = "irregular"
    NOT_ENOUGH = "not-enough-data"
    NOT_SYNCED = "not-synced"
    SET_ASIDE = "set-aside"


ALARMS = frozenset({Word.LOW, Word.HIGH, Word.MISSING, Word.SHIFTED, Word.DUPLICATED})


class Rule(Struct, frozen=True, kw_only=True):
    """How far off is too far: in spreads, and in percent of what was expected."""

    threshold: float = 7.0
    percent: float = 40.0


class Verdict(Struct, frozen=True, kw_only=True):
    """What is said of one period, and every term that it comes from.

    `expected`, where there is one, is for `covers` periods: those before it brought nothing.
    `percent` is how many percent of it `actual` is off, None where nothing is expected; `off` is
    the same as a part (see `baseline.off`), and `score` is that in spreads of its side. Of the
    records that were `fetched` so many were `duplicates`, where a share `repeated` is usual. So it
    has been for so many periods `in_a_row`, `since` the one that began then.
    """

    word: Word
    at: datetime
    since: datetime
    actual: int
    syncs: int
    in_a_row: int = 1
    fetched: int = 0
    duplicates: int = 0
    repeated: float | None = None
    covers: int = 1
    expected: float | None = None
    percent: float | None = None
    off: float = 0.0
    score: float | None = None
    baseline: Baseline | None = None


def verdicts(series: Series, rule: Rule, last: int | None = None) -> list[Verdict]:
    """On every period, in their order, or on the last ones alone. Each is blind to what follows."""
    prepared, length = baseline.prepare(series), len(series.points)
    found: list[Verdict] = []
    for index in range(0 if last is None else max(0, length - last), length):
        follow(found, judge(prepared, index, rule))
    return found


def follow(found: list[Verdict], verdict: Verdict) -> None:
    """Add one to those before it: with what they have in common, since when, and how often."""
    before = found[-1] if found else None
    if before is None or _side(before) != _side(verdict):
        found.append(verdict)
        return
    in_a_row = before.in_a_row + 1
    word = verdict.word
    if word in {Word.LOW, Word.HIGH} and in_a_row >= SHIFTED_AFTER:
        word = Word.SHIFTED
    found.append(replace(verdict, word=word, since=before.since, in_a_row=in_a_row))


def judge(prepared: Prepared, index: int, rule: Rule) -> Verdict:
    """One period, whatever those before it came to."""
    point = prepared.series.points[index]
    if point.aside:
        return _plain(point, Word.SET_ASIDE)
    usual, repeated = baseline.before(prepared, index), baseline.repeated(prepared, index)
    if repeated is not None and point.duplicates > (repeated + DUPLICATED_SHARE) * point.fetched:
        found = (
            _measured(point, usual, Word.DUPLICATED) if usual else _plain(point, Word.DUPLICATED)
        )
        return replace(found, repeated=repeated)
    if usual is None:
        known = prepared.levels[index]
        return _plain(point, Word.NOT_ENOUGH if known is None or known else Word.IRREGULAR)
    if _is_irregular(usual):
        return _measured(point, usual, Word.IRREGULAR)
    if not point.new:
        return _measured(point, usual, _of_nothing(prepared, index, usual, rule))
    found = _measured(point, usual, Word.STEADY)
    word = _word(found, rule)
    covers = _covers(prepared.series.points, index)
    if word is Word.HIGH and covers > 1:
        found = _measured(point, usual, Word.STEADY, covers)
        word = Word.HIGH if _word(found, rule) is Word.HIGH else Word.STEADY
    return replace(found, word=word)


def _plain(point: Point, word: Word) -> Verdict:
    return Verdict(
        word=word,
        at=point.at,
        since=point.at,
        actual=point.new,
        syncs=point.syncs,
        fetched=point.fetched,
        duplicates=point.duplicates,
    )


def _measured(point: Point, usual: Baseline, word: Word, covers: int = 1) -> Verdict:
    part, share = point.new / usual.level, usual.share * covers
    off = baseline.off(part, share)
    spread = usual.below if off < 0 else usual.above
    expected = usual.expected * covers
    return replace(
        _plain(point, word),
        covers=covers,
        expected=expected,
        percent=100 * (point.new / expected - 1) if expected else None,
        off=off,
        score=off / (SIGMA * spread),
        baseline=usual,
    )


def _word(found: Verdict, rule: Rule) -> Word:
    assert found.score is not None, "it was measured"
    trifle = found.percent is not None and abs(found.percent) < rule.percent
    if abs(found.score) < rule.threshold or trifle:
        return Word.STEADY
    return Word.LOW if found.score < 0 else Word.HIGH


def _of_nothing(prepared: Prepared, index: int, usual: Baseline, rule: Rule) -> Word:
    """What it means that nothing came: nothing, where that happens now and then."""
    point = prepared.series.points[index]
    if not usual.expected:
        return Word.STEADY
    if not point.syncs and baseline.idles(prepared, index) > GAPS_SHARE * usual.periods:
        return Word.NOT_SYNCED
    if _word(_measured(point, usual, Word.MISSING), rule) is Word.LOW:
        return Word.MISSING
    rare = usual.stretches <= GAPS_SHARE * usual.periods
    return Word.MISSING if rare else Word.IRREGULAR


def _is_irregular(usual: Baseline) -> bool:
    return (
        usual.stretches > STRETCHES_SHARE * usual.periods
        or usual.surprises > SURPRISES_SHARE * usual.periods
    )


def _covers(points: Sequence[Point], index: int) -> int:
    """How many periods it speaks for: itself, and those just before it that brought nothing."""
    covers = 1
    while covers <= LATE_MAX and index >= covers and not points[index - covers].new:
        covers += 1
    return covers


def _side(of: Verdict) -> str:
    """What two periods in a row have in common, if it is the same."""
    if of.word in {Word.LOW, Word.HIGH, Word.SHIFTED}:
        return "below" if of.off < 0 else "above"
    return of.word
