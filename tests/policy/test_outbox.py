"""Which writes wait, in which order do they leave, and what follows from how that went?"""

from datetime import timedelta

import pytest

from daemon import commands
from daemon.decide import fate, line, outbox, system
from daemon.decide.calling import Held
from daemon.decide.fate import CONFLICTS_MAX, Fate, Loss
from daemon.decide.keyed import ON_ITS_WAY
from daemon.decide.line import (
    OUTBOX_BYTES_MAX,
    OUTBOX_MAX,
    OUTBOXES_BYTES_MAX,
    PROBE_REST,
    Full,
)
from daemon.decide.outbox import DELAY, DELAY_MAX, MISSING
from events import terms
from events.breakers import BreakerClosed, BreakerOpened, BreakerReason
from events.gateway import CallKind
from events.limits import HoldReason, LimitHeld
from events.outbox import (
    WriteBegun,
    WriteDeferred,
    WriteDelivered,
    WriteDropped,
    WriteFailed,
    WriteInDoubt,
    WriteQueued,
    WriteRedated,
    WriteRetried,
    WriteSettled,
)
from events.schema import DaemonStarted
from events.terms import FailureClass, SkipReason
from projections.outbox import Phase, doubtful, find, first, whose
from tests.policy.transcript import (
    DECLARED,
    HOUR,
    KNOWN,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PAUSED,
    PROVIDER,
    REMOVED,
    RESUMED,
    SECOND,
    given,
    needed,
)

pytestmark = pytest.mark.requirement("E6")

TWO = 99  # a connection of which nothing waits
BY = terms.Caller(uid=1000, role="operator")
UNTIL = NOON + 30 * SECOND
OPENED = BreakerOpened(reason=BreakerReason.CALLS, until=UNTIL, failures=5)
SHUT = BreakerOpened(reason=BreakerReason.BY_HAND, until=None)
GONE = BreakerOpened(reason=BreakerReason.RETIRED, until=None, failures=1)
NETWORK, SERVER, TIMEOUT = FailureClass.NETWORK, FailureClass.SERVER, FailureClass.TIMEOUT
W = len(KNOWN) + 1
"""The number of the first write that is queued."""


def queued(row=7, *, keyed=False, **more):
    return WriteQueued(
        row=row, endpoint="POST /orders", method="POST", kind=CallKind.WRITE, keyed=keyed, **more
    )


def begun(write=W, attempt=1):
    return WriteBegun(write=write, attempt=attempt)


def in_doubt(write=W, **more):
    return WriteInDoubt(write=write, **more)


def deferred(write=W, due=NOON, **more):
    return WriteDeferred(write=write, due=due, **more)


def waiting(*events, keyed=False):
    """KNOWN, then a write (event W) that waits, and what happened to it."""
    return (*KNOWN, (ONE, queued(keyed=keyed)), *((ONE, each) for each in events))


def two(*events, keyed=False):
    """Two writes of one connection, W and W + 1."""
    return (*waiting(keyed=keyed), (ONE, queued(8)), *((ONE, each) for each in events))


def queue(subject=ONE, row=7, *, keyed=False, size=0, **more):
    return commands.QueueWrite(
        subject=subject,
        row=row,
        endpoint="POST /orders",
        method="POST",
        kind=CallKind.WRITE,
        keyed=keyed,
        bytes=size,
        jitter=0.5,
        **more,
    )


def begin(write=W):
    return commands.BeginWrite(subject=ONE, write=write)


def lose(cause=SERVER, status=None, write=W, jitter=0.5, **more):
    return commands.LoseWrite(
        subject=ONE, write=write, cause=cause, status=status, jitter=jitter, **more
    )


def of(past):
    return given(*past).world.outboxes.get(ONE, ())


def opens(*past, now=NOON, probing=()):
    return line.opens(ONE, given(*past).world, now, probing=probing)


def ready(*past, now=NOON, probing=()):
    found = line.ready(ONE, given(*past).world, now, probing=probing)
    return found.number if found else None


# -- may it wait ----------------------------------------------------------------------------------


def test_a_write_is_queued_with_what_kept_it():
    wish = queue(cause=NETWORK, by=BY)
    event = queued(cause=NETWORK, due=NOON + DELAY / 2, soonest=NOON, by=BY)
    given(*KNOWN).when(wish).then((ONE, event))
    (write,) = of((*KNOWN, (ONE, event)))
    assert (write.number, write.row, write.phase, write.cause) == (W, 7, Phase.QUEUED, NETWORK)
    assert opens(*KNOWN, (ONE, event)) == NOON + DELAY / 2
    given(*waiting()).when(queue(row=8)).then((ONE, queued(8)))


def test_what_was_tried_at_once_is_an_attempt_and_its_hint_is_heeded():
    tried = {"cause": FailureClass.RATE_LIMITED, "status": 429, "attempts": 1}
    event = queued(due=NOON + HOUR, **tried)
    given(*KNOWN).when(queue(retry_after=HOUR, **tried)).then((ONE, event))
    (write,) = of((*KNOWN, (ONE, event)))
    assert (write.attempts, write.status, write.deferred) == (1, 429, 0)
    given(*KNOWN, (ONE, event)).when(begin(), NOON + HOUR).then((ONE, begun(attempt=2)))


@pytest.mark.parametrize(
    ("cause", "sent", "kept"),
    [
        (FailureClass.RATE_LIMITED, False, True),
        (FailureClass.CANCELLED, False, True),
        (FailureClass.RATE_LIMITED, True, False),
        (NETWORK, False, False),
    ],
)
def test_what_our_own_limits_kept_was_no_attempt(cause, sent, kept):
    assert fate.was_kept(Loss(cause=cause, sent=sent)) is kept


def test_people_see_that_it_goes_when_its_providers_hint_is_over():
    held = LimitHeld(until=NOON + HOUR, reason=HoldReason.HINT)

    def goes(*past):
        world = given(*past).world
        return line.goes_at(ONE, world, NOON), line.held_by(ONE, world, NOON)

    assert goes(*waiting()) == (NOON, None)
    assert goes(*waiting(), (PROVIDER, held)) == (NOON + HOUR, "asked-to-wait")
    later = waiting(deferred(due=NOON + 2 * HOUR))
    assert goes(*later, (PROVIDER, held)) == (NOON + 2 * HOUR, "asked-to-wait")
    assert goes(*waiting(), (PROVIDER, held), (ONE, PAUSED)) == (None, "paused")


def test_a_line_has_an_end_and_a_connection_that_is_gone_has_none():
    full = (*KNOWN, *((ONE, queued(row)) for row in range(OUTBOX_MAX)))
    given(*full).when(queue()).then()
    assert line.full(ONE, given(*full).world, 0) is Full.WRITES
    assert line.full(ONE, given(*full[:-1]).world, 0) is None
    given(*KNOWN).when(queue(subject=99)).then()
    given(*KNOWN, (ONE, REMOVED)).when(queue()).then()


def test_a_line_has_an_end_in_bytes_and_so_have_all_lines_together():
    large = queued(bytes=OUTBOX_BYTES_MAX - 10)
    past = (*KNOWN, (ONE, large))
    assert line.full(ONE, given(*past).world, 10) is None
    assert line.full(ONE, given(*past).world, 11) is Full.BYTES
    given(*past).when(queue(size=11)).then()
    given(*past).when(queue(size=10)).then((ONE, queued(bytes=10)))
    of_others = queued(bytes=OUTBOXES_BYTES_MAX - OUTBOX_BYTES_MAX)
    past = (*past, (OTHER, of_others))
    assert given(*past).world.outbox_bytes == OUTBOXES_BYTES_MAX - 10
    assert line.full(ONE, given(*past).world, 10) is None
    assert line.full(TWO, given(*past).world, 11) is Full.ALL_BYTES
    over = (ONE, WriteDelivered(write=W, status=201))
    assert given(*past, over).world.outbox_bytes == of_others.bytes
    assert line.full(TWO, given(*past, over).world, 11) is None


def test_what_a_person_has_to_see_to_is_not_waited_for():
    """A paused connection, a grant that is needed, a provider that was switched off for good."""

    def keeps(*events):
        return line.keeps_out(ONE, given(*KNOWN, *events).world, NOON)

    assert keeps() is None
    assert keeps((ONE, PAUSED)) == Held(reason=SkipReason.PAUSED)
    assert keeps((ONE, needed(terms.NeedReason.NEW))) == Held(reason=SkipReason.NOT_AUTHORISED)
    assert keeps((ONE, OPENED)) is None
    assert keeps((PROVIDER, SHUT)) is None
    assert keeps((PROVIDER, GONE)) == Held(reason=SkipReason.BREAKER, retired=True)
    assert keeps((ONE, GONE)) == Held(reason=SkipReason.BREAKER, retired=True)


def test_a_write_goes_behind_those_that_wait():
    assert not line.waits(ONE, given(*KNOWN).world)
    assert line.waits(ONE, given(*waiting()).world)
    assert line.waits(ONE, given(*waiting(begun(), in_doubt())).world)
    assert not line.waits(ONE, given(*waiting(begun(), WriteDelivered(write=W))).world)


@pytest.mark.parametrize(
    ("loss", "plain", "keyed"),
    [
        (Loss(cause=NETWORK, sent=False), True, True),
        (Loss(cause=TIMEOUT, sent=False), True, True),
        (Loss(cause=FailureClass.RATE_LIMITED, status=429), True, True),
        (Loss(cause=FailureClass.RATE_LIMITED, sent=False), True, True),
        (Loss(cause=FailureClass.CANCELLED), False, True),
        (Loss(cause=SERVER, status=503), True, True),
        (Loss(cause=SERVER, status=500), False, True),
        (Loss(cause=SERVER, status=504), False, True),
        (Loss(cause=NETWORK), False, True),
        (Loss(cause=TIMEOUT), False, True),
        (Loss(cause=FailureClass.AUTH, status=401), False, False),
        (Loss(cause=FailureClass.INVALID, status=422), False, False),
        (Loss(cause=FailureClass.INVALID, sent=False), False, False),
    ],
)
def test_what_a_program_has_just_lost_waits_where_that_helps_and_does_no_harm(loss, plain, keyed):
    assert fate.may_wait(loss, keyed=False) is plain
    assert fate.may_wait(loss, keyed=True) is keyed


# -- whose limit it counts in ---------------------------------------------------------------------


@pytest.mark.requirement("E3")
def test_what_its_tenants_limit_keeps_comes_back_when_it_was_told_to_and_its_rest_does_not_grow():
    put_off = commands.PutOffWrite(subject=ONE, write=W, rest=40 * SECOND)
    past = two(deferred(cause=SERVER, status=503), *(deferred(over_limit=True),) * 9)
    kept = deferred(due=NOON + 40 * SECOND, cause=SERVER, status=503, over_limit=True)
    given(*two(deferred(cause=SERVER, status=503))).when(put_off).then((ONE, kept))
    assert of(past)[0].deferred == 1
    world = given(*past, (ONE, kept)).world
    assert line.held_by(ONE, world, NOON) == "limit"
    assert line.held_by(ONE, world, NOON + 40 * SECOND) is None
    assert ready(*past, (ONE, kept), now=NOON + 40 * SECOND) == W
    over = of((*past, (ONE, kept), (ONE, begun())))[0].over_limit
    assert not over
    given(*two(begun())).when(put_off).then()
    given(*KNOWN).when(put_off).then()


def test_a_write_is_remembered_as_who_asked_for_it():
    (write,) = of((*KNOWN, (ONE, queued(by=BY))))
    assert write.by == BY


# -- when it leaves -------------------------------------------------------------------------------


def test_the_first_of_a_line_leaves_when_nothing_keeps_it():
    assert opens(*KNOWN) is None
    assert ready(*KNOWN) is None
    assert opens(*two()) == NOON
    assert ready(*two()) == W
    given(*two()).when(begin()).then((ONE, begun()))
    given(*two()).when(begin(W + 1)).then()
    given(*KNOWN).when(begin()).then()


def test_what_was_put_off_leaves_when_it_is_due_and_nothing_goes_before_it():
    past = two(begun(), deferred(due=UNTIL))
    assert opens(*past) == UNTIL
    assert ready(*past) is None
    given(*past).when(begin()).then()
    assert ready(*past, now=UNTIL) == W
    given(*past).when(begin(), UNTIL).then((ONE, begun(attempt=2)))


def test_what_is_in_doubt_or_under_way_holds_up_its_line():
    assert opens(*two(begun())) is None
    assert opens(*two(begun(), in_doubt())) is None
    given(*two(begun(), in_doubt())).when(begin(W + 1)).then()


def test_what_keeps_a_connection_keeps_its_writes():
    assert opens(*waiting(), (ONE, PAUSED)) is None
    assert opens(*waiting(), (ONE, PAUSED), (ONE, RESUMED)) == NOON
    assert opens(*waiting(), (PROVIDER, SHUT)) is None
    assert opens(*waiting(), (PROVIDER, GONE), (PROVIDER, BreakerClosed(by=BY))) == NOON
    given(*waiting(), (ONE, PAUSED)).when(begin()).then()


def test_a_breaker_keeps_them_until_one_may_find_out():
    past = (*waiting(), (PROVIDER, OPENED))
    assert opens(*past) == UNTIL
    assert ready(*past, now=UNTIL) == W
    assert opens(*past, now=UNTIL, probing={PROVIDER}) == UNTIL + PROBE_REST
    later = (*waiting(deferred(due=NOON + MINUTE)), (PROVIDER, OPENED))
    assert opens(*later) == NOON + MINUTE


def test_one_word_says_what_keeps_a_line():
    def word(*past):
        return line.held_by(ONE, given(*past).world, NOON)

    assert word(*waiting()) is None
    assert word(*waiting(), (ONE, PAUSED)) == "paused"
    assert word(*waiting(begun())) is None
    assert word(*waiting(begun(), in_doubt())) == "in-doubt"


def goes_on(*past, write=W, now=NOON, probing=()):
    return line.goes_on(write, ONE, given(*past).world, now, probing=probing)


def test_a_write_that_has_begun_leaves_if_nothing_came_to_keep_it_meanwhile():
    past = waiting(begun())
    assert goes_on(*past)
    assert not goes_on(*past, (ONE, PAUSED))
    assert not goes_on(*past, (PROVIDER, OPENED))
    assert goes_on(*past, (PROVIDER, OPENED), now=UNTIL)
    assert not goes_on(*past, (PROVIDER, OPENED), now=UNTIL, probing={PROVIDER})
    assert not goes_on(*past, write=W + 1), "its connection was removed, say"


def test_nor_where_its_provider_may_have_forgotten_an_earlier_copy_meanwhile():
    assert goes_on(*keyed(KEYED), now=KNOWN_UNTIL), "there is none"
    again = keyed(KEYED, MAYBE, KEYED)
    assert goes_on(*again, now=KNOWN_UNTIL - SECOND)
    assert not goes_on(*again, now=KNOWN_UNTIL)


def test_what_begun_and_did_not_leave_waits_on_as_before():
    recall = commands.RecallWrite(subject=ONE, write=W)
    given(*waiting(begun())).when(recall).then((ONE, deferred()))
    repeated = deferred(cause=SERVER, status=500, known_until=KNOWN_UNTIL)
    given(*keyed(KEYED, MAYBE, KEYED)).when(recall).then((ONE, repeated))
    given(*waiting()).when(recall).then()
    given(*KNOWN).when(recall).then()


# -- what follows ---------------------------------------------------------------------------------


def test_what_was_delivered_is_over():
    wish = commands.DeliverWrite(subject=ONE, write=W, status=201)
    given(*two(begun())).when(wish).then((ONE, WriteDelivered(write=W, status=201)))
    given(*KNOWN).when(wish).then()
    (left,) = of(two(begun(), WriteDelivered(write=W)))
    assert left.number == W + 1


def test_what_did_not_arrive_stays_first_and_rests_for_longer_each_time():
    unsent = lose(NETWORK, sent=False)
    after = deferred(due=NOON + DELAY / 2, soonest=NOON, cause=NETWORK)
    given(*two(begun())).when(unsent).then((ONE, after))
    again = (*two(begun()), (ONE, after), (ONE, begun(attempt=2)))
    given(*again).when(unsent).then((ONE, deferred(due=NOON + DELAY, soonest=NOON, cause=NETWORK)))
    often = (*two(), *((ONE, after),) * 20)
    longest = deferred(due=NOON + DELAY_MAX, soonest=NOON, cause=NETWORK)
    given(*often).when(lose(NETWORK, sent=False, jitter=1.0)).then((ONE, longest))
    assert first(of(often)).number == W


def test_a_hint_is_never_shortened():
    hinted = lose(FailureClass.RATE_LIMITED, 429, retry_after=timedelta(hours=2))
    due = NOON + timedelta(hours=2)
    expected = deferred(due=due, cause=FailureClass.RATE_LIMITED, status=429)
    given(*waiting(begun())).when(hinted).then((ONE, expected))


@pytest.mark.parametrize(("cause", "status"), [(SERVER, 500), (TIMEOUT, None), (NETWORK, None)])
def test_what_may_have_arrived_is_in_doubt_without_a_key_and_sent_again_with_one(cause, status):
    wish = lose(cause, status)
    given(*waiting(begun())).when(wish).then((ONE, in_doubt(cause=cause, status=status)))
    expected = deferred(due=NOON + DELAY / 2, soonest=NOON, cause=cause, status=status)
    given(*waiting(begun(), keyed=True)).when(wish).then((ONE, expected))
    (write,) = of(waiting(begun(), in_doubt(cause=cause, status=status)))
    assert (write.phase, write.cause, write.status) == (Phase.IN_DOUBT, cause, status)


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (FailureClass.INVALID, 422),
        (FailureClass.NOT_FOUND, 404),
        (FailureClass.RETIRED, 410),
        (FailureClass.AUTH, 403),
        (FailureClass.INVALID, 200),
    ],
)
def test_what_the_provider_refused_for_good_is_over(cause, status):
    message = outbox.GONE if status == 410 else outbox.REFUSED.format(status=status)
    failed = WriteFailed(write=W, cause=cause, message=message, status=status)
    given(*two(begun())).when(lose(cause, status)).then((ONE, failed))
    assert len(of((*two(begun()), (ONE, failed)))) == 1


def test_an_answer_that_cannot_be_read_was_an_answer():
    wish = lose(FailureClass.MALFORMED, 201)
    given(*waiting(begun())).when(wish).then((ONE, WriteDelivered(write=W, status=201)))
    assert fate.of(Loss(cause=FailureClass.MALFORMED), keyed=False) is Fate.IN_DOUBT


def test_another_credential_may_do_where_one_was_refused():
    expected = deferred(due=NOON + DELAY / 2, cause=FailureClass.AUTH, status=401)
    given(*waiting(begun())).when(lose(FailureClass.AUTH, 401)).then((ONE, expected))


def test_while_its_first_copy_is_worked_on_a_keyed_write_waits_but_not_for_ever():
    conflict = Loss(cause=FailureClass.INVALID, status=409)
    assert fate.of(conflict, keyed=True, conflicts=CONFLICTS_MAX - 1) is Fate.DEFERRED
    assert fate.of(conflict, keyed=True, conflicts=CONFLICTS_MAX) is Fate.FAILED
    maybe = fate.of(conflict, keyed=True, conflicts=CONFLICTS_MAX, doubted=True)
    assert maybe is Fate.IN_DOUBT
    assert fate.of(conflict, keyed=False) is Fate.FAILED


def conflicts(*, past, times=CONFLICTS_MAX + 1):
    """What becomes of a write that is told 409 so often."""
    told = []
    for _ in range(times):
        ((_, event),) = given(*past).when(lose(FailureClass.INVALID, 409)).decided
        told.append(event)
        past = (*past, (ONE, event), (ONE, WriteBegun(write=W, known_until=KNOWN_UNTIL)))
    return told


def test_an_outage_is_no_reason_to_take_a_copy_that_is_worked_on_for_a_refusal():
    """Only what was said in a row counts, and what may have arrived has not failed."""
    outage = (deferred(cause=SERVER, status=503),) * 9
    plain = conflicts(past=keyed(*outage, KEYED))
    assert [each.conflicts for each in plain[:-1]] == [1, 2, 3, 4, 5]
    assert all(each.known_until is None for each in plain[:-1]), "no copy went before it"
    assert isinstance(plain[-1], WriteFailed)
    maybe = conflicts(past=keyed(*outage, KEYED, MAYBE, KEYED))
    assert all(each.known_until == KNOWN_UNTIL for each in maybe[:-1])
    assert maybe[-1] == in_doubt(cause=FailureClass.INVALID, status=409)


def test_what_does_not_leave_leaves_the_count_of_conflicts_as_it_is_and_another_answer_ends_it():
    twice = deferred(due=UNTIL, known_until=KNOWN_UNTIL, conflicts=2)

    def counted(wish, *events):
        decided = given(*keyed(KEYED, twice, *events)).when(wish).decided
        (count,) = [each.conflicts for _, each in decided if isinstance(each, WriteDeferred)]
        return count

    assert counted(commands.PutOffWrite(subject=ONE, write=W, rest=MINUTE)) == 2
    assert counted(commands.Review(subject=ONE, by=-MINUTE)) == 2
    assert counted(commands.RecallWrite(subject=ONE, write=W), KEYED) == 2
    assert counted(commands.AbandonWrite(subject=ONE), KEYED) == 2
    assert counted(lose(FailureClass.INVALID, 409), KEYED) == 3
    assert counted(lose(SERVER, 503), KEYED) == 0
    (write,) = of(keyed(KEYED, twice, WriteRetried(write=W)))
    assert write.conflicts == 0


def test_a_program_waits_for_its_first_attempt_where_the_second_conflicts_with_that():
    conflict = Loss(cause=FailureClass.INVALID, status=409)
    assert fate.may_wait(conflict, keyed=True, doubted=True)
    assert not fate.may_wait(conflict, keyed=True)
    assert not fate.may_wait(conflict, keyed=False, doubted=True)
    refused = Loss(cause=FailureClass.INVALID, status=422)
    assert not fate.may_wait(refused, keyed=True, doubted=True)


def test_what_was_dropped_meanwhile_is_no_more():
    given(*waiting(begun(), WriteDropped(write=W))).when(lose()).then()


def test_what_the_data_store_does_not_hold_has_failed_but_for_a_doubt():
    wish = commands.MissWrite(subject=ONE, write=W)
    failed = WriteFailed(write=W, cause=FailureClass.INTERNAL, message=MISSING)
    given(*waiting()).when(wish).then((ONE, failed))
    given(*waiting(begun(), in_doubt())).when(wish).then()
    given(*KNOWN).when(wish).then()


# -- how long a key is known ----------------------------------------------------------------------

DAY = timedelta(days=1)
KNOWN_UNTIL = NOON + DAY - ON_ITS_WAY
LATER = NOON + HOUR
KEYED = WriteBegun(write=W, known_until=KNOWN_UNTIL)
TOLD_500 = {"cause": SERVER, "status": 500, "known_until": KNOWN_UNTIL}
MAYBE = deferred(due=NOON + DELAY / 2, soonest=NOON, **TOLD_500)
EXPIRED = in_doubt(cause=SERVER, status=500, key_expired=True)


def begin_keyed(lifetime=DAY):
    return commands.BeginWrite(subject=ONE, write=W, key_lifetime=lifetime)


def keyed(*events):
    return waiting(*events, keyed=True)


def test_a_write_with_a_key_leaves_with_the_time_until_when_its_provider_knows_that():
    given(*keyed()).when(begin_keyed()).then((ONE, KEYED))
    given(*waiting()).when(begin_keyed()).then((ONE, begun()))
    soon = WriteBegun(write=W, known_until=NOON + MINUTE / 2)
    given(*keyed()).when(begin_keyed(MINUTE)).then((ONE, soon))


def test_that_time_begins_with_the_first_sending_that_may_have_arrived():
    """Not with one that certainly did not, and not anew with each."""
    given(*keyed(KEYED)).when(lose(SERVER, 500)).then((ONE, MAYBE))
    again = WriteBegun(write=W, attempt=2, known_until=KNOWN_UNTIL)
    given(*keyed(KEYED, MAYBE)).when(begin_keyed(), LATER).then((ONE, again))
    told_503 = {"cause": SERVER, "status": 503, "soonest": LATER}
    busy = deferred(due=LATER + DELAY, known_until=KNOWN_UNTIL, **told_503)
    given(*keyed(KEYED, MAYBE, again)).when(lose(SERVER, 503), LATER).then((ONE, busy))
    untaken = deferred(due=NOON + DELAY / 2, soonest=NOON, cause=SERVER, status=503)
    given(*keyed(KEYED)).when(lose(SERVER, 503)).then((ONE, untaken))
    anew = WriteBegun(write=W, attempt=2, known_until=KNOWN_UNTIL + HOUR)
    given(*keyed(KEYED, untaken)).when(begin_keyed(), LATER).then((ONE, anew))


def test_what_may_have_arrived_at_once_counts_from_then():
    def since(cause, status=None, is_keyed=True, **more):
        tried = {"first_at": NOON - HOUR, "key_lifetime": DAY} | more
        wish = queue(keyed=is_keyed, cause=cause, status=status, **tried)
        ((_, event),) = given(*KNOWN).when(wish).decided
        return event.known_until

    assert since(SERVER, 500) == since(TIMEOUT) == KNOWN_UNTIL - HOUR
    assert since(SERVER, 503) is since(NETWORK, sent=False) is None
    assert since(SERVER, 500, is_keyed=False) is None
    assert since(SERVER, 503, doubted=True) == KNOWN_UNTIL - HOUR, "an earlier attempt may have"
    assert since(SERVER, 500, first_at=None) is since(SERVER, 500, key_lifetime=None) is None
    (write,) = of((*KNOWN, (ONE, queued(keyed=True, known_until=KNOWN_UNTIL))))
    assert write.doubted


def test_what_its_provider_may_not_know_any_more_is_not_repeated_but_in_doubt():
    past = (*keyed(KEYED, MAYBE), (ONE, queued(8)))
    expire = commands.ExpireWrite(subject=ONE)
    before = KNOWN_UNTIL - SECOND
    assert (ready(*past, now=before), ready(*past, now=KNOWN_UNTIL)) == (W, None)
    given(*past).when(begin_keyed(), KNOWN_UNTIL).then()
    given(*past).when(expire, before).then()
    given(*past).when(expire, KNOWN_UNTIL).then((ONE, EXPIRED))
    given(*keyed()).when(expire, KNOWN_UNTIL).then()
    given(*KNOWN).when(expire).then()
    world = given(*past, (ONE, EXPIRED)).world
    assert line.held_by(ONE, world, NOON) == "key-expired"
    assert opens(*past, (ONE, EXPIRED)) is None
    retried = WriteRetried(write=W, by=BY)
    given(*past, (ONE, EXPIRED)).when(by_hand(commands.RetryWrite)).then((ONE, retried))
    anew = WriteBegun(write=W, attempt=2, known_until=KNOWN_UNTIL + 9 * DAY)
    given(*past, (ONE, EXPIRED), (ONE, retried)).when(begin_keyed(), NOON + 9 * DAY).then(
        (ONE, anew)
    )


def test_a_rest_beyond_that_time_is_not_waited_for():
    long_ = lose(SERVER, 500, retry_after=2 * DAY)
    given(*keyed(KEYED)).when(long_).then((ONE, EXPIRED))


def test_it_is_looked_at_then_also_where_something_else_keeps_it():
    assert opens(*keyed(KEYED, MAYBE)) == NOON + DELAY / 2
    assert opens(*keyed(KEYED, MAYBE), (ONE, PAUSED)) == KNOWN_UNTIL
    assert line.leaves(ONE, given(*keyed(KEYED, MAYBE), (ONE, PAUSED)).world, NOON) is None
    assert opens(*keyed(KEYED)) is None


def test_a_crash_after_which_we_are_away_for_longer_leaves_it_in_doubt():
    recover, stop = commands.Recover(version="1"), commands.AbandonWrite(subject=ONE)
    started = (0, DaemonStarted(version="1"))
    doubt = in_doubt(key_expired=True)
    given(*keyed(KEYED)).when(recover, KNOWN_UNTIL).then((ONE, doubt), started)
    repeated = deferred(due=LATER, known_until=KNOWN_UNTIL)
    given(*keyed(KEYED)).when(stop, LATER).then((ONE, repeated))


def test_that_time_goes_back_with_the_clock_and_stays_while_a_limit_keeps_it():
    review = commands.Review(subject=ONE, by=-MINUTE)
    decided = given(*keyed(KEYED, MAYBE)).when(review).decided
    (moved,) = [event for _, event in decided if isinstance(event, WriteDeferred)]
    assert moved.known_until == KNOWN_UNTIL - MINUTE
    put_off = commands.PutOffWrite(subject=ONE, write=W, rest=MINUTE)
    ((_, kept),) = given(*keyed(KEYED, MAYBE)).when(put_off).decided
    assert kept.known_until == KNOWN_UNTIL


def redated(*events, by=-10 * DAY):
    decided = given(*keyed(*events)).when(commands.Review(subject=ONE, by=by)).decided
    return [each for each in decided if isinstance(each[1], WriteRedated | WriteDeferred)]


def test_a_clock_set_back_while_it_is_under_way_prolongs_no_key():
    moved = (ONE, WriteRedated(write=W, known_until=KNOWN_UNTIL - 10 * DAY))
    assert redated(KEYED) == redated(KEYED, MAYBE, KEYED) == [moved]
    assert redated(KEYED, by=DAY) == []
    assert redated(begun()) == []
    assert redated(KEYED, EXPIRED) == []
    (write,) = of((*keyed(KEYED), moved))
    assert (write.phase, write.known_until) == (Phase.UNDER_WAY, KNOWN_UNTIL - 10 * DAY)
    soon = NOON - 10 * DAY
    lost = given(*keyed(KEYED), moved).when(lose(TIMEOUT), soon).decided
    assert [each.known_until for _, each in lost] == [KNOWN_UNTIL - 10 * DAY]


def test_nor_does_one_set_back_while_it_is_to_leave_as_soon_as_it_may():
    hastened = WriteRetried(write=W, known_until=KNOWN_UNTIL)
    moved = (ONE, WriteRedated(write=W, known_until=KNOWN_UNTIL - 10 * DAY))
    assert redated(KEYED, MAYBE, hastened) == [moved]
    (write,) = of((*keyed(KEYED, MAYBE, hastened), moved))
    assert (write.phase, write.doubted) == (Phase.QUEUED, True)
    assert redated() == []


def test_to_be_hastened_makes_nobody_forget_that_it_may_have_arrived():
    retry = by_hand(commands.RetryWrite)
    hastened = WriteRetried(write=W, by=BY, known_until=KNOWN_UNTIL)
    past = keyed(KEYED, MAYBE)
    given(*past).when(retry).then((ONE, hastened))
    assert ready(*past, (ONE, hastened)) == W
    again = WriteBegun(write=W, attempt=2, known_until=KNOWN_UNTIL)
    given(*past, (ONE, hastened)).when(begin_keyed(), LATER).then((ONE, again))
    expired = in_doubt(cause=SERVER, status=500, key_expired=True)
    expire = commands.ExpireWrite(subject=ONE)
    given(*past, (ONE, hastened)).when(expire, KNOWN_UNTIL).then((ONE, expired))
    untaken = deferred(due=UNTIL, cause=SERVER, status=503)
    given(*keyed(KEYED, untaken)).when(retry).then((ONE, WriteRetried(write=W, by=BY)))


# -- our own end ----------------------------------------------------------------------------------


def test_a_crash_leaves_in_doubt_what_was_under_way_or_sends_it_again_with_its_key():
    started = (0, DaemonStarted(version="1"))
    recover = commands.Recover(version="1")
    given(*two(begun())).when(recover).then((ONE, in_doubt()), started)
    given(*two(begun(), keyed=True)).when(recover).then((ONE, deferred()), started)
    given(*two()).when(recover).then(started)
    given(*two(begun(), in_doubt())).when(recover).then(started)


def test_so_does_a_stop():
    abandon = commands.AbandonWrite(subject=ONE)
    given(*two(begun())).when(abandon).then((ONE, in_doubt()))
    given(*KNOWN).when(abandon).then()


# -- people ---------------------------------------------------------------------------------------


def by_hand(wish, write=W):
    return wish(subject=ONE, write=write, by=BY)


def test_a_person_settles_a_doubt_in_one_of_three_ways():
    past = two(begun(), in_doubt(cause=TIMEOUT))
    retried, settled = WriteRetried(write=W, by=BY), WriteSettled(write=W, by=BY)
    given(*past).when(by_hand(commands.RetryWrite)).then((ONE, retried))
    given(*past).when(by_hand(commands.SettleWrite)).then((ONE, settled))
    dropped = WriteDropped(write=W, by=BY)
    given(*past).when(by_hand(commands.DropWrite)).then((ONE, dropped))
    assert ready(*past, (ONE, retried)) == W
    given(*past, (ONE, retried)).when(begin()).then((ONE, begun(attempt=2)))
    assert ready(*past, (ONE, settled)) == ready(*past, (ONE, dropped)) == W + 1


def test_what_waits_can_be_hastened_or_dropped_but_has_not_arrived():
    past = two(deferred(due=UNTIL))
    assert ready(*past, (ONE, WriteRetried(write=W))) == W
    given(*past).when(by_hand(commands.RetryWrite)).then((ONE, WriteRetried(write=W, by=BY)))
    given(*past).when(by_hand(commands.DropWrite, W + 1)).then(
        (ONE, WriteDropped(write=W + 1, by=BY))
    )
    given(*past).when(by_hand(commands.SettleWrite)).then()


@pytest.mark.parametrize(
    "wish", [commands.RetryWrite, commands.SettleWrite, commands.DropWrite], ids=str
)
def test_nobody_moves_what_is_under_way_or_over(wish):
    given(*two(begun())).when(by_hand(wish)).then()
    given(*two()).when(by_hand(wish, 99)).then()


def test_with_a_connection_go_its_writes():
    decided = given(*two(begun())).when(commands.Remove(subject=ONE, by=BY)).decided
    dropped = [event.write for _, event in decided if isinstance(event, WriteDropped)]
    assert dropped == [W, W + 1]


def test_a_wait_goes_back_with_the_clock():
    past = two(deferred(due=UNTIL, cause=SERVER, status=503))
    moved = deferred(due=UNTIL - MINUTE, cause=SERVER, status=503)
    over = two(deferred(due=UNTIL, over_limit=True))

    def told(by, past=past):
        decided = given(*past).when(commands.Review(subject=ONE, by=by)).decided
        return [each for each in decided if isinstance(each[1], WriteDeferred)]

    assert told(-MINUTE) == [(ONE, moved)]
    assert told(-MINUTE, over) == [(ONE, deferred(due=UNTIL - MINUTE, over_limit=True))]
    assert told(MINUTE) == []


def test_a_doubt_is_a_reason_why_not_all_is_well():
    def reasons(past):
        sum_ = system.Sum()
        system.add_writes(sum_, ONE, of(past))
        return {reason: found.examples for reason, found in sum_.reasons.items()}

    assert reasons(two(begun(), in_doubt())) == {system.Reason.IN_DOUBT: [ONE]}
    assert reasons(two()) == {}


# -- who has any ----------------------------------------------------------------------------------


def test_only_connections_whose_writes_wait_are_kept_apart():
    world = given((PROVIDER, DECLARED), *two(begun(), in_doubt())[1:]).world
    assert set(world.outboxes) == {ONE}
    assert doubtful(world.outboxes[ONE]) == 1
    assert whose(world.outboxes, W + 1) == ONE
    assert whose(world.outboxes, 99) is None
    assert find(world.outboxes[ONE], W + 1).row == 8
    over = (WriteFailed(write=W, cause=SERVER, message="no"), WriteSettled(write=W + 1))
    assert given(*two(*over)).world.outboxes == {}
    assert first(()) is None
    assert OTHER not in world.outboxes
