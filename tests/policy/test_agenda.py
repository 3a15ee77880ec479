"""Retries that are too many at once, and heaps that keep their size."""

from datetime import timedelta

import pytest

from daemon import commands
from daemon.agenda import STALE_LEAST, Agenda
from daemon.decide import decide
from events import schema, terms
from events.breakers import BreakerReason
from events.envelope import Recorded
from events.policy import Settings
from projections import world as worlds
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    MINUTE,
    NOON,
    ONE,
    PERSON,
    PROVIDER,
    REQUESTED,
    account,
    authorised,
    failed,
    given,
    in_doubt,
    intended,
    lost,
    scheduled,
    started,
)
from tests.policy.transcript import (
    SECOND as A_SECOND,
)

FIRST, SECOND, THIRD, HEALTHY = 10, 11, 12, 13
ONE_AT_ONCE = (schema.FLEET, schema.SettingsDeclared(settings=Settings(retries_at_once=1)))


def again(priority, due=NOON):
    return schema.RetryScheduled(
        due=due,
        attempt=1,
        cause=terms.FailureClass.SERVER,
        priority=priority,
        delay=5 * MINUTE,
    )


def added(subject, due):
    return (subject, ADDED), (subject, scheduled(due))


FAILING = (
    (PROVIDER, DECLARED),
    ONE_AT_ONCE,
    *added(FIRST, NOON + 6 * HOUR),
    *added(SECOND, NOON + HOUR),
    *added(THIRD, NOON + 6 * HOUR),
    (FIRST, again(6)),
    (SECOND, again(8)),
    (THIRD, again(7)),
)
"""Three are to be tried again at noon, one at once; the second one's turn comes an hour later."""


class Play:
    """A world, and an agenda that follows it."""

    def __init__(self, *past):
        self.world = given(*past).world
        self.agenda = Agenda(self.world)

    def execute(self, command, now):
        decided = decide(command, self.world, now)
        for subject, event in decided:
            self.record(subject, event, now)
        return [event for _, event in decided]

    def record(self, subject, event, now=NOON):
        recorded = Recorded(seq=self.world.seq + 1, at=now, subject=subject, event=event)
        worlds.fold(self.world, recorded)
        self.agenda.note(subject, self.world.connections[subject])

    def start(self, now):
        subject = self.agenda.pop(now)
        if subject is None:
            return None
        (started,) = self.execute(commands.Start(subject=subject), now)
        return subject, started.kind

    def succeed(self, subject, now):
        finish = commands.Finish(
            subject=subject,
            sync=self.world.connections[subject].run.sync,
            duration_ms=1,
            captured=("days",),
            records=1,
            failures=(),
            calls=(),
        )
        self.execute(finish, now)


def test_retries_that_are_too_many_at_once_start_in_their_order_as_others_end():
    play = Play(*FAILING)
    assert play.start(NOON) == (FIRST, terms.Kind.RETRY)
    assert play.start(NOON) is None
    play.succeed(FIRST, NOON + MINUTE)
    assert play.start(NOON + MINUTE) == (THIRD, terms.Kind.RETRY)
    assert play.start(NOON + MINUTE) is None
    play.succeed(THIRD, NOON + 2 * MINUTE)
    assert play.start(NOON + 2 * MINUTE) == (SECOND, terms.Kind.RETRY)


def test_a_turn_that_comes_while_its_retry_waits_does_not_wait_for_other_retries():
    play = Play(*FAILING)
    assert play.start(NOON) == (FIRST, terms.Kind.RETRY)
    assert play.start(NOON) is None
    assert play.agenda.next_at(NOON) == NOON + HOUR
    assert play.start(NOON + HOUR) == (SECOND, terms.Kind.SCHEDULED)
    play.succeed(FIRST, NOON + HOUR)
    assert play.start(NOON + HOUR) == (THIRD, terms.Kind.RETRY)
    assert play.start(NOON + HOUR) is None, "the second one was given once"


@pytest.mark.requirement("A10")
def test_retries_that_wait_keep_nobody_else_waiting():
    play = Play(*FAILING, *added(HEALTHY, NOON))
    assert play.start(NOON) == (HEALTHY, terms.Kind.SCHEDULED)
    assert play.start(NOON) == (FIRST, terms.Kind.RETRY)
    play.record(SECOND, REQUESTED)
    assert play.start(NOON) == (SECOND, terms.Kind.MANUAL)
    assert play.start(NOON) is None


def test_what_the_clock_takes_back_falls_due_again_though_its_provider_starts_nothing():
    """Behind a breaker, also where somebody who is due still stands before it."""
    opened = schema.BreakerOpened(reason="by-hand", until=NOON + 9 * HOUR)
    past = ((PROVIDER, DECLARED), *added(FIRST, NOON), *added(SECOND, NOON + MINUTE))
    play = Play(*past, (PROVIDER, opened))
    assert play.agenda.pop(NOON + MINUTE) is None
    assert play.agenda.pop(NOON) is None
    assert play.agenda.next_at(NOON) == NOON + MINUTE


def test_what_is_due_can_be_ranked_little_by_little():
    play = Play((PROVIDER, DECLARED), *(each for n in range(5) for each in added(10 + n, NOON)))
    assert not play.agenda.admit(NOON, 3)
    assert play.agenda.admit(NOON, 3)
    assert play.agenda.next_at(NOON) == NOON, "all of it is due, and could start"
    assert [play.agenda.pop(NOON) for _ in range(6)] == [10, 11, 12, 13, 14, None]


def test_its_heaps_do_not_grow_with_requests():
    """Each request leaves an entry behind, until the heap has doubled."""
    play = Play((PROVIDER, DECLARED), *added(FIRST, NOON + 6 * HOUR))
    for count in range(4 * STALE_LEAST):
        now = NOON + timedelta(seconds=count)
        play.execute(commands.Request(subject=FIRST), now)
        assert play.start(now) == (FIRST, terms.Kind.MANUAL)
        play.succeed(FIRST, now)
        assert len(play.agenda) <= STALE_LEAST


# -- a grant to look after ------------------------------------------------------------------------


@pytest.mark.requirement("X6")
def test_a_way_out_of_a_doubt_waits_for_no_breaker_though_a_sync_was_due_before_it():
    """What fell due first, and waits, is found again when the other comes."""
    opened = schema.BreakerOpened(reason=BreakerReason.CALLS, until=NOON + HOUR)
    past = (*account(PERSON, authorised(), started(), REQUESTED, intended(sync=5)),)
    play = Play(*past, (PROVIDER, opened))
    play.record(ONE, in_doubt(sync=5))
    play.record(ONE, failed(5, lost()))
    assert play.agenda.pop(NOON) is None
    assert play.agenda.next_at(NOON) == play.world.connections[ONE].grant.renew_by
    assert play.agenda.pop(NOON + 5 * A_SECOND) == ONE


@pytest.mark.requirement("C1")
def test_a_grant_that_came_while_a_sync_was_due_is_kept_alive_in_time():
    """The start stays where it was, and is in nobody's way: its provider lets nothing start."""
    shut = (PROVIDER, schema.BreakerOpened(reason=BreakerReason.BY_HAND, until=None))
    play = Play(*account(PERSON), shut)
    assert play.agenda.pop(NOON) is None
    play.record(ONE, authorised(renew_by=NOON + HOUR))
    assert play.agenda.pop(NOON) is None
    assert play.agenda.next_at(NOON) == NOON + HOUR
    assert play.agenda.pop(NOON + HOUR) == ONE


# -- providers that open --------------------------------------------------------------------------


@pytest.mark.requirement("E1")
def test_a_provider_that_has_opened_since_it_was_last_asked_is_not_slept_through():
    """Between the last look at what may start and the nap that follows, time passes."""
    opened = schema.BreakerOpened(reason=BreakerReason.CALLS, until=NOON + A_SECOND)
    play = Play((PROVIDER, DECLARED), *added(FIRST, NOON), (PROVIDER, opened))
    assert play.agenda.pop(NOON) is None
    assert play.agenda.next_at(NOON) == NOON + A_SECOND
    assert play.agenda.next_at(NOON + A_SECOND) == NOON + A_SECOND
    assert play.agenda.pop(NOON + A_SECOND) == FIRST
