"""When is a provider's end told: announced, found, and taken back?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.retirement import is_over, successor
from events import schema, terms
from events.breakers import BreakerReason
from events.envelope import Recorded
from events.gateway import CallKind, CallMade
from events.schema import BreakerClosed, BreakerReset, ConnectionPaused, ConnectionRelinked
from projections import retirement
from tests.policy.breaking import BY, GONE, LATCHED, Life, settings
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    REMOVED,
    SECOND,
    finish,
    given,
    lost,
    needed,
    started,
)

pytestmark = pytest.mark.requirement("X7")

DAY = timedelta(days=1)
ENDS = NOON + 90 * DAY
NEXT = 9  # the provider that follows


# -- announced ------------------------------------------------------------------------------------


def says(**more):
    return commands.NoteAnnouncement(subject=ONE, **more)


def announced(**more):
    return PROVIDER, schema.RetirementAnnounced(**more)


def test_what_an_answer_announces_is_told_of_its_provider():
    said = {"deprecated": True, "since": NOON, "sunset": ENDS}
    given(*KNOWN).when(says(**said)).then(announced(**said))
    at = given(*KNOWN, announced(**said)).world.providers[PROVIDER].retirement
    assert at.announced == (retirement.Announced(at=NOON, **said),)


def test_said_with_every_answer_it_is_told_once():
    given(*KNOWN, announced(sunset=ENDS)).when(says(sunset=ENDS), NOON + 400 * DAY).then()


def test_another_day_is_told_the_day_after_at_the_earliest():
    past = (*KNOWN, announced(sunset=ENDS))
    later = says(sunset=ENDS + 30 * DAY)
    given(*past).when(later, NOON + DAY - HOUR).then()
    given(*past).when(later, NOON + DAY).then(announced(sunset=ENDS + 30 * DAY))


def test_paths_that_say_different_days_are_told_of_once_each():
    past = (*KNOWN, announced(sunset=ENDS), announced(sunset=ENDS + DAY))
    for sunset in (ENDS, ENDS + DAY):
        given(*past).when(says(sunset=sunset), NOON + 400 * DAY).then()


@pytest.mark.parametrize("away", [-37_000 * DAY, 37_000 * DAY])
def test_no_day_a_century_away_is_meant(away):
    given(*KNOWN).when(says(deprecated=True, since=NOON + away)).then()
    given(*KNOWN).when(says(sunset=NOON + away)).then()
    given(*KNOWN).when(says(sunset=NOON + away, deprecated=True)).then(announced(deprecated=True))


def test_nothing_is_announced_by_nothing_or_to_nobody():
    given(*KNOWN).when(says()).then()
    given().when(says(sunset=ENDS)).then()


def test_so_many_announcements_are_kept():
    past = [announced(sunset=ENDS + each * DAY) for each in range(retirement.ANNOUNCED_KEPT + 3)]
    kept = given(*KNOWN, *past).world.providers[PROVIDER].retirement.announced
    assert len(kept) == retirement.ANNOUNCED_KEPT
    assert kept[-1].sunset == past[-1][1].sunset


def test_the_day_itself_changes_nothing():
    given(*KNOWN, announced(sunset=NOON)).when(commands.Start(subject=ONE), NOON + DAY).then(
        (ONE, started())
    )


# -- found ----------------------------------------------------------------------------------------


class Ending(Life):
    """A life of which all events are told that speak of the provider's end."""

    def _do(self, command, now):
        decided = self.at.when(command, now).decided
        for each in decided:
            self.at.fold(*each, now)
        told = (schema.ProviderRetired, schema.ProviderReturned)
        return [each for each in decided if isinstance(each[1], told)]


def retired(connection=ONE, successor=""):
    event = schema.ProviderRetired(cause=GONE, connection=connection, successor=successor)
    return PROVIDER, event


def test_one_connection_that_finds_out_is_enough_where_there_is_no_other():
    life = Ending()
    assert life.sync(GONE, GONE) == [retired()]
    found = life.at.world.providers[PROVIDER].retirement
    assert (found.found_at, found.reopened) == (NOON, False)


def test_a_programs_call_that_finds_something_gone_retires_and_latches_nothing():
    """Made at once, or by the outbox: it may ask for any path, and "gone" be said of one record."""
    call = CallMade(
        endpoint="POST /orders/{id}", method="POST", kind=CallKind.WRITE, began=0, status=410,
        cause=GONE,
    )  # fmt: skip
    life = given(*KNOWN)
    for each in range(50):
        life.when(commands.NoteCallMade(subject=ONE, call=call), NOON + each * SECOND)
        life.then((ONE, call))
        life.fold(ONE, call, NOON + each * SECOND)
    assert life.world.connections[ONE].breaker.reason is None
    assert life.world.providers[PROVIDER].retirement.found_at is None


def test_a_connection_that_found_out_is_over_until_somebody_closes_that():
    assert not is_over(given(*KNOWN).world.connections[ONE])
    assert is_over(given(*KNOWN, (ONE, LATCHED)).world.connections[ONE])
    closed = given(*KNOWN, (ONE, LATCHED), (ONE, BreakerClosed(by=BY))).world
    assert not is_over(closed.connections[ONE])


def test_the_order_is_latch_then_alert():
    decided = given(*KNOWN, (ONE, started())).when(finish(4, failures=(lost(cause=GONE),))).decided
    at = decided.index((ONE, LATCHED))
    assert decided[at + 1] == retired()


def test_of_many_the_first_three_are_believed_and_told_of_once():
    """The others go on to succeed as far as anybody knows, until they fail too."""
    many = (ONE, OTHER, 5, 6, 7)
    life = Ending(connections=many)
    for each in many:
        assert life.sync(subject=each) == []
    assert life.sync(GONE, subject=ONE) == []
    assert life.sync(GONE, subject=OTHER) == []
    assert life.sync(GONE, subject=5) == [retired(5)]
    assert life.sync(GONE, subject=6) == []


def test_how_many_are_believed_is_the_breakers_setting():
    life = Ending(settings(PROVIDER, breaker_connections=2), connections=(ONE, OTHER, 5))
    for each in (ONE, OTHER, 5):
        life.sync(subject=each)
    assert life.sync(GONE, subject=ONE) == []
    assert life.sync(GONE, subject=OTHER) == [retired(OTHER)]


def test_one_account_that_is_gone_is_not_the_end():
    life = Ending(connections=(ONE, OTHER))
    life.sync(subject=OTHER)
    assert life.sync(GONE) == []
    life.sync(subject=OTHER)
    assert life.at.world.providers[PROVIDER].retirement.found_at is None


@pytest.mark.parametrize(
    "aside",
    [
        ConnectionPaused(),
        REMOVED,
        LATCHED,
        needed(terms.NeedReason.REFUSED),
        ConnectionRelinked(provider=NEXT, before=PROVIDER),
    ],
)
def test_one_that_is_not_synced_any_more_shows_nothing(aside):
    life = Ending((NEXT, replace(DECLARED, name="next")), connections=(ONE, OTHER))
    life.sync(subject=OTHER)
    life.at.fold(OTHER, aside)
    assert life.sync(GONE) == [retired()]


def test_one_that_fails_otherwise_shows_nothing():
    life = Ending(connections=(ONE, OTHER))
    life.sync(terms.FailureClass.AUTH, subject=OTHER)
    assert life.sync(GONE) == [retired()]


def test_where_its_file_says_so_the_first_one_is_believed_and_the_successor_named():
    declared = replace(DECLARED, digest="d2", retired=True, successor="next")
    life = Ending((PROVIDER, declared), connections=(ONE, OTHER))
    life.sync(subject=OTHER)
    assert life.sync(GONE) == [retired(successor="next")]
    again = given(*KNOWN, (PROVIDER, declared), (PROVIDER, declared)).world
    assert again.providers[PROVIDER].retirement.successor == "next"


# -- no end after all -----------------------------------------------------------------------------

RETURNED = (PROVIDER, schema.ProviderReturned(connection=ONE))


def over(*more):
    """Latched at noon, its provider told of."""
    return (ONE, LATCHED), retired(), *more


@pytest.mark.parametrize(
    "reopened",
    [(ONE, BreakerClosed(by=BY)), (ONE, BreakerReset(by=BY)), (PROVIDER, BreakerReset())],
)
def test_a_success_after_somebody_closed_a_breaker_takes_it_back(reopened):
    life = Ending(*over(reopened))
    assert life.at.world.providers[PROVIDER].retirement.reopened
    assert life.sync() == [RETURNED]
    assert life.sync() == []
    known = life.at.world.providers[PROVIDER].retirement
    assert (known.found_at, known.reopened) == (None, False)


def test_a_success_alone_takes_nothing_back():
    assert Ending(*over(), connections=(ONE, OTHER)).sync(subject=OTHER) == []


def test_one_that_finds_the_same_after_that_says_nothing_new():
    life = Ending(*over((ONE, BreakerClosed(by=BY))))
    assert life.sync(GONE) == []
    assert life.at.world.connections[ONE].breaker.reason is BreakerReason.RETIRED


def test_once_taken_back_it_can_be_found_again():
    life = Ending(*over((ONE, BreakerClosed(by=BY)), (ONE, BreakerClosed(by=BY)), RETURNED))
    assert life.sync(GONE) == [retired()]


def test_closing_a_breaker_where_nothing_was_found_is_no_sign():
    life = Ending((ONE, BreakerClosed(by=BY)))
    assert not life.at.world.providers[PROVIDER].retirement.reopened
    assert life.sync() == []


def test_what_does_not_concern_it_leaves_it_as_it_was():
    known = retirement.Retirement(successor="next")
    paused = Recorded(seq=1, at=NOON, subject=ONE, event=ConnectionPaused())
    assert retirement.evolve(known, paused) is known


def test_a_provider_that_nobody_added_has_no_end():
    assert given((ONE, ADDED)).world.providers[PROVIDER].retirement == retirement.NOTHING


@pytest.mark.parametrize("follows", [None, "next"])
def test_who_follows_a_provider_is_what_its_file_says(follows):
    declared = (PROVIDER, replace(DECLARED, successor=follows or ""))
    assert successor(ONE, given(*KNOWN, declared).world) == follows
