"""May a call leave, and what do the provider's answers mean for the next ones?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.commands import DeclareProvider, NoteAnswer, NoteSteps, Recount, TakeAllowance
from daemon.decide import limits
from daemon.decide.limits import HOLD_MAX, UNHINTED
from events.envelope import Recorded
from events.limits import (
    AdaptReason,
    AllowanceRecounted,
    AllowanceTaken,
    HoldReason,
    LimitAdapted,
    LimitHeld,
    LimitPolicy,
    Scope,
    Span,
    StepsSummed,
    WindowKind,
)
from events.schema import FLEET, ConnectionRemoved
from events.terms import FailureClass
from projections import allowance, window
from projections.allowance import Allowance
from projections.window import Moment, Window
from tests.policy.transcript import (
    ADDED,
    DECLARED,
    HOUR,
    MINUTE,
    NOON,
    ONE,
    OTHER,
    PROVIDER,
    SECOND,
    given,
)

E3, E10 = pytest.mark.requirement("E3"), pytest.mark.requirement("E10")

# 58 buckets in 58 s: each is a second long, and noon is where one begins.
SLIDING = Span(per=58 * SECOND)
ALIGNED = Span(per=HOUR, kind=WindowKind.ALIGNED)
READS = Span(per=HOUR, kind=WindowKind.ALIGNED, reads_only=True)
OWN = Scope.CONNECTION


def limit(calls, span, scope=Scope.APPLICATION):
    return LimitPolicy(calls=calls, span=span, scope=scope)


def limited(*policies, and_then=()):
    """A provider with these limits and two connections; then these events."""
    return given(
        (PROVIDER, replace(DECLARED, limits=policies)), (ONE, ADDED), (OTHER, ADDED), *and_then
    )


def taken(calls, *spans, until, **more):
    return AllowanceTaken(calls=calls, spans=spans, until=until, **more)


def take(application=1, own=1, *, reads=True, subject=ONE, **more):
    return TakeAllowance(subject=subject, reads=reads, application=application, own=own, **more)


def opens(scene, after=timedelta(), *, subject=ONE, reads=True, **more):
    """How long after noon a call may leave that wants to at this time after noon."""
    at = limits.opens_at(scene.world, subject, NOON + after, reads=reads, **more)
    return after if at is None else at - NOON


def full(calls, *spans, subject=PROVIDER, at=NOON, **more):
    return (subject, taken(calls, *spans, until=at, **more), at)


# -- taking ---------------------------------------------------------------------------------------


@E3
@pytest.mark.parametrize(
    ("policies", "wanted", "blocks"),
    [
        ([limit(1000, SLIDING)], 99, [(PROVIDER, taken(64, SLIDING, until=NOON + 2 * SECOND))]),
        ([limit(100, SLIDING)], 40, [(PROVIDER, taken(10, SLIDING, until=NOON + 2 * SECOND))]),
        ([limit(100, SLIDING)], 3, [(PROVIDER, taken(3, SLIDING, until=NOON + 2 * SECOND))]),
        ([limit(9, SLIDING)], 40, [(PROVIDER, taken(1, SLIDING, until=NOON + 2 * SECOND))]),
        ([limit(9, ALIGNED, OWN)], 40, [(ONE, taken(1, ALIGNED, until=NOON + HOUR))]),
        (
            [limit(500, ALIGNED), limit(50, SLIDING), limit(30, ALIGNED, OWN)],
            8,
            [
                (PROVIDER, taken(5, ALIGNED, SLIDING, until=NOON + 2 * SECOND)),
                (ONE, taken(3, ALIGNED, until=NOON + HOUR)),
            ],
        ),
        (
            [limit(9, ALIGNED), limit(8, ALIGNED)],
            1,
            [(PROVIDER, taken(1, ALIGNED, until=NOON + HOUR))],
        ),
        ([], 8, []),
    ],
)
def test_a_block_is_small_against_the_smallest_window_and_counts_in_each(policies, wanted, blocks):
    limited(*policies).when(take(wanted, wanted)).then(*blocks)


@E3
def test_only_what_still_fits_is_taken():
    scene = limited(limit(100, ALIGNED), and_then=[full(98, ALIGNED)])
    scene.when(take(8)).then((PROVIDER, taken(2, ALIGNED, until=NOON + HOUR)))


@E3
def test_who_has_some_left_of_one_takes_the_other_alone():
    scene = limited(limit(100, ALIGNED), limit(20, ALIGNED, OWN))
    scene.when(take(0, 1)).then((ONE, taken(1, ALIGNED, until=NOON + HOUR)))
    scene.when(take(1, 0)).then((PROVIDER, taken(1, ALIGNED, until=NOON + HOUR)))


@E3
def test_nothing_is_taken_where_one_window_of_either_is_full():
    both = (limit(100, ALIGNED), limit(20, ALIGNED, OWN))
    limited(*both, and_then=[full(20, ALIGNED, subject=ONE)]).when(take()).then()
    limited(*both, and_then=[full(100, ALIGNED)]).when(take()).then()


@E3
def test_connections_share_what_is_the_applications_and_nothing_else():
    scene = limited(limit(20, ALIGNED, OWN), and_then=[full(20, ALIGNED, subject=ONE)])
    assert opens(scene, subject=ONE) == HOUR
    assert opens(scene, subject=OTHER) == timedelta()
    scene = limited(limit(20, ALIGNED), and_then=[full(20, ALIGNED)])
    assert opens(scene, subject=ONE) == opens(scene, subject=OTHER) == HOUR


@E3
def test_writes_do_not_count_among_reads_nor_wait_for_them():
    strava = (limit(200, ALIGNED), limit(100, READS))
    scene = limited(*strava, and_then=[full(100, ALIGNED, READS)])
    assert (opens(scene, reads=True), opens(scene, reads=False)) == (HOUR, timedelta())
    scene.when(take(1, reads=False)).then((PROVIDER, taken(1, ALIGNED, until=NOON + HOUR)))
    scene = limited(*strava, and_then=[full(100, ALIGNED, READS), full(100, ALIGNED)])
    assert opens(scene, reads=False) == HOUR
    writes = limited(*strava, and_then=[full(100, ALIGNED)])
    assert opens(writes, reads=True) == timedelta()


def test_nobody_takes_for_a_connection_that_is_not_known():
    given().when(take()).then()
    assert opens(given()) == timedelta()
    given().when(NoteAnswer(subject=ONE, cause=FailureClass.RATE_LIMITED)).then()
    given().when(Recount(subject=ONE)).then()


@E3
def test_what_was_declared_before_limits_were_read_is_declared_again():
    known, file = given((PROVIDER, DECLARED)), replace(DECLARED, limits=(limit(9, ALIGNED),))
    known.when(DeclareProvider(subject=PROVIDER, declaration=file)).then((PROVIDER, file))
    known.when(DeclareProvider(subject=PROVIDER, declaration=DECLARED)).then()


@E3
def test_a_connection_that_comes_back_has_not_got_its_allowance_back():
    past = [full(20, ALIGNED, subject=ONE), (ONE, ConnectionRemoved()), (ONE, ADDED)]
    assert opens(limited(limit(20, ALIGNED, OWN), and_then=past)) == HOUR


def test_how_far_the_clock_has_stepped_is_recorded_once():
    summed = (FLEET, StepsSummed(ahead=HOUR))
    given().when(NoteSteps(ahead=HOUR)).then(summed)
    given(summed).when(NoteSteps(ahead=HOUR)).then()


# -- windows --------------------------------------------------------------------------------------


@E3
@pytest.mark.parametrize(
    ("spans", "taken_after", "opens_after"),
    [
        (SLIDING, timedelta(), 60 * SECOND),  # to the end of its second bucket, and then 58 s
        (SLIDING, 0.9 * SECOND, 60 * SECOND),
        (SLIDING, 1 * SECOND, 61 * SECOND),
        (Span(per=SECOND), timedelta(), 2 * SECOND),  # no bucket is shorter than half a second
        (ALIGNED, timedelta(), HOUR),
        (ALIGNED, HOUR - SECOND, HOUR),
        (ALIGNED, HOUR, 2 * HOUR),
        (Span(per=24 * HOUR, kind=WindowKind.ALIGNED), timedelta(), 12 * HOUR),  # midnight in UTC
    ],
)
def test_a_call_counts_until_its_whole_bucket_has_left(spans, taken_after, opens_after):
    scene = limited(limit(1, spans), and_then=[full(1, spans, at=NOON + taken_after)])
    assert opens(scene, taken_after) == opens_after
    assert opens(scene, opens_after - SECOND / 1000) == opens_after
    assert opens(scene, opens_after) == opens_after


@E3
def test_a_sliding_window_opens_as_far_as_it_has_emptied():
    past = [full(3, SLIDING), full(2, SLIDING, at=NOON + 10 * SECOND)]
    scene = limited(limit(5, SLIDING), and_then=past)
    assert opens(scene, 20 * SECOND) == 60 * SECOND
    later = NOON + 60 * SECOND
    scene.when(take(9), now=later).then((PROVIDER, taken(1, SLIDING, until=later + 2 * SECOND)))
    scene = limited(limit(2, SLIDING), and_then=past)
    assert opens(scene, 20 * SECOND) == 70 * SECOND


@E3
def test_sixty_buckets_are_kept_and_no_more():
    past = [full(1, SLIDING, at=NOON + count * SECOND / 2) for count in range(400)]
    scene = limited(limit(1000, SLIDING), and_then=past)
    (kept,) = scene.world.providers[PROVIDER].allowance.windows
    assert len(kept.buckets) == 60
    past = [full(1, ALIGNED, at=NOON + count * HOUR) for count in range(9)]
    scene = limited(limit(1000, ALIGNED), and_then=past)
    (kept,) = scene.world.providers[PROVIDER].allowance.windows
    assert len(kept.buckets) == 2


# -- another file ---------------------------------------------------------------------------------


@E3
@pytest.mark.parametrize(
    ("before", "after", "opens_after"),
    [
        (ALIGNED, Span(per=2 * HOUR, kind=WindowKind.ALIGNED), 2 * HOUR),
        (SLIDING, Span(per=29 * SECOND), 30 * SECOND),
        (SLIDING, Span(per=116 * SECOND), 118 * SECOND),
        (SLIDING, ALIGNED, HOUR),
        (ALIGNED, SLIDING, 60 * SECOND),
        (ALIGNED, READS, timedelta()),  # those are counted apart, and none were
    ],
)
def test_another_span_begins_with_all_that_the_one_before_it_may_hold(before, after, opens_after):
    declared = replace(DECLARED, digest="d2", limits=(limit(5, after),))
    past = [full(5, before), (PROVIDER, declared)]
    assert opens(limited(limit(5, before), and_then=past)) == opens_after


@E3
def test_a_span_that_no_file_has_any_more_is_forgotten_with_the_next_read():
    after = (ALIGNED, READS)
    past = [full(1, SLIDING, READS), full(1, ALIGNED), full(1, *after)]
    kept = limited(limit(9, ALIGNED), and_then=past[:2]).world.providers[PROVIDER].allowance
    assert [each.span for each in kept.windows] == [ALIGNED, READS]
    kept = limited(limit(9, ALIGNED), and_then=past).world.providers[PROVIDER].allowance
    assert [(each.span, each.buckets[-1][1]) for each in kept.windows] == [(ALIGNED, 3), (READS, 2)]


# -- clocks that step -----------------------------------------------------------------------------


@E3
def test_what_a_step_made_of_the_clock_does_not_empty_a_sliding_window():
    scene = limited(limit(5, SLIDING), and_then=[full(5, SLIDING)])
    assert opens(scene, HOUR, ahead=HOUR) == HOUR + 60 * SECOND
    assert opens(scene, -HOUR, ahead=-HOUR) == -HOUR + 60 * SECOND
    assert opens(scene, HOUR) == HOUR


@E3
@pytest.mark.parametrize(("span", "longest"), [(SLIDING, 60 * SECOND), (ALIGNED, 2 * HOUR)])
def test_after_a_step_back_that_nobody_saw_nothing_is_lost_and_nothing_waits_for_ever(
    span, longest
):
    past = [full(5, span)]
    scene = limited(limit(5, span), and_then=past)
    back = NOON - 1000 * HOUR
    again = AllowanceRecounted(spans=(span,), ahead=timedelta())
    scene.when(Recount(subject=ONE), now=back).then((PROVIDER, again))
    scene = limited(limit(5, span), and_then=[*past, (PROVIDER, again, back)])
    assert opens(scene, back - NOON) == back - NOON + longest
    scene.when(Recount(subject=ONE), now=back).then()


@E3
def test_an_aligned_window_to_which_the_clock_returns_is_as_full_as_it_was():
    past = [full(4, ALIGNED), full(1, ALIGNED, at=NOON + HOUR), full(0, ALIGNED, at=NOON)]
    scene = limited(limit(5, ALIGNED), and_then=past)
    assert opens(scene, MINUTE) == HOUR
    past = [full(1, ALIGNED, at=NOON + HOUR), full(4, ALIGNED)]
    scene = limited(limit(5, ALIGNED), and_then=past)
    assert opens(scene) == 2 * HOUR  # to be safe they count in both


@E10
def test_a_hold_that_a_step_of_the_clock_made_endless_is_restated_once():
    held = LimitHeld(until=NOON + HOUR, reason=HoldReason.HINT)
    back = NOON - HOLD_MAX
    again = LimitHeld(until=NOON, reason=HoldReason.CLOCK_STEPPED)
    scene = limited(and_then=[(ONE, held)])
    scene.when(Recount(subject=ONE), now=back).then((ONE, again))
    limited(and_then=[(ONE, held), (ONE, again, back)]).when(Recount(subject=ONE), now=back).then()


# -- holds ----------------------------------------------------------------------------------------


def note(cause=None, **more):
    return NoteAnswer(subject=ONE, cause=cause, **more)


def hold(after, reason=HoldReason.HINT):
    return LimitHeld(until=NOON + after, reason=reason)


REFUSED = FailureClass.RATE_LIMITED
LOWERED = LimitAdapted(percent=50, reason=AdaptReason.RATE_LIMITED)


@pytest.mark.parametrize("subject", [PROVIDER, ONE])
def test_a_good_answer_changes_nothing_until_less_of_a_limit_is_used(subject):
    scene = limited(limit(1000, SLIDING), limit(100, ALIGNED, OWN))
    assert limits.are_whole(scene.world, ONE)
    scene.when(NoteAnswer(subject=ONE), NOON + HOUR).then()
    scene.fold(subject, LOWERED)
    assert not limits.are_whole(scene.world, ONE)


@E10
@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        (note(REFUSED, retry_after=HOUR), hold(HOUR)),
        (note(FailureClass.SERVER, retry_after=HOUR), hold(HOUR)),
        (note(retry_after=HOUR), hold(HOUR)),  # the last call that was allowed
        (note(REFUSED, retry_after=2 * HOLD_MAX), hold(HOLD_MAX)),
        (note(REFUSED), hold(UNHINTED, HoldReason.REFUSED)),
        (note(FailureClass.SERVER), None),
        (note(), None),
    ],
)
def test_what_the_provider_asks_for_is_obeyed(answer, decided):
    limited().when(answer).then(*[(ONE, decided)] if decided else [])


@E10
def test_a_hint_is_never_shortened():
    held = [(ONE, hold(HOUR))]
    for answer in (note(REFUSED), note(retry_after=HOUR), note(retry_after=MINUTE)):
        limited(and_then=held).when(answer).then()
    limited(and_then=held).when(note(retry_after=2 * HOUR)).then((ONE, hold(2 * HOUR)))
    late = NOON + HOUR - SECOND
    limited(and_then=held).when(note(retry_after=MINUTE), now=late).then(
        (ONE, hold(HOUR - SECOND + MINUTE))
    )


@E10
def test_nothing_leaves_while_it_is_held_and_no_step_of_the_clock_ends_that():
    scene = limited(limit(9, ALIGNED, OWN), and_then=[(ONE, hold(MINUTE))])
    scene.when(take()).then()
    scene.when(take(), now=NOON + MINUTE).then((ONE, taken(1, ALIGNED, until=NOON + HOUR)))
    assert opens(scene) == MINUTE
    assert opens(scene, HOUR, ahead=HOUR) == HOUR + MINUTE
    assert opens(scene, subject=OTHER) == timedelta()


@E10
@pytest.mark.parametrize(
    ("policies", "whose"),
    [
        ([], ONE),
        ([limit(100, ALIGNED, OWN)], ONE),
        ([limit(100, ALIGNED)], PROVIDER),
        ([limit(100, ALIGNED), limit(20, ALIGNED, OWN)], PROVIDER),
    ],
)
def test_all_are_held_where_they_share_a_limit_and_else_the_connection(policies, whose):
    scene = limited(*policies).when(note(REFUSED, retry_after=HOUR))
    assert scene.decided[0] == (whose, hold(HOUR))


@E10
def test_a_refusal_without_a_hint_rests_no_longer_than_the_shortest_window():
    scene = limited(limit(20, Span(per=SECOND)), limit(20, ALIGNED)).when(note(REFUSED))
    assert scene.decided[0] == (PROVIDER, hold(SECOND, HoldReason.REFUSED))


# -- less of a limit, and more again --------------------------------------------------------------


@E10
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (note(REFUSED), AdaptReason.RATE_LIMITED),
        (note(FailureClass.SERVER), AdaptReason.SERVER),
        (note(FailureClass.TIMEOUT), AdaptReason.SLOW),
        (note(slow=True), AdaptReason.SLOW),
        (note(FailureClass.NETWORK), None),
        (note(FailureClass.NOT_FOUND), None),
        (note(), None),
    ],
)
def test_trouble_halves_what_is_used_of_the_limit(answer, reason):
    scene = limited(limit(100, ALIGNED, OWN)).when(answer)
    adapted = [each for each in scene.decided if isinstance(each[1], LimitAdapted)]
    assert adapted == ([(ONE, LimitAdapted(percent=50, reason=reason))] if reason else [])
    if reason:
        past = [(ONE, adapted[0][1]), full(50, ALIGNED, subject=ONE)]
        assert opens(limited(limit(100, ALIGNED, OWN), and_then=past)) == HOUR


@E10
@pytest.mark.parametrize(
    ("percent", "after", "answer", "then"),
    [
        (100, HOUR, note(), None),
        (50, 29 * SECOND, note(FailureClass.SERVER), None),  # it tells the same once more
        (50, 30 * SECOND, note(FailureClass.SERVER), (25, AdaptReason.SERVER)),
        (12, HOUR, note(FailureClass.SERVER), (10, AdaptReason.SERVER)),
        (10, HOUR, note(FailureClass.SERVER), (10, AdaptReason.SERVER)),
        (50, 5 * MINUTE - SECOND, note(), None),
        (50, 5 * MINUTE, note(), (60, AdaptReason.HEALTHY)),
        (50, -HOUR, note(), (60, AdaptReason.HEALTHY)),  # the clock has stepped
        (50, 5 * MINUTE, note(FailureClass.NETWORK), None),
        (50, 5 * MINUTE, note(slow=True), (25, AdaptReason.SLOW)),
        (95, 5 * MINUTE, note(), (100, AdaptReason.HEALTHY)),
    ],
)
def test_it_falls_by_half_and_rises_by_tenths_within_its_bounds(percent, after, answer, then):
    past = [(ONE, LimitAdapted(percent=percent, reason=AdaptReason.SERVER))]
    scene = limited(limit(100, ALIGNED, OWN), and_then=past).when(answer, now=NOON + after)
    scene.then(*[(ONE, LimitAdapted(percent=then[0], reason=then[1]))] if then else [])


@E10
def test_each_healthy_stretch_counts_from_the_last_change():
    past = [
        (ONE, LOWERED),
        (ONE, LimitAdapted(percent=60, reason=AdaptReason.HEALTHY), NOON + 5 * MINUTE),
    ]
    scene = limited(limit(100, ALIGNED, OWN), and_then=past)
    scene.when(note(), now=NOON + 9 * MINUTE).then()
    scene.when(note(FailureClass.SERVER), now=NOON + 5 * MINUTE + SECOND).then(
        (ONE, LimitAdapted(percent=30, reason=AdaptReason.SERVER))
    )


@E10
def test_where_nothing_is_limited_there_is_nothing_to_use_less_of():
    limited().when(note(FailureClass.SERVER)).then()


@E10
def test_one_call_is_always_left():
    past = [(ONE, LimitAdapted(percent=10, reason=AdaptReason.SLOW))]
    scene = limited(limit(3, ALIGNED, OWN), and_then=past)
    scene.when(take()).then((ONE, taken(1, ALIGNED, until=NOON + HOUR)))


# -- the pure parts by themselves -----------------------------------------------------------------


def test_what_is_not_of_limits_changes_no_allowance():
    recorded = Recorded(seq=1, at=NOON, subject=ONE, event=ADDED)
    assert allowance.evolve(Allowance(), recorded) == Allowance()


def test_a_limit_of_nothing_is_our_mistake():
    with pytest.raises(AssertionError, match="never waited for"):
        window.wait(Window(span=SLIDING), 0, Moment(wall=NOON))


@E3
def test_a_forced_call_leaves_whatever_the_limits_say_and_is_counted():
    full = (PROVIDER, taken(1, ALIGNED, until=NOON + HOUR))
    held = (PROVIDER, LimitHeld(until=NOON + HOUR, reason=HoldReason.HINT))
    scene = limited(limit(1, ALIGNED), and_then=(full, held))
    scene.when(take()).then()
    scene.when(take(forced=True)).then((PROVIDER, taken(1, ALIGNED, until=NOON + HOUR)))
