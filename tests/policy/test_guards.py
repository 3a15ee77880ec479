"""Which answers are doubted, for which reason, and what becomes of them?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide import condition, guards, system
from daemon.decide.capturing import Obstacle, obstacle
from events import schema
from events.schema import RecordsRefused
from events.terms import (
    Caller,
    FailureClass,
    Guard,
    GuardPolicy,
    Mode,
    Reaction,
    RestoreEnd,
    RollbackScope,
    StreamPolicy,
)
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    QuarantineDropped,
    RecordsQuarantined,
    RestoreAbandoned,
    RolledBack,
    StreamRestored,
)
from tests.policy.transcript import (
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    PROVIDER,
    capture,
    captured,
    day,
    failed,
    given,
    lost,
    started,
    succeeded,
)

BY = Caller(uid=1000, role="operator")
OLD = 5
NEW = 7
"""Events 1 to 3 are known; 4 and 6 start a sync, of which the first captured version 4."""

ROLLBACK, QUARANTINE, ACCEPT = Reaction.ROLLBACK, Reaction.QUARANTINE, Reaction.ACCEPT


def at(*events, mode=Mode.FULL, empty=ROLLBACK, rows=100, digest="00ff", **policy):
    """A stream of that policy with so many rows in force since noon; its second sync runs."""
    declared = StreamPolicy(name="days", mode=mode, empty=empty, guards=GuardPolicy(**policy))
    past = (
        (PROVIDER, replace(DECLARED, streams=(declared,))),
        *KNOWN[1:],
        (ONE, started()),
        (ONE, captured(4, rows=rows, digest=digest)),
        (ONE, succeeded(4)),
        (ONE, started()),
    )
    return given(*past, *((ONE, each) for each in events))


def answer(rows, *, fetched=None, digest="ee", evidence=None, **more):
    """What the second sync fetched: so many rows afterwards."""
    fetched = rows if fetched is None else fetched
    wish = capture(NEW, rows=rows, fetched=fetched, digest=digest, **more)
    return replace(wish, evidence=commands.Evidence(**(evidence or {})))


def outcome(scene, wish, now=NOON):
    ((_, event),) = scene.when(wish, now).decided
    return event


def doubted(scene, wish, now=NOON):
    event = outcome(scene, wish, now)
    return None if isinstance(event, schema.RecordsCaptured) else event.guard


# -- one guard after the other --------------------------------------------------------------------


@pytest.mark.requirement("B5")
@pytest.mark.parametrize(
    ("rows", "expected"),
    [(100, None), (500, None), (50, None), (49, Guard.SHRUNK), (1, Guard.SHRUNK)],
)
def test_more_than_half_gone_is_doubted(rows, expected):
    assert doubted(at(), answer(rows)) is expected


@pytest.mark.parametrize(("before", "expected"), [(19, None), (20, Guard.SHRUNK)])
def test_of_few_rows_many_may_go(before, expected):
    assert doubted(at(rows=before), answer(1)) is expected


def test_how_many_may_go_is_policy():
    assert doubted(at(shrunk_by=0.1), answer(90)) is None
    assert doubted(at(shrunk_by=0.1), answer(89)) is Guard.SHRUNK
    assert doubted(at(rows_min=101), answer(1)) is None
    assert doubted(at(shrunk=ACCEPT), answer(1)) is None


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.WINDOW])
def test_only_of_a_full_answer_absence_says_anything(mode):
    """An empty delta is normal; in windows each day is looked at for itself."""
    scene = at(mode=mode, stale=ROLLBACK, stale_after=HOUR)
    assert doubted(scene, answer(1)) is None
    assert doubted(scene, answer(0)) is None
    assert doubted(scene, answer(100, digest="00ff"), NOON + 2 * HOUR) is None


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("mode", [*Mode])
def test_fields_that_differ_are_doubted_in_any_mode(mode):
    event = outcome(at(mode=mode), answer(100, evidence={"fields": 2}))
    assert (event.guard, event.fields, event.cause) == (Guard.SCHEMA, 2, FailureClass.MALFORMED)
    assert doubted(at(mode=mode, schema=ACCEPT), answer(100, evidence={"fields": 2})) is None


@pytest.mark.parametrize("mode", [*Mode])
def test_keys_that_come_twice_are_doubted_where_the_file_says_so(mode):
    twice = answer(100, fetched=110, duplicates=10)
    assert doubted(at(mode=mode), twice) is None
    assert doubted(at(mode=mode, duplicates=ROLLBACK), twice) is Guard.DUPLICATES
    assert doubted(at(mode=mode, duplicates=ROLLBACK, duplicates_share=0.1), twice) is None
    event = outcome(at(mode=mode, duplicates=ROLLBACK, duplicates_share=0.05), twice)
    assert (event.share, event.limit) == (0.0909, 0.05)


def test_what_stays_the_same_for_longer_than_it_may_is_doubted():
    same, scene = answer(100, digest="00ff"), at(stale=ROLLBACK, stale_after=HOUR)
    assert doubted(scene, same, NOON + HOUR) is None
    assert doubted(scene, same, NOON + HOUR + timedelta(seconds=1)) is Guard.STALE
    assert doubted(scene, answer(100), NOON + 9 * HOUR) is None
    assert doubted(at(stale=ROLLBACK), same, NOON + 9 * HOUR) is None
    assert doubted(at(stale_after=HOUR), same, NOON + 9 * HOUR) is None
    nothing = answer(0, digest="00ff")
    bare = at(stale=ROLLBACK, stale_after=HOUR, rows=0)
    assert doubted(bare, nothing, NOON + 9 * HOUR) is None


def test_since_when_it_is_the_same_is_known_across_syncs_and_unknown_after_going_back():
    scene = given(*KNOWN)
    scene.fold(ONE, captured(5, digest="aa"))
    scene.fold(ONE, captured(6, digest="aa"), NOON + HOUR)
    assert scene.world.connections[ONE].streams["days"].changed_at == NOON
    scene.fold(ONE, captured(7, digest="bb"), NOON + 2 * HOUR)
    assert scene.world.connections[ONE].streams["days"].changed_at == NOON + 2 * HOUR
    was = StreamRestored(stream="days", of=5, rows=3, digest="aa")
    scene.fold(ONE, RolledBack(to=5, scope=RollbackScope.DATA, started=9, streams=(was,)))
    assert scene.world.connections[ONE].streams["days"].changed_at is None
    scene.fold(ONE, captured(10, digest="aa"), NOON + 3 * HOUR)
    assert scene.world.connections[ONE].streams["days"].changed_at == NOON + 3 * HOUR
    same = answer(100, digest="00ff")
    unsure = at(stale=ROLLBACK, stale_after=HOUR)
    unsure.fold(
        ONE,
        RolledBack(
            to=5,
            scope=RollbackScope.DATA,
            started=4,
            streams=(StreamRestored(stream="days", of=4, rows=100, digest="00ff"),),
        ),
    )
    assert doubted(unsure, same, NOON + 9 * HOUR) is None


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("mode", [*Mode])
def test_fewer_than_the_provider_itself_says_are_refused(mode):
    event = outcome(at(mode=mode), answer(99, evidence={"declared": 100}))
    assert isinstance(event, RecordsRefused)
    assert (event.guard, event.declared, event.share) == (Guard.INCOMPLETE, 100, 0.01)
    assert doubted(at(mode=mode), answer(100, evidence={"declared": 100})) is None
    assert doubted(at(mode=mode), answer(101, evidence={"declared": 100})) is None
    accepting = at(mode=mode, incomplete=ACCEPT)
    assert doubted(accepting, answer(99, evidence={"declared": 100})) is None


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("mode", [*Mode])
def test_records_that_repeat_a_key_make_nothing_whole_unless_as_many_may(mode):
    """Page 1 in place of page 3 is as many records as there are, and a third of them missing."""
    twice = answer(200, fetched=300, duplicates=100, evidence={"declared": 300})
    event = outcome(at(mode=mode), twice)
    assert (event.guard, event.fetched, event.share) == (Guard.INCOMPLETE, 300, 0.3333)
    assert doubted(at(mode=mode, duplicates_share=0.33), twice) is Guard.INCOMPLETE
    assert doubted(at(mode=mode, duplicates_share=0.34), twice) is None
    assert doubted(at(mode=mode, duplicates_share=1.0), twice) is None
    more = answer(300, fetched=400, duplicates=100, evidence={"declared": 300})
    assert doubted(at(mode=mode), more) is None
    one = answer(999_999, fetched=1_000_000, duplicates=1, evidence={"declared": 1_000_000})
    assert doubted(at(mode=mode), one) is Guard.INCOMPLETE


@pytest.mark.requirement("B5")
def test_a_page_that_comes_twice_makes_no_day_whole():
    declared = StreamPolicy(name="days", mode=Mode.WINDOW)
    doubt = guards.of_day(count(fetched=4, duplicates=2, declared=4), declared)
    assert doubt is not None
    assert (doubt.guard, doubt.share) == (Guard.INCOMPLETE, 0.5)
    assert guards.of_day(count(fetched=4, duplicates=2, declared=2), declared) is None


@pytest.mark.requirement("B5")
def test_that_there_is_nothing_is_told_from_a_source_that_is_dead():
    """Complete with no records, as the source says, is an answer; silence about it is none."""
    assert doubted(at(), answer(0)) is Guard.EMPTY
    assert doubted(at(), answer(0, evidence={"declared": 0})) is None
    assert doubted(at(empty=ACCEPT), answer(0)) is None
    assert doubted(at(empty=ACCEPT), answer(0, evidence={"declared": 3})) is Guard.INCOMPLETE


def test_the_first_guard_that_doubts_counts():
    everything = answer(1, fetched=2, duplicates=1, evidence={"fields": 1, "declared": 3})
    policy = {"duplicates": ROLLBACK, "schema": ROLLBACK, "shrunk": ROLLBACK}
    expected = [Guard.INCOMPLETE, Guard.SCHEMA, Guard.SHRUNK, Guard.DUPLICATES]
    for number, guard in enumerate(expected):
        believed = {each.value: ACCEPT for each in expected[:number]}
        assert doubted(at(**{**policy, **believed}), everything) is guard


@pytest.mark.requirement("B5")
def test_a_delta_that_was_fetched_anew_is_looked_at_as_a_whole():
    """Its primary key is another: what is absent would go, so too much of it must not be."""
    scene = at(mode=Mode.INCREMENTAL, shrunk=ACCEPT)
    assert doubted(scene, answer(49, evidence={"whole": True})) is Guard.SHRUNK
    assert doubted(scene, answer(0, evidence={"whole": True})) is Guard.EMPTY
    assert doubted(scene, answer(50, evidence={"whole": True})) is None


# -- what becomes of it ---------------------------------------------------------------------------


@pytest.mark.requirement("B5")
@pytest.mark.parametrize(
    ("guard", "policy", "wish"),
    [
        (Guard.EMPTY, {}, answer(0)),
        (Guard.INCOMPLETE, {}, answer(100, evidence={"declared": 101})),
        (Guard.SCHEMA, {}, answer(100, evidence={"fields": 1})),
        (Guard.SHRUNK, {}, answer(9)),
        (Guard.DUPLICATES, {}, answer(100, fetched=200, duplicates=100)),
        (Guard.STALE, {"stale_after": HOUR}, answer(100, digest="00ff")),
    ],
)
def test_each_guard_refuses_holds_or_believes(guard, policy, wish):
    later = NOON + 2 * HOUR

    def scene(reaction):
        return at(**policy, **{guard.value: reaction})

    refused = outcome(scene(ROLLBACK), wish, later)
    assert isinstance(refused, RecordsRefused)
    held = outcome(scene(QUARANTINE), wish, later)
    assert isinstance(held, RecordsQuarantined)
    assert refused.guard is held.guard is guard
    assert refused.cause is held.cause
    assert (held.cause is FailureClass.EMPTY) == (guard is Guard.EMPTY)
    assert (held.rows, held.offered, held.version) == (100, wish.offered.rows, NEW)
    assert doubted(scene(ACCEPT), wish, later) is None


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("event", [RecordsRefused, RecordsQuarantined])
def test_a_stream_that_is_doubted_keeps_its_data_and_is_unhealthy_until_it_returns(event):
    reaction = ROLLBACK if event is RecordsRefused else QUARANTINE
    scene = at(shrunk=reaction)
    doubt = outcome(scene, answer(9))
    scene.fold(ONE, doubt)
    failure = lost(cause=doubt.cause)
    scene.fold(ONE, failed(NEW, failure))
    known, provider = scene.world.connections[ONE], scene.world.providers[PROVIDER]
    stream = known.streams["days"]
    assert (stream.version, stream.rows) == (4, 100)
    assert condition.of_stream(known, provider, "days", NOON) is condition.Condition.UNHEALTHY
    assert condition.cause_of(known, "days") is FailureClass.MALFORMED
    assert condition.trouble(known) is not None
    scene.fold(ONE, started())
    scene.fold(ONE, captured(scene.world.seq, rows=100))
    scene.fold(ONE, succeeded(scene.world.seq - 1))
    known = scene.world.connections[ONE]
    assert condition.of_stream(known, provider, "days", NOON) is condition.Condition.DEGRADED
    assert (known.streams["days"].held is None) == (event is RecordsRefused)


# -- days -----------------------------------------------------------------------------------------


def count(number=1, fetched=3, before=0, **more):
    return commands.DayCount(day=day(number), fetched=fetched, before=before, **more)


DAYS = {
    Guard.EMPTY: count(fetched=0, before=3),
    Guard.INCOMPLETE: count(declared=4),
    Guard.SHRUNK: count(before=20),
    Guard.STALE: count(repeated=True),
}


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("guard", [*DAYS])
def test_a_day_that_is_doubted_is_refused_alone_or_all_days_are_held(guard):
    good = count(2)

    def scene(reaction):
        return at(mode=Mode.WINDOW, **{guard.value: reaction})

    def offer(reaction):
        days = (DAYS[guard], good)
        wish = commands.OfferDays(subject=ONE, sync=NEW, stream="days", days=days)
        return [event for _, event in scene(reaction).when(wish).decided]

    (refused,) = offer(ROLLBACK)
    assert (refused.day, refused.guard, refused.rows) == (day(1), guard, DAYS[guard].before)
    assert offer(QUARANTINE) == offer(ACCEPT) == []
    wish = answer(100, evidence={"days": (good, DAYS[guard])})
    held = outcome(scene(QUARANTINE), wish)
    assert isinstance(held, RecordsQuarantined)
    assert (held.day, held.guard) == (day(1), guard)
    assert doubted(scene(ACCEPT), wish) is None


def test_a_day_without_records_that_its_provider_vouches_for_is_believed():
    policy = StreamPolicy(name="days", mode=Mode.WINDOW)
    assert guards.of_day(count(fetched=0, before=3, declared=0), policy) is None
    assert guards.of_day(count(before=19), policy) is None


# -- what is held, by hand ------------------------------------------------------------------------

HELD_AS = NEW


def holding(*events, **policy):
    """Version 7 is held beside version 4; then these events."""
    scene = at(**policy)
    scene.fold(ONE, outcome(scene, answer(9)))
    scene.fold(ONE, failed(NEW, lost(cause=FailureClass.MALFORMED)))
    for each in events:
        scene.fold(ONE, each)
    return scene


ACCEPTING = commands.AcceptHeld(subject=ONE, stream="days", by=BY)
DROPPING = commands.DropHeld(subject=ONE, stream="days", by=BY)
BEGUN = AcceptanceStarted(stream="days", quarantined=HELD_AS, by=BY)
DROPPED = QuarantineDropped(stream="days", version=HELD_AS, by=BY)


@pytest.mark.requirement("B5")
def test_what_is_held_is_taken_over_by_hand_and_all_is_well():
    scene = holding()
    scene.when(ACCEPTING).then((ONE, BEGUN))
    scene.fold(ONE, BEGUN)
    number = scene.world.seq
    offered = captured(number, rows=9, digest="ee")
    taken = commands.CaptureHeld(subject=ONE, quarantined=HELD_AS, offered=offered)
    accepted = QuarantineAccepted(stream="days", quarantined=HELD_AS, version=number)
    scene.when(taken).then((ONE, offered), (ONE, accepted))
    scene.fold(ONE, offered)
    scene.fold(ONE, accepted)
    known, provider = scene.world.connections[ONE], scene.world.providers[PROVIDER]
    stream = known.streams["days"]
    assert (stream.version, stream.rows, stream.held, stream.failure) == (number, 9, None, None)
    assert (known.restoring, condition.trouble(known)) == (None, None)
    assert condition.of_connection(known, provider, NOON) is condition.Condition.DEGRADED
    scene.when(ACCEPTING).then()


def test_the_whole_says_that_somebody_must_look_as_long_as_it_matters():
    def reasons(scene):
        found, (subject, known) = system.Sum(), (ONE, scene.world.connections[ONE])
        system.add(found, subject, known, scene.world.providers[PROVIDER], NOON)
        return {*found.reasons}

    assert system.Reason.HELD in reasons(holding())
    newer = (started(), captured(9, rows=100), succeeded(9))
    assert system.Reason.HELD not in reasons(holding(*newer))


def test_what_is_held_is_dropped_by_hand():
    scene = holding()
    scene.when(DROPPING).then((ONE, DROPPED))
    scene.fold(ONE, DROPPED)
    assert scene.world.connections[ONE].streams["days"].held is None
    scene.when(DROPPING).then()


@pytest.mark.requirement("B5")
def test_what_was_compared_with_older_data_can_only_be_dropped():
    newer = (started(), captured(9, rows=100), succeeded(9))
    scene = holding(*newer)
    assert obstacle(scene.world.connections[ONE], "days") is Obstacle.SUPERSEDED
    scene.when(ACCEPTING).then()
    scene.when(DROPPING).then((ONE, DROPPED))


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [(started(), Obstacle.SYNCING), (BEGUN, Obstacle.RESTORING)],
)
def test_nothing_is_done_with_it_while_the_connection_is_under_way(beginning, expected):
    scene = holding(beginning)
    assert obstacle(scene.world.connections[ONE], "days") is expected
    scene.when(ACCEPTING).then()
    scene.when(DROPPING).then()


def test_where_nothing_is_held_nothing_is_done():
    scene = given(*KNOWN)
    assert obstacle(scene.world.connections[ONE], "days") is Obstacle.NOTHING
    scene.when(ACCEPTING).then()
    scene.when(DROPPING).then()
    given().when(ACCEPTING).then()


def test_an_acceptance_that_is_overtaken_changes_nothing():
    """The log's last word counts: it may have been dropped while it was staged."""
    scene = holding(BEGUN)
    number = scene.world.seq
    offered = captured(number, rows=9)
    superseded = RestoreAbandoned(started=number, reason=RestoreEnd.SUPERSEDED)
    other = commands.CaptureHeld(subject=ONE, quarantined=HELD_AS - 1, offered=offered)
    scene.when(other).then((ONE, superseded))
    taken = replace(other, quarantined=HELD_AS)
    scene.fold(ONE, captured(99))
    scene.when(taken).then((ONE, superseded))
    scene.fold(ONE, DROPPED)
    scene.when(taken).then((ONE, superseded))
    scene.fold(ONE, superseded)
    scene.when(taken).then()


def test_an_acceptance_that_fails_is_closed_once():
    scene = holding(BEGUN)
    number = scene.world.seq
    failed_ = RestoreAbandoned(started=number, reason=RestoreEnd.DISK_FULL)
    wish = commands.AbandonRestore(subject=ONE, started=number, reason=RestoreEnd.DISK_FULL)
    scene.when(wish).then((ONE, failed_))
    scene.fold(ONE, failed_)
    scene.when(wish).then()


@pytest.mark.requirement("B5")
def test_what_is_held_goes_with_its_connection():
    """Nobody could come by it any more: what was in force is kept, as ever."""
    scene = holding()
    scene.when(commands.Remove(subject=ONE))
    assert (ONE, replace(DROPPED, by=None)) in scene.decided
    busy = holding(BEGUN)
    busy.when(commands.Remove(subject=ONE))
    ended = RestoreAbandoned(started=busy.world.seq, reason=RestoreEnd.REMOVED)
    assert (ONE, ended) in busy.decided


def test_what_is_held_does_not_move_to_another_provider():
    scene = holding()
    scene.fold(9, replace(DECLARED, name="climate"))
    scene.when(commands.Relink(subject=ONE, provider=9))
    assert scene.decided.index((ONE, replace(DROPPED, by=None))) < len(scene.decided) - 1
    busy = holding(BEGUN)
    busy.fold(9, replace(DECLARED, name="climate"))
    busy.when(commands.Relink(subject=ONE, provider=9)).then()


def test_a_file_is_declared_anew_where_its_guards_are_read_otherwise():
    """The file may be the same: an older version knew no guards."""
    other = replace(DECLARED, streams=(StreamPolicy(name="days", guards=GuardPolicy(rows_min=1)),))
    wish = commands.DeclareProvider(subject=PROVIDER, declaration=other)
    given(*KNOWN).when(wish).then((PROVIDER, other))
    given((PROVIDER, other)).when(wish).then()


def test_a_connection_whose_first_sync_is_to_come_has_no_trouble():
    assert condition.trouble(given(*KNOWN).world.connections[ONE]) is None
