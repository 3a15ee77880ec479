"""When are quiet hours over, where clocks change and where they do not?"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.decide import quiet
from projections.fleet import DEFAULT_POLICY

pytestmark = pytest.mark.requirement("A3")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

CASES = """
-- Nothing changes.
UTC                 22:00-07:00 2026-05-04T21:59:59.999999Z -                   before the start
UTC                 22:00-07:00 2026-05-04T22:00Z    2026-05-05T07:00Z   at the start
UTC                 22:00-07:00 2026-05-05T00:00Z    2026-05-05T07:00Z   over midnight
UTC                 22:00-07:00 2026-05-05T06:59:59.999999Z 2026-05-05T07:00Z   at the last moment
UTC                 22:00-07:00 2026-05-05T07:00Z    -                   at the end
UTC                 12:00-14:00 2026-05-04T13:00Z    2026-05-04T14:00Z   within a day
UTC                 12:00-14:00 2026-05-04T14:00Z    -                   within a day, after
UTC                 22:00-00:00 2026-05-04T23:00Z    2026-05-05T00:00Z   to midnight
UTC                 00:00-06:00 2026-05-04T00:00Z    2026-05-04T06:00Z   from midnight
UTC                 22:00-22:00 2026-05-04T22:00Z    -                   equal ones are none
Asia/Kolkata        22:00-07:00 2026-05-04T16:30Z    2026-05-05T01:30Z   a zone of half an hour
-- Madrid, 2026-03-29: 02:00 becomes 03:00.
Europe/Madrid       23:00-02:30 2026-03-29T01:30+01  2026-03-29T03:00+02 end in the gap
Europe/Madrid       23:00-02:00 2026-03-29T01:30+01  2026-03-29T03:00+02 end where the gap begins
Europe/Madrid       23:00-03:00 2026-03-29T01:30+01  2026-03-29T03:00+02 end where the gap ends
Europe/Madrid       02:30-07:00 2026-03-29T03:00+02  2026-03-29T07:00+02 start in the gap
Europe/Madrid       02:30-07:00 2026-03-29T01:59+01  -                   start in the gap, before
Europe/Madrid       02:15-02:45 2026-03-29T03:00+02  -                   all in the gap
Europe/Madrid       22:00-07:00 2026-03-28T22:00+01  2026-03-29T07:00+02 a short night
-- Madrid, 2026-10-25: 03:00 becomes 02:00.
Europe/Madrid       23:00-02:30 2026-10-25T01:30+02  2026-10-25T02:30+02 end in the hour twice
Europe/Madrid       23:00-02:30 2026-10-25T02:00+01  2026-10-25T02:30+01 and it is quiet again
Europe/Madrid       23:00-02:30 2026-10-25T02:45+02  -                   in between it is not
Europe/Madrid       23:00-03:00 2026-10-25T01:30+02  2026-10-25T03:00+01 end after the second one
Europe/Madrid       02:30-07:00 2026-10-25T02:30+02  2026-10-25T03:00+02 start in the hour twice
Europe/Madrid       02:30-07:00 2026-10-25T02:30+01  2026-10-25T07:00+01 and starts again
Europe/Madrid       22:00-07:00 2026-10-24T22:00+02  2026-10-25T07:00+01 a long night
-- New York, 2026-03-08 at 02:00 and 2026-11-01 at 02:00.
America/New_York    22:00-02:30 2026-03-08T01:00-05  2026-03-08T03:00-04 west of it, spring
America/New_York    22:00-01:30 2026-11-01T01:10-05  2026-11-01T01:30-05 west of it, autumn
-- Sydney, 2026-04-05: 03:00 becomes 02:00; 2026-10-04: 02:00 becomes 03:00.
Australia/Sydney    22:00-07:00 2026-04-04T23:00+11  2026-04-05T07:00+10 south, autumn
Australia/Sydney    22:00-02:30 2026-10-04T01:00+10  2026-10-04T03:00+11 south, spring
-- Lord Howe, 2026-04-05: 02:00 becomes 01:30; 2026-10-04: 02:00 becomes 02:30.
Australia/Lord_Howe 22:00-01:45 2026-04-05T01:30+10:30 2026-04-05T01:45+10:30 half an hour twice
Australia/Lord_Howe 22:00-02:15 2026-10-04T01:00+10:30 2026-10-04T02:30+11 half an hour less
Australia/Lord_Howe 22:00-07:00 2026-10-04T01:00+10:30 2026-10-04T07:00+11 past half an hour less
-- Santiago, 2026-04-05: midnight becomes 23:00; 2026-09-06: midnight becomes 01:00.
America/Santiago    23:30-06:00 2026-04-04T23:30-03  2026-04-05T00:00-03 the evening twice
America/Santiago    20:00-00:00 2026-09-05T21:00-04  2026-09-06T01:00-03 no midnight to end at
America/Santiago    00:00-06:00 2026-09-06T01:00-03  2026-09-06T06:00-03 no midnight to start at
-- Apia had no 30th of December 2011.
Pacific/Apia        22:00-07:00 2011-12-29T23:00-10  2011-12-31T07:00+14 a day that never came
"""
"""Zone, quiet hours, now, when they are over (- where it is not quiet now), and what this shows."""


def rules(hours, zone):
    start, end = (time.fromisoformat(each) for each in hours.split("-"))
    return replace(DEFAULT_POLICY, quiet_hours_start=start, quiet_hours_end=end, timezone=zone)


def rows():
    for line in CASES.strip().splitlines():
        if not line.startswith("--"):
            zone, hours, now, over, what = line.split(maxsplit=4)
            yield pytest.param(zone, hours, now, over, id=f"{zone}: {what}")


@pytest.mark.parametrize(("zone", "hours", "now", "over"), [*rows()])
def test_quiet_hours_end_when_the_wall_shows_so(zone, hours, now, over):
    found = quiet.ends(rules(hours, zone), datetime.fromisoformat(now).astimezone(UTC))
    assert found == (None if over == "-" else datetime.fromisoformat(over))


def test_hours_that_swallow_their_own_gap_last_two_days():
    """It is quiet but from 02:00 to 03:00, and that hour does not come."""
    now = datetime.fromisoformat("2026-03-28T03:00+01:00").astimezone(UTC)
    found = quiet.ends(rules("03:00-02:00", "Europe/Madrid"), now)
    assert found == datetime.fromisoformat("2026-03-30T02:00+02:00")


# -- the law --------------------------------------------------------------------------------------

CHANGES = {
    "Europe/Madrid": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Sydney": ("2026-04-04T16:00", "2026-10-03T16:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "America/Santiago": ("2026-04-05T03:00", "2026-09-06T04:00"),
    "Pacific/Apia": ("2011-12-30T10:00", "2011-09-24T11:00"),
    "Asia/Kolkata": ("2026-05-04T12:00",),
    "UTC": ("2026-05-04T12:00",),
}
"""When clocks change, in UTC; where they do not, any instant."""

walls = st.builds(time, st.integers(0, 23), st.integers(0, 59))
zones = st.sampled_from(sorted(CHANGES))
around = st.timedeltas(-2 * DAY, 2 * DAY)


@st.composite
def nights(draw):
    """Settings, and an instant not far from where its zone's clocks change."""
    zone = draw(zones)
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[zone]))).replace(tzinfo=UTC)
    start, end = draw(walls), draw(walls)
    found = replace(DEFAULT_POLICY, quiet_hours_start=start, quiet_hours_end=end, timezone=zone)
    return found, change + draw(around)


@given(nights())
def test_they_end_at_the_first_instant_whose_wall_time_lies_outside(night):
    """None where it lies outside now; else no minute in between shows a time outside."""
    settings, now = night
    ends = quiet.ends(settings, now)
    assert (ends is None) == is_outside(settings, now)
    if ends is not None:
        assert ends == first_outside(settings, now)
        assert ends - now <= 2 * DAY


def is_outside(settings, at):
    wall = at.astimezone(ZoneInfo(settings.timezone)).time()
    start, end = settings.quiet_hours_start, settings.quiet_hours_end
    inside = start <= wall < end if start <= end else not end <= wall < start
    return not inside


def first_outside(settings, now):
    """Minute by minute: walls and clocks change at none other."""
    at = now.replace(second=0, microsecond=0) + MINUTE
    while not is_outside(settings, at):
        at += MINUTE
    return at
