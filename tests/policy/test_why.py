"""Which event is behind each thing that is true of a connection, and behind each setting?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from events.envelope import Recorded
from events.policy import Settings, SettingsDeclared, SettingsReset
from events.schema import (
    FLEET,
    CallFailed,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRelinked,
    DaemonStarted,
    PolicySet,
    RecordsCaptured,
    RecordsRefused,
    SyncFailed,
    SyncSucceeded,
)
from events.terms import FailureClass, RollbackScope, StreamPolicy
from events.versions import (
    QuarantineDropped,
    RolledBack,
    StateRestored,
    StreamRestored,
    StreamStateRestored,
    VersionsPruned,
)
from projections import source, story, why
from projections.fleet import DEFAULT_POLICY
from projections.source import Source
from projections.story import Story
from projections.why import Why
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    TENANT,
    captured,
    failed,
    given,
    lost,
    setting,
    started,
    succeeded,
)

NEXT = 9  # another provider
EMPTY = RecordsRefused(stream="days", version=1, cause=FailureClass.EMPTY, fetched=0, rows=5)


def folded(*events, evolve=why.evolve, state=None):
    """Events of the connection, numbered from 1."""
    state = Why() if state is None else state
    for seq, event in enumerate(events, 1):
        state = evolve(state, Recorded(seq=seq, at=NOON, subject=ONE, event=event))
    return state


def back(*streams, in_a_row=None, to=1, states=()):
    state = None
    if in_a_row is not None:
        state = StateRestored(consecutive_failures=in_a_row, streams=states)
    there = tuple(StreamRestored(stream=each, of=0, rows=0, digest="") for each in streams)
    return RolledBack(to=to, scope=RollbackScope.DATA, started=1, streams=there, state=state)


# -- a connection's facts -------------------------------------------------------------------------


@pytest.mark.requirement("X2")
def test_the_last_event_of_each_kind_counts():
    found = folded(PAUSED, ADDED, PAUSED, DaemonStarted(version="1"))
    assert why.number(found, ConnectionPaused) == 3
    assert why.number(found, SyncFailed) == 0
    assert found.seq == 3  # what explains nothing is not looked at


@pytest.mark.requirement("X2")
def test_failures_in_a_row_end_with_a_success_and_the_first_attempt_stays_the_first():
    bad = failed(1, lost())
    assert folded(PAUSED, bad, bad).failures == (2, 3)
    assert folded(bad, succeeded(1), bad).failures == (3,)
    assert folded(PAUSED, bad, succeeded(1), bad).first == 2
    assert folded(PAUSED, succeeded(1), bad).first == 2
    many = folded(*[bad] * (why.FAILURES_KEPT + 5))
    assert many.failures == tuple(range(6, why.FAILURES_KEPT + 6))


@pytest.mark.requirement("X2")
def test_each_stream_has_facts_of_its_own():
    ends = succeeded(1, (lost("alerts"), lost("alerts"), lost("")))
    found = folded(captured(1), EMPTY, captured(1, "alerts"), ends, failed(1, lost()))
    assert why.of_stream(found, "days", RecordsCaptured) == 1
    assert why.of_stream(found, "days", RecordsRefused) == why.number(found, RecordsRefused) == 2
    assert why.of_stream(found, "alerts", RecordsCaptured) == 3
    assert (why.failed(found, "alerts"), why.failed(found, "days")) == (4, 5)
    assert why.of_stream(found, "none", RecordsCaptured) == why.failed(found, "none") == 0
    assert set(found.streams) == {"days", "alerts"}


@pytest.mark.requirement("X2")
def test_a_rollback_of_its_state_brings_back_the_end_in_which_a_stream_failed_then():
    bad, days = failed(1, lost()), StreamStateRestored(stream="days", failures=1)
    again = folded(bad, captured(1), bad, bad, EMPTY, back(in_a_row=1, to=2, states=(days,)))
    assert (why.failed(again, "days"), why.doubted(again, "days")) == (1, 0)
    after = why.evolve(again, Recorded(seq=7, at=NOON, subject=ONE, event=EMPTY))
    assert why.doubted(after, "days") == 7
    well = replace(days, failures=0)
    assert why.failed(folded(PAUSED, bad, back(in_a_row=0, states=(well,))), "days") == 0
    many = [bad] * (why.FAILURES_KEPT + 2)
    forgotten = folded(*many, back(in_a_row=1, to=1, states=(days,)))
    assert why.failed(forgotten, "days") == len(many) + 1  # the rollback says so itself
    empty = replace(well, empty=True)
    assert why.failed(folded(PAUSED, back(in_a_row=0, states=(empty,))), "days") == 2


@pytest.mark.requirement("X2")
def test_it_is_known_whose_it_was_when():
    moved = ConnectionRelinked(provider=NEXT, before=PROVIDER)
    found = folded(PAUSED, ADDED, PAUSED, moved, PAUSED)
    assert [why.provider(found, seq) for seq in (1, 2, 3, 4, 5)] == [
        None, PROVIDER, PROVIDER, NEXT, NEXT,
    ]  # fmt: skip


@pytest.mark.requirement("X2")
def test_what_became_of_versions_is_known_by_stream():
    dropped = QuarantineDropped(stream="days", version=1)
    pruned = VersionsPruned(stream="alerts", before=3, versions=1)
    found = folded(captured(1), back("days"), dropped, pruned)
    assert why.of_stream(found, "days", RolledBack) == why.number(found, RolledBack) == 2
    assert why.of_stream(found, "days", QuarantineDropped) == 3
    assert why.of_stream(found, "alerts", VersionsPruned) == 4


@pytest.mark.requirement("X2")
def test_a_rollback_of_its_state_brings_back_the_failures_that_counted_then():
    bad = failed(1, lost())
    assert folded(bad, bad, bad, back(in_a_row=1, to=2)).failures == (2,)
    assert folded(bad, bad, back(in_a_row=0, to=2)).failures == ()
    assert folded(bad, succeeded(1), bad, back(in_a_row=1, to=1)).failures == ()


@pytest.mark.requirement("X2")
def test_streams_belong_to_a_provider():
    moved = ConnectionRelinked(provider=NEXT, before=PROVIDER)
    found = folded(captured(1), moved)
    assert found.streams == {}
    again = folded(captured(1), moved, ConnectionRelinked(provider=PROVIDER, before=NEXT))
    assert why.of_stream(again, "days", RecordsCaptured) == 1


@pytest.mark.requirement("X2")
def test_streams_are_bounded():
    many = folded(*(captured(1, f"s{number}") for number in range(why.STREAMS_KEPT + 1)))
    assert len(many.streams) == why.STREAMS_KEPT
    assert why.of_stream(many, "s0", RecordsCaptured) == 1


# -- one sync -------------------------------------------------------------------------------------


def told(sync, *events):
    return folded(*events, evolve=story.evolve, state=Story(sync=sync))


CALL = CallFailed(
    sync=2, stream="days", endpoint="GET /days", method="GET", cause=FailureClass.SERVER
)


@pytest.mark.requirement("X2")
def test_a_sync_is_told_from_its_start_to_its_end():
    found = told(
        2, PAUSED, started(), CALL, PAUSED, EMPTY, succeeded(9), succeeded(2), PAUSED, CALL
    )
    assert found.before == folded(PAUSED)
    assert found.started.seq == 2
    assert [each.seq for each in found.met] == [3, 5]
    assert found.counts == {"call-failed": 1, "records-refused": 1}
    assert found.end.seq == 7
    assert story.left_out(found) == 0


@pytest.mark.requirement("X2")
def test_of_much_that_it_met_the_last_is_told_and_the_rest_counted():
    found = told(1, started(), *[CALL] * (story.MET_KEPT + 3))
    assert found.end is None
    assert len(found.met) == story.MET_KEPT
    assert story.left_out(found) == 3


@pytest.mark.requirement("X2")
def test_what_is_no_sync_is_not_told_as_one():
    found = told(1, PAUSED, started(), CALL)
    assert (found.started, found.met) == (None, ())


# -- where a setting comes from -------------------------------------------------------------------


def of(name, *past, word="connection", subject=ONE):
    return source.of(given(*KNOWN, *past).world, word, subject, name)


@pytest.mark.requirement("X2")
def test_the_narrower_subjects_setting_holds_and_names_its_event():
    mine = (ONE, setting(retry_delay=HOUR))
    theirs = (TENANT, setting(retry_delay=2 * HOUR))
    assert of("retry_delay", theirs, mine) == Source(
        name="retry_delay", value=HOUR, whose="connection", event=5, commanded=True
    )
    found = of("retry_delay", mine, theirs, (ONE, SettingsReset(names=("retry_delay",))))
    assert (found.whose, found.event, found.value) == ("tenant", 5, 2 * HOUR)


@pytest.mark.requirement("X2")
def test_what_went_before_a_setting_and_ended_is_known_by_the_event_that_ended_it():
    mine, reset = (ONE, setting(retry_delay=HOUR)), SettingsReset(names=("retry_delay",))
    assert of("retry_delay", mine, (ONE, reset)).ended == 5
    theirs = (TENANT, setting(retry_delay=HOUR))
    assert of("retry_delay", theirs, (TENANT, reset)).ended == 5
    assert of("retry_delay", (TENANT, reset), mine).ended == 0  # what is wider never held
    said = SettingsDeclared(settings=Settings(retry_delay=HOUR, spread=0.5))
    no_more = SettingsDeclared(settings=Settings(spread=0.1))
    assert of("retry_delay", (FLEET, said), (FLEET, no_more)).ended == 5
    assert of("spread", (FLEET, said), (FLEET, no_more)).ended == 0
    own = (ONE, replace(ADDED, interval=HOUR))
    days = SettingsReset(names=("interval",))
    found = source.of(
        given(KNOWN[0], own, KNOWN[2], (ONE, setting(interval=HOUR)), (ONE, days)).world,
        "connection",
        ONE,
        "interval",
    )
    assert (found.value, found.ended) == (HOUR, 5)
    assert of("fallback", (ONE, SettingsReset(names=("fallback",)))) is None


@pytest.mark.requirement("X2")
def test_what_was_declared_names_the_event_that_declared_it():
    declared = SettingsDeclared(settings=Settings(spread=0.5))
    found = of("spread", (PROVIDER, declared), (FLEET, setting(spread=0.1)))
    assert (found.whose, found.event, found.commanded) == ("provider", 4, False)


@pytest.mark.requirement("X2")
def test_what_the_configuration_says_of_all_names_its_event():
    assert of("spread").event == 0  # nothing was ever said
    changed = replace(DEFAULT_POLICY, spread=0.2)
    found = of("spread", (FLEET, changed))
    assert found == Source(name="spread", value=0.2, whose=source.CONFIGURATION, event=4)
    assert isinstance(changed, PolicySet)
    assert of("fallback") is None


@pytest.mark.requirement("X2")
def test_an_interval_of_the_connection_is_said_by_its_own_events():
    interval = timedelta(hours=1)
    changed = ConnectionChanged(declared=True, interval=interval)
    found = of("interval", (ONE, changed))
    assert (found.value, found.whose, found.event) == (interval, "connection", 0)
    assert source.said_by(found, 4).event == 4
    assert of("interval", (ONE, changed), (ONE, setting(interval=HOUR))).event == 5


@pytest.mark.requirement("X2")
def test_a_streams_interval_may_be_of_the_providers_file():
    streams = (StreamPolicy(name="days", interval=HOUR), StreamPolicy(name="alerts"))
    again = (PROVIDER, replace(DECLARED, streams=streams))
    found = of("interval.days", again)
    assert (found.value, found.whose, found.event) == (HOUR, source.PROVIDER_FILE, 4)
    assert of("interval.alerts", again) is None
    assert of("interval.days", again, word="fleet", subject=FLEET) is None
    assert of("interval.days", (ONE, setting(stream_intervals={"days": HOUR}))).event == 4


@pytest.mark.requirement("X2")
def test_a_streams_own_rules_are_of_the_providers_file_or_the_usual_ones():
    world = given(*KNOWN).world
    found = source.of_stream(world, PROVIDER, "alerts", "empty")
    assert (found.name, found.value, found.event) == ("alerts.empty", "accept", 1)
    assert found.whose == source.PROVIDER_FILE
    usual = source.of_stream(world, PROVIDER, "days", "guards.rows_min")
    assert (usual.value, usual.whose) == (20, source.DEFAULT)
    assert source.of_stream(world, PROVIDER, "gone", "empty") is None


@pytest.mark.requirement("X2")
def test_every_subject_has_a_word():
    world = given(*KNOWN).world
    words = [source.word(world, each) for each in (ONE, PROVIDER, TENANT, FLEET, OTHER)]
    assert words == ["connection", "provider", "tenant", "fleet", "fleet"]
    assert list(source.layers(world, "tenant", TENANT)) == [("tenant", TENANT), ("fleet", FLEET)]
    assert list(source.layers(world, "fleet", FLEET)) == [("fleet", FLEET)]


def test_what_ends_a_sync_is_a_kind_of_fact():
    assert {SyncSucceeded, SyncFailed} <= set(why.KINDS)
