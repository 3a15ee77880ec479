"""Why is a connection as it is, and why does its next sync start when it does (requirement X2)?"""

from datetime import time, timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import deciders, past_facts, reasons, standing, sync_reasons
from daemon.decide.reasons import Reason
from daemon.decide.standing import Part
from events import schema, terms
from events.breakers import BreakerOpened, BreakerReason
from events.envelope import Recorded
from events.limits import HoldReason as LimitReason
from events.limits import LimitHeld
from events.schema import FLEET
from events.terms import FailureClass, HoldReason, Kind, NeedReason, RetriesEnd, ScheduleReason
from events.versions import (
    QuarantineAccepted,
    RecordsQuarantined,
    RollbackStarted,
    RolledBack,
    StateRestored,
    StreamRestored,
    StreamStateRestored,
    VersionsPruned,
)
from projections import why
from projections.why import Why
from tests.policy.transcript import (
    HOUR,
    KEPT,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    REQUESTED,
    TENANT,
    authorised,
    captured,
    day,
    failed,
    given,
    in_doubt,
    intended,
    lost,
    needed,
    refreshed,
    scheduled,
    setting,
    started,
    succeeded,
    wanted,
)

X2 = pytest.mark.requirement("X2")
EMPTY = FailureClass.EMPTY
REFUSED = schema.RecordsRefused(stream="days", version=5, cause=EMPTY, fetched=0, rows=5)
HELD = RecordsQuarantined(
    stream="days",
    version=5,
    guard=terms.Guard.EMPTY,
    cause=EMPTY,
    fetched=0,
    added=0,
    changed=0,
    removed=5,
    rows=5,
    offered=0,
)
BAD = failed(4, lost())


class Told:
    """The world after these events, and what is behind the facts of ONE."""

    def __init__(self, *past):
        scene = given()
        self.why = Why()
        for each in past:
            scene.fold(*each)
            subject, event, *at = each
            if subject == ONE:
                recorded = recorded_of(scene.world.seq, event, *at)
                self.why = why.evolve(self.why, recorded)
        self.world = scene.world
        self.known = scene.world.connections[ONE]
        self.at = scene.world.providers[self.known.provider]

    def next(self, now=NOON):
        return reasons.of_next(self.world, ONE, self.why, now)

    def topics(self, now=NOON):
        return {str(each.topic): each for each in self.next(now)}

    def stream(self, name="days", now=NOON):
        facts = standing.of_stream(self.known, self.at, name, self.why, now)
        return [(str(each.topic), each.event) for each in facts]

    def terms(self, now=NOON):
        succeeded_in = why.number(self.why, schema.SyncSucceeded)
        return standing.terms(self.known.health, self.why, succeeded_in, now)


def recorded_of(seq, event, at=NOON):
    return Recorded(seq=seq, at=at, subject=ONE, event=event)


def told(*events):
    """After KNOWN (events 1 to 3), these of ONE, each with its number from 4 on."""
    return Told(*KNOWN, *((ONE, each) for each in events))


@X2
def test_days_that_are_owed_are_explained_by_what_left_them_owed_last():
    owing = replace(lost(), day=day(2), owed=True)
    there = (StreamRestored(stream="days", of=2, rows=3, digest="00", failed_days=(day(2),)),)
    back = RolledBack(to=3, scope=terms.RollbackScope.DATA, started=4, streams=there)
    running = replace(captured(4), owed=(day(2),))
    ended = told(started(), captured(4), succeeded(4, failures=(owing,))).stream()
    assert ended[0][1] == 6, "the sync that failed says so first"
    assert ("owes-days", 7) in told(started(), captured(4), succeeded(4), back).stream()
    assert ("owes-days", 5) in told(started(), running).stream()


# -- the score ------------------------------------------------------------------------------------


@X2
def test_there_is_no_term_before_a_sync_has_ended():
    assert told(started()).terms() == ()


@X2
def test_a_score_is_its_terms():
    scene = told(succeeded(4), BAD, BAD)
    found = {each.part: each for each in scene.terms()}
    assert (found[Part.SUCCESS_RATE].count, found[Part.SUCCESS_RATE].of) == (1, 3)
    assert found[Part.SUCCESS_RATE].events == (4,)
    in_a_row = found[Part.FAILURES_IN_A_ROW]
    assert (in_a_row.points, in_a_row.count, in_a_row.events) == (-20, 2, (5, 6))
    assert (found[Part.STALE].points, found[Part.STALE].events) == (0, (4,))
    assert found[Part.STALE].at == NOON + timedelta(days=7)
    assert round(sum(each.points for each in scene.terms())) == 13
    assert Part.ROUNDING in found
    assert Part.BOUNDS not in found


@X2
def test_a_stale_success_costs_points_and_no_score_is_under_nothing():
    late = {each.part: each for each in told(succeeded(4)).terms(NOON + timedelta(days=7))}
    assert late[Part.STALE].points == -20
    never = {each.part: each for each in told(BAD).terms()}
    assert (never[Part.STALE].points, never[Part.STALE].events) == (-20, ())
    assert never[Part.STALE].at is None
    assert never[Part.BOUNDS].points == 30


@X2
def test_failures_that_a_rollback_brought_back_are_told_by_it():
    to = {"to": 4, "scope": terms.RollbackScope.STATE, "started": 7}
    again = RolledBack(**to, state=StateRestored(consecutive_failures=1))
    scene = told(BAD, succeeded(4), succeeded(4), again)
    (term,) = [each for each in scene.terms() if each.part is Part.FAILURES_IN_A_ROW]
    assert (term.count, term.events) == (1, (7,))
    many = told(*[BAD] * (why.FAILURES_KEPT + 1), again, BAD)
    assert many.terms()[1].events[-1] == why.FAILURES_KEPT + 6


# -- a stream -------------------------------------------------------------------------------------


@X2
def test_a_healthy_stream_is_told_by_its_data():
    assert told(started(), captured(4), succeeded(4)).stream() == [("captured", 5)]


@X2
def test_what_no_sync_has_come_to_is_told_by_nothing():
    assert told(started()).stream() == []


@X2
def test_a_failed_stream_is_told_by_the_sync_in_which_it_failed():
    scene = told(captured(4), started(), BAD)
    assert scene.stream() == [("failed", 6), ("captured", 4)]
    gone = told(started(), failed(4, lost(cause=FailureClass.NOT_FOUND)))
    assert gone.stream() == [("failed-for-good", 5)]


@X2
def test_a_sync_that_came_to_no_stream_is_what_every_stream_is_told_by():
    whole = schema.SyncFailed(sync=5, duration_ms=1, cause=FailureClass.NETWORK, message="down")
    assert told(captured(4), started(), whole).stream() == [("failed", 6), ("captured", 4)]
    assert told(started(), whole).stream("alerts") == [("failed", 5)]


@X2
def test_an_empty_stream_is_told_by_what_was_refused_or_came_empty():
    refused = told(captured(4), started(), REFUSED, succeeded(5))
    assert refused.stream() == [("empty", 6), ("captured", 4)]
    assert told(captured(4, rows=0), succeeded(4)).stream() == [("empty", 4)]
    by_its_end = told(captured(4), started(), succeeded(5, (lost(cause=EMPTY),)))
    assert by_its_end.stream() == [("empty", 6), ("captured", 4)]


@X2
def test_a_held_version_is_told_by_the_guards_doubt():
    scene = told(captured(4), HELD)
    assert scene.stream() == [("empty", 5), ("captured", 4)]
    shrunk = {"guard": terms.Guard.SHRUNK, "cause": FailureClass.MALFORMED}
    doubted = told(captured(4), started(), replace(REFUSED, **shrunk), failed(5, lost()))
    assert doubted.stream() == [("failed", 7), ("refused", 6), ("captured", 4)]
    more = told(captured(4), HELD, captured(4, fetched=9))
    assert more.stream() == [("captured", 6), ("held", 5)]


@X2
def test_what_is_not_kept_any_more_is_told():
    pruned = VersionsPruned(stream="days", before=4, versions=1)
    assert told(captured(4), pruned).stream() == [("pruned", 5), ("captured", 4)]
    assert deciders.of(pruned) == ("versions_kept", "versions_age")


@X2
def test_a_stream_is_told_by_the_need_for_a_person():
    scene = Told(*KEPT, (ONE, captured(4)), (ONE, needed(NeedReason.REFUSED)))
    assert scene.stream() == [("to-be-authorised", 6), ("captured", 5)]


# -- the next start -------------------------------------------------------------------------------


@X2
def test_a_turn_is_told_by_the_event_that_planned_it():
    (turn,) = told().next()
    assert (turn.topic, turn.event, turn.until, turn.whose) == ("turn", 3, NOON, ONE)
    mine = setting(stream_intervals={"days": MINUTE})
    planned = schema.SyncScheduled(
        due=NOON, reason=ScheduleReason.INTERVAL, streams={"days": NOON, "alerts": NOON + HOUR}
    )
    assert told(mine, planned).next()[0].settings == ("interval.days",)


@X2
def test_where_nothing_asks_for_a_start_nothing_is_told():
    assert Told(*KNOWN[:2]).next() == ()


@X2
def test_what_was_asked_for_is_told_by_the_request():
    assert told(REQUESTED).topics()["asked"].event == 4
    failover = schema.SyncRequested(kind=Kind.FAILOVER, origin=OTHER)
    assert told(failover).topics()["failover"].event == 4


@X2
def test_what_runs_is_told_by_its_start():
    first = told(scheduled(NOON + HOUR), started()).next()[0]
    assert (first.topic, first.event) == ("runs", 5)
    back = RollbackStarted(to=3, scope=terms.RollbackScope.DATA)
    assert told(back).next()[0] == Reason(topic="restoring", event=4)


def retry(**more):
    return schema.RetryScheduled(
        due=NOON + HOUR, attempt=1, cause=FailureClass.SERVER, priority=6, delay=HOUR, **more
    )


@X2
def test_a_retry_is_told_by_its_event_and_by_what_moved_it():
    scene = told(started(), BAD, retry(), schema.RetryMoved(due=NOON + 2 * HOUR))
    found = scene.topics()
    assert (found["retry"].event, found["retry"].until) == (6, NOON + 2 * HOUR)
    assert found["retry-moved"].event == 7
    assert "retry-moved" not in told(started(), BAD, retry()).topics()


@X2
def test_where_nothing_is_tried_again_that_is_told():
    ended = schema.RetriesEnded(reason=RetriesEnd.BUDGET, attempts=1)
    assert told(started(), BAD, ended).topics()["retries-ended"].event == 6
    assert "retries-ended" not in told(started(), BAD, ended, started()).topics()


@X2
def test_what_is_left_of_a_backfill_and_what_was_skipped_are_told():
    found = told(wanted()).topics()
    assert (found["backfill"].event, found["backfill"].until) == (4, NOON)
    skipped = schema.SyncSkipped(reason=terms.SkipReason.MISSED, due=NOON)
    assert told(started(), succeeded(4), skipped).topics()["skipped"].event == 6


@X2
def test_what_people_did_holds_it():
    assert told(PAUSED).topics()["paused"].event == 4
    scene = Told(*KEPT, (ONE, needed(NeedReason.REFUSED)))
    assert scene.topics()["to-be-authorised"].event == 5


def shut(reason=BreakerReason.CALLS, until=NOON + HOUR):
    return BreakerOpened(reason=reason, until=until)


@X2
def test_a_breaker_is_told_by_the_event_that_opened_it_and_what_came_of_it_since():
    found = told(shut()).topics()
    assert (found["breaker"].event, found["breaker"].until) == (4, NOON + HOUR)
    assert (found["breaker"].settings, found["breaker"].whose) == ((), ONE)
    eased = schema.BreakerEased(until=NOON)
    probing = told(shut(), eased).topics()
    assert probing["breaker"].settings == ("breaker_successes",)
    assert probing["breaker-eased"].event == 5
    probed = told(shut(), schema.BreakerProbed(successes=1)).topics(NOON + HOUR)
    assert probed["breaker-probed"].event == 5
    assert "breaker" not in told(shut(), schema.BreakerClosed()).topics()


@X2
def test_so_is_the_providers():
    found = Told(*KNOWN, (PROVIDER, shut())).topics()["providers-breaker"]
    assert (found.event, found.whose, found.settings) == (4, PROVIDER, ("breaker_connections",))
    by_hand = Told(*KNOWN, (PROVIDER, shut(BreakerReason.BY_HAND, None))).topics()
    assert by_hand["providers-breaker"].settings == ()
    gone = Told(
        *KNOWN, (PROVIDER, schema.ProviderRetired(connection=ONE, cause=FailureClass.RETIRED))
    )
    assert gone.topics()["retired"].event == 4


SIESTA = (TENANT, setting(quiet_hours_start=time(11), quiet_hours_end=time(15)))


@X2
def test_quiet_hours_are_told_by_the_deferral_and_before_it_by_the_settings_alone():
    waits = schema.SyncDeferred(due=NOON, reason=HoldReason.QUIET_HOURS, until=NOON + 3 * HOUR)
    found = Told(*KNOWN, SIESTA, (ONE, waits)).topics()["quiet-hours"]
    assert (found.event, found.until) == (5, NOON + 3 * HOUR)
    coming = Told(*KNOWN, SIESTA).topics()["quiet-hours"]
    assert coming.event == 0
    assert coming.settings == ("quiet_hours_start", "quiet_hours_end", "timezone")
    off = Told(*KNOWN, (FLEET, setting(enabled=False))).topics()["disabled"]
    assert (off.event, off.settings) == (0, ("enabled",))


@X2
def test_our_own_failure_holds_it():
    crashed = schema.ActorCrashed(error="KeyError", crashes=1, until=NOON + MINUTE)
    assert told(crashed).topics()["crashed"].event == 4
    assert "crashed" not in told(crashed).topics(NOON + MINUTE)


@X2
def test_a_provider_that_asked_to_wait_is_told_by_who_heard_it():
    hint = terms.StreamFailure(
        stream="days", cause=FailureClass.RATE_LIMITED, message="slowly", retry_after=HOUR
    )
    found = told(started(), failed(4, hint)).topics()["asked-to-wait"]
    assert (found.event, found.until) == (5, NOON + HOUR)
    assert "asked-to-wait" not in told(started(), failed(4, hint)).topics(NOON + HOUR)
    held = LimitHeld(until=NOON + HOUR, reason=LimitReason.HINT)
    both = Told(*KNOWN, (PROVIDER, held), (ONE, held)).next()
    assert [each.event for each in both if each.topic == "limit"] == [5, 4]


@X2
def test_a_place_that_is_not_free_is_told_by_the_setting():
    fleet = Told(*KNOWN, (FLEET, setting(concurrency=1)), (OTHER, KNOWN[1][1]), (OTHER, started()))
    found = fleet.topics()["fleet-full"]
    assert (found.settings, found.whose, found.event) == (("concurrency",), FLEET, 0)
    many = (PROVIDER, setting(provider_concurrency=1))
    at = Told(*KNOWN, many, (OTHER, KNOWN[1][1]), (OTHER, started())).topics()["provider-full"]
    assert at.whose == PROVIDER


@X2
def test_what_ended_at_another_provider_or_in_another_life_says_nothing_of_the_next_start():
    ended = schema.RetriesEnded(attempts=1, reason=terms.RetriesEnd.USED_UP)
    assert "retries-ended" in told(ended).topics()
    for begun in (
        started(),
        schema.ConnectionRelinked(provider=PROVIDER, before=PROVIDER),
        KNOWN[1][1],
    ):
        assert "retries-ended" not in told(ended, begun).topics()


@X2
def test_a_stream_whose_state_went_back_is_told_by_the_sync_that_failed_then():
    gone = failed(4, lost(cause=FailureClass.NOT_FOUND))
    scene = told(started(), gone)
    state = StateRestored(
        consecutive_failures=1,
        streams=(
            StreamStateRestored(
                stream="days", failures=1, failed_in=4, failed_at=NOON,
                failure=lost(cause=FailureClass.NOT_FOUND),
            ),
        ),
    )  # fmt: skip
    assert scene.stream() == [("failed-for-good", 5)]
    back = RolledBack(to=5, scope=terms.RollbackScope.STATE, started=8, state=state)
    again = told(started(), gone, started(), REFUSED, failed(6, lost()), back)
    assert again.stream() == [("failed-for-good", 5), ("refused", 7)]


# -- the account, and what happened last ----------------------------------------------------------


def account(*events):
    scene = Told(*KEPT, *((ONE, each) for each in events))
    return [each.event for each in reasons.of_account(scene.known, scene.why)]


@X2
def test_an_account_is_told_by_what_its_token_is_by():
    assert reasons.of_account(told().known, Why()) == ()
    assert account() == [4]
    assert account(intended(sync=None)) == [5]
    assert account(intended(sync=None), refreshed(sync=None)) == [6]
    assert account(intended(sync=None), in_doubt(sync=None)) == [6]
    assert account(needed(NeedReason.EXPIRED)) == [5]
    gone = schema.RefreshFailed(generation=1, cause=FailureClass.NETWORK, message="gone")
    assert account(intended(sync=None), gone) == [4, 6]
    assert account(gone, authorised(2)) == [6]


@X2
def test_what_happened_last_is_told_newest_first():
    taken = QuarantineAccepted(stream="days", quarantined=4, version=6)
    cancelled = schema.SyncCancelled(sync=4)
    scene = told(started(), cancelled, started(), REFUSED, succeeded(6), HELD, taken)
    found = [(each.topic, each.event) for each in past_facts.of(scene.known, scene.why)]
    assert found == [("settled", 10), ("refusal", 9), ("success", 8), ("refusal", 7)]
    stopped = told(started(), cancelled)
    assert [each.topic for each in past_facts.of(stopped.known, stopped.why)] == ["stopped"]
    assert past_facts.of(told().known, told().why) == ()
    assert past_facts.membership(told().why) == 2


# -- one sync -------------------------------------------------------------------------------------


def of_start(begun, *events):
    found = sync_reasons.of_start(begun, ONE, told(*events).why)
    return [(str(each.topic), each.event) for each in found]


@X2
def test_a_sync_is_told_by_what_asked_for_it():
    assert of_start(started()) == [("turn", 3)]
    assert of_start(started(request=4), REQUESTED) == [("asked", 4)]
    failover = started(request=4, kind=Kind.FAILOVER)
    assert of_start(failover, schema.SyncRequested(kind=Kind.FAILOVER)) == [("failover", 4)]
    assert of_start(started(kind=Kind.BACKFILL), wanted()) == [("backfill", 4)]


@X2
def test_and_by_what_moved_it_since():
    waits = schema.SyncDeferred(due=NOON, reason=HoldReason.QUIET_HOURS, until=NOON + HOUR)
    turn = scheduled(NOON)
    assert of_start(started(), PAUSED, turn, waits, shut()) == [
        ("turn", 5),
        ("deferred", 6),
        ("breaker", 7),
    ]
    again = started(kind=Kind.RETRY, attempt=1)
    moved = schema.RetryMoved(due=NOON)
    assert of_start(again, retry(), moved) == [("retry", 4), ("retry-moved", 5)]


# -- who decided ----------------------------------------------------------------------------------


@X2
@pytest.mark.parametrize(
    ("event", "names"),
    [
        (scheduled(NOON), ("interval", "spread")),
        (scheduled(NOON, ScheduleReason.ASKED_TO_WAIT), ()),
        (schema.SyncDeferred(due=NOON, reason=HoldReason.DISABLED, until=None), ("enabled",)),
        (retry(), deciders.RETRIES),
        (schema.RetriesEnded(reason=RetriesEnd.USED_UP, attempts=3), ("max_retry_attempts",)),
        (shut(BreakerReason.BY_HAND), ()),
        (schema.BreakerProbed(successes=1), ("breaker_successes",)),
        (PAUSED, ()),
    ],
)
def test_an_event_goes_by_these_settings(event, names):
    assert deciders.of(event) == names


@X2
def test_what_a_guard_goes_by_stands_in_the_providers_file():
    shrunk = replace(HELD, guard=terms.Guard.SHRUNK)
    assert deciders.of_file(shrunk) == ("guards.shrunk", "guards.shrunk_by", "guards.rows_min")
    assert deciders.of_file(replace(REFUSED, guard=terms.Guard.STALE))[0] == "guards.stale"
    assert deciders.of_file(REFUSED) == ("empty",)
    assert deciders.of_file(replace(REFUSED, cause=FailureClass.MALFORMED)) == ()
    assert deciders.of_file(PAUSED) == ()


@X2
def test_every_reason_of_an_event_is_known():
    assert set(deciders.OF_GUARDS) == set(terms.Guard)
    assert set(deciders.OF_HOLDS) == set(HoldReason)
    assert set(deciders.OF_BREAKERS) == set(BreakerReason)
    assert set(deciders.OF_ENDS) == set(RetriesEnd)
