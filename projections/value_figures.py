"""How far is a figure of a lot of values off what it was in the lots before?

From a lot's values come some figures: the median of its numbers, the share of nulls, of texts, of
texts that are new, and how far its texts are mixed otherwise. Each is likened to the median of the
lots before. It is off where it is off by more than `threshold` spreads, and by more than `percent`
of a median, or so many points of a share. A spread is the median of absolute deviations of the lots
before, made comparable to a standard deviation, and no less than the error that chance makes in so
few rows: of a median, by what order statistics foretell of rows like those before (Woodruff 1952),
so that many zeros, or two heaps, are no surprise; of a share, the binomial one. What was as far off
now and then before comes back, and is no news: weekends, say.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise
from math import sqrt
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from projections import value_sketch
from projections.drift import SIGMA, Rule
from projections.value_sketch import Sketch

VALUES_ENOUGH = 5  # numbers, or texts, of a lot: some of its rows may lack the field
LOTS_ENOUGH = 8  # before one: fewer have no spread to go by
RECURS = 2  # stretches before in which it was as far off: one may have been a fault, mended since
AS_FAR = 0.5  # as far off: this part of how far it is off now, on the same side
POINTS = 0.2  # of a share: less than one row in five is no other unit, and no other meaning
BEYOND = 4.0  # standard errors: what lies so far out tells of errors of either side by itself


class What(StrEnum):
    """What figure of a lot is likened."""

    MEDIAN = "median"
    NULLS = "nulls"
    TEXTS = "texts"
    NEW = "new"
    MIX = "mix"


class ValueWord(StrEnum):
    """How a field's values were."""

    STEADY = "steady"
    SHIFTED = "shifted"
    RECURRING = "recurring"
    NOT_ENOUGH = "not-enough-data"


class Figure(Struct, frozen=True, kw_only=True):
    """A figure of a lot, and every term of what is said of it. All but a median are shares of 1.

    `expected` is the median of that of so many `lots` before, `mad` the median of how far those
    were from it, `spread` what was measured in: `score` is in spreads, `percent` is of what was
    expected, and of a share it is points. Both are None where they cannot be said: nothing else
    than 0 was there before. In so many `stretches` of the lots before it was as far off.
    """

    what: What
    word: ValueWord
    actual: float
    expected: float
    mad: float
    spread: float
    percent: float | None
    score: float | None
    lots: int
    stretches: int = 0


def figures(lots: Sequence[Sketch], rule: Rule) -> list[Figure]:
    """Of the first of them: those that can be likened: `LOTS_ENOUGH` lie before it."""
    found = [_nulls(lots, rule), _median(lots, rule), _texts(lots, rule), *_categories(lots, rule)]
    return [each for each in found if each is not None]


def _nulls(lots: Sequence[Sketch], rule: Rule) -> Figure:
    now, *before = [each.nulls / each.rows for each in lots]
    return _share(What.NULLS, now, before, lots[0].rows, rule)


def _median(lots: Sequence[Sketch], rule: Rule) -> Figure | None:
    counts = [sum(each.numbers.values()) for each in lots]
    told = [each for each, count in zip(lots, counts, strict=True) if count >= VALUES_ENOUGH]
    if counts[0] < VALUES_ENOUGH or len(told) <= LOTS_ENOUGH:
        return None
    now, *before = [value_sketch.quantile(each.numbers, 0.5) for each in told]
    expected = median(before)
    away = min(0.5, BEYOND * 0.5 / sqrt(counts[0]))  # so large a share of rows lies in between
    end = 0.5 + (away if now > expected else -away)
    wide = median(abs(value_sketch.quantile(each.numbers, end) - expected) for each in told[1:])
    least = max(wide / BEYOND, value_sketch.ERROR * abs(expected))

    def is_far(off: float) -> bool:
        return not expected or abs(off) * 100 >= rule.percent * abs(expected)

    found = _liken(What.MEDIAN, now, before, expected, least=least, rule=rule, is_far=is_far)
    percent = 100 * (now - expected) / abs(expected) if expected else None
    return replace(found, percent=percent)


def _texts(lots: Sequence[Sketch], rule: Rule) -> Figure | None:
    """The share of texts in what is no null."""
    told = [each for each in lots if each.rows - each.nulls >= VALUES_ENOUGH]
    if not told or told[0] is not lots[0] or len(told) <= LOTS_ENOUGH:
        return None
    now, *before = [each.texts / (each.rows - each.nulls) for each in told]
    return _share(What.TEXTS, now, before, lots[0].rows - lots[0].nulls, rule)


def _categories(lots: Sequence[Sketch], rule: Rule) -> list[Figure]:
    """Of those texts that all lots have counted, however many there are."""
    upto = value_sketch.bound(lots)
    cut = [value_sketch.within(each.hashes, upto) for each in lots]
    told = [each for each in cut if sum(each.values()) >= VALUES_ENOUGH]
    if not told or told[0] is not cut[0] or len(told) <= LOTS_ENOUGH:
        return []
    rows = sum(told[0].values())
    new = _new(told)
    parts = [{text: count / sum(each.values()) for text, count in each.items()} for each in told]
    usual = {
        text: sum(each.get(text, 0) for each in parts[1:]) / len(parts[1:])
        for text in {text for each in parts[1:] for text in each}
    }
    mix, *mixes = [_apart(each, usual) for each in parts]
    chance = min(1.0, sqrt(len(usual) / rows) / 2)
    return [
        _share(What.NEW, new[0], new[1:], rows, rule),
        _share(What.MIX, mix, mixes, rows, rule, chance=chance),
    ]


def _new(lots: Sequence[dict[int, int]]) -> list[float]:
    """The share of texts that no lot before has; of the oldest it cannot be said."""
    known: set[int] = set()
    found = []
    for each in reversed(lots):
        new = sum(count for text, count in each.items() if text not in known)
        found.append(new / sum(each.values()))
        known |= each.keys()
    return found[:0:-1]


def _apart(one: dict[int, float], other: dict[int, float]) -> float:
    """The share of one that would have to be another text to be as the other (total variation)."""
    return sum(max(0.0, part - other.get(text, 0)) for text, part in one.items())


def _share(
    what: What,
    now: float,
    before: Sequence[float],
    rows: int,
    rule: Rule,
    *,
    chance: float | None = None,
) -> Figure:
    """One share of so many rows; no less is expected than chance brings, nor is less a shift."""
    expected = max(median(before), chance or 0)
    likely = (expected * rows + 1) / (rows + 2)  # of none in few rows, one may yet come (Laplace)
    error = sqrt(likely * (1 - likely) / rows)

    def is_far(off: float) -> bool:
        return abs(off) >= POINTS and (off > 0 or chance is None)

    found = _liken(what, now, before, expected, least=error, rule=rule, is_far=is_far)
    return replace(found, percent=100 * (now - expected))


def _liken(
    what: What,
    now: float,
    before: Sequence[float],
    expected: float,
    *,
    least: float,
    rule: Rule,
    is_far: Callable[[float], bool],
) -> Figure:
    """By its distance in spreads, each `least` at least, and whether that distance `is_far`."""
    usual = median(before)
    mad = median(abs(each - usual) for each in before)
    spread, off = max(SIGMA * mad, least), now - expected
    score = off / spread if spread else None
    shifted = bool(off) and is_far(off) and (score is None or abs(score) >= rule.threshold)
    stretches = _stretches([each - expected for each in before], off) if shifted else 0
    word = ValueWord.STEADY
    if shifted:
        word = ValueWord.RECURRING if stretches >= RECURS else ValueWord.SHIFTED
    return Figure(
        what=what,
        word=word,
        actual=now,
        expected=expected,
        mad=mad,
        spread=spread,
        percent=None,
        score=score,
        lots=len(before),
        stretches=stretches,
    )


def _stretches(before: Sequence[float], off: float) -> int:
    """In how many stretches they were as far off, but for the one that lasts still."""
    far = [each / off >= AS_FAR for each in before]
    lasts = far.index(False) if False in far else len(far)
    rest = far[lasts:]
    return sum(now and not after for after, now in pairwise(rest))
