"""When is something wrong with a source that reports by itself, and when not any more?"""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from daemon.decide import issues
from daemon.decide.sighting import CENTURY, SETTLING
from events import schema, sources
from events.issues import IssueEnd
from events.policy import Settings
from events.schema import FLEET
from events.sources import Expectation, Health, Pattern, SourceAdded
from projections import heard
from projections.heard import HEARD_KEPT
from tests.policy.reporting import PHONE, received
from tests.policy.transcript import HOUR, KNOWN, MINUTE, NOON, TENANT
from tests.policy.troubled import Scene

pytestmark = pytest.mark.requirement("D3")

WELL, ILL = {"errors": 0, "syncs": 1}, {"health": Health.UNHEALTHY}
EXPECTED = Expectation(pattern=Pattern.MANUAL, every=HOUR, late_after=3 * HOUR)
ADDED = SourceAdded(tenant=TENANT, expectation=EXPECTED)
PATIENT = sources.SourceChanged(expectation=replace(EXPECTED, late_after=CENTURY))
"""Nothing is late: what follows is of other things alone."""


class Reporting(Scene):
    """A phone's life, which is late three hours after its last report."""

    def __init__(self, *past):
        super().__init__(*KNOWN, (PHONE, ADDED), *past)
        self.reports = 0

    def reports_at(self, at, arrives=None, **figures):
        self.reports += 1
        return self.then(received(self.reports, at, **figures), arrives or at, PHONE)

    def says(self, at, **figures):
        """It reports, and is looked at."""
        self.reports_at(at, **figures)
        return self.told(at, PHONE)

    @property
    def one(self):
        (found,) = self.world.issues[PHONE].open
        return found.what


def patient():
    return Reporting((PHONE, PATIENT))


# -- stale ----------------------------------------------------------------------------------------


def test_what_is_late_is_stale_gets_graver_and_is_over_with_the_next_report():
    scene = Reporting()
    number = scene.reports_at(NOON)
    late = NOON + 3 * HOUR
    assert scene.told(late - MINUTE, PHONE) == []
    assert scene.told(late, PHONE) == [("opened", "stale", "minor")]
    assert (scene.one.since, scene.one.evidence, scene.one.reported) == (NOON, (number,), True)
    limit = scene.one.threshold
    assert (limit.name, limit.whose, limit.span) == ("late_after", "source", 3 * HOUR)
    assert limit.event == len(KNOWN) + 1
    assert scene.told(late + HOUR, PHONE) == []
    assert scene.told(late + 3 * HOUR, PHONE) == [("graver", "stale", "major")]
    assert scene.told(late + 9 * HOUR, PHONE) == [("graver", "stale", "critical")]
    assert scene.says(late + 10 * HOUR) == [("closed", "stale", "over")]


def test_what_has_never_reported_is_stale_from_its_coming_on_as_that_event_shows():
    scene = Reporting()
    assert scene.told(NOON + 3 * HOUR, PHONE) == [("opened", "stale", "minor")]
    assert (scene.one.since, scene.one.evidence) == (NOON, (len(KNOWN) + 1,))


def test_whoever_looks_is_told_when_time_alone_will_make_it_late():
    scene = Reporting()
    seen = issues.judged(scene.world, PHONE, NOON)
    assert (seen.found, seen.again) == ((), NOON + 3 * HOUR)
    assert issues.judged(scene.world, PHONE, NOON + 20 * HOUR).again is None


def test_an_old_report_that_arrives_late_neither_shows_it_nor_ends_it():
    scene = Reporting()
    number = scene.reports_at(NOON)
    late = NOON + 3 * HOUR
    scene.told(late, PHONE)
    scene.reports_at(NOON - HOUR, arrives=late)
    assert scene.told(late, PHONE) == []
    assert issues.judged(scene.world, PHONE, late).found[0].evidence == (number,)


def test_at_night_a_phone_lies_still_and_nothing_is_wrong():
    evening, morning = datetime(2026, 5, 4, 20, tzinfo=UTC), datetime(2026, 5, 5, 8, tzinfo=UTC)
    night = sources.SourceChanged(expectation=replace(EXPECTED, night=True))
    scene = Reporting((PHONE, night))
    scene.reports_at(evening)
    assert issues.judged(scene.world, PHONE, evening).again == morning + HOUR
    assert scene.told(morning, PHONE) == []
    assert scene.told(morning + HOUR, PHONE) == [("opened", "stale", "minor")]
    assert scene.one.threshold.event == len(KNOWN) + 2


def test_while_we_were_away_it_could_not_report_and_has_a_moment_to_do_so():
    scene = Reporting()
    back = NOON + 9 * HOUR
    scene.then(schema.DaemonStarted(version="1"), back, FLEET)
    assert scene.told(back, PHONE) == []
    assert issues.judged(scene.world, PHONE, back).again == back + SETTLING
    assert issues.judged(scene.world, PHONE, back, fresh=True).found
    assert scene.told(back + SETTLING, PHONE) == [("opened", "stale", "major")]
    scene.then(schema.DaemonStarted(version="1"), back + HOUR, FLEET)
    assert scene.told(back + HOUR, PHONE) == []


def test_a_threshold_that_is_asked_for_goes_before_its_own_and_before_the_night():
    scene = Reporting()
    scene.reports_at(NOON)
    then = NOON + HOUR
    assert issues.judged(scene.world, PHONE, then, asked=2 * HOUR, fresh=True).found == ()
    (found,) = issues.judged(scene.world, PHONE, then, asked=HOUR, fresh=True).found
    assert (found.threshold.name, found.threshold.whose) == ("threshold_hours", "asked")


def test_what_is_removed_is_closed_and_what_comes_back_begins_anew():
    scene = patient()
    scene.reports_at(NOON, queue_depth=3, oldest=NOON - 2 * CENTURY, **ILL)
    assert scene.told(NOON, PHONE) == [("opened", "reports-waiting", "minor")]
    scene.then(sources.SourceRemoved(), NOON, PHONE)
    removed = IssueEnd.REMOVED.value
    assert scene.told(NOON, PHONE) == [("closed", "reports-waiting", removed)]
    assert PHONE not in scene.world.signs
    scene.then(ADDED, NOON + HOUR, PHONE)
    assert scene.told(NOON + HOUR, PHONE) == []
    assert scene.told(NOON + 4 * HOUR, PHONE) == [("opened", "stale", "minor")]
    assert scene.one.since == NOON + HOUR
    assert scene.one.evidence == (scene.world.signs[PHONE].begun.seq,)


# -- failing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ill", [ILL, {"errors": 1}, {"health": Health.HEALTHY, "errors": 2}])
def test_three_reports_in_a_row_that_tell_of_trouble_are_an_issue_which_gets_graver(ill):
    scene = patient()
    assert scene.says(NOON, **ill) == scene.says(NOON + HOUR, **ill) == []
    assert scene.says(NOON + 2 * HOUR, **ill) == [("opened", "failing", "minor")]
    assert (scene.one.since, scene.one.count) == (NOON, 3)
    assert len(scene.one.evidence) == 3
    limit = scene.one.threshold
    assert (limit.name, limit.whose, limit.number) == ("failing_after", "configuration", 3)
    told = [each for n in range(3, 14) for each in scene.says(NOON + n * HOUR, **ill)]
    assert told == [("graver", "failing", "major"), ("graver", "failing", "critical")]
    (found,) = issues.judged(scene.world, PHONE, NOON + 13 * HOUR).found
    assert (found.since, len(found.evidence)) == (NOON, 5)


def test_two_good_reports_in_a_row_end_it_and_one_does_not():
    scene = patient()
    for hour in range(3):
        scene.reports_at(NOON + hour * HOUR, **ILL)
    assert scene.told(NOON + 2 * HOUR, PHONE) == [("opened", "failing", "minor")]
    assert scene.says(NOON + 3 * HOUR, **WELL) == []
    (found,) = issues.judged(scene.world, PHONE, NOON + 3 * HOUR).found
    assert (found.since, found.count) == (NOON, 0)
    assert scene.says(NOON + 4 * HOUR, **ILL) == []
    assert scene.says(NOON + 5 * HOUR, **WELL) == []
    assert scene.says(NOON + 6 * HOUR, **WELL) == [("closed", "failing", "over")]


@pytest.mark.parametrize(
    "silent", [{}, {"queue_depth": 3}, {"health": Health.UNKNOWN}, {"bytes": 12}]
)
def test_a_report_that_tells_of_neither_breaks_no_row(silent):
    scene = patient()
    for hour, figures in enumerate([ILL, ILL, silent]):
        assert scene.says(NOON + hour * HOUR, **figures) == []
    assert scene.says(NOON + 3 * HOUR, **ILL) == [("opened", "failing", "minor")]


@pytest.mark.parametrize("well", [WELL, {"records": 1}, {"health": Health.DEGRADED}])
def test_a_report_that_is_well_breaks_it(well):
    scene = patient()
    for hour, figures in enumerate([ILL, ILL, well, ILL, ILL]):
        assert scene.says(NOON + hour * HOUR, **figures) == []


def test_the_row_is_the_same_in_whatever_order_reports_arrive():
    row = [(NOON, WELL), (NOON + HOUR, ILL), (NOON + 2 * HOUR, WELL)]
    row += [(NOON + (3 + n) * HOUR, ILL) for n in range(3)]
    found = set()
    for order in permutations(row):
        scene = patient()
        for at, figures in order:
            scene.reports_at(at, arrives=NOON + 9 * HOUR, **figures)
        (what,) = issues.judged(scene.world, PHONE, NOON + 9 * HOUR).found
        found.add((what.kind, what.since, what.count))
    assert found == {("failing", NOON + 3 * HOUR, 3)}


def test_what_is_kept_of_reports_is_bounded():
    row = ()
    for number in range(1, HEARD_KEPT + 9):
        row = heard.evolve(row, received(number, NOON + number * MINUTE, **ILL), number)
    assert len(row) == HEARD_KEPT
    assert row[-1].seq == HEARD_KEPT + 8
    for number in range(1000, 1009):
        row = heard.evolve(row, received(number, NOON + number * MINUTE, **WELL), number)
    assert [each.seq for each in row] == [1007, 1008]


def test_how_many_are_a_row_is_the_tenants_setting():
    scene = Reporting((PHONE, PATIENT))
    number = scene.then(schema.SettingsSet(settings=Settings(failing_after=1)), NOON, TENANT)
    assert scene.says(NOON, **ILL) == [("opened", "failing", "minor")]
    assert (scene.one.threshold.whose, scene.one.threshold.event) == ("tenant", number)


def test_what_only_stays_open_tells_by_which_threshold_it_was_opened():
    scene = patient()
    for hour in range(3):
        scene.says(NOON + hour * HOUR, **ILL)
    by = scene.one.threshold
    scene.then(schema.SettingsSet(settings=Settings(failing_after=5)), NOON, TENANT)
    for number, figures, count, limit in [(3, ILL, 4, 3), (4, ILL, 5, 5), (5, WELL, 0, 3)]:
        assert scene.says(NOON + number * HOUR, **figures) == []
        (found,) = issues.judged(scene.world, PHONE, NOON + 9 * HOUR).found
        assert (found.count, found.threshold.number) == (count, limit)
    assert found.threshold == by


# -- what waits with it ---------------------------------------------------------------------------


def test_a_queue_whose_oldest_thing_has_waited_for_too_long_is_an_issue_until_it_has_not():
    scene = Reporting()
    oldest = NOON - 3 * HOUR
    assert scene.says(NOON, queue_depth=5, oldest=oldest + MINUTE) == []
    told = scene.says(NOON + MINUTE, queue_depth=5, oldest=oldest)
    assert told == [("opened", "reports-waiting", "minor")]
    assert (scene.one.since, scene.one.count) == (oldest, 5)
    assert scene.one.evidence == (scene.world.seq - 1,)
    assert scene.one.threshold.name == "late_after"
    assert scene.says(NOON + 2 * MINUTE, records=3) == []
    later = NOON + 3 * HOUR
    assert scene.says(later, queue_depth=9, oldest=oldest) == [
        ("graver", "reports-waiting", "major")
    ]
    assert scene.says(later + MINUTE, queue_depth=0) == [("closed", "reports-waiting", "over")]


@pytest.mark.parametrize(
    "queue",
    [
        {"queue_depth": 3},
        {"queue_depth": 3, "oldest": NOON},
        {"queue_depth": 3, "oldest": datetime.max.replace(tzinfo=UTC)},
        {"queue_depth": 3, "oldest": NOON - HOUR},
    ],
)
def test_a_queue_of_which_nothing_says_that_it_is_old_is_none(queue):
    assert Reporting().says(NOON, **queue) == []


def test_a_time_before_all_calendars_is_one_that_is_long_ago():
    scene = Reporting()
    told = scene.says(NOON, queue_depth=3, oldest=datetime.min.replace(tzinfo=UTC))
    assert told == [("opened", "reports-waiting", "critical")]


def test_a_queue_of_the_night_has_the_morning_to_be_sent():
    evening, morning = datetime(2026, 5, 4, 20, tzinfo=UTC), datetime(2026, 5, 5, 8, tzinfo=UTC)
    night = sources.SourceChanged(expectation=replace(EXPECTED, night=True))
    scene = Reporting((PHONE, night))
    queue = {"queue_depth": 3, "oldest": evening}
    assert scene.says(morning + HOUR - MINUTE, **queue) == []
    assert scene.says(morning + HOUR, **queue) == [("opened", "reports-waiting", "minor")]


def test_a_token_is_no_sign_of_anything():
    scene = Reporting()
    before = scene.world.signs[PHONE]
    scene.then(sources.SourceTokenSet(), NOON + timedelta(minutes=1), PHONE)
    assert scene.world.signs[PHONE] == before
