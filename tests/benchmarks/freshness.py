"""What does it take to keep data fresh for a day: two cron jobs, one, or a daemon?

The same users, the same freshness, the same seven days asked for each time; nobody fails. The cron
jobs are document C's (`cron.py`); ours is the whole daemon (`day.py`). What is counted as what:

- wake-ups: how often time made something run. Of cron, invocations, each of which handles all
  users. Of the daemon, how often the passing of time woke its scheduler: where users are due
  together it wakes once for all, as cron does; where their turns are `spread`, for each of them.
  What an event wakes (a sync that ended) is not counted, nor is the end of a batch under cron.
- empty: those wake-ups that found nothing to do. Among ten users' tokens the token job finds one
  to refresh each time; of one user's, two in three of its runs find nothing.
- watch: how often the scheduler looked at its clock, to notice that somebody set it, a minute after
  it last woke. It looks at no connection then, but it does wake; cron's own ticks are not counted
  either.
- looks: how often somebody's token, or due time, was looked at to see whether there is something to
  do. The daemon looks at nobody who is not due.
- token calls and data calls: requests to the token endpoint; and to the data's, one a day asked.

Document C's own figure, 384 to 144 invocations (-62 %), is had by asking half as often: at the old
freshness its one job runs 288 times (-25 %), and that is also how often the daemon wakes. Data
calls are equal wherever freshness is: nobody knows of new data before asking. With the threshold of
30 minutes the daemon refreshes a third more often than the token job: it looks at a token every
five minutes, the job every 15. Since it refreshes just before use, it needs no such threshold; one
of five minutes (`refresh_before`) takes a quarter fewer calls than the job. And where data may be
six hours old, it refreshes only what it is about to use, while the token job goes on all day.
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
from msgspec import Struct

from daemon.duration import text
from tests.benchmarks import cron, day
from tests.benchmarks.cron import A_DAY, Day
from tests.benchmarks.day import BEGIN, Watched, Way

USERS = 10
FIVE, TEN, QUARTER = (timedelta(minutes=minutes) for minutes in (5, 10, 15))
SIX_HOURS = timedelta(hours=6)


class Freshness(Struct, frozen=True, kw_only=True):
    """One way to do it, and what it took in a day; `saved` is of the two jobs' invocations."""

    figure: str
    wake_ups: int
    empty: int
    watch: int
    looks: int
    token_calls: int
    data_calls: int
    saved: float

    def line(self) -> str:
        return msgspec.json.encode(self).decode() + "\n"


def figures(users: int = USERS) -> Iterator[Freshness]:
    for fresh in (FIVE, TEN, SIX_HOURS):
        named = f"{users} users, data {text(fresh)} old at most"
        two = cron.two_jobs(users, BEGIN, tokens=QUARTER, data=fresh)
        before = two.invocations
        yield _told(f"{named}: two cron jobs", two, before)
        yield _told(f"{named}: one cron job", cron.one_job(users, BEGIN, every=fresh), before)
        for how, way in ways(fresh).items():
            yield _told(f"{named}: rounds, {how}", day.lived(users, way, A_DAY), before)


def ways(fresh: timedelta) -> dict[str, Way]:
    interval = text(fresh)
    return {
        "due together": Way(interval=interval),
        "due together, refresh_before 5m": Way(interval=interval, refresh_before="5m"),
        "spread as by default": Way(interval=interval, spread=0.1),
    }


def _told(figure: str, found: Day, before: int) -> Freshness:
    return Freshness(
        figure=figure,
        wake_ups=found.invocations,
        empty=found.empty,
        watch=found.watch if isinstance(found, Watched) else 0,
        looks=found.looks,
        token_calls=found.token_calls,
        data_calls=found.data_calls,
        saved=round(1 - found.invocations / before, 3),
    )
