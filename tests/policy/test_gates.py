"""Who may start at a provider now, and who of those that may goes first?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.agenda import Agenda
from daemon.decide.turn import NEVER, opens_at
from events import schema, terms
from events.breakers import BreakerOpened, BreakerReason
from events.schema import FLEET, SyncRequested
from events.terms import FailureClass, GrantPolicy, Kind, SkipReason, WayOut
from projections import world as worlds
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    REQUESTED,
    SECOND,
    TENANT,
    authorised,
    failed,
    given,
    in_doubt,
    intended,
    lost,
    scheduled,
    setting,
    started,
    succeeded,
    wanted,
)

START = commands.Start(subject=ONE)
FORCED = SyncRequested(forced=True)
BOTH = (*KNOWN, (OTHER, ADDED), (OTHER, scheduled(NOON)))
"""Events 1 to 5: two connections of one provider, both due at noon."""


def opened(until=NOON + HOUR):
    reason = BreakerReason.SYNCS if until else BreakerReason.BY_HAND
    return BreakerOpened(reason=reason, until=until)


def retry(due=NOON, subject=ONE):
    cause = FailureClass.SERVER
    return subject, schema.RetryScheduled(due=due, attempt=1, cause=cause, priority=6, delay=HOUR)


# -- a breaker ------------------------------------------------------------------------------------


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("of", [ONE, PROVIDER], ids=["its own", "its provider's"])
def test_nothing_starts_while_a_breaker_is_open(of):
    past = (*KNOWN, (of, opened()))
    given(*past).when(START, NOON + HOUR - SECOND).then()
    given(*past).when(START, NOON + HOUR).then((ONE, started()))
    given(*past, (ONE, REQUESTED)).when(START).then()


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("of", [ONE, PROVIDER], ids=["its own", "its provider's"])
@pytest.mark.parametrize("until", [NOON + HOUR, None], ids=["for a time", "for good"])
def test_what_is_forced_goes_before_a_breaker(of, until):
    past = (*KNOWN, (of, opened(until)), (ONE, FORCED))
    given(*past).when(START).then((ONE, started(NOON, 1, request=5, forced=True)))


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("of", [ONE, PROVIDER], ids=["its own", "its provider's"])
def test_where_a_breaker_is_open_for_good_a_request_is_skipped_unless_it_is_forced(of):
    past = (*KNOWN, (of, opened(None)))
    skipped = schema.SyncSkipped(reason=SkipReason.BREAKER, due=NOON)
    given(*past).when(commands.Request(subject=ONE)).then((ONE, skipped))
    given(*past).when(commands.Request(subject=ONE, forced=True)).then((ONE, FORCED))
    given(*past).when(START, NOON + 1000 * HOUR).then()


@pytest.mark.requirement("E1")
def test_half_open_lets_one_probe_at_a_time_through():
    past, after = (*BOTH, (PROVIDER, opened())), NOON + HOUR
    begun = (*past, (OTHER, started()))
    given(*past).when(START, after).then((ONE, started()))
    given(*begun).when(START, after).then()
    given(*begun, (OTHER, succeeded(7))).when(START, after).then((ONE, started()))
    assert opens_at(given(*begun).world, PROVIDER, after) == NEVER


@pytest.mark.requirement("C1")
def test_a_grant_is_kept_alive_behind_an_open_breaker():
    """Looking after a grant is no sync, and it would die of waiting."""
    idle = GrantPolicy(way_out=WayOut.TRY_ONCE, idle=timedelta(days=8))
    grown = (PROVIDER, replace(DECLARED, grant=idle))
    past = (grown, *KNOWN[1:], (ONE, authorised(renew_by=NOON)), (PROVIDER, opened()))
    renewed = (ONE, intended(terms.RefreshReason.IDLE))
    given(*past).when(START).then(renewed)
    assert popped(past) == [ONE]


# -- places ---------------------------------------------------------------------------------------


@pytest.mark.requirement("A10")
def test_a_provider_has_so_many_places_and_the_fleet_too():
    for of, name in ((PROVIDER, "provider_concurrency"), (FLEET, "concurrency")):
        past = (*BOTH, (of, setting(**{name: 1})))
        given(*past).when(START).then((ONE, started()))
        given(*past, (OTHER, started())).when(START).then()


@pytest.mark.requirement("A10")
def test_what_is_forced_needs_no_place_at_its_provider_but_one_on_the_host():
    past = (*BOTH, (OTHER, started()), (ONE, FORCED))
    begun = (ONE, started(NOON, 1, request=7, forced=True))
    given(*past, (PROVIDER, setting(provider_concurrency=1))).when(START).then(begun)
    given(*past, (FLEET, setting(concurrency=1))).when(START).then()


# -- the queue ------------------------------------------------------------------------------------


def popped(past, now=NOON):
    agenda = Agenda(given(*past).world)
    return list(iter(lambda: agenda.pop(now), None))


def queue(*more):
    """One tenant's connections 10 to 14, each at another provider, all due at noon; then these.

    The first is in the best of health, nothing is known of the others.
    """
    past = []
    for subject in range(10, 15):
        at = 100 + subject
        named = replace(DECLARED, name=f"p{subject}")
        added = schema.ConnectionAdded(tenant=TENANT, provider=at)
        past += [(at, named), (subject, added), (subject, scheduled(NOON))]
    past += [(10, started()), (10, succeeded(len(past) + 1)), (10, scheduled(NOON))]
    return (*past, *more)


@pytest.mark.requirement("A2")
@pytest.mark.requirement("A9")
def test_what_is_forced_goes_first_then_requests_then_health_then_the_tenants_order_then_time():
    order = (TENANT, setting(priority_order=("p13", "p12")))
    assert popped(queue(order)) == [10, 13, 12, 11, 14]
    assert popped(queue(order, (14, scheduled(NOON - MINUTE)))) == [10, 13, 12, 14, 11]
    asked = ((11, REQUESTED), (13, REQUESTED))
    assert popped(queue(order, *asked)) == [13, 11, 10, 12, 14]
    assert popped(queue(order, *asked, (14, FORCED))) == [14, 13, 11, 10, 12]


@pytest.mark.requirement("X6")
def test_a_sync_that_will_settle_a_doubt_stands_among_the_requests():
    """Some ways out of a doubt close soon."""
    doubt = (
        (14, intended(terms.RefreshReason.EXPIRING, 0, token="")),
        (14, in_doubt(0, renew_by=NOON + MINUTE)),
    )
    assert popped(queue(*doubt, (11, REQUESTED))) == [11, 14, 10, 12, 13]


@pytest.mark.requirement("A2")
def test_an_order_that_changed_holds_for_what_waits_already():
    """The queue is ranked anew when settings change."""
    full = given(*queue((TENANT, setting(priority_order=("p13",)))))
    agenda = Agenda(full.world)
    assert [agenda.pop(NOON), agenda.pop(NOON)] == [10, 13]
    other = setting(priority_order=("p14", "p12"))
    record(full.world, TENANT, other)
    for subject in (11, 12, 14):
        agenda.rank_anew(subject, NOON)
    assert [agenda.pop(NOON) for _ in range(4)] == [14, 12, 11, None]


@pytest.mark.requirement("A2")
@pytest.mark.requirement("A10")
def test_a_failover_has_the_place_of_its_health_and_a_backfill_the_last():
    failover = SyncRequested(kind=Kind.FAILOVER, origin=10)
    past = queue(
        (11, scheduled(NOON + HOUR)),
        (11, wanted(1, 2)),
        (12, scheduled(NOON + HOUR)),
        (12, failover),
        (TENANT, setting(priority_order=("p11", "p14"))),
    )
    assert popped(past) == [10, 14, 12, 13, 11]


@pytest.mark.requirement("B4")
def test_retries_that_are_too_many_at_once_are_set_aside_until_one_ends():
    """Others go on meanwhile; a retry that a person asked for does too."""
    late = scheduled(NOON + 6 * HOUR)
    retries = [each for subject in (11, 12, 13) for each in ((subject, late), retry(NOON, subject))]
    asked = (13, SyncRequested(kind=Kind.RETRY))
    scene = given(*queue((FLEET, setting(retries_at_once=1)), *retries, asked))
    world, agenda = scene.world, Agenda(scene.world)
    assert agenda.pop(NOON) == 13
    record(world, 13, started(request=1, kind=Kind.RETRY, attempt=1), agenda)
    assert [agenda.pop(NOON) for _ in range(3)] == [10, 14, None]
    record(world, 13, failed(world.seq, lost()), agenda)
    assert agenda.pop(NOON) == 11
    record(world, 11, started(NOON, 6, kind=Kind.RETRY, attempt=1), agenda)
    assert agenda.pop(NOON) is None
    record(world, 11, succeeded(world.seq), agenda)
    assert [agenda.pop(NOON), agenda.pop(NOON)] == [12, None]


@pytest.mark.requirement("E1")
def test_a_provider_that_lets_nothing_start_keeps_no_other_back():
    past = queue((110, opened()), (111, opened(None)))
    agenda = Agenda(given(*past).world)
    assert [agenda.pop(NOON) for _ in range(4)] == [12, 13, 14, None]
    assert agenda.next_at(NOON) == NOON + HOUR
    assert agenda.pop(NOON + HOUR) == 10


def record(world, subject, event, agenda=None):
    recorded = worlds.Recorded(seq=world.seq + 1, at=NOON, subject=subject, event=event)
    worlds.fold(world, recorded)
    if agenda:
        agenda.note(subject, world.connections[subject])
