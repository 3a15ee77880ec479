"""What were a field's values in some records, told so that no value can be read from it?

Numbers are counted in buckets, each a twentieth wider than the one before (DDSketch; Masson, Rim
and Lee, VLDB 2019), so that a quantile is within 2.5 % of the true one. Texts are counted under
keyed hashes, which whoever makes a sketch gives; of many, those with the least hashes are kept
(bottom-k; Cohen and Kaplan, PODC 2007), so that the same texts are kept of every sketch. Sketches
add up, in any order.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

GROWTH = 1.05  # from one bucket to the next: twice the error, and 47 buckets a power of ten
ERROR = (GROWTH - 1) / 2  # how far off a quantile may be, as a part of it
LEAST = 1e-9  # what is nearer to nothing counts as nothing
GREATEST = 1e15  # what is further off counts as that far: 1,133 buckets on either side
HASHES_MAX = 64  # texts that are told apart: categories are fewer, and a hundred say no more
HASH_BYTES = 6  # of a text's hash: as a number in JSON it stays exact
_LOG = math.log(GROWTH)


class Sketch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of so many `rows`, so many were `nulls` (or had no such field), `texts`, or in `numbers`.

    `numbers` are by bucket. `hashes` count texts, up to the hash `upto` alone where there is one.
    What is left are lists and objects.
    """

    rows: int = 0
    nulls: int = 0
    texts: int = 0
    numbers: dict[int, int] = {}
    hashes: dict[int, int] = {}
    upto: int | None = None


class Measures(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a version: its rows' values by watched field, or to which it goes `back`."""

    fields: dict[str, Sketch] = {}
    back: int | None = None


def of(values: Iterable[float | str | int | None], hashes: Mapping[str, int], rest: int) -> Sketch:
    """Of numbers, texts and nulls, and of `rest` values that are neither.

    `hashes` has each text's hash.
    """
    numbers: Counter[int] = Counter()
    texts: Counter[int] = Counter()
    nulls = 0
    for value in values:
        match value:
            case None:
                nulls += 1
            case str():
                texts[hashes[value]] += 1
            case _:
                numbers[bucket(value)] += 1
    count = texts.total()
    hashed, upto = _cut(texts, None)
    return Sketch(
        rows=nulls + count + numbers.total() + rest,
        nulls=nulls,
        texts=count,
        numbers=dict(numbers),
        hashes=hashed,
        upto=upto,
    )


def join(sketches: Sequence[Sketch]) -> Sketch:
    """Of the rows of all of them."""
    if len(sketches) == 1:
        return sketches[0]
    numbers: Counter[int] = Counter()
    texts: Counter[int] = Counter()
    for each in sketches:
        numbers.update(each.numbers)
        texts.update(each.hashes)
    hashes, upto = _cut(texts, bound(sketches))
    return Sketch(
        rows=sum(each.rows for each in sketches),
        nulls=sum(each.nulls for each in sketches),
        texts=sum(each.texts for each in sketches),
        numbers=dict(numbers),
        hashes=hashes,
        upto=upto,
    )


def bound(sketches: Iterable[Sketch]) -> int | None:
    """Up to which hash all of them have counted every text; None: all texts."""
    return min((each.upto for each in sketches if each.upto is not None), default=None)


def within(hashes: Mapping[int, int], upto: int | None) -> dict[int, int]:
    """Those up to that hash."""
    return {each: count for each, count in hashes.items() if upto is None or each <= upto}


def bucket(value: float) -> int:
    """In which bucket a number is counted: 0 for nothing, below it for what is less."""
    size = min(abs(value), GREATEST)
    if size < LEAST:
        return 0
    place = 1 + int(math.log(size / LEAST) / _LOG)
    return place if value > 0 else -place


def middle(place: int) -> float:
    """The number that stands for a bucket: as far, in parts, from its one end as the other."""
    if place == 0:
        return 0.0
    size = LEAST * GROWTH ** abs(place) * 2 / (GROWTH + 1)
    return size if place > 0 else -size


def quantile(numbers: Mapping[int, int], share: float) -> float:
    """The least number that this share of them, one at least, are not above."""
    wanted = share * sum(numbers.values())
    ordered = sorted(numbers)
    upto = itertools.accumulate(numbers[each] for each in ordered)
    return middle(
        next(each for each, so_far in zip(ordered, upto, strict=True) if so_far >= wanted)
    )


def _cut(texts: Mapping[int, int], upto: int | None) -> tuple[dict[int, int], int | None]:
    """Those up to that hash, but no more than are told apart; and up to which hash that is."""
    kept = sorted(within(texts, upto).items())
    if len(kept) > HASHES_MAX:
        kept = kept[:HASHES_MAX]
        upto = kept[-1][0]
    return dict(kept), upto
