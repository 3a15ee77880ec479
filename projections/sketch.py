"""How long did most of them take, and how long the slowest, without keeping every one?

A sketch counts durations in buckets, each a tenth wider than the one before (DDSketch; Masson, Rim
and Lee, VLDB 2019). Sketches add up, and a quantile read from one is within 5 % of the true value.
"""

import itertools
import math
from collections.abc import Mapping

GROWTH = 1.1  # from one bucket to the next: twice the error, and 160 buckets up to an hour
_LOG = math.log(GROWTH)


def bucket(duration_ms: int) -> int:
    """In which bucket it is counted: 0 for less than 1 ms."""
    return 0 if duration_ms < 1 else 1 + int(math.log(duration_ms) / _LOG)


def quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The duration in ms that this share of them stayed within; None of none."""
    total = sum(counts.values())
    if not total:
        return None
    buckets, wanted = sorted(counts), share * (total - 1)
    upto = itertools.accumulate(counts[each] for each in buckets)
    return middle(next(each for each, so_far in zip(buckets, upto, strict=True) if so_far > wanted))


def middle(place: int) -> int:
    """The duration in ms that stands for a bucket: as far from its lower as from its upper end."""
    if place == 0:
        return 0
    return round(2 * GROWTH**place / (GROWTH + 1))
