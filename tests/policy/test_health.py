from datetime import timedelta

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from daemon.agenda import Agenda
from daemon.commands import Start
from daemon.decide import decide
from events.schema import SyncCancelled, SyncInterrupted, SyncSkipped
from events.terms import InterruptReason, RefreshReason, SkipReason
from projections import health
from projections.health import Health
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    NOON,
    ONE,
    PROVIDER,
    REQUESTED,
    failed,
    given,
    in_doubt,
    intended,
    lost,
    scheduled,
    started,
    succeeded,
)

A_DAY = timedelta(days=1)


def attempts(pattern, subject=ONE, at=NOON):
    """A connection that tried: `+` succeeded, `-` failed, all of them `at` once."""
    past = [(subject, ADDED, at)]
    for each in pattern:
        outcome = succeeded(0) if each == "+" else failed(0, lost())
        past += [(subject, started(), at), (subject, outcome, at)]
    return past


def score(pattern, age=timedelta()):
    world = given(*attempts(pattern, at=NOON - age)).world
    return health.score(world.connections[ONE].health, NOON)


@pytest.mark.requirement("A5")
def test_95_percent_no_failure_in_a_row_and_a_recent_success_score_95():
    assert score("-" + 19 * "+") == 95


@pytest.mark.requirement("A5")
def test_80_percent_two_failures_in_a_row_and_a_recent_success_score_60():
    assert score(8 * "+" + "--") == 60


@pytest.mark.requirement("A5")
def test_90_percent_no_failure_in_a_row_and_no_success_for_8_days_score_70():
    assert score("-" + 9 * "+", age=8 * A_DAY) == 70


@pytest.mark.requirement("A5")
def test_a_success_is_recent_for_seven_days():
    assert score("+", age=7 * A_DAY - timedelta(microseconds=1)) == 100
    assert score("+", age=7 * A_DAY) == 80


@pytest.mark.requirement("A5")
def test_before_the_first_attempt_the_score_is_unknown():
    assert score("") is None


@pytest.mark.requirement("A5")
def test_the_score_is_clamped():
    assert score("+" + 20 * "-") == 0
    assert score("-") == 0
    assert score("+") == 100


@pytest.mark.requirement("A5")
def test_a_success_ends_the_failures_in_a_row():
    world = given(*attempts("+---+")).world
    assert world.connections[ONE].health.consecutive_failures == 0
    assert score("+---+") == 40


@pytest.mark.requirement("A5")
@pytest.mark.parametrize(
    "ending",
    [
        SyncCancelled(sync=0),
        SyncInterrupted(sync=0, reason=InterruptReason.DIED),
        SyncSkipped(reason=SkipReason.MISSED, due=NOON, count=3),
    ],
)
def test_cancelled_interrupted_and_skipped_do_not_count(ending):
    past = attempts("++-")
    after = given(*past, (ONE, started()), (ONE, ending)).world.connections[ONE].health
    assert after == given(*past).world.connections[ONE].health


@pytest.mark.requirement("A5")
@forall(st.lists(st.sampled_from("+-"), min_size=1), st.timedeltas(timedelta(), 30 * A_DAY))
def test_every_score_lies_between_0_and_100_and_follows_the_rule(pattern, age):
    rate = 100 * pattern.count("+") / len(pattern)
    in_a_row = (
        len(pattern) - 1 - max((i for i, each in enumerate(pattern) if each == "+"), default=-1)
    )
    stale = "+" not in pattern or age >= 7 * A_DAY
    points = score(pattern, age)
    assert points is not None
    assert 0 <= points <= 100
    assert points == min(100, max(0, round(rate - 10 * in_a_row - (20 if stale else 0))))


@pytest.mark.requirement("A9")
@pytest.mark.parametrize(
    ("points", "rank"),
    [(None, 5), (100, 1), (90, 1), (89, 3), (70, 3), (69, 5), (50, 5), (49, 7), (0, 7)],
)
def test_the_priority_follows_from_the_score(points, rank):
    assert health.priority(points) == rank


HISTORIES = {
    10: 9 * "+" + "-",  # 80, so 3
    11: "+",  # 100, so 1
    12: "",  # unknown, so 5
    13: "-",  # 0, so 7
    14: "++++-",  # 70, so 3
    15: "+++-",  # 65, so 5
}


def fleet():
    """Six connections, all of them due at noon."""
    past = [(PROVIDER, DECLARED)]
    for subject, pattern in HISTORIES.items():
        past += [*attempts(pattern, subject), (subject, scheduled(NOON))]
    return past


def order(world):
    agenda = Agenda(world)
    popped = list(iter(lambda: agenda.pop(NOON + HOUR), None))
    return [(subject, decide(Start(subject=subject), world, NOON + HOUR)) for subject in popped]


@pytest.mark.requirement("A9")
def test_what_is_due_starts_in_the_order_of_its_priority():
    starts = order(given(*fleet()).world)
    assert [subject for subject, _ in starts] == [11, 10, 14, 12, 15, 13]
    assert [event.priority for _, [(_, event)] in starts] == [1, 3, 3, 5, 5, 7]


@pytest.mark.requirement("A9")
def test_a_manual_request_goes_before_the_healthiest():
    starts = order(given(*fleet(), (13, REQUESTED, NOON + HOUR)).world)
    assert [subject for subject, _ in starts] == [13, 11, 10, 14, 12, 15]
    assert [event.priority for _, [(_, event)] in starts] == [1, 1, 3, 3, 5, 5]


@pytest.mark.requirement("X6")
def test_a_token_in_doubt_goes_before_the_healthiest():
    """Some ways out close soon."""
    sent = intended(RefreshReason.EXPIRING, 0, token="")
    doubt = ((13, sent), (13, in_doubt(0, renew_by=NOON + HOUR)))
    world = given(*fleet(), *doubt).world
    assert [subject for subject, _ in order(world)] == [13, 11, 10, 14, 12, 15]


@pytest.mark.requirement("A9")
def test_among_equals_what_was_due_first_goes_first():
    world = given(*fleet(), (15, scheduled(NOON - HOUR))).world
    assert [subject for subject, _ in order(world)] == [11, 10, 14, 15, 12, 13]


@pytest.mark.requirement("A9")
def test_a_request_overtakes_when_its_connection_already_waits_for_a_place():
    world = given(*fleet()).world
    agenda = Agenda(world)
    assert agenda.pop(NOON) == 11
    asked = given(*fleet(), (13, REQUESTED)).world.connections[13]
    world.connections[13] = asked
    assert agenda.note(13, asked)
    assert [agenda.pop(NOON), agenda.pop(NOON)] == [13, 10]


def test_health_before_anything_is_empty():
    assert health.score(Health(), NOON) is None
