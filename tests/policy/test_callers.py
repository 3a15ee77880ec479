"""How many calls may a tenant's programs make, and when does the turn of the next one come?"""

from datetime import timedelta

import pytest

from daemon.commands import ProgramCall, Recount, TakeAllowance
from daemon.decide import accounts
from daemon.decide.accounts import CALLERS_SPAN, LATE, WINDOWS_MAX
from events.envelope import Recorded
from events.gateway import CallerAllowanceTaken, CallKind
from events.limits import AllowanceRecounted, LimitPolicy, Span
from events.schema import FLEET, ConnectionRemoved
from projections import callers, window
from projections.tenant import Tenant
from projections.window import Moment
from tests.policy.test_limits import full, limited, taken
from tests.policy.transcript import (
    ADDED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    PROVIDER,
    SECOND,
    TENANT,
    given,
    setting,
)

pytestmark = pytest.mark.requirement("E3")
DAYS = ProgramCall(endpoint="/days", kind=CallKind.READ)
LEFT = window.left(CALLERS_SPAN, Moment(wall=NOON))
COUNTS = LEFT + MINUTE
"""For how long a call counts that was taken at noon."""


def called(calls=1, endpoint="/days", kind=CallKind.READ, *, at=NOON, span=CALLERS_SPAN, **more):
    """Somebody's programs took so many, and when they did."""
    event = CallerAllowanceTaken(
        provider=PROVIDER,
        endpoint=endpoint,
        kind=kind,
        calls=calls,
        span=span,
        until=at + window.left(span, Moment(wall=at)),
        **more,
    )
    return TENANT, event, at


def take(callers=1, program=DAYS, **more):
    return TakeAllowance(subject=ONE, reads=True, program=program, callers=callers, **more)


def account(scene, program=DAYS, now=NOON):
    world, moment = scene.world, Moment(wall=now)
    return accounts.of_program(world, world.connections[ONE], program, moment)


def opens(scene, program=DAYS, after=timedelta()):
    moment = Moment(wall=NOON + after)
    return accounts.opens_in(account(scene, program, NOON + after), moment)


def a_minute(scene, kind=CallKind.READ, role=None):
    (limit,) = account(scene, ProgramCall(endpoint="/", kind=kind, role=role)).policies
    return limit.calls


# -- how many -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "calls"),
    [(CallKind.READ, 100), (CallKind.WRITE, 30), (CallKind.RPC, 20), (CallKind.AUTH, 10)],
)
def test_each_kind_has_its_figure(kind, calls):
    assert a_minute(given(*KNOWN), kind) == calls
    scene = given(*KNOWN, (FLEET, setting(**{accounts.FIGURES[kind]: 7})))
    assert a_minute(scene, kind) == 7


def test_a_tenants_figure_goes_before_the_fleets():
    fleets, own = (FLEET, setting(caller_reads=50)), (TENANT, setting(caller_reads=5))
    assert a_minute(given(*KNOWN, fleets, own)) == 5


@pytest.mark.parametrize(
    ("share", "role", "calls"),
    [
        (1.0, "operator", 100),
        (0.29, "operator", 29),
        (0.29, "admin", 100),
        (0.29, None, 100),
        (0.001, "operator", 1),
    ],
)
def test_an_operators_programs_leave_an_admins_some(share, role, calls):
    scene = given(*KNOWN, (FLEET, setting(caller_operator_share=share)))
    assert a_minute(scene, role=role) == calls


def test_what_an_admins_programs_made_counts_among_an_operators():
    scene = given(*KNOWN, (FLEET, setting(caller_operator_share=0.5)), called(50))
    assert opens(scene, ProgramCall(endpoint="/days", kind=CallKind.READ, role="admin")) == 0 * HOUR
    operators = ProgramCall(endpoint="/days", kind=CallKind.READ, role="operator")
    assert opens(scene, operators) == COUNTS


# -- taking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "calls"), [(1, 1), (7, 7), (40, 10)])
def test_a_block_is_as_large_as_it_is_wanted_and_a_tenth_at_most(wanted, calls):
    given(*KNOWN).when(take(wanted)).then(called(calls)[:2])


def test_nothing_is_taken_of_a_full_window_and_only_what_fits_of_one_that_is_not():
    given(*KNOWN, called(100)).when(take()).then()
    given(*KNOWN, called(98)).when(take(9)).then(called(2)[:2])


def test_others_calls_do_not_count():
    full_ = called(100)
    for other in (
        ProgramCall(endpoint="/hours", kind=CallKind.READ),
        ProgramCall(endpoint="/days", kind=CallKind.WRITE),
    ):
        assert opens(given(*KNOWN, full_), other) == timedelta()
    assert opens(given(*KNOWN, full_)) == COUNTS


def test_all_are_taken_or_none():
    per = Span(per=HOUR)
    policy = LimitPolicy(calls=10, span=per)
    scene = limited(policy, and_then=[called(100)])
    scene.when(take(application=1)).then()
    until = NOON + window.left(per, Moment(wall=NOON))
    limited(policy).when(take(application=1)).then(
        (PROVIDER, taken(1, per, until=until)), called(1)[:2]
    )
    limited(policy, and_then=[full(10, per)]).when(take(application=1)).then()
    scene = limited(policy)
    assert [each.subject for each in asked(scene)] == [PROVIDER, ONE, TENANT]


def asked(scene, subject=ONE):
    moment = Moment(wall=NOON)
    return accounts.asked(scene.world, subject, moment, reads=True, program=DAYS)


def test_nobody_is_asked_for_a_connection_that_is_not_known():
    assert asked(given()) == ()
    given().when(take()).then()
    given().when(Recount(subject=ONE)).then()


def test_a_forced_call_without_a_limit_takes_nothing():
    given(*KNOWN).when(TakeAllowance(subject=ONE, reads=True, forced=True)).then()


# -- what is kept ---------------------------------------------------------------------------------


def test_a_tenant_whose_connections_come_and_go_has_not_got_its_allowance_back():
    past = [called(100), (ONE, ConnectionRemoved()), (ONE, ADDED)]
    assert opens(given(*KNOWN, *past)) == COUNTS
    assert given(*KNOWN, *past).world.tenants[TENANT].connections == 1


def test_what_a_tenant_does_not_read_changes_nothing():
    scene = given(*KNOWN)
    before = scene.world.tenants[TENANT]
    scene.fold(TENANT, setting(caller_reads=3))
    assert scene.world.tenants[TENANT] == before == Tenant(connections=1)


def test_what_is_not_of_programs_changes_no_window():
    (*_, counted) = given(*KNOWN, called(3)).world.tenants[TENANT].callers
    recorded = Recorded(seq=1, at=NOON, subject=TENANT, event=ADDED)
    assert callers.evolve((counted,), recorded) == (counted,)


def test_windows_that_are_empty_are_dropped_with_the_next_one_that_is_taken():
    scene = given(*KNOWN, called(3, "/hours"), called(2, at=NOON + COUNTS))
    (kept,) = scene.world.tenants[TENANT].callers
    assert (kept.called.endpoint, kept.window.buckets[-1][1]) == ("/days", 2)
    scene = given(*KNOWN, called(3, "/hours"), called(2, at=NOON + COUNTS - SECOND))
    assert len(scene.world.tenants[TENANT].callers) == 2


def test_a_window_of_another_length_is_counted_as_full():
    scene = given(*KNOWN, called(100, span=Span(per=HOUR)))
    assert opens(scene) > timedelta()
    scene = given(*KNOWN, called(60, span=Span(per=HOUR)), called(40))
    assert opens(scene) > timedelta()


def test_where_there_are_too_many_windows_the_next_waits_for_the_first_that_empties():
    late = NOON + 20 * SECOND
    many = [called(1, f"/{number}", at=late) for number in range(WINDOWS_MAX - 1)]
    scene = given(*KNOWN, called(3, "/first"), *many)
    (limit,) = account(scene, now=late).policies
    assert limit.calls == 1
    assert opens(scene, after=20 * SECOND) == COUNTS - 20 * SECOND
    scene.when(take(), now=late).then()
    one_that_has_its_own = ProgramCall(endpoint="/7", kind=CallKind.READ)
    assert opens(scene, one_that_has_its_own, 20 * SECOND) == timedelta()
    assert opens(scene, after=COUNTS) == timedelta()
    scene.fold(*called(1, at=NOON + COUNTS))
    assert len(scene.world.tenants[TENANT].callers) == WINDOWS_MAX


def thins(scene, now):
    return accounts.thins_in(scene.world, TENANT, Moment(wall=now))


def test_when_the_next_window_empties_is_known_of_a_tenant_that_may_have_no_more():
    scene = given(*KNOWN)
    for number in range(WINDOWS_MAX - 1):
        subject, event, at = called(1, f"/{number}")
        scene.fold(subject, event, at)
        assert not accounts.crowds(scene.world, TENANT, event)
    assert thins(scene, NOON) is None
    late = NOON + 10 * SECOND
    subject, event, at = called(3, "/last", at=late)
    scene.fold(subject, event, at)
    assert accounts.crowds(scene.world, TENANT, event), "it is the last that may begin"
    assert thins(scene, late) == COUNTS - 10 * SECOND
    scene.fold(subject, event, at)
    assert not accounts.crowds(scene.world, TENANT, event), "it had begun before"
    assert thins(scene, NOON + COUNTS) is None


# -- when -----------------------------------------------------------------------------------------


def comes(scene, before, now=NOON):
    return accounts.comes_in(account(scene, now=now), Moment(wall=now), before)


def test_whose_turn_it_is_while_there_is_room_comes_at_once():
    scene = given(*KNOWN, called(98))
    assert [comes(scene, before) for before in (0, 1)] == [timedelta()] * 2
    assert comes(scene, 2) == COUNTS


def test_each_comes_with_the_bucket_in_whose_place_it_goes():
    scene = given(*KNOWN, called(60), called(40, at=NOON + 10 * SECOND))
    now = NOON + 10 * SECOND
    first, last = comes(scene, 0, now), comes(scene, 60, now)
    assert first == COUNTS - 10 * SECOND == comes(scene, 59, now)
    assert timedelta(seconds=61) < last < timedelta(seconds=63)
    assert comes(scene, 99, now) == last


def test_beyond_a_whole_limit_it_comes_a_window_later_and_not_sooner_than_that():
    scene = given(*KNOWN, called(100))
    assert comes(scene, 100) == COUNTS + window.longest(CALLERS_SPAN) + LATE
    assert comes(scene, 250) == COUNTS + 2 * (window.longest(CALLERS_SPAN) + LATE)


# -- clocks that step -----------------------------------------------------------------------------


def test_what_a_step_back_put_into_the_future_counts_as_taken_now_once():
    scene = given(*KNOWN, called(100))
    back = NOON - 1000 * HOUR
    again = (TENANT, AllowanceRecounted(spans=(CALLERS_SPAN,)))
    scene.when(Recount(subject=ONE), now=back).then(again)
    scene.fold(*again, back)
    scene.when(Recount(subject=ONE), now=back).then()
    assert timedelta(0) < opens(scene, after=-1000 * HOUR) < timedelta(seconds=63)


def test_a_step_that_was_seen_neither_empties_nor_fills_a_window():
    scene = given(*KNOWN, called(100, at=NOON + HOUR, ahead=HOUR))
    assert opens(scene) == COUNTS
