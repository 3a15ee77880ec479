"""Is it a tenant's quiet hours, and when do they end?

Inside means that the instant's local wall time lies in [start, end), over midnight where `end` is
the earlier one; equal ones are none. On days when clocks change, a wall time may be missing, or
come twice: whatever the wall shows then is what counts.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from events.policy import PolicySet

A_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def ends(rules: PolicySet, now: datetime) -> datetime | None:
    """The first instant after `now` at which they are over; None where it lies outside."""
    start, end = rules.quiet_hours_start, rules.quiet_hours_end
    if start == end:
        return None
    zone, at = ZoneInfo(rules.timezone), now
    while _is_inside(at.astimezone(zone).time(), start, end):
        over = at + _until(end, at.astimezone(zone).time())
        change = _first_change(zone, at, over)
        if change is None:
            return over
        at = change  # the clock jumps before they are over: what the wall shows then decides
    return None if at == now else at


def _is_inside(wall: time, start: time, end: time) -> bool:
    if start <= end:
        return start <= wall < end
    return wall >= start or wall < end


def _until(end: time, wall: time) -> timedelta:
    """How long a steady clock takes from one wall time to the other: less than a day."""
    return (_since_midnight(end) - _since_midnight(wall)) % A_DAY


def _since_midnight(wall: time) -> timedelta:
    return timedelta(
        hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond
    )


def _first_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """When the zone's offset changes in (after, until], if it does; at most once in a day."""
    low, high = after.astimezone(UTC), until.astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return None
    while high - low > MICROSECOND:
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
