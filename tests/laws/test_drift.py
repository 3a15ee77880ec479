"""Whatever a stream brings: no verdict knows what follows, and none depends on a unit."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from projections import arrivals, drift, freshness
from projections.arrivals import Capture, Pause, Series, Step
from projections.baseline import ENOUGH, LEVEL
from projections.drift import ALARMS, Rule, Word
from tests.policy.arriving import DAY, MONDAY, series

NEEDED = LEVEL[Step.DAY] + ENOUGH[Step.DAY]
RULES = st.builds(
    Rule,
    threshold=st.floats(1, 20, allow_nan=False),
    percent=st.floats(0, 200, allow_nan=False),
)
COUNTS = st.lists(
    st.one_of(st.integers(0, 400), st.integers(90, 110), st.none()),
    min_size=NEEDED,
    max_size=NEEDED + 25,
)
QUIET = settings(max_examples=40, deadline=None)


@QUIET
@given(counts=COUNTS, rule=RULES, factor=st.sampled_from([2, 4, 1024]))
def test_as_many_times_as_much_is_judged_alike(counts, rule, factor):
    """By powers of two: others would be rounded, and a verdict may lie on its very limit."""
    times = [None if each is None else each * factor for each in counts]
    once = drift.verdicts(series(counts), rule)
    many = drift.verdicts(series(times), rule)
    assert [(a.word, a.percent, a.score, a.since) for a in once] == [
        (b.word, b.percent, b.score, b.since) for b in many
    ]


@QUIET
@given(counts=COUNTS, rule=RULES, cut=st.integers(0, 40))
def test_a_verdict_depends_on_nothing_that_came_later(counts, rule, cut):
    whole, part = series(counts), series(counts[: len(counts) - cut])
    assert drift.verdicts(whole, rule)[: len(part.points)] == drift.verdicts(part, rule)


@QUIET
@given(
    counts=st.lists(st.integers(90, 110), min_size=NEEDED, max_size=NEEDED + 25),
    level=st.integers(95, 105),
)
def test_one_more_day_like_the_others_does_not_alarm(counts, level):
    assert drift.verdicts(series([*counts, level]), Rule())[-1].word is Word.STEADY


@QUIET
@given(level=st.integers(1, 10_000), days=st.integers(NEEDED, 120), rule=RULES)
def test_what_never_varies_never_alarms(level, days, rule):
    assert not {each.word for each in drift.verdicts(series([level] * days), rule)} & ALARMS


@QUIET
@given(counts=COUNTS, rule=RULES)
def test_every_alarm_has_its_terms_and_enough_behind_it(counts, rule):
    for index, each in enumerate(drift.verdicts(series(counts), rule)):
        if each.word in ALARMS:
            assert each.baseline is not None
            assert index >= NEEDED
            assert each.since <= each.at
            assert each.in_a_row == 1 + (each.at - each.since) / DAY


CAPTURES = st.lists(
    st.builds(
        Capture,
        at=st.integers(0, 60 * 24 * 10).map(lambda minute: MONDAY + timedelta(minutes=minute)),
        stream=st.just("days"),
        new=st.integers(0, 9),
        fetched=st.integers(9, 20),
        load=st.booleans(),
    ),
    max_size=40,
)


@QUIET
@given(captures=CAPTURES, dice=st.randoms(), step=st.sampled_from(Step))
def test_the_order_of_arrivals_does_not_matter(captures, dice, step):
    mixed = [*captures]
    dice.shuffle(mixed)
    now = MONDAY + 12 * DAY
    pauses = [Pause(since=MONDAY + DAY, until=MONDAY + 2 * DAY)]
    assert arrivals.series(captures, pauses, step, "UTC", now) == arrivals.series(
        mixed, pauses, step, "UTC", now
    )
    assert freshness.of(captures, now, Rule()) == freshness.of(mixed, now, Rule())


@QUIET
@given(captures=CAPTURES, step=st.sampled_from(Step))
def test_every_arrival_that_is_no_load_is_in_exactly_one_period(captures, step):
    made: Series = arrivals.series(captures, [], step, "UTC", MONDAY + 12 * DAY)
    assert sum(each.new for each in made.points) == sum(
        each.new for each in captures if not each.load
    )
    assert sum(each.syncs for each in made.points) == len(captures)
