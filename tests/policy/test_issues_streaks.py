"""When do a connection's last syncs show that something is wrong with it?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import condition, issues
from daemon.decide.condition import Ground
from daemon.decide.issues import OPEN_MAX
from daemon.decide.streaks import CLEAR_AFTER, SLOW_FLOOR_MS
from events import schema
from events.terms import FailureClass, Guard, StreamPolicy
from events.versions import BreakerRestored, QuarantineDropped, RolledBack, StateRestored
from tests.policy.test_issues_late import idle
from tests.policy.transcript import (
    DECLARED,
    HOUR,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    captured,
    failed,
    lost,
    quarantined,
    setting,
    started,
)
from tests.policy.troubled import told

pytestmark = pytest.mark.requirement("D3")


BREAKER = BreakerRestored(
    reason=None, until=None, since=None, event=0, opened=0, successes=0, outcomes=()
)


def of(kind, told):
    return [each for each in told if each[1] == kind]


def failing(times, cause=FailureClass.SERVER, *more):
    scene = idle(*more)
    for count in range(times):
        scene.syncs(NOON + count * MINUTE, well=False, cause=cause)
    return scene


# -- failing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (2, []),
        (3, [("opened", "failing", "minor")]),
        (5, [("opened", "failing", "minor")]),
        (6, [("opened", "failing", "major")]),
        (12, [("opened", "failing", "critical")]),
    ],
)
def test_three_failures_in_a_row_are_an_issue_and_more_are_graver(times, told):
    assert failing(times).told(NOON + HOUR) == told


def test_what_fails_says_since_when_why_and_shows_the_first_failure_and_the_last():
    scene = failing(8)
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.since, opened.count, opened.cause) == (NOON, 8, "server")
    assert opened.evidence == (6, 14, 16, 18, 20)
    limit = opened.threshold
    assert (limit.name, limit.number, limit.whose) == ("failing_after", 3, "configuration")


def test_how_many_can_be_set():
    scene = failing(2, FailureClass.SERVER, (ONE, setting(failing_after=2)))
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.threshold.whose, opened.threshold.event) == ("connection", 5)


def test_one_failure_that_a_person_must_mend_is_enough_and_never_minor():
    scene = failing(1, FailureClass.AUTH)
    (opened,) = scene.look(NOON + HOUR)
    assert told(opened) == ("opened", "failing", "major")
    by = opened.threshold
    assert (by.name, by.number, by.whose, by.event) == ("failing_for_a_person", 1, "fixed", 0)
    for count in (1, 2):
        scene.syncs(NOON + HOUR + count * MINUTE, well=False, cause=FailureClass.AUTH)
    assert now(scene).threshold.name == "failing_after", "which would have opened it, too"


def now(scene, at=NOON + 4 * HOUR):
    """What is said of what is wrong, by then."""
    (found,) = issues.judged(scene.world, ONE, at).found
    return found


def test_what_only_stays_open_tells_by_which_threshold_it_was_opened():
    scene = failing(3)
    (opened,) = scene.look(NOON + HOUR)
    scene.then(setting(failing_after=5))
    scene.syncs(NOON + HOUR, well=False)
    assert (now(scene).count, now(scene).threshold) == (4, opened.threshold)
    scene.syncs(NOON + 2 * HOUR, well=False)
    assert (now(scene).count, now(scene).threshold.number) == (5, 5)
    scene.syncs(NOON + 3 * HOUR)
    assert (now(scene).count, now(scene).threshold) == (0, opened.threshold)


def test_it_takes_two_successes_in_a_row_to_be_over():
    scene = failing(3)
    scene.look(NOON + HOUR)
    scene.syncs(NOON + 2 * HOUR)
    assert scene.told(NOON + 2 * HOUR) == []
    seen = issues.judged(scene.world, ONE, NOON + 2 * HOUR).found[0]
    assert (seen.count, seen.since) == (0, NOON)
    scene.syncs(NOON + 3 * HOUR, well=False)
    assert scene.told(NOON + 3 * HOUR) == []
    for hours in range(4, 4 + CLEAR_AFTER):
        scene.syncs(NOON + hours * HOUR)
    assert of("failing", scene.told(NOON + 6 * HOUR)) == [("closed", "failing", "over")]


def test_it_only_gets_graver_while_it_is_open():
    scene = failing(6)
    scene.look(NOON + HOUR)
    scene.syncs(NOON + HOUR)
    assert scene.told(NOON + HOUR) == []
    assert scene.open()["failing"].severity == "major"


def often(*wells):
    scene = idle((ONE, setting(flapping_after=16)))
    for count, well in enumerate(wells):
        scene.syncs(NOON + count * MINUTE, well=well)
    return scene


def test_half_of_the_last_syncs_are_too_many_where_there_were_ten():
    assert often(*[False, True] * 4).told(NOON + HOUR) == []
    (opened,) = often(*[False, True] * 5).look(NOON + HOUR)
    assert (opened.kind, opened.severity, opened.measured) == ("failing", "minor", 0.5)
    assert (opened.threshold.name, opened.threshold.number) == ("failing_share", 0.5)
    assert opened.count == 5
    assert opened.evidence


@pytest.mark.parametrize(
    ("wells", "name", "then", "fails_again"),
    [
        ([False, True] * 5, "failing_share", (5, 5 / 12), (6, 6 / 13)),
        ([True] * 6 + [False] * 4, "failing_after", (4, 4 / 12), (1, None)),
    ],
)
def test_what_stays_open_for_its_share_is_told_by_the_threshold_that_opened_it(
    wells, name, then, fails_again
):
    scene = often(*wells)
    scene.look(NOON + HOUR)
    for well, (count, share) in ((True, then), (False, fails_again)):
        for _ in range(2 if well else 1):
            scene.syncs(NOON + HOUR, well=well)
        assert scene.told(NOON + HOUR) == []
        said = now(scene)
        assert (said.threshold.name, said.count, said.measured) == (name, count, share)


def test_a_share_is_over_when_it_is_clearly_less():
    scene = often(*[False, True] * 5)
    scene.look(NOON + HOUR)
    for count in range(5):
        scene.syncs(NOON + HOUR + count * MINUTE)
        assert scene.told(NOON + 2 * HOUR) == []
    for count in range(6, 9):
        scene.syncs(NOON + HOUR + count * MINUTE)
    assert scene.told(NOON + 2 * HOUR) == [("closed", "failing", "over")]


def test_after_its_state_went_back_the_failures_are_shown_that_there_are():
    scene = idle()
    for well in (False, True):
        scene.syncs(NOON, well=well)
    was = StateRestored(consecutive_failures=3, crashes=0, breaker=BREAKER)
    scene.then(RolledBack(to=5, scope="state", started=1, streams=(), state=was))
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.count, opened.since, opened.evidence) == (3, NOON, (10,))


def test_a_stream_can_fail_where_its_connection_does_not():
    scene = idle()
    for count in range(3):
        at = NOON + count * MINUTE
        sync = scene.then(started(), at)
        event = schema.SyncSucceeded(
            sync=sync, duration_ms=1, records=3, failures=(lost("alerts"),)
        )
        scene.then(event, at)
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.kind, opened.stream, opened.count) == ("failing", "alerts", 3)
    assert (opened.evidence, opened.cause, opened.severity) == ((9,), "server", "minor")
    scene.then(captured(scene.then(started()), "alerts"), NOON + HOUR)
    assert scene.told(NOON + HOUR) == [("closed", "failing", "alerts", "over")]


def test_one_failure_of_a_stream_that_a_person_must_mend_is_enough_as_it_is_unhealthy_then():
    scene = idle()
    lose(scene, FailureClass.NOT_FOUND)
    grounds = condition.grounds(scene.world.connections[ONE], None, "alerts", NOON)
    assert grounds[0] is Ground.FINAL
    (opened,) = scene.look(NOON + HOUR)
    assert (told(opened), opened.count) == (("opened", "failing", "alerts", "major"), 1)
    assert (opened.threshold.name, opened.threshold.number) == ("failing_for_a_person", 1)
    whole = failed(scene.then(started()), lost(cause=FailureClass.NETWORK))
    scene.then(replace(whole, failures=()))
    assert scene.told(NOON + HOUR) == []
    assert (now(scene).cause, now(scene).count) == ("network", 2)
    assert now(scene).threshold == opened.threshold
    assert issues.judged(scene.world, ONE, NOON + HOUR, fresh=True).found == ()
    scene.then(captured(scene.then(started()), "alerts"), NOON + HOUR)
    assert scene.told(NOON + HOUR) == [("closed", "failing", "alerts", "over")]


def test_a_stream_that_the_file_names_no_more_fails_no_more():
    scene = idle()
    lose(scene, FailureClass.NOT_FOUND)
    assert scene.told(NOON) == [("opened", "failing", "alerts", "major")]
    declare(scene, "days")
    assert scene.told(NOON) == [("closed", "failing", "alerts", "over")]


def declare(scene, *streams):
    """The provider's file names these from now on."""
    named = tuple(StreamPolicy(name=each) for each in streams)
    scene.then(replace(DECLARED, streams=named), subject=PROVIDER)


def test_what_is_tried_again_of_a_stream_takes_as_many_as_are_set():
    scene = idle((ONE, setting(failing_after=2)))
    lose(scene, FailureClass.SERVER)
    assert scene.told(NOON + HOUR) == []
    lose(scene, FailureClass.SERVER)
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.threshold.name, opened.threshold.number) == ("failing_after", 2)
    scene.then(setting(failing_after=9))
    assert now(scene).threshold == opened.threshold


def test_one_answer_that_is_refused_is_none_though_a_person_may_have_to_look():
    scene = idle()
    doubted(scene)
    assert condition.grounds(scene.world.connections[ONE], None, "days", NOON)[0] is Ground.FINAL
    assert scene.told(NOON) == []


def lose(scene, cause):
    """A sync that brings all but one stream."""
    lost_ = (lost("alerts", cause=cause),)
    sync = scene.then(started())
    scene.then(schema.SyncSucceeded(sync=sync, duration_ms=1, records=3, failures=lost_))


def test_the_streams_of_a_connection_that_fails_are_not_told_of_beside_it():
    scene = idle()
    for count in range(3):
        sync = scene.then(started(), NOON + count * MINUTE)
        scene.then(failed(sync, lost("days"), lost("alerts")), NOON + count * MINUTE)
    assert scene.told(NOON + HOUR) == [("opened", "failing", "minor")]


# -- flapping -------------------------------------------------------------------------------------


def flaps(times, every=MINUTE, *more):
    """Up first, then so many turns, an event each."""
    scene = idle((ONE, setting(failing_after=99)), *more)
    scene.syncs(NOON)
    for count in range(1, times + 1):
        scene.syncs(NOON + count * every, well=count % 2 == 0)
    return scene


def test_six_turns_within_a_day_of_intervals_are_flapping():
    assert of("flapping", flaps(5).told(NOON + HOUR)) == []
    opened = next(each for each in flaps(6).look(NOON + HOUR) if each.kind == "flapping")
    assert (opened.severity, opened.count, opened.since) == ("minor", 6, NOON + MINUTE)
    assert len(opened.evidence) == 6
    assert (opened.threshold.name, opened.threshold.span) == ("flapping_after", 144 * HOUR)
    assert of("flapping", flaps(12).told(NOON + HOUR)) == [("opened", "flapping", "major")]


def test_turns_that_are_far_apart_are_none():
    assert of("flapping", flaps(6, 30 * HOUR).told(NOON + 180 * HOUR)) == []


def test_it_is_over_by_time_alone_when_two_are_left():
    scene = flaps(6, HOUR)
    scene.look(NOON + 6 * HOUR)
    fourth = NOON + (4 + 144) * HOUR
    told = scene.told(fourth - MINUTE)
    assert of("flapping", told) == []
    assert issues.judged(scene.world, ONE, fourth - MINUTE).again <= fourth
    assert of("flapping", scene.told(fourth)) == [("closed", "flapping", "over")]


# -- slow -----------------------------------------------------------------------------------------


def took(*durations, **more):
    scene = idle((ONE, setting(**more)))
    for count, duration in enumerate(durations):
        scene.syncs(NOON + count * MINUTE, took=duration)
    return scene


USUAL = (10_000, 12_000, 11_000, 9_000, 30_000)
"""Eleven seconds are usual, so more than 33 are too long."""


def test_two_syncs_in_a_row_that_take_three_times_as_long_are_slow():
    assert took(*USUAL, 33_001).told(NOON + HOUR) == []
    assert took(*USUAL, 33_001, 33_000).told(NOON + HOUR) == []
    (opened,) = took(*USUAL, 40_000, 33_001).look(NOON + HOUR)
    assert (opened.kind, opened.severity, opened.since) == ("slow", "minor", NOON + 5 * MINUTE)
    assert (opened.measured, opened.usual) == (33_001, 11_000)
    assert opened.evidence == (23, 26)
    assert opened.threshold.span == timedelta(seconds=33)


def test_what_takes_far_longer_is_graver():
    assert took(*USUAL, 99_001, 99_001).told(NOON + HOUR) == [("opened", "slow", "major")]


def test_few_syncs_say_nothing_of_what_is_usual_and_a_few_seconds_matter_to_nobody():
    assert took(*USUAL[1:], 99_000, 99_000).told(NOON + HOUR) == []
    assert took(*[10] * 5, *[10 + SLOW_FLOOR_MS] * 2).told(NOON + HOUR) == []


def test_the_factor_can_be_set():
    scene = took(*USUAL, 24_000, 24_000, slow_factor=2.0)
    (opened,) = scene.look(NOON + HOUR)
    assert (opened.threshold.number, opened.threshold.whose) == (2.0, "connection")


def test_it_is_over_when_both_of_the_last_are_clearly_shorter():
    scene = took(*USUAL, 40_000, 40_000)
    scene.look(NOON + HOUR)
    scene.syncs(NOON + HOUR, took=11_000)
    assert scene.told(NOON + HOUR) == []
    scene.syncs(NOON + HOUR, took=11_000)
    assert scene.told(NOON + HOUR) == [("closed", "slow", "over")]


# -- refused --------------------------------------------------------------------------------------


def refusal(version, guard=Guard.SHRUNK):
    return schema.RecordsRefused(
        stream="days",
        version=version,
        cause=FailureClass.MALFORMED,
        fetched=1,
        rows=30,
        guard=guard,
    )


def refuse(scene, at):
    sync = scene.then(started(), at)
    scene.then(refusal(sync), at)
    scene.then(failed(sync, lost(cause=FailureClass.MALFORMED)), at)


def test_what_is_held_waits_for_a_person_at_once():
    scene = idle()
    sync = scene.then(started())
    scene.then(quarantined(sync))
    (opened,) = of_kind("refused", scene.look(NOON))
    assert (opened.severity, opened.stream, opened.guard) == ("major", "days", "shrunk")
    assert opened.evidence == (5, 6)
    scene.then(QuarantineDropped(stream="days", version=sync))
    scene.then(captured(scene.then(started())))
    assert of("refused", scene.told(NOON)) == [("closed", "refused", "days", "over")]


def test_what_is_refused_twice_in_a_row_is_told_and_six_times_is_graver():
    scene = idle()
    refuse(scene, NOON)
    assert of("refused", scene.told(NOON)) == []
    refuse(scene, NOON)
    (opened,) = of_kind("refused", scene.look(NOON))
    assert (opened.severity, opened.count, opened.threshold.number) == ("minor", 2, 2)
    assert opened.evidence == (10,)
    for _ in range(4):
        refuse(scene, NOON)
    assert of("refused", scene.told(NOON)) == [("graver", "refused", "days", "major")]


def test_what_is_refused_is_not_told_as_a_stream_that_fails_beside_it():
    scene = idle((ONE, setting(failing_after=2)))
    for _ in range(3):
        doubted(scene)
    assert scene.told(NOON) == [("opened", "refused", "days", "minor")]


def doubted(scene):
    """A sync that brings one stream, and an answer for another that is refused."""
    sync = scene.then(started())
    scene.then(captured(sync, "alerts"))
    scene.then(refusal(sync))
    lost_ = (lost(cause=FailureClass.MALFORMED),)
    scene.then(schema.SyncSucceeded(sync=sync, duration_ms=1, records=1, failures=lost_))


def of_kind(kind, events):
    return [each for each in events if each.kind == kind]


# -- bounds ---------------------------------------------------------------------------------------


def test_of_a_subject_no_more_are_open_than_anybody_reads():
    streams = [f"s{number:03}" for number in range(OPEN_MAX + 20)]
    scene = idle()
    declare(scene, *streams)
    for _ in range(3):
        sync = scene.then(started())
        failures = tuple(lost(each) for each in streams)
        event = schema.SyncSucceeded(sync=sync, duration_ms=1, records=3, failures=failures)
        scene.then(event)
    assert len(scene.look(NOON)) == OPEN_MAX
    assert scene.look(NOON) == []
