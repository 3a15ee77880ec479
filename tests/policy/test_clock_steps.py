"""What does a step of the clock move, beside the turns of connections?"""

from datetime import timedelta

import pytest

from daemon import commands
from events import schema, terms
from events.breakers import BreakerEased, BreakerOpened, BreakerReason
from events.schema import RetryMoved
from tests.policy.transcript import HOUR, KNOWN, MINUTE, NOON, ONE, PROVIDER, given, scheduled

BACK = timedelta(hours=-2)
LATER = (*KNOWN, (ONE, scheduled(NOON + HOUR)))
RETRY = schema.RetryScheduled(
    due=NOON + MINUTE, attempt=1, cause=terms.FailureClass.SERVER, priority=6, delay=MINUTE
)
OPENED = BreakerOpened(reason=BreakerReason.SYNCS, until=NOON + MINUTE)
FOR_GOOD = BreakerOpened(reason=BreakerReason.BY_HAND, until=None)


def review(subject=ONE, by=BACK):
    return commands.Review(subject=subject, by=by)


def test_a_retry_goes_back_with_the_clock():
    """Else it would wait for the time that the clock has yet to show once more."""
    past = (*LATER, (ONE, RETRY))
    moved = (ONE, RetryMoved(due=NOON + MINUTE + BACK))
    given(*past).when(review(), NOON + BACK).then(moved)
    given(*past, moved).when(commands.Start(subject=ONE), NOON + BACK).then()
    [(_, event)] = (
        given(*past, moved).when(commands.Start(subject=ONE), NOON + BACK + MINUTE).decided
    )
    assert (event.kind, event.due, event.attempt) == (terms.Kind.RETRY, NOON + MINUTE + BACK, 1)


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("subject", [ONE, PROVIDER])
def test_the_wait_of_a_breaker_goes_back_with_the_clock(subject):
    past = (*LATER, (subject, OPENED))
    eased = (subject, BreakerEased(until=NOON + MINUTE + BACK))
    given(*past).when(review(subject), NOON + BACK).then(eased)


@pytest.mark.parametrize("subject", [ONE, PROVIDER])
def test_a_breaker_that_is_closed_or_open_for_good_has_no_wait(subject):
    given(*LATER).when(review(subject), NOON + BACK).then()
    given(*LATER, (subject, FOR_GOOD)).when(review(subject), NOON + BACK).then()


@pytest.mark.parametrize("subject", [ONE, PROVIDER])
def test_a_clock_that_went_ahead_makes_nothing_wait(subject):
    past = (*LATER, (ONE, RETRY), (subject, OPENED))
    given(*past).when(review(subject, HOUR), NOON).then()
