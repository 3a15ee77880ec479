"""How long is it since new data came, and is that longer than usual at this hour of the week?

The age of the newest data now is likened to its age at the same hour of the same weekday in
earlier weeks, and where there are too few of those, at the same hour of earlier days. It is late
where it is older than their median by more than `threshold` spreads, and by more than one usual
wait between two arrivals: a sync that runs at another minute than yesterday makes nothing late.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from msgspec import Struct

from projections.arrivals import A_DAY, Capture
from projections.baseline import Season
from projections.drift import SIGMA, Rule

WEEKS = 8  # of the same weekday and hour: as many as the volume of a day is judged by
WEEKS_ENOUGH = 4
DAYS = 28  # of the same hour
DAYS_ENOUGH = 14
ARRIVALS_ENOUGH = 5  # of which the waits between make a usual one


class Freshness(Struct, frozen=True, kw_only=True):
    """How old the newest data is, and how old it usually is then.

    `expected` is the median of the ages at so many earlier `moments` of the `season`, `spread` the
    median of how far those lie from it; `wait` is the usual time between two arrivals. All in
    seconds. It is late from `limit_s` on; None, where there is not enough data yet.
    """

    newest: datetime
    age_s: float
    late: bool = False
    season: Season | None = None
    moments: int = 0
    expected_s: float | None = None
    spread_s: float | None = None
    wait_s: float | None = None
    limit_s: float | None = None


def of(captures: Sequence[Capture], now: datetime, rule: Rule) -> Freshness | None:
    """None where nothing new has come yet."""
    arrivals = sorted(each.at for each in captures if each.new and not each.load and each.at <= now)
    if not arrivals:
        return None
    newest = arrivals[-1]
    found = Freshness(newest=newest, age_s=_s(now - newest))
    season, ages = _ages(arrivals, now)
    if season is None or len(arrivals) < ARRIVALS_ENOUGH:
        return found
    waits = [_s(later - at) for at, later in pairwise(arrivals)]
    expected, wait = median(ages), median(waits)
    spread = median([abs(each - expected) for each in ages])
    limit = expected + max(rule.threshold * SIGMA * spread, wait)
    return Freshness(
        newest=newest,
        age_s=found.age_s,
        late=found.age_s > limit,
        season=season,
        moments=len(ages),
        expected_s=expected,
        spread_s=spread,
        wait_s=wait,
        limit_s=limit,
    )


def _ages(arrivals: Sequence[datetime], now: datetime) -> tuple[Season | None, list[float]]:
    for season, step, most, enough in (
        (Season.WEEKDAY_HOUR, 7 * A_DAY, WEEKS, WEEKS_ENOUGH),
        (Season.HOUR, A_DAY, DAYS, DAYS_ENOUGH),
    ):
        back = (now - arrivals[-1]) // step + 1  # what is late now has been so for a while
        moments = [now - step * (back + each) for each in range(most)]
        known = [each for each in moments if each > arrivals[0]]
        if len(known) >= enough:
            return season, [_s(each - _before(arrivals, each)) for each in known]
    return None, []


def _before(arrivals: Sequence[datetime], moment: datetime) -> datetime:
    """The last one that lies before it; there is one."""
    return arrivals[bisect_left(arrivals, moment) - 1]


def _s(span: timedelta) -> float:
    return span / timedelta(seconds=1)
