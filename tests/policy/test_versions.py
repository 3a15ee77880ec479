"""What becomes of a stream that is doubted, held, taken over, or taken back?"""

from datetime import date

import pytest
from msgspec.structs import replace

from daemon.commands import Capture, CaptureHeld, DayCount, Evidence, Recover
from daemon.decide import decide
from events.schema import RecordsRefused, SyncCancelled
from events.terms import (
    FailureClass,
    Guard,
    GuardPolicy,
    Mode,
    Reaction,
    RestoreEnd,
    RollbackScope,
    RunOptions,
    StreamFailure,
    StreamPolicy,
)
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    QuarantineDropped,
    RestoreAbandoned,
    RollbackStarted,
    RolledBack,
    StateRestored,
    StreamRestored,
    StreamStateRestored,
    VersionsPruned,
)
from projections import connection
from projections.streams import Held
from tests.policy.transcript import (
    DECLARED,
    KNOWN,
    NOON,
    ONE,
    PROVIDER,
    captured,
    day,
    failed,
    given,
    lost,
    quarantined,
    started,
    succeeded,
)

HELD = quarantined(90)
REFUSED = RecordsRefused(
    stream="days",
    version=90,
    cause=FailureClass.MALFORMED,
    fetched=3,
    rows=30,
    guard=Guard.SHRUNK,
)
BACK = StreamRestored(
    stream="days",
    of=11,
    rows=7,
    digest="aa",
    captured_at=NOON,
    newest_day=date(2026, 3, 1),
    failed_days=(date(2026, 2, 1),),
)


def known(*events):
    return given(*KNOWN, *((ONE, each) for each in events)).world.connections[ONE]


@pytest.mark.requirement("B5")
def test_what_is_held_changes_nothing_but_what_is_said_of_it():
    before = known(captured(11)).streams["days"]
    after = known(captured(11), HELD).streams["days"]
    assert (after.version, after.rows, after.digest) == (before.version, before.rows, before.digest)
    assert after.held == Held(
        version=90, guard=Guard.SHRUNK, at=NOON, offered=3, base=11, rows=30, fetched=3
    )
    assert (after.failures, after.failed_in) == (1, 90)
    assert after.failure == StreamFailure(stream="days", cause=FailureClass.MALFORMED, message="")
    assert not after.empty


@pytest.mark.requirement("B5")
def test_a_stream_is_empty_until_an_answer_has_something_in_it_believed_or_not():
    empty = replace(REFUSED, cause=FailureClass.EMPTY, guard=Guard.EMPTY)
    assert known(captured(11), empty).streams["days"].empty
    assert not known(captured(11), empty, HELD).streams["days"].empty
    assert not known(captured(11), empty, REFUSED).streams["days"].empty
    of_a_day = replace(REFUSED, day=date(2026, 3, 1))
    assert known(captured(11), empty, of_a_day).streams["days"].empty


@pytest.mark.parametrize(
    "ending",
    [
        QuarantineDropped(stream="days", version=90),
        QuarantineAccepted(stream="days", quarantined=90, version=95),
    ],
)
def test_what_is_held_stays_until_it_is_dropped_or_taken_over(ending):
    assert known(HELD, captured(11)).streams["days"].held is not None
    assert known(HELD, ending).streams["days"].held is None


@pytest.mark.requirement("C4")
@pytest.mark.parametrize(
    ("options", "newest"),
    [(None, 9), (RunOptions(days=1), 1), (RunOptions(failed_days=True), 1)],
)
def test_what_is_taken_over_moves_the_newest_day_as_the_run_that_fetched_it_would_have(
    options, newest
):
    """The days before those of a part are still to be asked for."""
    regular = (started(), captured(11, days=(day(1),)), succeeded(4))
    accepted = QuarantineAccepted(stream="days", quarantined=90, version=95)
    part = (started(options=options), HELD, failed(7, lost()))
    stream = known(*regular, *part, captured(95, days=(day(9),)), accepted).streams["days"]
    assert (stream.newest_day, stream.held) == (day(newest), None)


@pytest.mark.requirement("C4")
def test_what_is_held_keeps_the_days_that_failed_beside_it_and_owes_them_once_taken_over():
    """Also where its sync did not come to its end."""
    past = (*KNOWN, (ONE, started()))
    offered = Capture(
        subject=ONE,
        offered=captured(len(past), rows=1, days=(day(9),)),
        lost=(StreamFailure(stream="days", cause=FailureClass.SERVER, message="", day=day(5)),),
        evidence=Evidence(days=(DayCount(day=day(9), fetched=1, before=30),)),
    )
    guard = GuardPolicy(shrunk=Reaction.QUARANTINE)
    policy = StreamPolicy(name="days", mode=Mode.WINDOW, guards=guard)
    declared = replace(DECLARED, streams=(policy,))
    [(_, held)] = given((PROVIDER, declared), *past[1:]).when(offered).decided
    assert held.owed == (day(5),)
    begun = (held, SyncCancelled(sync=len(past)), AcceptanceStarted(stream="days", quarantined=4))
    past = (*past, *((ONE, each) for each in begun))
    taken = CaptureHeld(subject=ONE, quarantined=4, offered=captured(len(past), days=(day(9),)))
    [(_, now), (_, accepted)] = given(*past).when(taken).decided
    after = given(*past, (ONE, now), (ONE, accepted)).world.connections[ONE].streams["days"]
    assert (after.newest_day, after.failed_days) == (day(9), (day(5),))


def test_what_was_pruned_is_known_also_after_the_next_version():
    pruned = VersionsPruned(stream="days", before=40, versions=3)
    assert known(captured(11), pruned, captured(11)).streams["days"].pruned_before == 40


@pytest.mark.requirement("F5")
def test_going_back_sets_what_was_recorded_and_keeps_the_rest():
    rolled = RolledBack(to=12, scope=RollbackScope.DATA, started=77, streams=(BACK,))
    stream = known(captured(11), HELD, rolled).streams["days"]
    assert (stream.version, stream.rows, stream.digest) == (77, 7, "aa")
    assert (stream.newest_day, stream.failed_days) == (BACK.newest_day, BACK.failed_days)
    assert (stream.captured_at, stream.failures) == (NOON, 1)
    assert stream.held is not None


@pytest.mark.requirement("F5")
def test_state_goes_back_without_counters():
    was = StreamStateRestored(stream="days", failures=2, failed_in=5, failed_at=NOON, empty=True)
    state = StateRestored(consecutive_failures=2, crashes=1, streams=(was,))
    after = known(RolledBack(to=12, scope=RollbackScope.STATE, started=77, state=state))
    assert (after.health.consecutive_failures, after.health.total, after.crashes) == (2, 0, 1)
    assert after.streams["days"].failures == 2
    assert after.streams["days"].empty


@pytest.mark.parametrize(
    "beginning",
    [
        RollbackStarted(to=12, scope=RollbackScope.DATA),
        AcceptanceStarted(stream="days", quarantined=90),
    ],
)
def test_no_sync_starts_meanwhile_and_a_crash_leaves_nothing_open(beginning):
    begun = given(*KNOWN, (ONE, beginning))
    there = begun.world.connections[ONE]
    assert there.restoring == begun.world.seq
    assert begun.world.fleet.restoring == {ONE}
    assert connection.next_start(there) is None
    decided = decide(Recover(version="1"), begun.world, NOON)
    abandoned = RestoreAbandoned(started=there.restoring, reason=RestoreEnd.DIED)
    assert (ONE, abandoned) in decided
    over = given(*KNOWN, (ONE, beginning), (ONE, abandoned)).world
    assert over.connections[ONE].restoring is None
    assert over.fleet.restoring == frozenset()
