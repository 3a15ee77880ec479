"""May a connection go back, what differs then, and what follows?"""

from datetime import date

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.commands import AbandonRestore, BeginRollback, FinishRollback
from daemon.decide import hindrance, relinking
from daemon.decide.hindrance import Held, Hindrance
from daemon.decide.restoring import (
    Obstacle,
    differing,
    is_as_then,
    obstacle,
    pruned,
    restored,
    state_of,
)
from events.breakers import BreakerClosed, BreakerOpened, BreakerReason
from events.schema import FLEET, ActorCrashed, RetriesEnded, RetryScheduled, SyncScheduled
from events.terms import (
    Caller,
    FailureClass,
    RestoreEnd,
    RetriesEnd,
    RollbackScope,
    ScheduleReason,
)
from events.versions import (
    RestoreAbandoned,
    RollbackStarted,
    RolledBack,
    StateRestored,
    VersionsPruned,
)
from projections import connection as connections
from projections.breaker import Outcome
from projections.connection import next_start
from projections.streams import NEW, is_kept, oldest_kept
from tests.policy.transcript import (
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    REMOVED,
    RUNNING,
    captured,
    failed,
    given,
    lost,
    scheduled,
    setting,
    started,
    succeeded,
)

pytestmark = pytest.mark.requirement("F5")

BY = Caller(uid=0, role="operator")
DATA = BeginRollback(subject=ONE, to=6, scope=RollbackScope.DATA, versions={"days": 4}, by=BY)
STATE = BeginRollback(subject=ONE, to=6, scope=RollbackScope.STATE)
BEGUN = RollbackStarted(to=6, scope=RollbackScope.DATA, streams=("days",), by=BY)
GOOD = (*RUNNING, (ONE, captured(4)), (ONE, succeeded(4)), (ONE, scheduled(NOON + 6 * HOUR)))
"""Seven events: a good sync, and the turn after it."""
LATER = NOON + 30 * HOUR


def of(*past):
    return given(*past).world.connections[ONE]


def back(was=None, **more):
    scope = RollbackScope.STATE if was else RollbackScope.DATA
    return FinishRollback(
        subject=ONE, started=len(GOOD) + 1, to=6, scope=scope, was=was, by=BY, **more
    )


def beginning(scope=RollbackScope.STATE, *more):
    """GOOD, and then it began to go back with event 8."""
    return given(*GOOD, (ONE, RollbackStarted(to=6, scope=scope)), *more)


# -- may it ---------------------------------------------------------------------------------------


def test_it_begins_and_says_who_asked_for_what():
    given(*GOOD).when(DATA).then((ONE, BEGUN))


@pytest.mark.parametrize(
    ("past", "why"),
    [
        ((), Obstacle.GONE),
        ((*GOOD, (ONE, REMOVED)), Obstacle.GONE),
        (RUNNING, Obstacle.SYNCING),
        ((*GOOD, (ONE, BEGUN)), Obstacle.RESTORING),
        (
            (*GOOD, (ONE, VersionsPruned(stream="days", before=9, versions=1))),
            Obstacle.PRUNED,
        ),
    ],
)
def test_it_does_not_while_something_is_in_its_way(past, why):
    scene = given(*past)
    scene.when(DATA).then()
    assert obstacle(ONE, DATA.versions, scene.world) is why


@pytest.mark.requirement("B13")
def test_what_is_pruned_is_named_and_before_the_first_there_is_nothing_to_keep():
    known = of(*GOOD, (ONE, VersionsPruned(stream="days", before=4, versions=1)))
    assert pruned(known, {"days": 4, "hours": 3}) == []
    assert pruned(known, {"days": 3, "alerts": 0}) == ["days"]
    stream = known.streams["days"]
    assert (oldest_kept(stream), is_kept(stream, 0), is_kept(stream, 3)) == (4, True, False)


# -- what differs ---------------------------------------------------------------------------------


def test_what_differs_is_told_without_looking_at_records():
    was = of(*GOOD)
    now = of(*GOOD, (ONE, captured(8, rows=9)), (ONE, captured(8, "alerts")))
    assert differing(now, was, ()) == {"days": was.streams["days"], "alerts": NEW}
    assert differing(now, was, ("alerts",)) == {"alerts": NEW}
    assert differing(now, now, ()) == {}


def test_what_was_put_together_from_a_version_does_not_differ_from_it():
    was = of(*GOOD)
    stream = was.streams["days"]
    same = restored("days", stream, stream.digest, removed=4)
    rolled = RolledBack(to=6, scope=RollbackScope.DATA, started=9, streams=(same,))
    now = of(*GOOD, (ONE, captured(8, rows=9)), (ONE, rolled))
    assert now.streams["days"].version == 9
    assert differing(now, was, ()) == {}


def test_nothing_is_nothing_however_it_is_written():
    nothing = restored("days", NEW, "00" * 16, removed=5)
    rolled = RolledBack(to=2, scope=RollbackScope.DATA, started=9, streams=(nothing,))
    assert differing(of(*GOOD, (ONE, rolled)), of(*KNOWN), ()) == {}


# -- what follows ---------------------------------------------------------------------------------


def test_data_goes_back_and_the_next_turn_stays_where_it_is():
    stream = of(*GOOD).streams["days"]
    what = restored("days", stream, "aa", added=1)
    scene = beginning(RollbackScope.DATA)
    rolled = RolledBack(to=6, scope=RollbackScope.DATA, started=8, streams=(what,), by=BY)
    scene.when(back(streams=(what,))).then((ONE, rolled))
    assert next_start(scene.world.connections[ONE]) is None
    scene.fold(ONE, rolled)
    assert next_start(scene.world.connections[ONE]) == NOON + 6 * HOUR


def test_what_was_given_up_does_not_go_back():
    over = RestoreAbandoned(started=8, reason=RestoreEnd.FAILED)
    beginning(RollbackScope.DATA, (ONE, over)).when(back()).then()
    given().when(back()).then()


def test_it_is_given_up_once():
    give_up = AbandonRestore(subject=ONE, started=8, reason=RestoreEnd.DISK_FULL)
    abandoned = RestoreAbandoned(started=8, reason=RestoreEnd.DISK_FULL)
    scene = beginning(RollbackScope.DATA).when(give_up)
    scene.then((ONE, abandoned))
    scene.fold(ONE, abandoned)
    scene.when(give_up).then()
    given().when(give_up).then()


def test_state_goes_back_and_turns_go_on_where_they_were():
    was = of(*GOOD)
    scene = beginning(RollbackScope.STATE, (ONE, failed(4, lost())))
    due = scheduled(NOON + 36 * HOUR, ScheduleReason.ROLLED_BACK)
    rolled = RolledBack(
        to=6, scope=RollbackScope.STATE, started=8, state=state_of(was, ["days"]), by=BY
    )
    scene.when(back(was), LATER).then((ONE, rolled), (ONE, due))
    scene.fold(ONE, rolled, LATER)
    scene.fold(ONE, due, LATER)
    after = scene.world.connections[ONE]
    assert is_as_then(after, was)
    assert (after.health.failed, after.health.total) == (1, 2)
    assert after.health.consecutive_failures == 0


def test_a_turn_that_lies_far_ahead_comes_within_its_interval():
    was = of(*GOOD, (ONE, scheduled(NOON + 50 * HOUR)))
    scene = beginning().when(back(was))
    assert scene.decided[1] == (ONE, scheduled(NOON + 2 * HOUR, ScheduleReason.ROLLED_BACK))


def test_one_that_was_never_due_is_not_planned():
    was = of(*KNOWN[:2])
    assert len(beginning().when(back(was)).decided) == 1


def test_what_the_provider_asked_for_is_never_shortened():
    asked = replace(lost(cause=FailureClass.RATE_LIMITED), retry_after=9 * HOUR)
    scene = beginning(RollbackScope.STATE, (ONE, failed(4, asked)))
    scene.when(back(of(*GOOD)))
    assert scene.decided[1] == (ONE, scheduled(NOON + 9 * HOUR, ScheduleReason.ROLLED_BACK))


def test_streams_with_turns_of_their_own_have_them_again():
    own = (PROVIDER, replace(DECLARED, streams=(*DECLARED.streams[:1], hourly())))
    plan = SyncScheduled(
        due=NOON + HOUR,
        reason=ScheduleReason.INTERVAL,
        streams={"days": NOON + 6 * HOUR, "alerts": NOON + HOUR},
    )
    was = of(own, *GOOD[1:-1], (ONE, plan))
    scene = given(own, *GOOD[1:], (ONE, RollbackStarted(to=6, scope=RollbackScope.STATE)))
    scene.when(back(was), NOON + 90 * MINUTE)
    expected = SyncScheduled(
        due=NOON + 2 * HOUR,
        reason=ScheduleReason.ROLLED_BACK,
        streams={"days": NOON + 6 * HOUR, "alerts": NOON + 2 * HOUR},
    )
    assert scene.decided[1] == (ONE, expected)


def hourly():
    return replace(DECLARED.streams[1], interval=HOUR)


# -- retries --------------------------------------------------------------------------------------

RETRY = RetryScheduled(
    due=NOON + 5 * MINUTE,
    attempt=2,
    cause=FailureClass.SERVER,
    priority=6,
    delay=10 * MINUTE,
    streams=("days",),
)
ALLOWED = (FLEET, setting(failover_enabled=True))


def retrying(*past, **more):
    """GOOD and then a retry waits; it goes back to that an hour later."""
    was = of(*GOOD, (ONE, failed(4, lost())), (ONE, RETRY))
    return beginning(RollbackScope.STATE, *past).when(back(was, **more), NOON + HOUR)


def test_a_retry_that_waited_then_waits_again_for_as_long():
    scene = retrying(ALLOWED)
    again = replace(RETRY, due=NOON + HOUR + 10 * MINUTE)
    assert scene.decided[2:] == [(ONE, again)]


def test_its_delay_is_drawn_where_settings_say_so():
    scene = retrying(ALLOWED, (FLEET, setting(retry_jitter=True)), jitter=0.5)
    again = replace(RETRY, due=NOON + HOUR + 5 * MINUTE, jitter=0.5)
    assert scene.decided[2:] == [(ONE, again)]


@pytest.mark.parametrize(
    "changed", [setting(failover_enabled=False), setting(max_retry_attempts=1)]
)
def test_a_retry_that_settings_allow_no_longer_does_not(changed):
    assert retrying(ALLOWED, (FLEET, changed)).decided[2:] == []


def test_a_retry_that_waits_now_and_did_not_then_ends():
    scene = beginning(RollbackScope.STATE, (ONE, RETRY)).when(back(of(*GOOD)))
    ended = RetriesEnded(reason=RetriesEnd.ROLLED_BACK, attempts=1, by=BY)
    assert scene.decided[2:] == [(ONE, ended)]


def test_the_cause_of_what_is_tried_again_is_that_of_a_stream_or_not_known():
    part = of(*GOOD, (ONE, succeeded(4, (lost("days", FailureClass.TIMEOUT),))), (ONE, RETRY))
    scene = beginning(RollbackScope.STATE, ALLOWED).when(back(part))
    assert scene.decided[2][1].cause is FailureClass.TIMEOUT
    none = of(*KNOWN, (ONE, RETRY))
    scene = beginning(RollbackScope.STATE, ALLOWED).when(back(none))
    assert scene.decided[2][1].cause is FailureClass.INTERNAL


# -- breakers -------------------------------------------------------------------------------------

OPENED = BreakerOpened(
    reason=BreakerReason.SYNCS, until=NOON + HOUR, failures=5, cause=FailureClass.SERVER
)


def test_a_breaker_stands_as_it_stood_and_its_provider_knows():
    was = of(*GOOD, (ONE, failed(4, lost())), (ONE, OPENED))
    scene = given(*GOOD, (ONE, OPENED), (ONE, BreakerClosed(successes=2)))
    rolled = RolledBack(to=9, scope=RollbackScope.STATE, started=8, state=state_of(was, ["days"]))
    scene.fold(ONE, rolled)
    stop = scene.world.connections[ONE].breaker
    assert (stop.reason, stop.until, stop.since, stop.event, stop.opened) == (
        BreakerReason.SYNCS,
        NOON + HOUR,
        NOON,
        9,
        1,
    )
    assert stop.outcomes == (
        Outcome(connection=ONE),
        Outcome(connection=ONE, causes=(FailureClass.SERVER,)),
    )
    assert (stop.openings, stop.answered) == (1, 9)
    assert scene.world.providers[PROVIDER].stopped == {ONE}
    scene.fold(ONE, RolledBack(to=2, scope=RollbackScope.STATE, started=9, state=StateRestored()))
    assert scene.world.providers[PROVIDER].stopped == frozenset()
    data = RolledBack(to=2, scope=RollbackScope.DATA, started=9)
    before = scene.world.providers[PROVIDER]
    scene.fold(ONE, data)
    assert scene.world.providers[PROVIDER] is before


# -- what else ------------------------------------------------------------------------------------


def test_state_is_as_then_where_nothing_that_goes_back_differs():
    was = of(*GOOD)
    assert is_as_then(of(*GOOD, (ONE, captured(9, rows=7))), was)
    assert not is_as_then(of(*GOOD, (ONE, RETRY)), was)
    crash = ActorCrashed(error="x", crashes=1, until=NOON)
    assert not is_as_then(of(*GOOD, (ONE, crash)), was)


def test_who_is_removed_meanwhile_has_gone_nowhere():
    scene = beginning(RollbackScope.DATA).when(commands.Remove(subject=ONE))
    assert scene.decided[0] == (ONE, RestoreAbandoned(started=8, reason=RestoreEnd.REMOVED))


def test_who_goes_back_is_not_moved_meanwhile():
    scene = beginning(RollbackScope.DATA, (9, replace(DECLARED, name="next")))
    assert relinking.obstacle(ONE, 9, scene.world) is relinking.Obstacle.RESTORING


def test_who_goes_back_waits_for_that_and_says_so():
    scene = beginning(RollbackScope.DATA)
    assert hindrance.outlook(scene.world, ONE, NOON) == (None, Held(why=Hindrance.RESTORING))
    scene.when(commands.Start(subject=ONE), NOON + 9 * HOUR).then()


def test_days_that_are_owed_go_back_with_the_data():
    owed = replace(of(*GOOD).streams["days"], failed_days=(date(2026, 5, 1),))
    rolled = RolledBack(
        to=6,
        scope=RollbackScope.DATA,
        started=8,
        streams=(restored("days", owed, owed.digest),),
    )
    after = of(*GOOD, (ONE, started()), (ONE, rolled))
    assert after.streams["days"].failed_days == (date(2026, 5, 1),)
    assert connections.next_start(after) is None  # its sync runs
