"""How is a stream, and how is a connection (requirement B1)?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.decide import condition
from daemon.decide.condition import CHRONIC, Condition, Overall
from events.schema import RecordsRefused, SyncCancelled
from events.terms import FailureClass, NeedReason, StreamPolicy
from projections.streams import NEW, checked_at
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    PERSON,
    PROVIDER,
    account,
    authorised,
    captured,
    day,
    failed,
    given,
    lost,
    needed,
    started,
    succeeded,
)

HEALTHY, DEGRADED = Condition.HEALTHY, Condition.DEGRADED
UNHEALTHY, UNKNOWN = Condition.UNHEALTHY, Condition.UNKNOWN
LATER = NOON + HOUR


class Life:
    """What becomes of ONE, sync by sync; `days` is the stream that the tests look at."""

    def __init__(self, *past):
        self.past = list(past or KNOWN)

    def sync(self, *events, streams=()):
        """One more; each event is made from the sync's number."""
        self.past.append((ONE, started(streams=streams)))
        number = len(self.past)
        self.past += [(ONE, each(number), NOON) for each in events]
        return self

    def good(self, *streams, failures=(), rows=5):
        each = [lambda n, name=name: captured(n, name, rows=rows) for name in streams]
        return self.sync(*each, lambda n: succeeded(n, failures))

    def bad(self, *failures, streams=()):
        return self.sync(lambda n: failed(n, *failures), streams=streams)

    def refused(self, **of_day):
        empty = {"cause": FailureClass.EMPTY, "fetched": 0, "rows": 5}
        refusal = replace(lost(cause=FailureClass.EMPTY), **of_day)
        return self.sync(
            lambda n: RecordsRefused(stream="days", version=n, **empty, **of_day),
            lambda n: failed(n, refusal),
        )

    def event(self, event):
        self.past.append((ONE, event))
        return self

    @property
    def known(self):
        return given(*self.past).world.connections[ONE]

    @property
    def at(self):
        return given(*self.past).world.providers.get(PROVIDER)

    def stream(self, name="days", now=NOON):
        return condition.of_stream(self.known, self.at, name, now)

    def whole(self, now=NOON):
        """A diagnosis says the same, of all streams at once."""
        word = condition.of_connection(self.known, self.at, now)
        found = condition.diagnosis(self.known, self.at, now)
        assert found.word is word
        for name, grounds in found.streams.items():
            assert condition.word_of(grounds) is self.stream(name, now)
        return word


BOTH = ("days", "alerts")
GONE = FailureClass.NOT_FOUND


@pytest.mark.requirement("B1")
def test_what_no_sync_has_come_to_is_unknown():
    life = Life()
    assert (life.stream(), life.whole()) == (UNKNOWN, UNKNOWN)
    assert checked_at(NEW) is None


@pytest.mark.requirement("B1")
def test_a_good_sync_makes_it_healthy():
    life = Life().good(*BOTH)
    assert (life.stream(), life.whole()) == (HEALTHY, HEALTHY)
    assert checked_at(life.known.streams["days"]) == NOON


@pytest.mark.requirement("B1")
def test_a_stream_that_no_sync_has_come_to_does_not_make_its_connection_unknown():
    assert Life().good("days").whole() is HEALTHY


@pytest.mark.requirement("B1")
def test_a_failure_that_may_pass_degrades_and_three_in_a_row_are_unhealthy():
    life = Life().good(*BOTH)
    for _ in range(CHRONIC - 1):
        assert life.good("alerts", failures=(lost(),)).stream() is DEGRADED
    assert life.good("alerts", failures=(lost(),)).stream() is UNHEALTHY
    assert life.known.streams["days"].failures == CHRONIC
    assert life.stream("alerts") is HEALTHY
    assert life.whole() is UNHEALTHY
    assert life.good(*BOTH).stream() is HEALTHY


@pytest.mark.requirement("B7")
def test_a_failure_for_good_is_unhealthy_at_once():
    life = Life().good(*BOTH).good("alerts", failures=(lost(cause=GONE),))
    assert (life.stream(), life.stream("alerts"), life.whole()) == (UNHEALTHY, HEALTHY, UNHEALTHY)
    assert condition.cause_of(life.known, "days") is GONE
    assert condition.message_of(life.known, "days") == "it was down"


@pytest.mark.requirement("B1")
def test_a_day_that_failed_beside_others_that_came_degrades():
    part = replace(lost(cause=GONE), day=day(1))
    life = Life().good("days", failures=(part,))
    assert (life.stream(), life.known.streams["days"].failures) == (DEGRADED, 0)


@pytest.mark.requirement("B1")
def test_a_day_that_is_owed_degrades_until_it_comes():
    owed = replace(lost(), day=day(1), owed=True)
    life = Life().good("days", failures=(owed,)).good("days")
    assert life.stream() is DEGRADED


@pytest.mark.requirement("B5")
def test_empty_after_data_is_unhealthy_until_data_returns():
    life = Life().good("days").refused()
    assert life.stream() is UNHEALTHY
    assert life.known.streams["days"].failures == 1  # refused, then named: one failure
    assert life.bad(lost()).stream() is UNHEALTHY  # another trouble is no data
    assert life.known.streams["days"].failures == 2
    assert not life.good("days").known.streams["days"].empty


@pytest.mark.requirement("B5")
def test_days_that_all_came_empty_are_as_empty():
    life = Life().good("days").refused(day=day(1)).bad(lost())
    assert life.stream() is UNHEALTHY


@pytest.mark.requirement("B5")
def test_a_refusal_whose_sync_was_cut_short_counts():
    life = Life().good("days")
    number = len(life.past) + 1
    empty = RecordsRefused(
        stream="days", version=number, cause=FailureClass.EMPTY, fetched=0, rows=5
    )
    life.sync(lambda _: empty, lambda n: SyncCancelled(sync=n))
    assert (life.stream(), life.known.streams["days"].failures) == (UNHEALTHY, 1)


@pytest.mark.requirement("B5")
def test_a_first_sync_that_is_empty_is_unhealthy_unless_the_file_says_it_is_fine():
    life = Life().good(*BOTH, rows=0)
    assert (life.stream("days"), life.stream("alerts")) == (UNHEALTHY, HEALTHY)
    unknown = condition.of_stream(life.known, None, "alerts", NOON)
    assert unknown is UNHEALTHY  # without its file nobody knows that it is fine


@pytest.mark.requirement("B1")
def test_a_score_under_90_degrades_all_its_streams():
    life = Life().bad(lost()).good(*BOTH)
    assert (life.stream("days"), life.whole()) == (DEGRADED, DEGRADED)
    for _ in range(9):
        life.good(*BOTH)
    assert (life.stream("days"), life.whole()) == (HEALTHY, HEALTHY)
    assert life.whole(NOON + timedelta(days=7)) is DEGRADED  # no success for so long


@pytest.mark.requirement("B1")
def test_what_fails_before_any_stream_is_every_streams_failure():
    refused = lost("", FailureClass.AUTH)
    life = Life().good("days").bad(refused)
    assert [life.stream(each) for each in BOTH] == [UNHEALTHY, UNHEALTHY]
    assert condition.cause_of(life.known, "alerts") is FailureClass.AUTH
    assert condition.message_of(life.known, "days") == "it was down"
    assert [condition.failures_of(life.known, each) for each in BOTH] == [1, 1]
    assert life.known.streams["days"].failure is None
    assert life.good(*BOTH).known.streams["days"].failures == 0


@pytest.mark.requirement("B1")
def test_what_names_no_stream_beside_others_that_are_named_is_of_none():
    life = Life().good(*BOTH).bad(lost(""), lost("days"))
    assert {*life.known.streams} == {*BOTH}
    assert [condition.failures_of(life.known, each) for each in BOTH] == [1, 0]


@pytest.mark.requirement("B1")
def test_what_a_crash_of_ours_did_not_come_to_has_failed_and_the_rest_has_not():
    crash = replace(failed(0, lost(cause=FailureClass.INTERNAL)), failures=())
    life = Life().good(*BOTH)
    life.sync(captured, lambda n: replace(crash, sync=n))
    assert [life.stream(each) for each in BOTH] == [DEGRADED, UNHEALTHY]


@pytest.mark.requirement("B1")
def test_a_run_of_some_streams_says_nothing_of_the_others():
    life = Life().good(*BOTH).bad(lost("", FailureClass.AUTH), streams=("alerts",))
    assert [condition.failures_of(life.known, each) for each in BOTH] == [0, 1]


@pytest.mark.requirement("B7")
def test_what_waits_for_a_person_is_unhealthy():
    life = Life(*account(PERSON, authorised())).good(*BOTH)
    assert life.stream() is HEALTHY
    life.event(needed(NeedReason.REFUSED))
    assert (life.stream(), life.whole()) == (UNHEALTHY, UNHEALTHY)


@pytest.mark.requirement("B1")
def test_what_nobody_has_authorised_yet_is_unknown():
    life = Life(*account(PERSON, needed(NeedReason.NEW)))
    assert (life.stream(), life.whole()) == (UNKNOWN, UNKNOWN)


@pytest.mark.requirement("B1")
def test_a_failed_sync_makes_its_connection_no_better_than_its_failure():
    life = Life()
    for _ in range(200):
        life.good(*BOTH)
    life.bad(lost("gone"))  # of a stream that counts no more
    assert (life.whole(), life.stream("days")) == (DEGRADED, HEALTHY)
    assert life.bad(lost("gone", GONE)).whole() is UNHEALTHY


@pytest.mark.requirement("B1")
def test_three_syncs_in_a_row_that_failed_are_chronic():
    life = Life().good(*BOTH)
    for _ in range(CHRONIC - 1):
        life.bad(lost())
    assert not condition.is_chronic(life.known)
    assert condition.is_chronic(life.bad(lost()).known)


@pytest.mark.requirement("B1")
def test_streams_that_the_file_names_no_more_do_not_count():
    life = Life().good("days", "alerts").good("alerts", failures=(lost(cause=GONE),))
    declared = replace(DECLARED, streams=(StreamPolicy(name="alerts"),))
    life.past.append((PROVIDER, declared))
    assert life.whole() is HEALTHY
    assert list(condition.names(life.known, life.at)) == ["alerts", "days"]
    assert life.stream("days") is UNHEALTHY


@pytest.mark.requirement("B1")
def test_a_diagnosis_says_the_same_of_a_connection_and_of_each_of_its_streams():
    life = Life().good("days", failures=(lost("alerts", cause=GONE),))
    found = condition.diagnosis(life.known, life.at, NOON)
    assert found.word is life.whole() is UNHEALTHY
    assert found.streams == {
        each: condition.grounds(life.known, life.at, each, NOON) for each in BOTH
    }
    assert [condition.word_of(found.streams[each]) for each in BOTH] == [HEALTHY, UNHEALTHY]


@pytest.mark.requirement("B1")
def test_where_no_file_is_known_all_streams_count():
    life = Life((ONE, ADDED)).good("days").bad(lost(cause=GONE))
    assert life.at is not None
    assert [*condition.names(life.known, None)] == ["days"]
    assert condition.of_connection(life.known, None, NOON) is UNHEALTHY


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(
    "word, failures, overall",
    [
        (HEALTHY, 0, Overall.EXCELLENT),
        (HEALTHY, 1, Overall.GOOD),
        (DEGRADED, 1, Overall.FAIR),
        (UNHEALTHY, 0, Overall.POOR),
        (UNKNOWN, 0, Overall.POOR),
    ],
)
def test_the_overall_word_is_that_of_the_documents_query(word, failures, overall):
    assert condition.overall(word, failures) is overall
