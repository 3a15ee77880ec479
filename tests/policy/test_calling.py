"""May a program's call leave, is it made once more, and what does it say of breakers?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide import calling
from daemon.decide.calling import ATTEMPTS_MAX, BUDGET_LEAST, CONNECT, DELAY, Held, Lost
from events import terms
from events.breakers import BreakerClosed, BreakerOpened, BreakerProbed, BreakerReason
from events.envelope import Recorded
from events.gateway import CallKind, CallMade
from events.terms import FailureClass, SkipReason
from projections import traffic
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PAUSED,
    PROVIDER,
    RUNNING,
    SECOND,
    given,
    needed,
    setting,
)

UNTIL = NOON + 30 * SECOND
OPENED = BreakerOpened(reason=BreakerReason.CALLS, until=UNTIL, failures=5)
SHUT = replace(OPENED, until=None)
SERVER = FailureClass.SERVER
LOST = Lost(cause=SERVER, attempt=1, left=10 * SECOND, repeatable=True)


def made(began=3, **more):
    return CallMade(
        endpoint="GET /days",
        method="GET",
        kind=CallKind.READ,
        began=began,
        **{"status": 200} | more,
    )


def note(call):
    return commands.NoteCallMade(subject=ONE, call=call)


def failing(began=3, cause=SERVER, **more):
    return made(began, cause=cause, **{"status": 503} | more)


def held(*past, now=NOON, probing=()):
    return calling.held(ONE, given(*past).world, now, probing=probing)


def again(lost=LOST, *past, now=NOON, jitter=0.5):
    return calling.again(lost, ONE, given(*(past or KNOWN)).world, now, jitter=jitter)


# -- may it leave ---------------------------------------------------------------------------------


def test_a_call_leaves_where_nothing_keeps_it_also_beside_a_sync():
    assert held(*KNOWN) is None
    assert held(*RUNNING) is None


def test_what_a_person_has_to_see_to_keeps_calls_too():
    assert held(*KNOWN, (ONE, PAUSED)) == Held(reason=SkipReason.PAUSED)
    needs = (ONE, needed(terms.NeedReason.NEW))
    assert held(*KNOWN, needs) == Held(reason=SkipReason.NOT_AUTHORISED)


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("of", [ONE, PROVIDER])
def test_an_open_breaker_keeps_calls_until_it_lets_one_find_out(of):
    past = (*KNOWN, (of, OPENED))
    assert held(*past, now=UNTIL - SECOND) == Held(reason=SkipReason.BREAKER, until=UNTIL)
    assert held(*past, now=UNTIL) is None
    assert held(*past, now=UNTIL, probing={of}) == Held(reason=SkipReason.BREAKER, until=UNTIL)
    assert held(*KNOWN, (of, SHUT), now=NOON + HOUR) == Held(reason=SkipReason.BREAKER)
    running = (*RUNNING, (of, OPENED))
    assert held(*running, now=UNTIL) == Held(reason=SkipReason.BREAKER, until=UNTIL)


@pytest.mark.requirement("E1")
def test_a_call_that_leaves_while_one_is_half_open_is_its_probe():
    past = (*KNOWN, (ONE, OPENED), (PROVIDER, SHUT))
    world = given(*past).world
    assert calling.probes(ONE, world, NOON) == frozenset()
    assert calling.probes(ONE, world, UNTIL) == {ONE}


# -- what it says ---------------------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_five_calls_that_fail_within_ten_seconds_open_the_breaker():
    call = failing()
    past = (*KNOWN, *((ONE, call, NOON + count * SECOND) for count in range(4)))
    given(*past).when(note(call), NOON + 9 * SECOND).then(
        (ONE, call),
        (ONE, replace(OPENED, until=NOON + 39 * SECOND, cause=SERVER)),
    )
    given(*past).when(note(call), NOON + 11 * SECOND).then((ONE, call))


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("cause", [FailureClass.RATE_LIMITED, FailureClass.AUTH])
def test_what_is_not_the_providers_failure_opens_nothing(cause):
    call = failing(cause=cause, status=429)
    given(*KNOWN, *((ONE, call),) * 9).when(note(call)).then((ONE, call))


@pytest.mark.requirement("E1")
@pytest.mark.parametrize(
    "answer", [made(4), failing(4, FailureClass.NOT_FOUND, status=404)], ids=["good", "not found"]
)
def test_answers_to_probes_close_a_breaker(answer):
    """Whatever the answer is good for: the provider is there."""
    half_open = (*KNOWN, (ONE, OPENED))
    given(*half_open).when(note(answer), UNTIL).then(
        (ONE, answer), (ONE, BreakerProbed(successes=1))
    )
    probed = (*half_open, (ONE, BreakerProbed(successes=1)))
    given(*probed).when(note(answer), UNTIL).then((ONE, answer), (ONE, BreakerClosed(successes=2)))


@pytest.mark.requirement("E1")
def test_what_left_before_it_opened_says_nothing():
    early = made(began=3)
    given(*KNOWN, (ONE, OPENED)).when(note(early), UNTIL).then((ONE, early))


def test_what_was_never_sent_is_no_answer():
    refused = failing(4, FailureClass.INVALID, status=None)
    given(*KNOWN, (ONE, OPENED)).when(note(refused), UNTIL).then((ONE, refused))


def test_a_call_of_nobody_is_nothing():
    stranger = commands.NoteCallMade(subject=99, call=made())
    given(*KNOWN).when(stranger).then()


# -- once more ------------------------------------------------------------------------------------


@pytest.mark.requirement("E2")
def test_a_call_that_may_be_repeated_is_after_a_rest_that_doubles_and_is_drawn():
    assert again() == DELAY / 2
    assert again(replace(LOST, attempt=2)) == DELAY
    assert again(replace(LOST, attempt=ATTEMPTS_MAX)) is None
    assert again(jitter=0.0) == timedelta(0)


@pytest.mark.requirement("E2")
def test_a_write_is_made_again_only_where_certainly_nothing_was_sent():
    write = replace(LOST, repeatable=False)
    assert again(write) is None
    unsent = replace(write, cause=FailureClass.NETWORK, sent=False, left=MINUTE)
    assert again(unsent) == DELAY / 2
    assert again(replace(unsent, left=CONNECT)) is None, "the deadline must not cut it short"
    assert again(replace(unsent, cause=FailureClass.RATE_LIMITED)) is None


@pytest.mark.requirement("E2")
def test_what_does_not_pass_is_not_made_again():
    assert again(replace(LOST, cause=FailureClass.INVALID)) is None


@pytest.mark.requirement("E10")
def test_a_hint_is_never_shortened_and_ends_before_the_deadline_or_there_is_no_retry():
    hinted = replace(LOST, cause=FailureClass.RATE_LIMITED, retry_after=3 * SECOND)
    assert again(hinted) == 3 * SECOND
    assert again(replace(hinted, left=3 * SECOND)) is None


@pytest.mark.requirement("E2")
def test_nothing_is_made_again_behind_a_breaker():
    assert again(LOST, *KNOWN, (ONE, OPENED)) is None


@pytest.mark.requirement("E2")
def test_a_provider_has_a_budget_for_retries():
    def past(calls, retries):
        first, second = (ONE, made()), (ONE, failing(attempt=2))
        return (*KNOWN, *(first,) * calls, *(second,) * retries)

    assert again(LOST, *past(0, BUDGET_LEAST - 1)) is not None
    assert again(LOST, *past(0, BUDGET_LEAST)) is None
    assert again(LOST, *past(190, BUDGET_LEAST)) is not None
    assert again(LOST, *past(0, BUDGET_LEAST), now=NOON + HOUR) is not None
    generous = (PROVIDER, setting(retry_budget=1.0))
    assert again(LOST, *past(BUDGET_LEAST, BUDGET_LEAST), generous) is not None


# -- traffic --------------------------------------------------------------------------------------


def of(*past):
    return given(*KNOWN, *past).world.providers[PROVIDER].traffic


def test_calls_are_counted_by_the_minute_for_an_hour():
    counted = of(
        (ONE, made(duration_ms=5, bytes=7), NOON),
        (ONE, failing(duration_ms=6, attempt=2), NOON + 30 * SECOND),
        (ONE, made(), NOON + 2 * MINUTE),
    )
    assert len(counted) == 2
    total = traffic.last_hour(counted, NOON + 2 * MINUTE)
    assert (total.calls, total.failed, total.retries) == (3, 1, 1)
    assert (total.duration_ms, total.bytes) == (11, 7)
    assert traffic.last_hour(counted, NOON + 60 * MINUTE).calls == 1
    assert traffic.last_hour(counted, NOON + 62 * MINUTE).calls == 0
    many = of(*((ONE, made(), NOON + count * MINUTE) for count in range(90)))
    assert len(many) == traffic.MINUTES_KEPT


def test_what_the_clock_went_back_from_counts_as_of_now():
    counted = of((ONE, made(), NOON + HOUR), (ONE, made(), NOON))
    assert [each.calls for each in counted] == [2]


def test_another_event_is_no_traffic():
    paused = Recorded(seq=1, at=NOON, subject=ONE, event=PAUSED)
    assert traffic.evolve((), paused) == ()


@pytest.mark.requirement("E2")
def test_a_breaker_that_opened_while_a_call_waited_holds_it_back():
    opened = given(*KNOWN, (ONE, OPENED)).world
    event = opened.connections[ONE].breaker.event
    assert calling.shut(ONE, event - 1, opened, NOON) == Held(
        reason=SkipReason.BREAKER, until=UNTIL
    )
    assert calling.shut(ONE, event, opened, NOON) is None
    assert calling.shut(ONE, event - 1, opened, UNTIL) is None


@pytest.mark.requirement("E3")
def test_whom_our_own_limits_sent_away_is_not_tried_again():
    ours = replace(LOST, cause=FailureClass.RATE_LIMITED, sent=False, retry_after=SECOND)
    assert again(ours) is None
    assert again(replace(ours, sent=True)) == SECOND
