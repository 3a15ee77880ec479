"""What keeps a breaker open for good, and what do people do about it?"""

import pytest
from msgspec.structs import replace

from daemon import commands
from events import schema, terms
from events.schema import (
    BreakerClosed,
    BreakerReset,
)
from events.terms import FailureClass
from projections import breaker
from projections.breaker import Phase
from tests.policy.breaking import (
    BY,
    BY_HAND,
    GONE,
    LATCHED,
    OPEN,
    START,
    Life,
)
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    PROVIDER,
    REMOVED,
    captured,
    failed,
    given,
    lost,
    started,
)

# -- switched off for good ------------------------------------------------------------------------


@pytest.mark.requirement("X7")
@pytest.mark.requirement("B7")
def test_a_service_that_was_switched_off_is_not_asked_again():
    life = Life()
    assert life.sync(GONE, GONE) == [(ONE, LATCHED)]
    assert life.phase(now=NOON + 10_000 * HOUR) is Phase.OPEN
    given(*KNOWN, (ONE, LATCHED)).when(START, NOON + 10_000 * HOUR).then()
    given(*KNOWN, (ONE, LATCHED)).when(commands.Request(subject=ONE)).then(
        (ONE, schema.SyncSkipped(reason=terms.SkipReason.BREAKER, due=NOON))
    )


def test_what_is_latched_is_not_latched_twice():
    life = Life((ONE, LATCHED))
    assert life.sync(GONE) == []


@pytest.mark.parametrize("causes", [(GONE, FailureClass.AUTH), (FailureClass.EMPTY, GONE)])
def test_a_stream_that_is_gone_beside_others_latches_nothing(causes):
    assert Life().sync(*causes) == []


def test_one_streams_own_turn_latches_only_where_the_others_are_gone_too():
    life = Life((ONE, captured(3, "alerts")))
    life.start(streams=("days",))
    assert life.end(GONE) == []
    alerts = failed(4, lost("alerts", GONE))
    life = Life((ONE, captured(3, "alerts")), (ONE, started()), (ONE, alerts))
    life.start(streams=("days",))
    assert life.end(GONE) == [(ONE, LATCHED)]


@pytest.mark.requirement("X7")
@pytest.mark.parametrize("waits_for", ["days", "connection"])
def test_a_stream_that_waits_for_what_is_gone_keeps_nothing_from_latching(waits_for):
    """It is not asked any more, and so never fails itself."""
    alerts = terms.StreamPolicy(name="alerts", waits_for=waits_for)
    declared = replace(DECLARED, digest="d2", streams=(terms.StreamPolicy(name="days"), alerts))
    life = Life((PROVIDER, declared), (ONE, captured(3, "alerts")))
    life.start(streams=("days", "alerts"))
    assert life.end(GONE) == [(ONE, LATCHED)]


@pytest.mark.parametrize(
    "start",
    [
        {"kind": terms.Kind.BACKFILL},
        {"options": terms.RunOptions(failed_days=True)},
    ],
)
def test_days_of_the_past_that_are_gone_latch_nothing(start):
    life = Life()
    life.start(**start)
    assert life.end(GONE) == []


# -- by hand --------------------------------------------------------------------------------------

HAND_OPEN = commands.OpenBreaker(subject=ONE, by=BY)
HAND_CLOSE = commands.CloseBreaker(subject=ONE, by=BY)
HAND_RESET = commands.ResetBreaker(subject=ONE, by=BY)


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("subject", [ONE, PROVIDER])
def test_people_open_close_and_reset_and_the_log_says_who(subject):
    opens, closes, resets = (
        replace(each, subject=subject) for each in (HAND_OPEN, HAND_CLOSE, HAND_RESET)
    )
    given(*KNOWN).when(opens).then((subject, BY_HAND))
    given(*KNOWN, (subject, OPEN)).when(opens).then((subject, BY_HAND))
    past = (*KNOWN, (subject, BY_HAND))
    given(*past).when(START, NOON + 1000 * HOUR).then()
    given(*past).when(closes).then((subject, BreakerClosed(by=BY)))
    given(*past, (subject, BreakerClosed(by=BY))).when(START).then((ONE, started()))
    given(*past).when(resets).then((subject, BreakerReset(by=BY)))
    given(*past, (subject, BreakerReset(by=BY))).when(START).then((ONE, started()))


def test_what_is_open_for_good_or_closed_already_stays_so():
    for latched in (BY_HAND, LATCHED):
        given(*KNOWN, (ONE, latched)).when(HAND_OPEN).then()
    given(*KNOWN).when(HAND_CLOSE).then()


def test_nobody_moves_what_is_not_there():
    for command in (HAND_OPEN, HAND_CLOSE, HAND_RESET):
        given(*KNOWN).when(replace(command, subject=99)).then()


def test_closing_counts_from_nothing_but_keeps_how_often_it_opened():
    life = Life()
    life.sync_each("-----")
    life.at.fold(ONE, BreakerClosed(by=BY))
    assert life.at.world.connections[ONE].breaker.openings == 1
    assert life.sync_each("----") == []
    life.at.fold(ONE, BreakerReset())
    reset = life.at.world.seq
    assert life.at.world.connections[ONE].breaker == breaker.Breaker(answered=reset)


def test_a_connection_that_comes_back_keeps_how_often_its_breaker_opened():
    past = (*KNOWN, (ONE, OPEN), (ONE, REMOVED), (ONE, ADDED))
    found = given(*past).world.connections[ONE].breaker
    assert (found.openings, breaker.phase(found, NOON)) == (1, Phase.CLOSED)
