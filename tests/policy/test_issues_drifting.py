"""When has a stream drifted for so long that it is an issue, and when is it none any more?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from events import consent
from events.consent import Believed
from events.issues import Drifted, DriftJudged
from events.schema import FLEET
from projections import arrivals, drifted, policy
from projections.arrivals import Came, Capture, Pause
from projections.drift import Rule
from tests.policy.arriving import DAY, MONDAY, about
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    NOON,
    ONE,
    PAUSED,
    REMOVED,
    RESUMED,
    TENANT,
    setting,
)
from tests.policy.troubled import Scene

pytestmark = pytest.mark.requirement("D3")

LOW = DriftJudged(
    stream="days",
    how=Drifted.LOW,
    at=MONDAY,
    since=MONDAY - DAY,
    in_a_row=2,
    hourly=False,
    actual=12,
    expected=24.0,
)
FINE = replace(LOW, how=None, in_a_row=9, actual=24)


class Drifting(Scene):
    """A connection that has synced, and what its streams are judged to bring."""

    def __init__(self):
        super().__init__(*KNOWN)
        self.syncs(NOON)

    def judged(self, *judged, upto=None):
        """What is recorded of it, which happens then."""
        upto = self.world.seq if upto is None else upto
        self.given.when(commands.NoteDrift(subject=ONE, upto=upto, judged=judged), NOON)
        decided = self.given.decided
        for each, event in decided:
            self.then(event, NOON, each)
        return [event for _, event in decided]


def test_two_periods_in_a_row_open_an_issue_and_a_fine_one_closes_it():
    scene = Drifting()
    assert scene.judged(replace(LOW, in_a_row=1)) == []
    assert scene.judged(LOW) == [LOW]
    (opened,) = scene.look(NOON)
    assert (opened.kind, opened.severity, opened.since) == ("drifting", "minor", LOW.since)
    assert (opened.stream, opened.count, opened.how) == ("days", 2, "low")
    assert (opened.measured, opened.usual) == (12, 24)
    assert opened.evidence == (scene.world.seq - 1,)
    assert (opened.threshold.name, opened.threshold.number) == ("drift_percent", 40)
    assert scene.told(NOON) == []
    assert scene.judged(FINE) == [FINE]
    assert scene.told(NOON) == [("closed", "drifting", "days", "over")]
    assert scene.judged(FINE) == [], "that is no news"


def test_what_was_captured_last_shows_it_as_well():
    scene = Drifting()
    scene.judged(replace(LOW, capture=scene.world.seq - 1))
    (opened,) = scene.look(NOON)
    assert opened.evidence == (scene.world.seq - 3, scene.world.seq - 1)


def test_only_what_is_another_word_or_graver_is_recorded():
    scene = Drifting()
    days = [replace(LOW, in_a_row=each) for each in range(1, 10)]
    days[2:] = [replace(each, how=Drifted.SHIFTED) for each in days[2:]]
    told = [scene.judged(each) for each in days]
    assert [bool(each) for each in told] == [False, True, True, *[False] * 3, True, False, False]


def test_a_week_of_it_or_what_is_missing_is_graver_and_doubles_are_not():
    scene = Drifting()
    scene.judged(LOW)
    assert scene.told(NOON) == [("opened", "drifting", "days", "minor")]
    scene.judged(replace(LOW, in_a_row=7, how=Drifted.SHIFTED))
    assert scene.told(NOON) == [("graver", "drifting", "days", "major")]
    scene.judged(replace(LOW, in_a_row=1, how=Drifted.HIGH))
    assert scene.told(NOON) == [], "another side keeps it open, as grave as it was"
    missing = Drifting()
    missing.judged(replace(LOW, how=Drifted.MISSING))
    assert missing.told(NOON) == [("opened", "drifting", "days", "major")]
    doubled = Drifting()
    doubled.judged(replace(LOW, how=Drifted.DUPLICATED, in_a_row=40))
    assert doubled.told(NOON) == [("opened", "drifting", "days", "minor")]


def test_hours_are_grave_after_half_a_day():
    scene = Drifting()
    scene.judged(replace(LOW, hourly=True, in_a_row=11))
    assert scene.told(NOON) == [("opened", "drifting", "days", "minor")]
    scene.judged(replace(LOW, hourly=True, in_a_row=12))
    assert scene.told(NOON) == [("graver", "drifting", "days", "major")]


def test_one_period_on_another_side_opens_nothing():
    scene = Drifting()
    scene.judged(LOW)
    assert scene.judged(replace(LOW, how=Drifted.HIGH, in_a_row=1))
    assert scene.told(NOON) == []


def test_a_stream_that_its_file_names_no_more_has_none():
    scene = Drifting()
    scene.judged(replace(LOW, stream="nights"))
    assert scene.told(NOON) == []


def test_what_is_paused_closes_and_begins_anew_when_it_is_resumed():
    scene = Drifting()
    scene.judged(LOW)
    scene.look(NOON)
    seen = scene.world.seq
    scene.then(PAUSED)
    assert scene.told(NOON) == [("closed", "drifting", "days", "paused")]
    assert scene.judged(LOW) == []
    scene.then(RESUMED)
    assert scene.told(NOON) == []
    assert scene.judged(LOW, upto=seen) == [], "that was seen before"
    assert scene.judged(LOW) == [LOW]
    scene.then(REMOVED)
    assert scene.judged(FINE) == []


def test_without_consent_an_issue_closes_and_none_is_opened():
    scene = Drifting()
    scene.judged(LOW)
    scene.look(NOON)
    scene.then(consent.ConsentWithdrawn(), subject=TENANT)
    assert scene.told(NOON) == [("closed", "drifting", "days", "unmonitored")]
    assert scene.judged(LOW) == []
    scene.then(consent.ConsentGranted(), subject=TENANT)
    assert scene.told(NOON) == [], "what was said before it counts no more"
    assert scene.judged(LOW) == [LOW]
    assert scene.told(NOON) == [("opened", "drifting", "days", "minor")]


def test_where_nobody_is_believed_to_consent_none_is_opened():
    scene = Drifting()
    scene.judged(LOW)
    scene.then(consent.MonitoringSet(consent=Believed.REQUIRED), subject=FLEET)
    assert scene.told(NOON) == []


@pytest.mark.requirement("D5")
def test_a_streams_own_setting_goes_before_its_connections():
    scene = Drifting()
    scene.then(setting(drift_percent=30.0, stream_drift_percent={"days": 20.0}))
    assert policy.drift_rule(scene.world, ONE, "days") == Rule(threshold=7, percent=20)
    assert policy.drift_rule(scene.world, ONE, "alerts") == Rule(threshold=7, percent=30)
    scene.then(setting(stream_drift_threshold={"days": 3.0}))
    assert policy.drift_rule(scene.world, ONE, "days") == Rule(threshold=3, percent=20)
    scene.judged(LOW)
    (opened,) = scene.look(NOON)
    assert (opened.threshold.name, opened.threshold.number) == ("drift_percent.days", 20)
    assert (opened.threshold.whose, opened.threshold.event > 0) == ("connection", True)


# -- what came, judged ----------------------------------------------------------------------------


def came(counts, pauses=()):
    """So many at noon of each day."""
    captures = [
        Capture(at=MONDAY + DAY * n + 12 * HOUR, stream="days", new=each, fetched=each, event=n + 1)
        for n, each in enumerate(counts)
    ]
    return Came(captures=captures, pauses=[*pauses], reshaped=[])


def last(counts, pauses=()):
    now = MONDAY + len(counts) * DAY + HOUR
    return drifted.judged(came(counts, pauses), "days", "UTC", now, Rule())


@pytest.mark.requirement("D5")
def test_the_last_whole_day_is_judged_with_those_before_it():
    counts = about(100, 50)
    assert last(counts).how is None
    low = last([*counts, 20, 20])
    assert (low.how, low.in_a_row, low.actual) == ("low", 2, 20)
    assert (low.at, low.since) == (MONDAY + 51 * DAY, MONDAY + 50 * DAY)
    assert (low.capture, low.hourly) == (52, False)
    assert last([*counts, 20, 20, 20]).how is Drifted.SHIFTED
    assert last([*counts, 20, 100]).how is None
    assert last(counts[:20]).how is None, "there is not enough data yet"


@pytest.mark.requirement("D5")
def test_a_day_that_says_nothing_is_not_judged():
    counts = about(100, 50)
    pause = Pause(since=MONDAY + 49 * DAY, until=MONDAY + 50 * DAY)
    assert last(counts, [pause]) is None
    assert last([]) is None
    assert last(counts).capture == 50


@pytest.mark.requirement("D5")
def test_a_period_ends_where_the_next_one_begins():
    """Where clocks change a day has 23 hours."""
    at = MONDAY.replace(month=3, day=29) + 5 * HOUR
    end = arrivals.end(at, arrivals.Step.DAY, "Europe/Madrid")
    assert end == at.replace(hour=22)
    assert end - timedelta(hours=23) == at.replace(day=28, hour=23)
    assert arrivals.end(at, arrivals.Step.HOUR, "Europe/Madrid") == at + HOUR
