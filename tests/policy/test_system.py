"""How is everything, in one word, and for which reasons (requirement B9)?"""

import pytest
from msgspec.structs import replace

from daemon.decide import issues, system
from daemon.decide.condition import CHRONIC, Condition
from daemon.decide.system import DEATHS, EXAMPLES_MAX, LATELY, OVERDUE, Reason, Sum
from events.breakers import BreakerClosed, BreakerOpened, BreakerReason
from events.schema import (
    FLEET,
    ClockStepped,
    DaemonStarted,
    DaemonStopped,
    RecordsRefused,
    RetryScheduled,
)
from events.sources import Health
from events.terms import FailureClass, NeedReason
from tests.policy.reporting import PHONE, THERE, received
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    MINUTE,
    NOON,
    PAUSED,
    PROVIDER,
    SECOND,
    captured,
    failed,
    given,
    lost,
    needed,
    quarantined,
    scheduled,
    started,
    succeeded,
)

GOOD = (captured(1), succeeded(1))
BAD = (failed(1, lost()),)
FINAL = (failed(1, lost(cause=FailureClass.MALFORMED)),)
EMPTY = (failed(1, lost(cause=FailureClass.EMPTY)),)
RETRY = RetryScheduled(
    due=NOON + HOUR, attempt=1, cause=FailureClass.SERVER, priority=5, delay=HOUR
)
SHUT = BreakerOpened(reason=BreakerReason.CALLS, until=NOON + HOUR, failures=5)

HELD = quarantined(1)


def summed(*lives, provider=(), now=NOON):
    """Connections 11, 12, …, each of them with its life, and some events of their provider."""
    past = [(PROVIDER, DECLARED), *((PROVIDER, event) for event in provider)]
    for subject, life in enumerate(lives, 11):
        past += [(subject, ADDED), (subject, scheduled(NOON + HOUR))]
        past += [(subject, event) for event in life]
    world, found = given(*past).world, Sum()
    system.add_providers(found, world.providers, now)
    for subject, known in world.connections.items():
        system.add(found, subject, known, world.providers[PROVIDER], now)
    return found


def reasons(*lives, **more):
    return {each: found.count for each, found in summed(*lives, **more).reasons.items()}


def word(*lives, holds=(), **more):
    return system.word(summed(*lives, **more), holds)


def sync(*ending):
    return (started(), *ending)


@pytest.mark.requirement("B9")
def test_without_a_reason_it_is_healthy():
    assert (word(), word(sync(*GOOD)), word((), ())) == (Condition.HEALTHY,) * 3
    assert reasons(sync(*GOOD), ()) == {}


@pytest.mark.requirement("B9")
def test_a_full_disk_is_unhealthy():
    assert word(sync(*GOOD), holds={"log"}) is Condition.UNHEALTHY


@pytest.mark.requirement("B9")
def test_one_of_many_that_is_unhealthy_degrades_and_half_of_them_are_too_many():
    fine, gone = sync(*GOOD), sync(*FINAL)
    assert word(fine, fine, gone) is Condition.DEGRADED
    assert word(fine, gone) is Condition.UNHEALTHY
    assert word(fine, fine, gone, (), ()) is Condition.DEGRADED  # new ones say nothing yet
    assert word(gone, ()) is Condition.UNHEALTHY


@pytest.mark.requirement("A15")
@pytest.mark.requirement("B9")
def test_what_has_failed_three_times_in_a_row_is_found():
    assert Reason.CHRONIC not in reasons(sync(*BAD) * (CHRONIC - 1))
    assert reasons(sync(*BAD) * CHRONIC, sync(*GOOD)) == {Reason.CHRONIC: 1}


@pytest.mark.requirement("B9")
def test_each_connection_has_the_one_reason_that_says_most():
    assert reasons((needed(NeedReason.NEW),)) == {Reason.TO_BE_AUTHORISED: 1}
    assert reasons(sync(*FINAL) * CHRONIC) == {Reason.PERSON: 1}
    assert reasons(sync(*EMPTY)) == {Reason.UNHEALTHY: 1}
    assert reasons(sync(*BAD)) == {Reason.DEGRADED: 1}


@pytest.mark.requirement("B5")
@pytest.mark.requirement("B9")
def test_what_is_held_is_named_once_and_other_trouble_beside_it():
    """Nobody is told of another reason where there is none."""

    def held(version, stream="days"):
        return quarantined(version, stream)

    def life(version, *more):
        doubted = lost(cause=FailureClass.MALFORMED)
        return (*sync(*GOOD), started(), held(version), *more, succeeded(version, (doubted,)))

    first = 3 + len(sync(*GOOD)) + 1  # the number of the second sync's start
    assert reasons(life(first)) == {Reason.HELD: 1}
    again = succeeded(1, (lost(cause=FailureClass.MALFORMED),))
    refused = RecordsRefused(
        stream="alerts", version=first, cause=FailureClass.MALFORMED, fetched=3, rows=30
    )
    assert reasons(life(first, refused)) == {Reason.HELD: 1, Reason.UNHEALTHY: 1}
    assert reasons((*life(first), captured(99), started(), again)) == {Reason.UNHEALTHY: 1}


@pytest.mark.requirement("B9")
def test_retries_that_are_pending_are_a_reason():
    assert reasons((*sync(*GOOD), RETRY), sync(*GOOD)) == {Reason.RETRIES: 1}
    assert word((*sync(*GOOD), RETRY)) is Condition.DEGRADED


@pytest.mark.requirement("B9")
def test_breakers_of_connections_and_of_providers_are_counted_while_they_are_open():
    assert reasons((SHUT,), (), provider=(SHUT,)) == {Reason.BREAKERS: 2}


@pytest.mark.requirement("B9")
def test_breakers_that_are_half_open_are_counted_apart_until_they_are_closed():
    over = NOON + HOUR
    assert reasons((SHUT,), now=over) == {Reason.HALF_OPEN: 1}  # not yet sure
    lasts = replace(SHUT, until=over + HOUR)
    assert reasons((SHUT,), (lasts,), now=over) == {Reason.HALF_OPEN: 1, Reason.BREAKERS: 1}
    assert word((SHUT,), now=over) is Condition.DEGRADED
    assert reasons((SHUT, BreakerClosed(successes=2)), now=over) == {}


@pytest.mark.requirement("B9")
def test_what_should_have_started_a_while_ago_is_overdue():
    late = NOON + HOUR + OVERDUE
    assert reasons((), now=late) == {Reason.OVERDUE: 1}
    assert reasons((), now=late - SECOND) == {}
    assert reasons((PAUSED,), sync(), now=late) == {}


@pytest.mark.requirement("B9")
def test_what_waits_for_its_providers_breaker_is_not_overdue_beside():
    shut = BreakerOpened(reason=BreakerReason.BY_HAND, until=None)
    assert reasons((), provider=(shut,), now=NOON + 2 * HOUR) == {Reason.BREAKERS: 1}
    known = given((11, ADDED), (11, scheduled(NOON))).world.connections[11]
    assert system.is_overdue(known, None, NOON + 5 * MINUTE)


@pytest.mark.requirement("B9")
def test_a_reason_names_a_few_of_those_that_it_counts():
    found = summed(*[sync(*EMPTY)] * (EXAMPLES_MAX + 2)).reasons[Reason.UNHEALTHY]
    assert found.count == EXAMPLES_MAX + 2
    assert found.examples == [*range(11, 11 + EXAMPLES_MAX)]


@pytest.mark.requirement("B9")
def test_connections_are_counted_by_their_own_word():
    found = summed(sync(*GOOD), sync(*BAD), sync(*FINAL), ())
    assert found.conditions == dict.fromkeys(Condition, 1)


# -- the host itself ------------------------------------------------------------------------------


def host(*past, now=NOON, behind=False):
    found = Sum()
    system.add_host(found, given(*past).world.fleet, now, behind=behind)
    return found


def lives(*starts):
    return tuple((FLEET, DaemonStarted(version="1"), at) for at in starts)


@pytest.mark.requirement("B9")
def test_a_log_that_is_not_written_in_time_is_a_reason():
    assert [*host(behind=True).reasons] == [Reason.LOG_BEHIND]
    assert system.word(host(behind=True), ()) is Condition.DEGRADED
    assert system.word(host(), ()) is Condition.HEALTHY


@pytest.mark.requirement("B9")
def test_a_read_model_that_lacks_too_much_is_a_reason():
    found = Sum()
    system.add_host(found, given().world.fleet, NOON, behind=False, unread=3 * MINUTE)
    assert {each: of.count for each, of in found.reasons.items()} == {Reason.READ_MODEL: 3}
    assert system.word(found, ()) is Condition.DEGRADED
    assert system.is_late(system.READ_LATE)
    assert not system.is_late(system.READ_LATE - SECOND)


@pytest.mark.requirement("B9")
def test_a_process_that_keeps_dying_is_a_reason_for_an_hour():
    died = lives(*(NOON - n * MINUTE for n in range(DEATHS, -1, -1)))
    assert host(*died).reasons[Reason.RESTARTS].count == DEATHS
    assert not host(*died, now=NOON + LATELY).reasons
    assert not host(*died[1:]).reasons, "the first of them followed no death"


@pytest.mark.requirement("B9")
def test_a_stop_in_good_order_is_no_death():
    stopped = [each for life in lives(*[NOON] * 5) for each in (life, (FLEET, DaemonStopped()))]
    assert not host(*stopped).reasons


@pytest.mark.requirement("B9")
def test_a_clock_that_jumped_is_a_reason_for_an_hour():
    jump = (FLEET, ClockStepped(step=-HOUR))
    assert [*host(jump).reasons] == [Reason.CLOCK]
    assert not host(jump, now=NOON + LATELY).reasons
    assert not host(jump, now=NOON - MINUTE).reasons, "the clock was set back over it since"


def reporting(*past, now=NOON):
    """What is found of a phone that is late in the morning, after a day without a report."""
    world, found = given(*THERE, *past).world, Sum()
    system.add_source(found, world, PHONE, world.sources[PHONE], now)
    return found


@pytest.mark.requirement("D2", "B9")
def test_a_source_that_is_late_or_says_that_it_is_unhealthy_is_a_reason():
    assert reporting().reasons == reporting((PHONE, received(records=1))).reasons == {}
    late = reporting(now=NOON + 24 * HOUR)
    assert late.reasons[Reason.SOURCES_LATE].examples == [PHONE]
    ill = reporting((PHONE, received(health=Health.UNHEALTHY)))
    assert ill.reasons[Reason.SOURCES_UNHEALTHY].examples == [PHONE]
    assert set(ill.reasons) == {Reason.SOURCES_UNHEALTHY}
    assert system.word(ill, ()) is Condition.DEGRADED


def looked_at(*past):
    """All that, and what somebody records who looks for what is wrong with the phone then."""
    world = given(*THERE, *past).world
    return (*past, *issues.decided(world, PHONE, issues.judged(world, PHONE, NOON)))


@pytest.mark.requirement("D3", "B9")
def test_an_open_issue_of_a_source_is_a_reason_whatever_its_last_report_says():
    ill = [(PHONE, received(n, NOON - (9 - n) * MINUTE, errors=9)) for n in (1, 2, 3)]
    queue = {"queue_depth": 4, "oldest": NOON - 3 * 24 * HOUR}
    failing = reporting(*looked_at(*ill), (PHONE, received(4, records=1)))
    assert {each: of.examples for each, of in failing.reasons.items()} == {
        Reason.SOURCES_FAILING: [PHONE]
    }
    both = reporting(*looked_at(*ill, (PHONE, received(4, errors=2, **queue))))
    assert set(both.reasons) == {Reason.SOURCES_FAILING, Reason.REPORTS_WAITING}
    waiting = reporting(*looked_at((PHONE, received(health=Health.HEALTHY, **queue))))
    assert set(waiting.reasons) == {Reason.REPORTS_WAITING}
    assert system.word(waiting, ()) is Condition.DEGRADED


@pytest.mark.requirement("D3", "B9")
def test_that_a_source_is_stale_is_said_once():
    opened = issues.judged(given(*THERE).world, PHONE, NOON + 24 * HOUR).found
    late = reporting(*((PHONE, each) for each in opened), now=NOON + 24 * HOUR)
    assert set(late.reasons) == {Reason.SOURCES_LATE}


def also(found, *lives):
    """The same, with connections."""
    more = summed(*lives)
    found.conditions, found.reasons = more.conditions, {**found.reasons, **more.reasons}
    return system.word(found, ())


@pytest.mark.requirement("D2", "B9")
def test_where_sources_have_never_reported_and_nothing_else_is_known_it_is_unknown():
    assert system.word(reporting(), ()) is Condition.UNKNOWN
    assert system.word(reporting((PHONE, received())), ()) is Condition.HEALTHY
    assert system.word(reporting(now=NOON + 24 * HOUR), ()) is Condition.DEGRADED
    assert system.word(reporting(), {"log"}) is Condition.UNHEALTHY
    assert also(reporting(), ()) is Condition.UNKNOWN
    assert also(reporting(), sync(*GOOD)) is Condition.HEALTHY
    assert also(reporting(), sync(*BAD)) is Condition.DEGRADED
    both = reporting((PHONE, received()))
    both.unheard += 1
    assert system.word(both, ()) is Condition.HEALTHY
