"""What stays of a connection that moves to another provider, and what begins anew?"""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide.relinking import Obstacle, obstacle
from events import schema, terms
from events.gateway import CallKind
from events.limits import Span, WindowKind
from events.outbox import WriteBegun, WriteDropped, WriteQueued
from events.schema import (
    ActorCrashed,
    AllowanceTaken,
    BackfillEnded,
    BackfillRequested,
    BreakerOpened,
    ConnectionPaused,
    ConnectionRelinked,
    CredentialSet,
    RetriesEnded,
    RetryScheduled,
    SyncSkipped,
)
from events.terms import Caller, NeedReason, ScheduleReason, SkipReason
from projections import policy
from projections.allowance import Allowance
from projections.breaker import Breaker
from projections.connection import next_start, next_work
from projections.grant import Phase
from projections.schedule import Schedule
from tests.policy.breaking import LATCHED, OPEN
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    NOON,
    ONE,
    PERSON,
    PROVIDER,
    REMOVED,
    REQUESTED,
    RUNNING,
    TENANT,
    account,
    authorised,
    captured,
    failed,
    given,
    in_doubt,
    intended,
    lost,
    needed,
    scheduled,
    setting,
    started,
    succeeded,
)

pytestmark = pytest.mark.requirement("X7")

NEXT = 9
BY = Caller(uid=0, role="admin")
THERE = (NEXT, replace(DECLARED, name="next"))
"""A provider that wants no person's consent."""
BY_PERSON = (NEXT, replace(DECLARED, name="next", grant=PERSON))
RELINK = commands.Relink(subject=ONE, provider=NEXT, by=BY)
MOVED = ConnectionRelinked(provider=NEXT, before=PROVIDER, by=BY)
DUE = (ONE, scheduled(NOON, ScheduleReason.RELINKED))
OVERDUE = (ONE, SyncSkipped(reason=SkipReason.RELINKED, due=NOON))
NEED = (ONE, schema.AuthorisationNeeded(reason=NeedReason.NEW))


def idle(*more):
    """It synced at noon, and is due again in six hours."""
    return (*KNOWN, (ONE, started()), (ONE, succeeded(4)), (ONE, scheduled(NOON + 6 * HOUR)), *more)


# -- what follows ---------------------------------------------------------------------------------


def test_it_is_due_at_once_where_nobody_has_to_consent():
    given(*idle(THERE)).when(RELINK).then((ONE, MOVED), DUE)


def test_it_waits_for_a_person_where_one_has_to():
    given(*idle(BY_PERSON)).when(RELINK).then((ONE, MOVED), NEED, DUE)
    after = given(*idle(BY_PERSON), (ONE, MOVED), NEED, DUE).world.connections[ONE]
    assert after.grant.phase is Phase.NEEDED
    assert next_start(after) is None


def test_what_the_vault_will_hold_is_told_of():
    wish = replace(RELINK, credential=True, settings=True)
    given(*idle(THERE)).when(wish).then(
        (ONE, MOVED),
        (ONE, CredentialSet(purpose="credential", by=BY)),
        (ONE, CredentialSet(purpose="settings", by=BY)),
        DUE,
    )


def test_what_was_due_or_asked_for_at_the_old_one_is_skipped():
    given(*KNOWN, THERE).when(RELINK).then(OVERDUE, (ONE, MOVED), DUE)
    asked = SyncSkipped(reason=SkipReason.RELINKED, due=NOON, request=7)
    given(*idle((ONE, REQUESTED), THERE)).when(RELINK).then((ONE, asked), (ONE, MOVED), DUE)
    asked = replace(asked, reason=SkipReason.NOT_AUTHORISED)
    given(*idle((ONE, REQUESTED), BY_PERSON)).when(RELINK).then(
        (ONE, MOVED), NEED, DUE, (ONE, asked)
    )


def test_a_pass_that_asked_for_it_ends():
    past = idle(
        (0, schema.PassBegun()),
        (ONE, replace(REQUESTED, pass_=7)),
        (0, schema.PassFilled(number=7, wanted=1)),
        THERE,
    )
    decided = given(*past).when(RELINK).decided
    assert [event.number for _, event in decided if isinstance(event, schema.PassEnded)] == [7]


def test_a_retry_and_a_backfill_of_the_old_one_end():
    retry = RetryScheduled(
        due=NOON + HOUR,
        attempt=2,
        cause=terms.FailureClass.SERVER,
        priority=5,
        delay=timedelta(hours=1),
    )
    days = BackfillRequested(first=date(2026, 1, 1), last=date(2026, 2, 1), batch=5, by=BY)
    given(*idle((ONE, retry), (ONE, days), THERE)).when(RELINK).then(
        (ONE, RetriesEnded(reason=terms.RetriesEnd.CANCELLED, attempts=1, by=BY)),
        (ONE, BackfillEnded(how=terms.BackfillEnd.CANCELLED, last=date(2026, 2, 1), by=BY)),
        (ONE, MOVED),
        DUE,
    )


WRITE = WriteQueued(row=7, endpoint="POST /orders", method="POST", kind=CallKind.WRITE, keyed=False)
"""After KNOWN it is write 4."""

# -- what keeps it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "past, why",
    [
        ((*RUNNING, THERE), Obstacle.SYNCING),
        ((*account(PERSON, authorised(), intended()), THERE), Obstacle.RENEWING),
        ((*KNOWN, THERE, (ONE, MOVED)), Obstacle.SAME),
        ((*KNOWN, (ONE, WRITE), (ONE, WriteBegun(write=4, attempt=1)), THERE), Obstacle.WRITING),
    ],
)
def test_it_stays_while_it_works_and_where_it_is(past, why):
    scene = given(*past)
    assert obstacle(ONE, NEXT, scene.world) is why
    scene.when(RELINK).then()


@pytest.mark.requirement("E6")
def test_what_was_to_be_written_at_the_old_provider_is_written_by_nobody():
    decided = given(*KNOWN, (ONE, WRITE), THERE).when(RELINK).decided
    dropped = [each for _, each in decided if isinstance(each, WriteDropped)]
    assert dropped == [WriteDropped(write=4, by=RELINK.by)]


def test_nothing_moves_that_is_not_there_nor_to_where_nothing_is():
    given(THERE).when(RELINK).then()
    given(*KNOWN, THERE, (ONE, REMOVED)).when(RELINK).then()
    given(*KNOWN).when(RELINK).then()
    assert obstacle(ONE, NEXT, given(*KNOWN).world) is None


# -- what stays, what begins anew -----------------------------------------------------------------

PAST = (
    *account(PERSON, authorised(), setting(interval=2 * HOUR), ConnectionPaused()),
    (ONE, started()),
    (ONE, captured(7)),
    (ONE, succeeded(7)),
    (ONE, started()),
    (ONE, failed(10, lost(cause=terms.FailureClass.RETIRED))),
    (ONE, OPEN),
    (ONE, LATCHED),
    (ONE, ActorCrashed(error="E", crashes=3, until=NOON + HOUR)),
    BY_PERSON,
)


def test_its_past_and_what_people_set_stays():
    before = given(*PAST).world.connections[ONE]
    world = given(*PAST, (ONE, MOVED)).world
    after = world.connections[ONE]
    assert (after.tenant, after.paused, after.health) == (TENANT, True, before.health)
    assert after.health.total == 2
    assert after.breaker == Breaker(openings=2)
    assert policy.of_connection(world, ONE).interval == 2 * HOUR


def test_what_lies_between_it_and_its_provider_begins_anew():
    after = given(*PAST, (ONE, MOVED)).world.connections[ONE]
    assert (after.provider, after.schedule, after.allowance) == (NEXT, Schedule(), Allowance())
    assert (after.streams, after.crashes, after.last, after.run) == ({}, 0, None, None)
    assert (after.grant.phase, after.grant.token, after.grant.generation) == (Phase.NONE, "", 1)
    assert next_work(after) is None


def test_a_doubt_about_the_old_grant_is_over():
    past = account(PERSON, authorised(), intended(), in_doubt())
    assert next_work(given(*past).world.connections[ONE]) is not None
    after = given(*past, BY_PERSON, (ONE, MOVED)).world.connections[ONE]
    assert (after.grant.doubted_at, next_work(after)) == (None, None)


def test_streams_of_the_same_name_are_two_and_the_old_ones_come_back_with_their_provider():
    before = given(*PAST).world.connections[ONE].streams
    there = (*PAST, (ONE, MOVED), (ONE, captured(20)))
    after = given(*there).world.connections[ONE]
    assert after.former == {PROVIDER: before}
    assert after.streams["days"].version == 20
    back = ConnectionRelinked(provider=PROVIDER, before=NEXT)
    home = given(*there, (ONE, back)).world.connections[ONE]
    assert (home.streams, home.former) == (before, {NEXT: after.streams})


def test_a_provider_that_gave_nothing_leaves_nothing():
    assert given(*KNOWN, THERE, (ONE, MOVED)).world.connections[ONE].former == {}


def test_one_that_comes_back_after_its_removal_has_all_its_streams():
    past = (*PAST, (ONE, MOVED), (ONE, REMOVED), (ONE, replace(ADDED, provider=NEXT)))
    assert given(*past).world.connections[ONE].former.keys() == {PROVIDER}


def test_both_providers_count_right():
    world = given(*PAST).world
    assert (world.providers[PROVIDER].connections, world.providers[NEXT].connections) == (1, 0)
    stopped = given(*KNOWN, (ONE, OPEN), THERE)
    assert stopped.world.providers[PROVIDER].stopped == {ONE}
    stopped.fold(ONE, MOVED)
    old, new = stopped.world.providers[PROVIDER], stopped.world.providers[NEXT]
    assert (old.connections, old.stopped, old.running) == (0, frozenset(), frozenset())
    assert (new.connections, new.stopped) == (1, frozenset())
    assert stopped.world.fleet.connections == 1


def test_the_old_providers_breaker_holds_it_no_more():
    latched = BreakerOpened(reason=LATCHED.reason, until=None)
    past = idle((PROVIDER, latched), (ONE, LATCHED), THERE, (ONE, MOVED), DUE)
    given(*past).when(commands.Start(subject=ONE)).then((ONE, started(priority=1)))


def test_authorised_anew_it_starts_at_once():
    past = (*idle(BY_PERSON, (ONE, MOVED), NEED, DUE),)
    again = (ONE, needed(NeedReason.NEW, generation=0))
    assert again[1] == NEED[1]
    after = given(*past, (ONE, authorised())).world.connections[ONE]
    assert next_start(after) == NOON


def test_what_was_taken_of_the_old_limits_counts_no_more():
    span = Span(per=HOUR, kind=WindowKind.SLIDING)
    taken = AllowanceTaken(calls=5, spans=(span,), until=NOON + HOUR)
    past = idle((ONE, taken), THERE)
    assert given(*past).world.connections[ONE].allowance != Allowance()
    assert given(*past, (ONE, MOVED)).world.connections[ONE].allowance == Allowance()


def test_replayed_it_is_what_it_was_live():
    """Decided step by step, and folded again from what was recorded."""
    live, recorded = given(*PAST, (ONE, schema.ConnectionResumed())), []
    for command in (RELINK, commands.Start(subject=ONE), replace(RELINK, provider=PROVIDER)):
        for each in live.when(command).decided:
            live.fold(*each)
            recorded.append(each)
    assert sum(isinstance(event, ConnectionRelinked) for _, event in recorded) == 2
    again = given(*PAST, (ONE, schema.ConnectionResumed()), *recorded)
    assert again.world == live.world
