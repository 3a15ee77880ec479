"""When is a token in doubt and not dead, and which way out is taken?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.commands import Introspection
from daemon.decide.doubt import TRIES_MAX
from events import schema
from events.terms import DoubtReason, FailureClass, GrantPolicy, NeedReason, RefreshReason, WayOut
from projections.grant import Phase
from tests.policy.transcript import (
    DECLARED,
    FIFTH,
    HOUR,
    KEPT,
    MACHINE,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PERSON,
    PROVIDER,
    REMOVED,
    SECOND,
    SOON,
    account,
    authorised,
    given,
    grant,
    in_doubt,
    intended,
    lose,
    needed,
    pair,
    refresh_failed,
    refreshed,
    renew,
    running,
    scheduled,
    started,
)

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)

REUSE = GrantPolicy(way_out=WayOut.REUSE, reuse=8 * HOUR)
ASK_SERVER = GrantPolicy(way_out=WayOut.INTROSPECT)


def settle(generation=None, **more):
    kept = None if generation is None else commands.Pair(**pair(generation, **more))
    return commands.Settle(subject=ONE, kept=kept)


def doubted(policy, *events):
    """A refresh at noon (event 5) that nobody knows the end of (event 6), then these."""
    return account(policy, authorised(), intended(), in_doubt(), *events)


# -- into doubt ----------------------------------------------------------------------------------


@pytest.mark.requirement("X6")
def test_a_lost_answer_leaves_the_token_in_doubt_and_not_dead():
    past = running(intended(sync=FIFTH))
    doubt = in_doubt(reason=DoubtReason.UNANSWERED, cause=FailureClass.TIMEOUT, sync=FIFTH)
    given(*past).when(lose(FailureClass.TIMEOUT, sent=True)).then((ONE, doubt))
    world = given(*past, (ONE, doubt)).world
    assert world.connections[ONE].grant.phase is Phase.IN_DOUBT
    assert world.fleet.running == {ONE}


@pytest.mark.requirement("X6")
def test_a_lost_answer_is_no_doubt_where_another_try_costs_nothing():
    past = account(MACHINE, intended(RefreshReason.FIRST, 0, token="", sync=FIFTH))
    given(*past).when(lose(sent=True)).then((ONE, refresh_failed(generation=0)))


@pytest.mark.requirement("X6")
def test_a_machine_whose_first_token_got_lost_in_a_crash_asks_again():
    first = intended(RefreshReason.FIRST, 0, token="", sync=4)
    past = account(MACHINE, started(), first, in_doubt(0))
    given(*past).when(renew(None, 4)).then((ONE, first))


# -- a vault that was put back --------------------------------------------------------------------


@pytest.mark.requirement("X6")
@pytest.mark.parametrize("kept", [None, 1])
def test_an_older_copy_of_the_vault_needs_a_person(kept):
    """Its refresh token was used up long ago: sending it could end what is left of the grant."""
    past = running(intended(sync=FIFTH), refreshed(2))
    given(*past).when(renew(kept)).then((ONE, needed(NeedReason.LOST, 2, sync=FIFTH)))


@pytest.mark.requirement("X6")
def test_an_older_copy_of_the_vault_needs_a_person_in_doubt_too():
    past = doubted(replace(REUSE, reuse=DAY))
    given(*past).when(renew(None)).then((ONE, needed(NeedReason.LOST, sync=FIFTH)))


def test_a_machine_without_its_token_fetches_another():
    past = account(MACHINE, authorised(2, token=""))
    given(*past).when(renew(1)).then((ONE, intended(RefreshReason.FIRST, 2, token="", sync=FIFTH)))


# -- the ways out of doubt ------------------------------------------------------------------------

NEEDED_IN_DOUBT = (ONE, needed(NeedReason.IN_DOUBT, sync=FIFTH))
NEEDED_USED_UP = (ONE, needed(NeedReason.USED_UP, sync=FIFTH))
DIED_TOO_OFTEN = range(1, TRIES_MAX + 1)


def again(tries=1, **more):
    return (ONE, intended(RefreshReason.IN_DOUBT, tries=tries, sync=FIFTH, **more))


def all_tried():
    """So often that nobody knows the end of one more."""
    return [event for tries in DIED_TOO_OFTEN for event in tried(tries)]


def tried(tries=1, reason=DoubtReason.DIED):
    """Once more, and nobody knows how that went either; silence does not count as a try."""
    counted = tries if reason is DoubtReason.DIED else 0
    return intended(RefreshReason.IN_DOUBT, tries=tries), in_doubt(reason=reason, tries=counted)


@pytest.mark.requirement("X6")
def test_free_tries_as_often_as_it_takes():
    policy = GrantPolicy(way_out=WayOut.FREE)
    given(*doubted(policy)).when(renew()).then(again())
    given(*doubted(policy, *tried(1), *tried(2))).when(renew()).then(again(3))


@pytest.mark.requirement("X6")
def test_reuse_tries_as_often_as_it_takes_for_as_long_as_the_old_token_stays_good():
    at = NOON + 8 * HOUR - MOMENT
    given(*doubted(REUSE)).when(renew(), at).then(again())
    given(*doubted(REUSE, *tried(1), *tried(2))).when(renew(), at).then(again(3))


@pytest.mark.requirement("X6")
def test_reuse_tries_also_where_its_time_has_passed_but_not_for_ever():
    at = NOON + 8 * HOUR
    given(*doubted(REUSE)).when(renew(), at).then(again())
    given(*doubted(REUSE, *tried())).when(renew(), at).then(again(2))
    given(*doubted(REUSE, *all_tried())).when(renew(), at).then(NEEDED_IN_DOUBT)


@pytest.mark.requirement("X6")
def test_the_time_of_a_doubt_counts_from_its_beginning():
    later = ((ONE, event, NOON + 7 * HOUR) for event in all_tried())
    past = (*doubted(REUSE), *later)
    assert grant(past).doubted_at == NOON
    given(*past).when(renew(), NOON + 9 * HOUR).then(NEEDED_IN_DOUBT)


def witness(says):
    return commands.Testify(subject=ONE, says=says, sync=FIFTH)


def once_more(tries=1):
    """The doubt, so often tried before, and the token about to be sent again."""
    before = [event for each in range(1, tries) for event in tried(each)]
    return doubted(ASK_SERVER, *before, intended(RefreshReason.IN_DOUBT, tries=tries, sync=FIFTH))


@pytest.mark.requirement("X6")
def test_where_the_server_can_be_asked_that_belongs_to_sending():
    given(*doubted(ASK_SERVER)).when(renew()).then(again())
    given(*doubted(ASK_SERVER, *tried())).when(renew()).then(again(2))


@pytest.mark.requirement("X6")
@pytest.mark.parametrize("tries", [1, 2, 3])
def test_introspection_says_whether_the_token_was_used_up(tries):
    given(*once_more(tries)).when(witness(Introspection.ACTIVE)).then()
    given(*once_more(tries)).when(witness(Introspection.INACTIVE)).then(NEEDED_USED_UP)


@pytest.mark.requirement("X6")
def test_a_server_that_could_not_be_asked_leaves_it_to_be_tried():
    for tries in DIED_TOO_OFTEN:
        given(*once_more(tries)).when(witness(Introspection.NOT_ASKED)).then()
    last = once_more(TRIES_MAX + 1)
    given(*last).when(witness(Introspection.NOT_ASKED)).then(NEEDED_IN_DOUBT)


@pytest.mark.requirement("X6")
def test_a_server_that_says_nothing_is_asked_again_and_nobody_else():
    silent = lose(FailureClass.NETWORK)
    for tries in (1, 2):
        down = refresh_failed(in_doubt=True, renew_by=SOON)
        given(*once_more(tries)).when(silent).then((ONE, down))
        after = grant((*once_more(tries), (ONE, down)))
        assert (after.phase, after.tries) == (Phase.IN_DOUBT, tries - 1)


@pytest.mark.requirement("X6")
def test_where_nothing_is_to_be_asked_nothing_is_said():
    """The free way out needs no witness, whoever else it took over from in the file."""
    past = doubted(GrantPolicy(way_out=WayOut.REUSE, reuse=HOUR), *tried(1), *tried(2))
    sending = (*past, (ONE, intended(RefreshReason.IN_DOUBT, tries=3)))
    given(*sending).when(witness(Introspection.NOT_ASKED)).then()


def test_a_witness_is_heard_only_while_its_refresh_is_open():
    given(*doubted(ASK_SERVER)).when(witness(Introspection.INACTIVE)).then()
    other = replace(DECLARED, digest="d2", grant=None)
    given(*once_more(), (PROVIDER, other)).when(witness(Introspection.INACTIVE)).then()


@pytest.mark.requirement("X6")
def test_a_refused_access_token_stays_refused_until_another_comes():
    past = account(ASK_SERVER, authorised(), intended(RefreshReason.REFUSED), in_doubt())
    assert grant(past).refused
    once = intended(RefreshReason.IN_DOUBT, tries=1)
    assert grant((*past, (ONE, once), (ONE, in_doubt(tries=1)))).refused
    assert not grant((*past, (ONE, once), (ONE, refreshed(2)))).refused
    assert not grant(doubted(ASK_SERVER)).refused


@pytest.mark.requirement("X6")
def test_try_once_tries_until_the_provider_answers_and_not_for_ever():
    """A try that ended with our own death may never have been sent."""
    policy = GrantPolicy(way_out=WayOut.TRY_ONCE)
    given(*doubted(policy)).when(renew()).then(again())
    given(*doubted(policy, *tried())).when(renew()).then(again(2))
    given(*doubted(policy, *all_tried())).when(renew()).then(NEEDED_IN_DOUBT)


@pytest.mark.requirement("C3")
@pytest.mark.requirement("X6")
def test_a_network_that_stays_silent_never_needs_a_person():
    policy = GrantPolicy(way_out=WayOut.TRY_ONCE)
    silent = tried(reason=DoubtReason.UNANSWERED)
    given(*doubted(policy, *silent, *silent)).when(renew()).then(again())


@pytest.mark.requirement("X6")
def test_silence_counts_for_nothing_after_a_try_that_counts_and_before():
    silent = DoubtReason.UNANSWERED
    for before, tries in (((), 0), (tried(), 1)):
        once = intended(RefreshReason.IN_DOUBT, tries=tries + 1, sync=FIFTH)
        past = doubted(REUSE, *before, once)
        doubt = in_doubt(reason=silent, cause=FailureClass.TIMEOUT, tries=tries, sync=FIFTH)
        given(*past).when(lose(FailureClass.TIMEOUT, sent=True)).then((ONE, doubt))


@pytest.mark.requirement("X6")
def test_a_try_that_was_answered_with_a_failure_was_none():
    """The provider said that it did nothing: the token is as much in doubt as before."""
    policy = GrantPolicy(way_out=WayOut.TRY_ONCE)
    once = intended(RefreshReason.IN_DOUBT, tries=1, sync=FIFTH)
    down = refresh_failed(FailureClass.SERVER, status=503, in_doubt=True, renew_by=SOON)
    given(*doubted(policy, once)).when(lose(FailureClass.SERVER, status=503)).then((ONE, down))
    given(*doubted(policy, once, down)).when(renew()).then(again())


# -- without a sync -------------------------------------------------------------------------------

START = commands.Start(subject=ONE)
QUIET = (ONE, scheduled(NOON + 9 * DAY))


def alone(tries=1):
    """What settles a doubt for its own sake is no sync's."""
    return (ONE, intended(RefreshReason.IN_DOUBT, tries=tries))


@pytest.mark.requirement("C1")
@pytest.mark.requirement("X6")
@pytest.mark.parametrize("way", [*WayOut])
def test_a_doubt_is_settled_soon_should_no_sync_come_first(way):
    policy = GrantPolicy(way_out=way, reuse=HOUR if way is WayOut.REUSE else None)
    event = (ONE, needed(NeedReason.IN_DOUBT)) if way is WayOut.ASK else alone()
    past = (*doubted(policy), QUIET)
    given(*past).when(START, SOON - MOMENT).then()
    given(*past).when(START, SOON).then(event)
    given(*past, (ONE, PAUSED)).when(START, SOON).then(event)
    given(*past, (ONE, REMOVED)).when(START, SOON).then()


@pytest.mark.requirement("C1")
def test_each_rest_doubles_the_time_so_far_up_to_an_hour():
    sent, quarter = (ONE, intended(RefreshReason.IN_DOUBT, tries=1)), NOON + 15 * MINUTE
    past = (*doubted(PERSON), sent)
    for now, then in ((NOON + SECOND, NOON + 6 * SECOND), (quarter, NOON + 30 * MINUTE)):
        silent = in_doubt(
            reason=DoubtReason.UNANSWERED, cause=FailureClass.TIMEOUT, sync=FIFTH, renew_by=then
        )
        given(*past).when(lose(FailureClass.TIMEOUT, sent=True), now).then((ONE, silent))
    down = refresh_failed(in_doubt=True, renew_by=NOON + 4 * HOUR)
    given(*past).when(lose(), NOON + 3 * HOUR).then((ONE, down))


@pytest.mark.requirement("C1")
def test_a_provider_that_asks_for_rest_has_it():
    once = intended(RefreshReason.IN_DOUBT, tries=1, sync=FIFTH)
    down = refresh_failed(FailureClass.RATE_LIMITED, in_doubt=True, renew_by=NOON + 7 * MINUTE)
    wish = lose(FailureClass.RATE_LIMITED, retry_after=7 * MINUTE)
    given(*doubted(PERSON, once)).when(wish).then((ONE, down))


def test_an_application_s_own_doubt_waits_for_a_sync():
    first = intended(RefreshReason.FIRST, 0, token="", sync=4)
    past = account(MACHINE, started(), first)
    given(*past).when(settle()).then((ONE, in_doubt(0, renew_by=None, sync=4)))


@pytest.mark.requirement("X6")
def test_ask_asks_a_person_at_once():
    policy = GrantPolicy(way_out=WayOut.ASK)
    given(*doubted(policy)).when(renew()).then(NEEDED_IN_DOUBT)


@pytest.mark.requirement("X6")
def test_reuse_without_a_time_asks_a_person():
    policy = GrantPolicy(way_out=WayOut.REUSE)
    given(*doubted(policy)).when(renew()).then(NEEDED_IN_DOUBT)


@pytest.mark.requirement("X6")
def test_a_refusal_in_doubt_says_so():
    past = doubted(PERSON, intended(RefreshReason.IN_DOUBT, tries=1))
    wish = lose(FailureClass.AUTH, status=400, error="invalid_grant")
    given(*past).when(wish).then(
        (ONE, needed(NeedReason.USED_UP, error="invalid_grant", sync=FIFTH))
    )


@pytest.mark.requirement("X6")
def test_a_new_pair_ends_all_doubt():
    past = doubted(REUSE, intended(RefreshReason.IN_DOUBT, tries=1), refreshed(2))
    after = grant(past)
    assert (after.phase, after.doubted_at, after.tries) == (Phase.GOOD, None, 0)


# -- a life that ended in a refresh ---------------------------------------------------------------


@pytest.mark.requirement("C2")
@pytest.mark.requirement("X6")
def test_what_was_sealed_before_its_event_was_written_is_taken_over():
    past = (*KEPT, (ONE, intended()))
    given(*past).when(settle(2)).then((ONE, refreshed(2)))
    assert given(*past, (ONE, refreshed(2))).world.fleet.running == frozenset()


@pytest.mark.requirement("X6")
@pytest.mark.parametrize("kept", [None, 1])
def test_what_was_not_sealed_is_in_doubt(kept):
    given(*KEPT, (ONE, intended())).when(settle(kept)).then((ONE, in_doubt()))


@pytest.mark.requirement("X6")
def test_a_crash_of_our_own_code_in_a_refresh_leaves_it_in_doubt():
    past = running(intended(sync=FIFTH))
    events = given(*past).when(commands.Crash(subject=ONE, error="E at x.py:1")).decided
    assert events[0] == (ONE, in_doubt(sync=FIFTH))
    kept_alive = (*KEPT, (ONE, intended()))
    events = given(*kept_alive).when(commands.Crash(subject=ONE, error="E at x.py:1")).decided
    assert events[0] == (ONE, in_doubt())
    assert given(*kept_alive, events[0]).world.fleet.running == frozenset()


@pytest.mark.requirement("C2")
def test_a_crash_after_the_seal_is_no_doubt_where_the_vault_is_looked_into():
    past = running(intended(sync=FIFTH), in_doubt(sync=FIFTH))
    given(*past).when(settle(2)).then((ONE, refreshed(2, sync=FIFTH)))
    given(*past).when(settle(1)).then()


@pytest.mark.requirement("C2")
def test_an_authorisation_that_was_sealed_before_its_event_was_written_is_taken_over():
    past = account(PERSON, needed(NeedReason.NEW, 0), schema.AuthorisationBegun())
    given(*past).when(settle(1)).then((ONE, authorised(1)))
    given(*past).when(settle(None)).then()


def test_a_pair_that_nobody_began_is_not_taken_over():
    """An older grant's, say, that lay in a vault that was put back."""
    given(*account(PERSON, needed(NeedReason.NEW, 0))).when(settle(1)).then()


def test_a_beginning_ends_with_its_authorisation():
    past = account(PERSON, schema.AuthorisationBegun(), authorised())
    given(*past).when(settle(2)).then()


def test_there_is_nothing_to_settle():
    given(*KEPT).when(settle(1)).then()
    given(*KEPT, (ONE, intended()), (ONE, REMOVED)).when(settle(2)).then()
    given(*KEPT).when(commands.Settle(subject=OTHER, kept=None)).then()


def test_a_refresh_of_what_speaks_no_oauth_any_more_is_closed():
    """Its file changed between two lives; what was open would hold a place for ever."""
    other = replace(DECLARED, digest="d2", grant=None)
    past = (*KEPT, (ONE, intended()), (PROVIDER, other))
    closed = in_doubt(renew_by=None)
    given(*past).when(settle(2)).then((ONE, closed))
    assert given(*past, (ONE, closed)).world.fleet.running == frozenset()


def test_recovery_leaves_an_open_renewal_to_be_settled():
    past = (*KEPT, (ONE, intended()))
    given(*past).when(commands.Recover(version="2")).then((0, schema.DaemonStarted(version="2")))
