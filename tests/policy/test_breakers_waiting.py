"""What does a breaker let through that has waited, and what closes it?"""

import pytest
from msgspec.structs import replace

from daemon import commands
from events.breakers import BreakerReason
from events.schema import (
    BreakerClosed,
    BreakerEased,
    BreakerProbed,
    BreakerReset,
)
from events.terms import FailureClass
from projections import breaker, provider
from projections.breaker import Phase
from tests.policy.breaking import (
    BY_HAND,
    LATCHED,
    LATER,
    MANY,
    OPEN,
    SILENT,
    START,
    Life,
    opened,
    settings,
    waited,
)
from tests.policy.transcript import (
    ADDED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    REMOVED,
    REQUESTED,
    SECOND,
    finish,
    given,
    scheduled,
    started,
    succeeded,
)

# -- half-open ------------------------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_two_probes_close_it():
    life = waited()
    assert life.sync(now=LATER) == [(ONE, BreakerProbed(successes=1))]
    assert life.phase(now=LATER) is Phase.HALF_OPEN
    assert life.sync(now=LATER) == [(ONE, BreakerClosed(successes=2))]
    assert life.phase(now=LATER) is Phase.CLOSED
    assert life.sync(now=LATER) == []


@pytest.mark.requirement("E1")
def test_how_many_probes_it_takes_is_a_setting():
    assert waited(settings(breaker_successes=1)).sync(now=LATER) == [
        (ONE, BreakerClosed(successes=1))
    ]


@pytest.mark.requirement("E1")
def test_a_failed_probe_opens_it_again():
    again = (ONE, opened(BreakerReason.PROBE, 1, now=LATER))
    assert waited().sync(FailureClass.SERVER, now=LATER) == [again]
    life = waited()
    life.sync(now=LATER)
    assert life.sync(FailureClass.SERVER, now=LATER) == [again]
    assert life.sync(now=LATER + MINUTE) == [(ONE, BreakerProbed(successes=1))]


def test_a_failed_call_of_a_probe_opens_it_again():
    life = waited()
    life.start()
    assert life.call(now=LATER) == [(ONE, opened(BreakerReason.PROBE, 1, now=LATER))]
    assert life.end(FailureClass.SERVER, now=LATER) == []


@pytest.mark.parametrize("cause", SILENT)
def test_a_probe_that_says_nothing_leaves_it_half_open(cause):
    life = waited()
    assert life.sync(cause, now=LATER) == []
    assert life.phase(now=LATER) is Phase.HALF_OPEN


def test_what_began_before_it_opened_is_no_probe():
    for causes in ((), (FailureClass.SERVER,)):
        life = Life()
        life.start()
        for _ in range(5):
            life.call()
        assert life.call(now=LATER) == []
        assert life.end(*causes, now=LATER) == []
        assert life.phase(now=LATER) is Phase.HALF_OPEN


def test_a_probe_is_known_by_its_number_whatever_the_clock_says():
    """It stepped back by an hour after the breaker had opened."""
    life = Life((ONE, OPEN), (ONE, BreakerEased(until=LATER - HOUR)))
    assert life.sync(now=LATER - HOUR) == [(ONE, BreakerProbed(successes=1))]


@pytest.mark.requirement("E1")
def test_a_sync_waits_until_the_breaker_has_waited():
    past = (*KNOWN, (ONE, OPEN))
    given(*past).when(START, LATER - SECOND).then()
    given(*past).when(START, LATER).then((ONE, started()))


@pytest.mark.requirement("E1")
def test_one_probe_at_a_time_stands_before_a_provider():
    past = (*KNOWN, (OTHER, ADDED), (OTHER, scheduled(NOON)), (PROVIDER, OPEN))
    given(*past).when(START, LATER - SECOND).then()
    given(*past).when(START, LATER).then((ONE, started()))
    second = commands.Start(subject=OTHER)
    given(*past, (ONE, started())).when(second, LATER).then()
    after = (*past, (ONE, started()), (ONE, succeeded(7)), (PROVIDER, BreakerProbed(successes=1)))
    given(*after).when(second, LATER).then((OTHER, started()))


def test_a_forced_request_heeds_no_breaker_and_closes_none():
    forced = (ONE, replace(REQUESTED, forced=True))
    start = started(priority=1, request=5, forced=True)
    past = (*KNOWN, (ONE, OPEN), forced)
    given(*past).when(START).then((ONE, start))
    given(*past, (ONE, start)).when(finish(6, "days")).then(
        (ONE, succeeded(6)), (ONE, scheduled(NOON + 6 * HOUR))
    )


# -- neighbours -----------------------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_one_connections_success_ends_the_wait_of_its_neighbours():
    late = opened(wait=HOUR)
    life = Life((OTHER, late), (5, late), connections=MANY)
    eased = [(each, BreakerEased(until=NOON, neighbour=ONE)) for each in (OTHER, 5)]
    assert life.sync() == eased
    assert life.phase(OTHER) is Phase.HALF_OPEN
    assert life.sync() == []


def test_what_began_before_a_neighbours_breaker_opened_says_nothing_of_it():
    life = Life(connections=MANY)
    life.start()
    life.at.fold(OTHER, opened(wait=HOUR))
    assert life.end() == []


def test_a_failure_eases_nobody():
    assert Life((OTHER, OPEN), connections=MANY).sync(FailureClass.SERVER) == []


@pytest.mark.parametrize("then", [BreakerClosed(), BreakerReset(), LATCHED, REMOVED])
def test_who_waits_no_longer_is_not_told(then):
    life = Life((OTHER, OPEN), (OTHER, then), connections=MANY)
    assert life.at.world.providers[PROVIDER].stopped == frozenset()
    assert life.sync() == []


def test_no_more_neighbours_are_told_than_the_bound():
    many = range(100, 100 + 2 * provider.STOPPED_KEPT)
    life = Life(*((each, OPEN) for each in many), connections=(ONE, *many))
    assert len(life.sync()) == provider.STOPPED_KEPT


# -- a clock that stepped -------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [ONE, PROVIDER])
def test_its_wait_goes_back_with_the_clock_and_not_forth(subject):
    past, before = (*KNOWN, (subject, OPEN)), NOON - 6 * HOUR
    back = given(*past).when(commands.Review(subject=subject, by=-6 * HOUR), before).decided
    assert back == [(subject, BreakerEased(until=before + 30 * SECOND))]
    given(*past).when(commands.Review(subject=subject, by=HOUR), NOON + HOUR).then()
    latched = (*KNOWN, (subject, BY_HAND))
    given(*latched).when(commands.Review(subject=subject, by=-6 * HOUR), before).then()


def test_what_is_known_of_a_breaker_is_none_of_another_events_concern():
    at = given(*KNOWN, (ONE, OPEN)).world.connections[ONE].breaker
    other = provider.Recorded(seq=9, at=NOON, subject=ONE, event=REQUESTED)
    assert breaker.evolve(at, other) is at
