"""For how long does the read model keep what, and what is older than that?"""

from datetime import datetime, timedelta

from msgspec import Struct

from daemon.read_model.timestamps import seconds

HAPPENED_KEPT = timedelta(days=90)
"""For so long what happened is kept one by one; the log keeps it for ever."""

HOURS_KEPT = timedelta(days=62)
"""For so long sums are kept by the hour, eight weeks and a few days; then by the day."""

DAYS_KEPT = timedelta(days=3 * 366)
RETRIES_KEPT = timedelta(days=7)
"""For so long a retry that has ended is kept where nobody says otherwise; then in sums."""

DAY_S, HOUR_S = 86_400, 3600


class Kept(Struct, frozen=True, kw_only=True):
    """What is kept: from which event on one by one, from which second on by the hour."""

    happened: int = 0
    hours: int = 0


EVERYTHING = Kept()


def happened_from(at: datetime) -> datetime:
    """From when on what happened is kept, once it is `at`: by whole hours."""
    return (at - HAPPENED_KEPT).replace(minute=0, second=0, microsecond=0)


def hours_from(at: datetime) -> int:
    """From which second since 1970 on sums are kept by the hour, once it is `at`."""
    return _day(at - HOURS_KEPT)


def days_from(at: datetime) -> int:
    """From which second on they are kept by the day."""
    return _day(at - DAYS_KEPT)


def _day(at: datetime) -> int:
    """When that day began, in seconds since 1970."""
    return seconds(at) // DAY_S * DAY_S
