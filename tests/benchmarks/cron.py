"""What would two cron jobs do in a day, or one that does the work of both?

As document C has them. The token job looks at every token and refreshes those that expire within
its threshold. The data job looks at every token again, refreshes one that would not last (the
text's "checks token expiry inline"), and asks for each of the last seven days of every user. The
job that it proposes instead refreshes and syncs in one go. A job takes no time here, which favours
it: a token is as old as the job that fetched it.
"""

from datetime import datetime, timedelta

from msgspec import Struct

ACCESS = timedelta(hours=1)  # what an access token is good for
DAYS = 7
A_DAY = timedelta(days=1)
SCHEDULED = timedelta(minutes=30)
INLINE = timedelta(minutes=5)  # `getValidToken`'s own threshold


class Day(Struct, kw_only=True):
    """What was done in a day.

    `invocations` counts how often time made something run, `empty` those that found nothing to do,
    `looks` how often somebody's token or due time was looked at.
    """

    invocations: int = 0
    empty: int = 0
    looks: int = 0
    token_calls: int = 0
    data_calls: int = 0


class Jobs:
    """Users whose tokens expire one after the other within the first hour."""

    def __init__(self, users: int, begin: datetime) -> None:
        self.begin = begin
        self.expires = [begin + ACCESS * (number + 1) / users for number in range(users)]
        self.day = Day()

    def refresh_all(self, now: datetime) -> None:
        """The token job."""
        refreshed = [self._refresh(user, now, SCHEDULED) for user in range(len(self.expires))]
        self.day.invocations += 1
        self.day.empty += not any(refreshed)

    def sync_all(self, now: datetime, threshold: timedelta) -> None:
        """The data job; with the token job's threshold, the one that does both."""
        self.day.invocations += 1
        self.day.empty += not self.expires
        for user in range(len(self.expires)):
            self._refresh(user, now, threshold)
            self.day.data_calls += DAYS

    def _refresh(self, user: int, now: datetime, threshold: timedelta) -> bool:
        self.day.looks += 1
        if self.expires[user] - now >= threshold:
            return False
        self.expires[user] = now + ACCESS
        self.day.token_calls += 1
        return True


def two_jobs(users: int, begin: datetime, *, tokens: timedelta, data: timedelta) -> Day:
    """The token job and the data job, each at its interval; the token job goes first."""
    jobs = Jobs(users, begin)
    for now in sorted({*_instants(begin, tokens), *_instants(begin, data)}):
        if not (now - begin) % tokens:
            jobs.refresh_all(now)
        if not (now - begin) % data:
            jobs.sync_all(now, INLINE)
    return jobs.day


def one_job(users: int, begin: datetime, *, every: timedelta) -> Day:
    """The job that document C proposes."""
    jobs = Jobs(users, begin)
    for now in _instants(begin, every):
        jobs.sync_all(now, SCHEDULED)
    return jobs.day


def _instants(begin: datetime, step: timedelta) -> list[datetime]:
    return [begin + count * step for count in range(A_DAY // step)]
