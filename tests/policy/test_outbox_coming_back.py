"""Whose provider is known to be back: does what waits for it rest any longer?"""

import pytest

from daemon import commands
from daemon.decide import line
from daemon.decide.outbox import DELAY, DELAY_MAX
from events.breakers import (
    BreakerClosed,
    BreakerEased,
    BreakerOpened,
    BreakerProbed,
    BreakerReason,
    BreakerReset,
)
from events.envelope import Recorded
from events.gateway import CallKind, CallMade
from events.outbox import WriteBegun, WriteDeferred, WriteQueued, WriteRetried
from events.terms import FailureClass
from projections import breaker
from tests.policy.transcript import (
    ADDED,
    HOUR,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    SECOND,
    given,
    started,
    succeeded,
)
from tests.policy.transcript import KNOWN as ONE_KNOWN

pytestmark = pytest.mark.requirement("E6")

KNOWN = (*ONE_KNOWN, (OTHER, ADDED))
W = len(KNOWN) + 1
"""The number of the write that is queued."""
PUT_OFF = W + 1
"""The number of the event by which it was put off last."""
LATE = NOON + 10 * MINUTE
OPENED = BreakerOpened(reason=BreakerReason.CALLS, until=NOON + MINUTE, failures=5)
CLOSED = BreakerClosed(successes=2)
DOWN = (FailureClass.NETWORK, FailureClass.TIMEOUT, FailureClass.SERVER)
"""What says that a provider is down."""


def queued(**more):
    return WriteQueued(
        row=7, endpoint="POST /orders", method="POST", kind=CallKind.WRITE, keyed=True, **more
    )


def call(began, cause=None):
    return CallMade(endpoint="/", method="GET", kind=CallKind.READ, began=began, cause=cause)


def resting(*after, due=LATE, soonest=NOON, **more):
    """It was put off by event PUT_OFF, since its provider was down; then came what is `after`."""
    rests = WriteDeferred(write=W, due=due, soonest=soonest, cause=FailureClass.SERVER, **more)
    return (*KNOWN, (ONE, queued()), (ONE, rests), *after)


def leaves(*past, now=NOON):
    return line.leaves(ONE, given(*past).world, now)


def rests(*past):
    return line.rests(ONE, given(*past).world)


def lose(cause=FailureClass.NETWORK, **more):
    return commands.LoseWrite(subject=ONE, write=W, cause=cause, sent=False, jitter=0.5, **more)


def lost(past, wish, now=NOON):
    ((_, event),) = given(*past).when(wish, now).decided
    return event


# -- what tells that it is back -------------------------------------------------------------------


@pytest.mark.parametrize("whose", [ONE, PROVIDER])
@pytest.mark.parametrize("ends", [CLOSED, BreakerClosed(), BreakerReset()], ids=str)
def test_once_its_breaker_has_closed_a_write_rests_no_longer(whose, ends):
    shut = resting((whose, OPENED))
    assert leaves(*shut) == LATE
    assert rests(*shut)
    assert leaves(*shut, (whose, ends)) == NOON
    assert not rests(*shut, (whose, ends))


def test_a_breaker_that_is_eased_lets_it_find_out():
    """A neighbour got through. That a clock stepped back tells nothing."""
    shut = resting((ONE, OPENED))
    eased = BreakerEased(until=NOON + SECOND, neighbour=OTHER)
    assert leaves(*shut, (ONE, eased)) == NOON + SECOND
    assert leaves(*shut, (ONE, eased), now=NOON + SECOND) == NOON
    assert leaves(*shut, (ONE, BreakerEased(until=NOON))) == LATE


def test_what_closed_before_it_was_put_off_tells_nothing():
    before = (*KNOWN, (ONE, queued()), (ONE, OPENED), (ONE, CLOSED))
    again = WriteDeferred(write=W, due=LATE, soonest=NOON, cause=FailureClass.SERVER)
    assert leaves(*before, (ONE, again)) == LATE


@pytest.mark.parametrize("whose", [ONE, OTHER])
def test_a_call_that_got_through_tells_it_where_it_began_since(whose):
    """Also of another connection, and where no breaker ever opened."""
    assert leaves(*resting((whose, call(PUT_OFF)))) == NOON
    assert leaves(*resting((whose, call(PUT_OFF - 1)))) == LATE
    assert leaves(*resting((whose, call(PUT_OFF, FailureClass.SERVER)))) == LATE
    assert leaves(*resting((whose, call(PUT_OFF)), (whose, call(PUT_OFF - 1)))) == NOON


def test_so_does_a_sync():
    since = resting((OTHER, started()), (OTHER, succeeded(PUT_OFF + 1)))
    assert leaves(*since) == NOON
    assert not rests(*since)
    before = (*KNOWN, (OTHER, started()), (ONE, queued()))
    put_off = WriteDeferred(write=W + 1, due=LATE, soonest=NOON, cause=FailureClass.SERVER)
    assert leaves(*before, (ONE, put_off), (OTHER, succeeded(W))) == LATE


def test_a_probe_that_is_not_enough_tells_it_by_its_call_alone():
    probed = (PROVIDER, BreakerProbed(successes=1))
    assert leaves(*resting((PROVIDER, OPENED), probed)) == LATE
    shut = resting((PROVIDER, OPENED), (OTHER, call(PUT_OFF + 1)), probed)
    assert leaves(*shut, now=NOON + MINUTE) == NOON


@pytest.mark.parametrize(
    ("event", "got"),
    [
        (call(1), True),
        (succeeded(1), True),
        (call(1, FailureClass.SERVER), False),
        (CLOSED, False),
    ],
    ids=str,
)
def test_who_rests_is_looked_at_again_when_a_call_or_a_sync_got_through(event, got):
    recorded = Recorded(seq=2, at=NOON, subject=OTHER, event=event)
    assert breaker.got_through(recorded) is got


# -- what is never shortened ----------------------------------------------------------------------


def test_a_hint_is_not_shortened_but_a_rest_beyond_it_is():
    busy = {"cause": FailureClass.SERVER, "status": 503}
    past = (*KNOWN, (ONE, queued()), *((ONE, WriteDeferred(write=W, due=NOON)),) * 9)
    far = lost(past, lose(retry_after=HOUR, **busy))
    near = lost(past, lose(retry_after=MINUTE, **busy))
    assert (far.due, far.soonest) == (NOON + HOUR, NOON + HOUR)
    assert (near.due, near.soonest) == (NOON + 450 * SECOND, NOON + MINUTE)
    assert leaves(*past, (ONE, far), (ONE, CLOSED)) == NOON + HOUR
    assert leaves(*past, (ONE, near), (ONE, CLOSED)) == NOON + MINUTE


@pytest.mark.parametrize("cause", FailureClass)
def test_only_what_says_that_the_provider_is_down_is_shortened(cause):
    """No limit, no refused credential, nothing of our own; also where it was made at once."""
    soonest = NOON if cause in DOWN else None
    event = lost((*KNOWN, (ONE, queued())), lose(cause))
    assert event.soonest == soonest
    wish = commands.QueueWrite(
        subject=ONE,
        row=7,
        endpoint="POST /orders",
        method="POST",
        kind=CallKind.WRITE,
        keyed=True,
        bytes=0,
        jitter=0.5,
        cause=cause,
    )
    event = lost(KNOWN, wish)
    assert event.soonest == soonest
    past = (*KNOWN, (ONE, event), (ONE, CLOSED))
    assert leaves(*past) == (soonest or NOON + DELAY / 2)


def test_what_its_tenants_limit_keeps_comes_when_it_was_told_to():
    put_off = commands.PutOffWrite(subject=ONE, write=W, rest=MINUTE)
    kept = lost(resting(), put_off)
    assert leaves(*resting((ONE, kept), (PROVIDER, CLOSED))) == NOON + MINUTE
    assert not rests(*resting((ONE, kept)))


def test_who_is_paused_stays_so():
    assert leaves(*resting((ONE, PAUSED), (ONE, CLOSED))) is None
    assert not rests(*KNOWN)


# -- who comes and goes ---------------------------------------------------------------------------


def early(past, now=NOON):
    """It leaves, and whether it had rested to the end."""
    ((_, event),) = given(*past).when(commands.BeginWrite(subject=ONE, write=W), now).decided
    return event


def test_who_was_told_in_vain_rests_as_long_as_ever_and_believes_it_less_each_time():
    often = ((ONE, WriteDeferred(write=W, due=LATE, soonest=NOON)),) * 6
    past, now, found = resting(*often), NOON, []
    for _ in range(5):
        past = (*past, (ONE, CLOSED))
        now = leaves(*past, now=now)
        begun = early(past, now)
        past = (*past, (ONE, begun))
        again = lost(past, lose(), now)
        found.append((begun.early, (again.due - now) / DELAY, (again.soonest - now) / DELAY))
        past = (*past, (ONE, again))
    longest = DELAY_MAX / DELAY / 2
    assert found[:2] == [(True, 64, 1), (True, longest, 2)]
    assert found[2:] == [(True, longest, 4), (True, longest, 8), (True, longest, 16)]


def test_who_rested_to_the_end_was_told_nothing():
    assert not early(resting(), LATE).early
    assert not early((*KNOWN, (ONE, queued()))).early


def test_by_hand_it_is_believed_anew():
    past = resting((ONE, WriteBegun(write=W, early=True)), (ONE, WriteRetried(write=W)))
    assert leaves(*past) == NOON
    assert lost(past, lose()).soonest == NOON


# -- the clock ------------------------------------------------------------------------------------


def test_the_least_rest_goes_back_with_the_clock():
    review = commands.Review(subject=ONE, by=-MINUTE)
    decided = given(*resting(soonest=NOON + 2 * MINUTE)).when(review).decided
    (moved,) = [event for _, event in decided if isinstance(event, WriteDeferred)]
    assert (moved.due, moved.soonest) == (LATE - MINUTE, NOON + MINUTE)
