"""When is something late enough to be an issue, and when is it none any more?"""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide import issues
from daemon.decide.lateness import WRITES_AFTER
from daemon.decide.sighting import CENTURY, SETTLING
from events import outbox, schema
from events.gateway import CallKind
from events.schema import FLEET
from events.terms import HoldReason, NeedReason, ScheduleReason
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PAUSED,
    PROVIDER,
    REMOVED,
    RESUMED,
    SECOND,
    TENANT,
    captured,
    failed,
    lost,
    needed,
    setting,
    started,
)
from tests.policy.troubled import Scene

pytestmark = pytest.mark.requirement("D3")

DAY = timedelta(days=1)
FAR = schema.SyncScheduled(due=NOON + 900 * DAY, reason=ScheduleReason.INTERVAL)
"""Nothing is due: what follows is of other things alone."""


def idle(*more):
    return Scene(*KNOWN, (ONE, FAR), *more)


# -- stale ----------------------------------------------------------------------------------------


def test_three_intervals_without_a_success_are_too_long_and_more_is_graver():
    """The interval is six hours."""
    scene = idle()
    scene.syncs(NOON)
    late = NOON + 18 * HOUR
    assert scene.told(late - SECOND) == []
    assert scene.told(late) == [("opened", "stale", "minor")]
    assert scene.told(late + HOUR) == []
    assert scene.told(late + 18 * HOUR) == [("graver", "stale", "major")]
    assert scene.told(late + 54 * HOUR) == [("graver", "stale", "critical")]
    assert scene.told(late + 900 * HOUR) == []


def test_what_is_stale_says_since_when_and_shows_the_last_success_and_the_last_failure():
    scene = idle()
    well = scene.syncs(NOON)
    lost_in = scene.syncs(NOON + HOUR, well=False)
    (opened,) = scene.look(NOON + 18 * HOUR)
    assert (opened.since, opened.evidence, opened.cause) == (NOON, (well, lost_in), "server")
    limit = opened.threshold
    assert (limit.name, limit.whose, limit.span) == ("stale_after", "learnt", 18 * HOUR)


def test_what_was_never_synced_is_stale_since_it_was_added():
    scene = idle()
    (opened,) = scene.look(NOON + 18 * HOUR)
    assert (opened.since, opened.evidence) == (NOON, (2,))


def test_a_success_ends_it():
    scene = idle()
    scene.syncs(NOON)
    scene.look(NOON + 18 * HOUR)
    scene.syncs(NOON + 19 * HOUR)
    assert scene.told(NOON + 19 * HOUR) == [("closed", "stale", "over")]
    assert scene.open() == {}
    assert scene.world.issues[ONE].closed[0].issue.opened == 8


@pytest.mark.parametrize(
    ("subject", "whose"), [(ONE, "connection"), (TENANT, "tenant"), (PROVIDER, "provider")]
)
def test_a_threshold_that_somebody_set_goes_before_what_is_learnt(subject, whose):
    scene = idle((subject, setting(stale_after=2 * HOUR)))
    assert scene.told(NOON + 2 * HOUR - SECOND) == []
    (opened,) = scene.look(NOON + 2 * HOUR)
    assert (opened.threshold.whose, opened.threshold.span) == (whose, 2 * HOUR)
    assert opened.threshold.event == 5


def test_who_syncs_each_minute_is_not_told_of_three():
    scene = idle((ONE, setting(interval=MINUTE)))
    assert scene.told(NOON + HOUR - SECOND) == []
    assert scene.told(NOON + HOUR) == [("opened", "stale", "minor")]


def test_an_interval_of_a_lifetime_is_no_date_past_the_calendar():
    scene = idle((ONE, PAUSED), (ONE, RESUMED), (ONE, setting(interval=9_999_999 * HOUR)))
    assert scene.told(NOON + CENTURY - DAY) == [("opened", "overdue", "critical")]
    assert ("opened", "stale", "minor") in scene.told(NOON + CENTURY)


def stream_of_one(*more):
    """Days came at noon, and alerts never; the connection goes on to succeed."""
    scene = idle(*more)
    sync = scene.then(started())
    scene.then(captured(sync))
    scene.then(schema.SyncSucceeded(sync=sync, duration_ms=1, records=3))
    for hours in (6, 12, 18, 24):
        scene.syncs(NOON + hours * HOUR, brings=False)
    return scene


def test_one_stream_can_be_stale_where_its_connection_is_not():
    scene = stream_of_one()
    (opened,) = scene.look(NOON + 18 * HOUR)
    assert (opened.stream, opened.since, opened.evidence) == ("days", NOON, (5,))
    assert scene.told(NOON + 43 * HOUR) == [
        ("graver", "stale", "days", "major"),
        ("opened", "stale", "minor"),
    ]


def test_a_stream_of_a_stale_connection_is_not_told_of_beside_it():
    scene = stream_of_one()
    assert scene.told(NOON + 42 * HOUR) == [("opened", "stale", "minor")]


def test_a_stream_has_its_own_interval_and_can_have_its_own_threshold():
    scene = stream_of_one((ONE, setting(stream_intervals={"days": 2 * HOUR})))
    assert scene.told(NOON + 6 * HOUR) == [("opened", "stale", "days", "minor")]
    scene = stream_of_one((ONE, setting(stream_stale_after={"days": 5 * HOUR})))
    (opened,) = scene.look(NOON + 6 * HOUR)
    assert opened.threshold.name == "stale_after.days"
    assert (opened.threshold.whose, opened.threshold.span) == ("connection", 5 * HOUR)


def test_what_is_switched_off_or_waits_for_a_person_is_not_stale_by_that():
    late = NOON + 20 * HOUR
    assert idle((ONE, setting(enabled=False))).told(late) == []
    off = schema.SyncDeferred(due=NOON, reason=HoldReason.DISABLED, until=None)
    assert idle((ONE, off)).told(late) == []
    assert idle((ONE, needed(NeedReason.NEW, 0))).told(late) == [("opened", "grant", "major")]


def test_quiet_hours_are_no_reproach():
    quiet = schema.SyncDeferred(due=NOON, reason=HoldReason.QUIET_HOURS, until=NOON + 20 * HOUR)
    scene = idle((ONE, quiet))
    assert scene.told(NOON + 19 * HOUR) == []
    assert issues.judged(scene.world, ONE, NOON + 19 * HOUR).again == NOON + 20 * HOUR
    assert ("opened", "stale", "minor") in scene.told(NOON + 20 * HOUR)


def test_after_a_start_what_was_late_meanwhile_has_a_while_to_catch_up():
    scene = idle()
    begun = NOON + 20 * HOUR
    scene.then(schema.DaemonStarted(version="2"), begun, FLEET)
    assert scene.told(begun) == []
    assert issues.judged(scene.world, ONE, begun).again == begun + SETTLING
    assert scene.told(begun + SETTLING) == [("opened", "stale", "minor")]


def test_what_was_open_before_a_start_stays_so():
    scene = idle()
    scene.look(NOON + 18 * HOUR)
    scene.then(schema.DaemonStarted(version="2"), NOON + 20 * HOUR, FLEET)
    assert scene.told(NOON + 20 * HOUR) == []
    assert {*scene.open()} == {"stale"}


def test_who_asks_with_a_threshold_is_told_by_that_one_and_nothing_is_given_grace():
    scene = idle((ONE, setting(stale_after=90 * DAY)))
    scene.then(schema.DaemonStarted(version="2"), NOON + HOUR, FLEET)
    seen = issues.judged(scene.world, ONE, NOON + HOUR, asked=HOUR, fresh=True)
    (found,) = seen.found
    assert (found.threshold.name, found.threshold.whose) == ("threshold_hours", "asked")
    assert issues.judged(scene.world, ONE, NOON, asked=HOUR, fresh=True).found == ()


def test_a_paused_connection_has_no_issues_and_begins_anew_when_it_resumes():
    scene = idle()
    scene.look(NOON + 18 * HOUR)
    scene.then(PAUSED, NOON + 19 * HOUR)
    assert scene.told(NOON + 19 * HOUR) == [("closed", "stale", "paused")]
    scene.then(RESUMED, NOON + 900 * HOUR)
    assert scene.told(NOON + 900 * HOUR) == []
    assert scene.told(NOON + 918 * HOUR) == [("opened", "stale", "minor")]


def test_those_of_a_removed_connection_are_closed():
    scene = idle()
    scene.look(NOON + 18 * HOUR)
    scene.then(REMOVED, NOON + 19 * HOUR)
    assert scene.told(NOON + 19 * HOUR) == [("closed", "stale", "removed")]
    scene.then(ADDED, NOON + 20 * HOUR)
    assert scene.told(NOON + 20 * HOUR) == []


def test_those_of_a_connection_that_was_moved_are_closed():
    scene = Scene(*KNOWN, (9, replace(DECLARED, name="other")), (ONE, FAR))
    scene.look(NOON + 18 * HOUR)
    scene.then(schema.ConnectionRelinked(provider=9, before=PROVIDER), NOON + 19 * HOUR)
    assert scene.told(NOON + 19 * HOUR) == [("closed", "stale", "moved")]


# -- gaps -----------------------------------------------------------------------------------------


def day(number):
    return date(2026, 5, number)


def with_gap(*missing, newest=4):
    """Days up to the 4th came, but for these."""
    scene = idle()
    sync = scene.then(started())
    came = tuple(day(each) for each in range(1, newest + 1) if each not in missing)
    owed = tuple(day(each) for each in missing)
    scene.then(captured(sync, days=came, owed=owed))
    scene.then(schema.SyncSucceeded(sync=sync, duration_ms=1, records=3))
    return scene


def gaps(told):
    return [each for each in told if each[1] == "gap"]


def test_a_day_that_is_missing_for_two_turns_while_later_ones_came_is_a_gap():
    scene = with_gap(2)
    assert gaps(scene.told(NOON + 12 * HOUR - SECOND)) == []
    (opened,) = scene.look(NOON + 12 * HOUR)
    assert (opened.kind, opened.stream, opened.severity) == ("gap", "days", "minor")
    assert (opened.day, opened.count, opened.since) == (day(2), 1, NOON)
    assert opened.evidence == (6,)
    assert (opened.threshold.name, opened.threshold.span) == ("gap_after", 12 * HOUR)


def test_the_newest_day_is_no_gap_before_a_later_one_has_come():
    scene = with_gap(4, newest=4)
    assert gaps(scene.told(NOON + 15 * HOUR)) == []


@pytest.mark.parametrize(("days", "severity"), [(2, "minor"), (3, "major"), (14, "critical")])
def test_more_days_are_graver(days, severity):
    scene = with_gap(*range(1, days + 1), newest=20)
    assert gaps(scene.told(NOON + 12 * HOUR)) == [("opened", "gap", "days", severity)]


def test_a_stream_that_never_had_a_whole_day_has_no_gap():
    scene = idle()
    bad = replace(lost(), day=day(2), owed=True)
    scene.then(failed(scene.then(started()), bad))
    assert gaps(scene.told(NOON + 15 * HOUR)) == []


def test_a_gap_is_over_when_its_days_have_come():
    scene = with_gap(2)
    scene.look(NOON + 12 * HOUR)
    sync = scene.then(started(), NOON + 13 * HOUR)
    scene.then(captured(sync, days=(day(2),)), NOON + 13 * HOUR)
    assert gaps(scene.told(NOON + 13 * HOUR)) == [("closed", "gap", "days", "over")]


def test_how_long_a_day_may_be_missing_can_be_set():
    scene = with_gap(2)
    scene.then(setting(gap_after=HOUR))
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.threshold.whose, opened.threshold.span) == ("connection", HOUR)


def test_a_day_that_owes_has_the_failure_that_it_has():
    scene = with_gap()
    sync = scene.then(started(), NOON + HOUR)
    bad = replace(lost(), day=day(2), owed=True, owed_until=NOON + 7 * DAY)
    scene.then(failed(sync, bad), NOON + HOUR)
    opened = next(each for each in scene.look(NOON + 13 * HOUR) if each.kind == "gap")
    assert (opened.cause, opened.until, opened.since) == ("server", NOON + 7 * DAY, NOON + HOUR)


# -- overdue --------------------------------------------------------------------------------------


def test_what_is_due_and_does_not_start_is_told_after_a_quarter_of_an_hour():
    scene = Scene()
    assert scene.told(NOON + 15 * MINUTE - SECOND) == []
    (opened,) = scene.look(NOON + 15 * MINUTE)
    assert (opened.kind, opened.severity, opened.since) == ("overdue", "minor", NOON)
    assert (opened.evidence, opened.threshold.name) == ((3,), "overdue_after")
    assert scene.told(NOON + HOUR) == [("graver", "overdue", "major")]
    assert scene.told(NOON + 4 * HOUR) == [("graver", "overdue", "critical")]
    scene.then(started(), NOON + 5 * HOUR)
    assert scene.told(NOON + 5 * HOUR) == [("closed", "overdue", "over")]


def test_what_was_asked_for_is_named_where_it_does_not_start():
    scene = idle((ONE, schema.SyncRequested()))
    (opened,) = scene.look(NOON + 15 * MINUTE)
    assert opened.evidence == (4, 5)


def test_a_start_that_was_due_while_we_were_away_is_late_from_our_start_on():
    scene = Scene(*KNOWN, (FLEET, schema.DaemonStarted(version="2"), NOON + HOUR))
    assert scene.told(NOON + HOUR + 14 * MINUTE) == []
    assert scene.told(NOON + HOUR + 15 * MINUTE) == [("opened", "overdue", "minor")]


def test_what_its_providers_breaker_keeps_is_not_overdue_by_that():
    until = NOON + HOUR
    opened = schema.BreakerOpened(reason="syncs", until=until, failures=5)
    scene = Scene(*KNOWN, (PROVIDER, opened))
    assert scene.told(NOON + 30 * MINUTE) == []
    assert issues.judged(scene.world, ONE, NOON + 30 * MINUTE).again == until
    assert scene.told(until + 14 * MINUTE) == []
    assert scene.told(until + 15 * MINUTE) == [("opened", "overdue", "minor")]
    latched = schema.BreakerOpened(reason="by-hand", until=None, failures=0)
    assert Scene(*KNOWN, (PROVIDER, latched)).told(NOON + HOUR) == []


# -- writes ---------------------------------------------------------------------------------------

QUEUED = outbox.WriteQueued(
    row=1, endpoint="POST /", method="POST", kind=CallKind.WRITE, keyed=True, bytes=7
)


def test_a_write_that_waits_for_an_hour_is_told():
    scene = idle((ONE, QUEUED), (ONE, QUEUED))
    assert scene.told(NOON + WRITES_AFTER - SECOND) == []
    (opened,) = scene.look(NOON + WRITES_AFTER)
    assert (opened.kind, opened.severity, opened.count) == ("writes-waiting", "minor", 2)
    assert (opened.evidence, opened.since, opened.threshold.whose) == ((5,), NOON, "fixed")
    for write in (5, 6):
        scene.then(outbox.WriteDropped(write=write), NOON + 2 * HOUR)
    assert scene.told(NOON + 2 * HOUR) == [("closed", "writes-waiting", "over")]


def test_writes_have_a_while_after_a_start_too():
    begun = NOON + 2 * HOUR
    scene = idle((ONE, QUEUED), (FLEET, schema.DaemonStarted(version="2"), begun))
    assert scene.told(begun) == []
    assert issues.judged(scene.world, ONE, begun).again == begun + SETTLING
    assert scene.told(begun + SETTLING) == [("opened", "writes-waiting", "minor")]
    assert scene.told(begun + SETTLING) == []


# -- nobody ---------------------------------------------------------------------------------------


def test_of_nobody_nothing_is_wrong():
    scene = Scene()
    assert scene.told(NOON, subject=77) == []
    assert scene.told(NOON, subject=TENANT) == []


def test_one_command_looks_at_several():
    scene = Scene()
    scene.given.when(commands.Inspect(subjects=(FLEET, PROVIDER, ONE)), NOON + HOUR)
    assert [subject for subject, _ in scene.given.decided] == [ONE]
