"""How much does a stream usually bring at that time, and how far off is it usually?

What is expected of a period is its level times its share. The level is the median of the last two
weeks (one, where hours are judged). The share is the median of what earlier periods of its season
(the same weekday, the same hour, or all) brought, each as a part of its own level: so what grows or
shrinks slowly is expected to go on so. The spread is the median of how far earlier periods were off
what the others of their season foretold: one figure below what was expected and one above (a double
MAD, after Rosenmai 2013), since what cannot be less than nothing is seldom as far off below as
above. Of the seasons that one holds which foretells best. All of it uses what lies before the
period alone.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from math import log
from statistics import median
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from projections.arrivals import Point, Series, Step

WINDOW = {Step.DAY: 56, Step.HOUR: 28 * 24}
"""How many periods before one it is judged by: eight of each weekday, or four of each hour of the
week. Longer ones are slower to learn what a stream has become."""

LEVEL = {Step.DAY: 14, Step.HOUR: 7 * 24}
"""How many of them make the level: whole weeks, so that each weekday has its part in it."""

ENOUGH = {Step.DAY: 21, Step.HOUR: 7 * 24}
"""Periods that have a level; with fewer there is not enough data yet. Before these lie those that
make the first level: a daily stream is judged after five weeks, an hourly one after two."""

CELL_ENOUGH = 3  # periods of a season's cell: the median of two is their mean, and not robust
BETTER = 0.8  # a season must bring the spread down to this: else it is chance that one fits
FLOOR = 0.1  # of the level: less is expected of a quiet Sunday than its own size tells of errors
SPREAD_MIN = 0.02  # what never varied may yet by a little, and nobody wants to hear of it


class Season(StrEnum):
    """Which earlier periods a period is likened to."""

    ALL = "all"
    WEEKDAY = "weekday"
    HOUR = "hour"
    WEEKDAY_HOUR = "weekday and hour"


SEASONS = {
    Step.DAY: (Season.ALL, Season.WEEKDAY),
    Step.HOUR: (Season.ALL, Season.HOUR, Season.WEEKDAY_HOUR),
}

Cell: TypeAlias = tuple[int, int]
"""A weekday (Monday is 0) and an hour; -1 where that does not matter."""


class Baseline(Struct, frozen=True, kw_only=True):
    """What is usual at one period.

    `expected` is `level` times `share`, the median of the `cell_periods` of its `cell`. The earlier
    `periods` were off by `below` and `above` (see `off`). So many of them are `surprises`, in so
    many `stretches`: nothing came where the others of their cell brought something, or the reverse.
    """

    season: Season
    cell: Cell
    level: float
    share: float
    expected: float
    below: float
    above: float
    periods: int
    cell_periods: int
    surprises: int
    stretches: int


class Prepared(Struct, frozen=True, kw_only=True):
    """A series with what judging any period of it needs: the level before each of its periods."""

    series: Series
    cells: tuple[Cell, ...]
    usable: tuple[bool, ...]
    levels: tuple[float | None, ...]


def prepare(series: Series) -> Prepared:
    zone, points, length = ZoneInfo(series.zone), series.points, LEVEL[series.step]
    local = (each.at.astimezone(zone) for each in points)
    usable = tuple(_is_usable(points, index) for index in range(len(points)))
    return Prepared(
        series=series,
        cells=tuple((each.weekday(), each.hour) for each in local),
        usable=usable,
        levels=tuple(_levels(points, usable, length)),
    )


def _is_usable(points: Sequence[Point], index: int) -> bool:
    """Whether it tells of itself alone: not of days before it, on which no sync came through."""
    point = points[index]
    if point.aside or not point.syncs:
        return False
    return index == 0 or points[index - 1].syncs > 0


def _levels(points: Sequence[Point], usable: Sequence[bool], length: int) -> list[float | None]:
    found: list[float | None] = []
    last: list[int] = []
    for point, counts in zip(points, usable, strict=True):
        found.append(median(last) if len(last) == length else None)
        if counts:
            last = [*last[-length + 1 :], point.new]
    return found


def before(prepared: Prepared, index: int) -> Baseline | None:
    """What is usual at that period; None where there is not enough data yet."""
    step, level = prepared.series.step, prepared.levels[index]
    first = max(0, index - WINDOW[step])
    past = [
        each
        for each in range(first, index)
        if prepared.usable[each] and prepared.levels[each] is not None
    ]
    if not level or sum(1 for each in past if prepared.levels[each]) < ENOUGH[step]:
        return None
    best = None
    for season in SEASONS[step]:
        found = _of_season(prepared, past, index, season, level)
        if found and (best is None or _spread(found) < BETTER * _spread(best)):
            best = found
    return best


def _spread(of: Baseline) -> float:
    return of.below + of.above


def cell_of(cell: Cell, season: Season) -> Cell:
    weekday, hour = cell
    return (
        weekday if season in {Season.WEEKDAY, Season.WEEKDAY_HOUR} else -1,
        hour if season in {Season.HOUR, Season.WEEKDAY_HOUR} else -1,
    )


def _of_season(
    prepared: Prepared, past: Sequence[int], index: int, season: Season, level: float
) -> Baseline | None:
    shares: dict[Cell, list[float]] = defaultdict(list)
    parts: list[tuple[Cell, float | None]] = []
    for each in past:
        own, cell = prepared.levels[each], cell_of(prepared.cells[each], season)
        part = prepared.series.points[each].new / own if own else None
        parts.append((cell, part))
        if part is not None:
            shares[cell].append(part)
    for values in shares.values():
        values.sort()
    here = cell_of(prepared.cells[index], season)
    if len(shares[here]) < CELL_ENOUGH:
        return None
    share = median(shares[here])
    offs, surprises = _compared(shares, parts)
    return Baseline(
        season=season,
        cell=here,
        level=level,
        share=share,
        expected=level * share,
        below=_half([-each for each in offs if each <= 0]),
        above=_half([each for each in offs if each >= 0]),
        periods=len(past),
        cell_periods=len(shares[here]),
        surprises=sum(surprises),
        stretches=sum(each and not before for before, each in pairwise([False, *surprises])),
    )


def _compared(
    shares: Mapping[Cell, Sequence[float]], parts: Sequence[tuple[Cell, float | None]]
) -> tuple[list[float], list[bool]]:
    """How far off each was, where that can be said, and whether it was a surprise."""
    offs: list[float] = []
    surprises: list[bool] = []
    for cell, part in parts:
        usual = None if part is None else _without(shares[cell], part)
        if part is not None and usual is not None:
            offs.append(off(part, usual))
        surprises.append(not part if usual is None else (part == 0) != (usual == 0))
    return offs, surprises


def off(part: float, usual: float) -> float:
    """How far off it is of what is usual; both are parts of the same level.

    Below it the share that is missing, -1 where all of it is. Above it the logarithm of how many
    times as much it is: what is too much is so by factors, and twice is as far off as half.
    """
    if part <= usual:
        return (part - usual) / max(usual, FLOOR)
    return max(0.0, log(part / max(usual, FLOOR)))


def _without(ordered: Sequence[float], part: float) -> float:
    """The median of the others; of what stands alone, its own."""
    others = len(ordered) - 1
    if not others:
        return part
    at, middle = bisect_left(ordered, part), others // 2
    upper = ordered[middle + (at <= middle)]
    if others % 2:
        return upper
    return (ordered[middle - 1 + (at <= middle - 1)] + upper) / 2


def _half(offs: Sequence[float]) -> float:
    return max(median(offs), SPREAD_MIN) if offs else SPREAD_MIN


def repeated(prepared: Prepared, index: int) -> float | None:
    """Which share of an answer's records usually repeat a key; None with too few answers."""
    step, points = prepared.series.step, prepared.series.points
    shares = [
        points[each].duplicates / points[each].fetched
        for each in range(max(0, index - WINDOW[step]), index)
        if points[each].fetched and not points[each].aside
    ]
    return median(shares) if len(shares) >= ENOUGH[step] else None


def idles(prepared: Prepared, index: int) -> int:
    """How many stretches without any sync lie in the window before it."""
    points = prepared.series.points
    start = max(1, index - WINDOW[prepared.series.step])
    return sum(
        not points[each].syncs and points[each - 1].syncs > 0 for each in range(start, index)
    )
