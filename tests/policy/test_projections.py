"""What do the slices make of events: what is due next, and what is no concern of theirs?"""

from datetime import timedelta

import pytest

from events import schema
from events.schema import BackfillAdvanced, BackfillEnded, RefreshFailed
from events.terms import BackfillEnd, FailureClass, GrantPolicy, NeedReason, RefreshReason, WayOut
from projections import backfill, connection, grant
from projections.grant import Phase
from tests.policy.transcript import (
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PAUSED,
    PERSON,
    PROVIDER,
    REMOVED,
    REQUESTED,
    SOON,
    account,
    authorised,
    day,
    given,
    in_doubt,
    intended,
    needed,
    refreshed,
    scheduled,
    started,
    wanted,
)

IDLE = GrantPolicy(way_out=WayOut.TRY_ONCE, idle=timedelta(days=8))
EVENING = scheduled(NOON + 6 * HOUR)
ALIVE = account(IDLE, EVENING, authorised(renew_by=NOON + HOUR))
"""A sync is due at six, and its grant is to be kept alive at one o'clock."""


def found(*past):
    return given(*past).world.connections[ONE]


def next_work(*events, past=ALIVE):
    return connection.next_work(found(*past, *((ONE, each) for each in events)))


# -- when there is next something to do -----------------------------------------------------------


@pytest.mark.requirement("C1")
def test_there_is_work_when_a_sync_is_due_or_a_grant_would_die():
    assert next_work() == NOON + HOUR
    assert next_work(scheduled(NOON)) == NOON
    assert next_work(past=account(IDLE, EVENING, authorised())) == NOON + 6 * HOUR
    assert next_work(past=KNOWN) == NOON


@pytest.mark.requirement("C1")
def test_a_grant_is_kept_alive_where_no_sync_may_start():
    assert next_work(PAUSED) == NOON + HOUR
    declared, added, _, pair, *_ = account(IDLE, authorised(renew_by=NOON))
    assert next_work(past=(declared, added, pair)) == NOON


@pytest.mark.parametrize("event", [REMOVED, started(), needed(NeedReason.REFUSED)])
def test_there_is_no_work_where_nothing_may_begin(event):
    assert next_work(event) is None


@pytest.mark.requirement("C1")
def test_a_grant_in_doubt_is_looked_after_and_one_in_use_is_not():
    assert next_work(intended(RefreshReason.IDLE)) == NOON + 6 * HOUR
    assert next_work(intended(), in_doubt()) == SOON
    failure = RefreshFailed(
        generation=1,
        cause=FailureClass.SERVER,
        message="it is down",
        in_doubt=True,
        renew_by=NOON,
    )
    again = intended(RefreshReason.IN_DOUBT, tries=1)
    assert next_work(intended(), in_doubt(), again, failure) == NOON


@pytest.mark.requirement("C3")
def test_what_needs_a_person_has_no_next_start():
    past = account(PERSON, authorised(), wanted(), REQUESTED)
    assert connection.next_start(found(*past)) == NOON
    assert connection.next_start(found(*past, (ONE, needed(NeedReason.REFUSED)))) is None


def test_the_earliest_of_due_request_and_backfill_is_the_next_start():
    at = [NOON + each * MINUTE for each in (1, 2, 3)]
    past = (*KNOWN[:2], (ONE, scheduled(at[2])))
    assert connection.next_start(found(*past)) == at[2]
    past = (*past, (ONE, wanted(), at[1]))
    assert connection.next_start(found(*past)) == at[1]
    past = (*past, (ONE, REQUESTED, at[0]))
    assert connection.next_start(found(*past)) == at[0]


# -- a backfill -----------------------------------------------------------------------------------


def test_a_backfill_goes_on_where_and_when_its_events_say():
    past = (*KNOWN, (ONE, wanted(threshold=MINUTE), NOON + MINUTE))
    asked = backfill.Backfill(
        request=4, first=day(1), last=day(10), batch=3, due=NOON + MINUTE, threshold=MINUTE
    )
    assert found(*past).backfill == asked
    past = (*past, (ONE, BackfillAdvanced(last=day(7), due=NOON + HOUR)))
    left = found(*past).backfill
    assert (left.first, left.last, left.due) == (day(1), day(7), NOON + HOUR)
    assert found(*past, (ONE, BackfillEnded(how=BackfillEnd.DONE))).backfill is None


def test_a_backfill_that_is_not_there_does_not_go_on():
    past = (*KNOWN, (ONE, BackfillAdvanced(last=day(7), due=NOON)))
    assert found(*past).backfill is None


# -- a grant --------------------------------------------------------------------------------------


@pytest.mark.requirement("C3")
@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ((), Phase.NONE),
        ((authorised(),), Phase.GOOD),
        ((authorised(), intended(), in_doubt()), Phase.IN_DOUBT),
    ],
)
def test_a_refresh_that_failed_leaves_the_grant_where_it_was(events, phase):
    failure = RefreshFailed(generation=1, cause=FailureClass.SERVER, message="it is down")
    after = found(*account(PERSON, *events, intended(), failure)).grant
    assert (after.phase, after.tries) == (phase, 0)


def test_a_replay_tells_apart_when_it_was_authorised_and_when_refreshed():
    past = account(PERSON)
    past = (*past, (ONE, authorised(), NOON + MINUTE), (ONE, intended()))
    after = found(*past, (ONE, refreshed(2), NOON + HOUR)).grant
    assert (after.authorised_at, after.refreshed_at) == (NOON + MINUTE, NOON + HOUR)


def test_events_of_no_concern_leave_grant_and_backfill_as_they_are():
    slice_ = found(*account(PERSON, authorised(), wanted()))
    recorded = connection.Recorded(seq=9, at=NOON, subject=ONE, event=schema.DaemonStopped())
    assert grant.evolve(slice_.grant, recorded) is slice_.grant
    assert backfill.evolve(slice_.backfill, recorded) is slice_.backfill


def test_our_client_at_a_provider_makes_it_known():
    """It may be set before the provider's file is declared."""
    client = schema.ProviderClientSet()
    world = given((PROVIDER, client)).world
    assert world.providers[PROVIDER].name == ""


def test_what_ends_after_its_pass_has_ended_is_counted_by_none():
    ended = schema.SyncSucceeded(sync=4, duration_ms=1, records=0, pass_=2)
    assert given(*KNOWN, (ONE, started()), (ONE, ended)).world.fleet.passes == ()
