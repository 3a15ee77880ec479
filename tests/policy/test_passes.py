"""What many syncs come to together: those that somebody asked for, and an interval's worth."""

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.passes import PASSES_MAX
from events import schema, terms
from events.breakers import BreakerReason
from events.envelope import Recorded
from events.passes import PassBegun, PassEnded, PassError, PassFilled
from events.schema import FLEET
from events.terms import Caller, FailureClass
from projections import tally
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PERSON,
    PROVIDER,
    authorised,
    captured,
    failed,
    finish,
    given,
    intended,
    lost,
    refreshed,
    scheduled,
    started,
    succeeded,
    summed,
)

pytestmark = pytest.mark.requirement("C6")
BY = Caller(uid=1000, role="operator")
PASS = 6
BOTH = (
    (PROVIDER, DECLARED),
    (ONE, ADDED),
    (ONE, scheduled(NOON + 9 * HOUR)),
    (OTHER, ADDED),
    (OTHER, scheduled(NOON + 9 * HOUR)),
    (FLEET, PassBegun(by=BY)),
)
"""Events 1 to 6: two connections that are due much later, and a pass (6) that begins."""


def wanted(subject):
    return subject, schema.SyncRequested(by=BY, pass_=PASS)


def part(event):
    return replace(event, pass_=PASS)


REQUESTED = (*BOTH, wanted(ONE), wanted(OTHER), (FLEET, PassFilled(number=PASS, wanted=2)))
"""Events 7 and 8 are the requests, 9 says that these are all."""

FIRST = (*REQUESTED, (ONE, started(NOON, 1, request=7)), (ONE, part(succeeded(10))))
SECOND = (*FIRST, (OTHER, started(NOON, 1, request=8)))


def ended(**counts):
    counts = {"total": 2, "successful": 2, "failed": 0, "records": 6, "number": PASS} | counts
    return FLEET, PassEnded(begun=NOON, duration_ms=60_000, **counts)


def finish_other(*streams, failures=()):
    return replace(finish(12, *streams, failures=failures), subject=OTHER)


def test_some_passes_may_be_under_way_at_once_but_not_any_number():
    """One that waits, for breakers or limits, keeps no other from beginning."""
    begin, begun = commands.BeginPass(by=BY), (FLEET, PassBegun(by=BY))
    given(*BOTH[:5]).when(begin).then(begun)
    given(*BOTH).when(begin).then(begun)
    given(*BOTH[:5], *[begun] * PASSES_MAX).when(begin).then()


def test_what_ends_counts_for_its_own_pass_alone():
    second = 11
    both = (
        *BOTH,
        wanted(ONE),
        (FLEET, PassFilled(number=PASS, wanted=1)),
        (FLEET, PassBegun(by=BY)),
        (OTHER, schema.SyncRequested(by=BY, pass_=9)),
        (FLEET, PassFilled(number=9, wanted=1)),
        (ONE, started(NOON, 1, request=7)),
        (OTHER, started(NOON, 1, request=10)),
    )
    assert len(both) == second + 2
    last = given(*both).when(finish(12, "days"), NOON + MINUTE).decided[-1]
    assert last == ended(total=1, successful=1, records=3)
    last = given(*both).when(replace(finish_other("days"), sync=13), NOON + MINUTE).decided[-1]
    assert last == ended(total=1, successful=1, records=3, number=9)


@pytest.mark.parametrize("subject", [OTHER, PROVIDER], ids=["its own", "its provider's"])
def test_a_breaker_that_somebody_opens_ends_what_waits_for_it(subject):
    """Not before somebody closes it could it start: no pass waits for that."""
    opened = commands.OpenBreaker(subject=subject, by=BY)
    skip = schema.SyncSkipped(reason=terms.SkipReason.BREAKER, due=NOON, request=8, pass_=PASS)
    stop = (subject, schema.BreakerOpened(reason=BreakerReason.BY_HAND, until=None, by=BY))
    given(*FIRST).when(opened, NOON + MINUTE).then(
        (OTHER, skip), stop, ended(successful=1, others=1, records=3)
    )
    forced = (*FIRST, (OTHER, schema.SyncRequested(by=BY, forced=True)))
    given(*forced).when(opened, NOON + MINUTE).then(stop)


def test_requests_name_their_pass_and_it_is_as_large_as_they_are_many():
    given(*BOTH).when(commands.Request(subject=ONE, by=BY, pass_=PASS)).then(wanted(ONE))
    past = (*BOTH, wanted(ONE), wanted(OTHER))
    fill = commands.FillPass(number=PASS)
    given(*past).when(fill).then((FLEET, PassFilled(number=PASS, wanted=2)))
    given(*REQUESTED).when(fill).then()
    given(*past).when(commands.FillPass(number=1)).then()


def test_a_pass_ends_with_its_last_sync_and_sums_them_up():
    given(*SECOND).when(finish_other("days"), NOON + MINUTE).then(
        (OTHER, part(succeeded(12))), ended()
    )


def test_a_failed_sync_is_named_with_its_connection():
    broken = lost("", FailureClass.NOT_FOUND)
    given(*SECOND).when(finish_other(failures=(broken,)), NOON + MINUTE).then(
        (OTHER, part(failed(12, broken))),
        ended(
            successful=1,
            failed=1,
            records=3,
            errors=(PassError(connection=OTHER, cause=FailureClass.NOT_FOUND),),
        ),
    )


def test_days_and_refreshed_tokens_are_summed_up():
    came = captured(12, days=(NOON.date(), (NOON - HOUR).date()))
    more = ((OTHER, refreshed(2, sync=12)), (OTHER, came))
    events = given(*SECOND, *more).when(finish_other("days"), NOON + MINUTE).decided
    assert (events[-1][1].days, events[-1][1].refreshes) == (2, 1)


@pytest.mark.parametrize(
    "command",
    [
        commands.Cancel(subject=OTHER, by=BY),
        commands.Pause(subject=OTHER, by=BY),
        commands.Remove(subject=OTHER, by=BY),
    ],
)
def test_what_is_taken_back_counts_too(command):
    """Whether its request still waits, or (but for a pause) its sync runs."""
    last = given(*FIRST).when(command, NOON + MINUTE).decided[-1]
    assert last == ended(total=2, successful=1, others=1, records=3)
    if not isinstance(command, commands.Pause):
        last = given(*SECOND).when(command, NOON + MINUTE).decided[-1]
        assert last == ended(total=2, successful=1, others=1, records=3)


def test_a_crash_of_ours_counts_as_failed():
    crash = commands.Crash(subject=OTHER, error="E at x.py:1")
    last = given(*SECOND).when(crash, NOON + MINUTE).decided[-1]
    assert last[1].errors == (PassError(connection=OTHER, cause=FailureClass.INTERNAL),)


def test_an_interrupted_sync_is_still_to_come():
    interrupt = commands.Interrupt(subject=OTHER, sync=12, reason=terms.InterruptReason.SHUTDOWN)
    decided = given(*SECOND).when(interrupt).decided
    assert [type(event) for _, event in decided] == [schema.SyncInterrupted]
    again = given(*SECOND, *decided).world.connections[OTHER].schedule.request
    assert again.pass_ == PASS


def test_a_pass_of_nothing_ends_at_once():
    fill = commands.FillPass(number=PASS)
    given(*BOTH).when(fill, NOON + MINUTE).then(
        (FLEET, PassFilled(number=PASS, wanted=0)),
        ended(total=0, successful=0, records=0),
    )


def test_a_pass_whose_requests_ended_before_all_were_made_ends_once_they_are():
    early = (*BOTH, wanted(ONE), (ONE, started(NOON, 1, request=7)), (ONE, part(succeeded(8))))
    given(*early).when(commands.FillPass(number=PASS), NOON + MINUTE).then(
        (FLEET, PassFilled(number=PASS, wanted=1)),
        ended(total=1, successful=1, records=3),
    )


def test_a_death_while_requests_were_made_leaves_a_pass_of_those_that_were():
    recovered = given(*BOTH, wanted(ONE)).when(commands.Recover(version="2")).decided
    assert recovered[-1] == (FLEET, PassFilled(number=PASS, wanted=1))
    early = (*BOTH, wanted(ONE), (ONE, started(NOON, 1, request=7)), (ONE, part(succeeded(8))))
    recovered = given(*early).when(commands.Recover(version="2"), NOON + MINUTE).decided
    assert recovered[-1] == ended(total=1, successful=1, records=3)
    assert (FLEET, PassFilled(number=PASS, wanted=2)) not in (
        given(*REQUESTED).when(commands.Recover(version="2")).decided
    )


def test_the_end_of_a_pass_makes_room_for_the_next():
    after = given(*SECOND, (OTHER, part(succeeded(12))), ended()).world
    assert after.fleet.passes == ()


def test_what_no_pass_asked_for_does_not_count_for_one():
    done = (*SECOND, (OTHER, schema.SyncSucceeded(sync=12, duration_ms=1, records=3)))
    assert given(*done).world.fleet.passes[0].successful == 1


def test_an_intervals_worth_of_what_is_scheduled_is_a_pass_of_its_provider():
    past = (
        (PROVIDER, DECLARED),
        (ONE, ADDED),
        (ONE, scheduled(NOON)),
        (ONE, started()),
        (ONE, succeeded(4)),
        (ONE, scheduled(NOON + 6 * HOUR)),
        (ONE, started(NOON + 6 * HOUR), NOON + 6 * HOUR),
    )
    later = NOON + 6 * HOUR + MINUTE
    given(*past).when(finish(7, "days"), later).then(
        (ONE, succeeded(7)),
        (ONE, scheduled(NOON + 12 * HOUR)),
        summed(NOON, later, records=6, total=2, successful=2),
    )
    after = given(*past, (ONE, succeeded(7)), summed(NOON, later)).world
    assert after.providers[PROVIDER].tally is None


@pytest.mark.requirement("C5")
def test_at_most_a_batch_starts_within_a_pause():
    rules = schema.PolicySet(
        interval=6 * HOUR,
        concurrency=10,
        crash_delay=MINUTE,
        crash_delay_max=HOUR,
        batch_size=2,
        batch_pause=MINUTE,
    )
    third = 9
    due = [
        (subject, event) for subject in (ONE, OTHER, third) for event in (ADDED, scheduled(NOON))
    ]
    past = ((FLEET, rules), (PROVIDER, DECLARED), *due, (ONE, started()), (OTHER, started()))
    start = commands.Start(subject=third)
    given(*past).when(start, NOON + MINUTE / 2).then()
    given(*past).when(start, NOON + MINUTE).then((third, started()))
    given(*past).when(start, NOON - 2 * HOUR).then()  # not due, since the clock stepped back
    stepped = (*past, (third, scheduled(NOON - 9 * HOUR)))
    given(*stepped).when(start, NOON - 2 * HOUR).then((third, started(NOON - 9 * HOUR)))


def test_what_ends_after_its_slots_pass_counts_for_the_next():
    past = (
        (PROVIDER, DECLARED),
        *((each, event) for each in (ONE, OTHER) for event in (ADDED, scheduled(NOON))),
        (ONE, started()),
        (OTHER, started()),
    )
    later = NOON + 7 * HOUR
    first = given(*past).when(finish(6, "days"), later).decided
    assert summed(NOON, later) in first
    past += tuple((*each, later) for each in first)
    second = replace(finish(7, "days"), subject=OTHER)
    decided = given(*past).when(second, later).decided
    assert not any(isinstance(event, PassEnded) for _, event in decided)
    after = given(*past, *((*each, later) for each in decided)).world.providers[PROVIDER].tally
    assert (after.begun, after.successful) == (later, 1)


def test_an_interrupted_sync_whose_request_was_superseded_is_counted():
    asked = schema.SyncRequested(by=BY)
    interrupt = commands.Interrupt(subject=OTHER, sync=12, reason=terms.InterruptReason.SHUTDOWN)
    last = given(*SECOND, (OTHER, asked)).when(interrupt, NOON + MINUTE).decided[-1]
    assert last == ended(total=2, successful=1, others=1, records=3)


def test_what_is_no_end_changes_no_count():
    before = tally.Tally(begun=NOON)
    said = Recorded(seq=1, at=NOON, subject=ONE, event=ADDED)
    assert tally.evolve(before, said) == before


# -- who is taken out of one ----------------------------------------------------------------------


def test_a_forced_retry_stands_in_for_a_request_which_is_no_part_of_its_pass_any_more():
    failing = (*FIRST, (OTHER, failed(8, lost())))
    forced = commands.Retry(subject=OTHER, by=BY, forced=True)
    decided = given(*failing).when(forced, NOON + MINUTE).decided
    assert decided[0] == (OTHER, schema.SyncCancelled(by=BY, pass_=PASS, replaced=True))
    assert decided[-1] == ended(successful=1, others=1, records=3)


def test_who_has_to_be_authorised_anew_keeps_no_pass_from_ending():
    """A second request came while a sync ran, and that one's grant has died."""
    machine = (PROVIDER, replace(DECLARED, grant=PERSON))
    past = (*BOTH, wanted(ONE), wanted(OTHER), (FLEET, PassFilled(number=PASS, wanted=2)))
    ran = (*past[1:], (ONE, started(NOON, 1, request=7)), (ONE, part(succeeded(10))))
    dead = commands.LoseRefresh(
        subject=OTHER, cause=FailureClass.AUTH, message="refused", sent=True, error="invalid_grant"
    )
    grants = ((OTHER, authorised()), (OTHER, intended()))
    decided = given(machine, *ran, *grants).when(dead, NOON + MINUTE).decided
    assert schema.SyncSkipped in [type(event) for _, event in decided]
    assert decided[-1] == ended(successful=1, others=1, records=3)


def test_a_death_before_all_were_requested_ends_the_pass_where_what_ran_counts_no_more():
    """A later request stands in for the one that ran: that one is not put back."""
    ran = (*BOTH, wanted(ONE), (ONE, started(NOON, 1, request=7)))
    later = (*ran, (ONE, schema.SyncRequested(by=BY)))
    decided = given(*later).when(commands.Recover(version="2"), NOON + MINUTE).decided
    assert decided[-1] == ended(total=1, successful=0, others=1, records=0)


@pytest.mark.parametrize("reason", [terms.SkipReason.PAUSED, terms.SkipReason.BREAKER])
def test_what_is_interrupted_and_cannot_start_again_is_skipped(reason):
    stop = schema.BreakerOpened(reason=BreakerReason.BY_HAND, until=None)
    kept = schema.ConnectionPaused() if reason is terms.SkipReason.PAUSED else stop
    past = (*SECOND, (OTHER, kept))
    cut = commands.Interrupt(subject=OTHER, sync=12, reason=terms.InterruptReason.SHUTDOWN)
    decided = given(*past).when(cut, NOON + MINUTE).decided
    skip = schema.SyncSkipped(reason=reason, due=NOON, request=8, pass_=PASS)
    assert decided[1:] == [(OTHER, skip), ended(successful=1, others=1, records=3)]
    assert given(*past, *decided).world.connections[OTHER].schedule.request is None
