"""Which days of a stream are off, which are not, and by which terms?"""

from math import log

import pytest
from msgspec.structs import replace

from projections import baseline, drift
from projections.arrivals import Step
from projections.baseline import ENOUGH, LEVEL, SPREAD_MIN, Season
from projections.drift import SIGMA, Rule, Word
from tests.policy.arriving import DAY, MONDAY, about, series

pytestmark = pytest.mark.requirement("D5")

RULE = Rule()
NEEDED = LEVEL[Step.DAY] + ENOUGH[Step.DAY]
STEADY, LOW, HIGH, MISSING = Word.STEADY, Word.LOW, Word.HIGH, Word.MISSING


def words(counts, last, rule=RULE):
    """What is said of the last ones."""
    return [each.word for each in drift.verdicts(series(counts), rule, last)]


def verdict(counts, rule=RULE):
    return drift.verdicts(series(counts), rule)[-1]


def changed(made, index, **fields):
    points = [*made.points]
    points[index] = replace(points[index], **fields)
    return replace(made, points=tuple(points))


# -- what is said ---------------------------------------------------------------------------------


def test_what_brings_what_it_usually_brings_is_steady():
    counts = about(100, 90)
    assert {*words(counts, 90 - NEEDED)} == {STEADY}


def test_before_five_weeks_there_is_not_enough_data_and_never_an_alarm():
    counts = [*about(100, NEEDED - 1), 0]
    assert {*words(counts, None)} == {Word.NOT_ENOUGH}
    assert verdict(counts).expected is None
    assert verdict([*about(100, NEEDED), 0]).word is MISSING


@pytest.mark.parametrize(
    "actual, said", [(0, MISSING), (20, LOW), (70, STEADY), (135, STEADY), (250, HIGH)]
)
def test_a_day_is_off_where_it_is_off_by_much(actual, said):
    assert verdict([*about(100, 60), actual]).word is said


def test_percent_keeps_what_hardly_varies_from_alarming_over_a_trifle():
    counts = [*[100] * 60, 75]
    assert verdict(counts, Rule(threshold=7, percent=40)).word is STEADY
    assert verdict(counts, Rule(threshold=7, percent=20)).word is LOW
    assert verdict([*[100] * 60, 99], Rule(threshold=1, percent=0)).word is STEADY, "SPREAD_MIN"


def test_spreads_keep_what_varies_much_from_alarming():
    wild = [*about(100, 60, spread=0.6), 40]
    assert verdict(wild).word is STEADY
    assert verdict(wild, Rule(threshold=1, percent=40)).word is LOW


def test_three_days_in_a_row_on_one_side_are_a_new_level_until_it_is_learnt():
    up, down = about(100, 60), about(100, 60)
    said = words([*up, *about(250, 20)], 20)
    assert said[:3] == [HIGH, HIGH, Word.SHIFTED]
    assert said[-5:] == [STEADY] * 5
    assert words([*down, *about(30, 20)], 20)[:3] == [LOW, LOW, Word.SHIFTED]
    third = drift.verdicts(series([*up, *about(250, 3)]), RULE)[-1]
    assert (third.in_a_row, third.since) == (3, MONDAY + 60 * DAY)


def test_a_high_day_after_a_low_one_begins_anew():
    found = drift.verdicts(series([*about(100, 60), 20, 250]), RULE)[-1]
    assert (found.word, found.in_a_row, found.since) == (HIGH, 1, found.at)


def test_what_is_missing_for_days_is_missing_since_the_first():
    found = drift.verdicts(series([*about(100, 60), 0, 0, 0, 0]), RULE)[-1]
    assert (found.word, found.in_a_row, found.since) == (MISSING, 4, MONDAY + 60 * DAY)


def test_what_repeats_keys_beyond_what_moving_pages_do_is_duplicated():
    made = series(about(100, 60))
    assert drift.verdicts(changed(made, 59, duplicates=5), RULE)[-1].word is STEADY
    twice = drift.verdicts(changed(made, 59, duplicates=100, fetched=200), RULE)[-1]
    assert (twice.word, twice.duplicates, twice.repeated) == (Word.DUPLICATED, 100, 0)
    points = tuple(replace(each, duplicates=50, fetched=200) for each in made.points)
    always = replace(made, points=points)
    assert drift.verdicts(always, RULE)[-1].word is STEADY, "this one always repeats a quarter"
    irregular = series([40 if n % 3 else 0 for n in range(90)])
    twice = drift.verdicts(changed(irregular, 89, duplicates=40, fetched=80), RULE)[-1]
    assert twice.word is Word.DUPLICATED
    silent = series([*about(100, 60), *[0] * 20])
    twice = drift.verdicts(changed(silent, 79, duplicates=40, fetched=80), RULE)[-1]
    assert (twice.word, twice.baseline) == (Word.DUPLICATED, None)
    early = changed(series(about(100, 20)), 19, duplicates=100, fetched=200)
    assert drift.verdicts(early, RULE)[-1].word is Word.NOT_ENOUGH


def test_what_came_late_makes_up_for_what_was_missing():
    found = verdict([*about(100, 60), 0, 0, 303])
    assert (found.word, found.covers) == (STEADY, 3)
    assert found.expected == pytest.approx(300, rel=0.05)
    assert verdict([*about(100, 60), 0, 0, 900]).word is HIGH
    assert verdict([*about(100, 60), 100, 303]).word is HIGH, "nothing was missing"
    assert verdict([*about(100, 60), 0, 0, 100]).covers == 1


# -- days of which nothing can be said ------------------------------------------------------------


def test_a_day_without_a_sync_is_missing_where_that_is_rare():
    found = verdict([*about(100, 60), None])
    assert (found.word, found.syncs) == (MISSING, 0)
    assert verdict([*about(100, 60), None, 201]).word is STEADY


def test_a_day_without_a_sync_is_not_synced_where_that_is_usual():
    counts = [None if n % 5 == 4 else each for n, each in enumerate(about(100, 140))]
    assert verdict(counts).word is Word.NOT_SYNCED


def test_what_covers_days_without_a_sync_is_no_part_of_what_is_usual():
    counts = about(100, 80)
    counts[50:53] = [None, None, 300]
    made = series(counts)
    prepared = baseline.prepare(made)
    assert prepared.usable[49:54] == (True, False, False, False, True)


def test_what_is_set_aside_is_not_judged_and_is_no_part_of_what_is_usual():
    made = changed(series([*about(100, 60), 5000]), 60, aside=True)
    found = drift.verdicts(made, RULE)[-1]
    assert (found.word, found.expected) == (Word.SET_ASIDE, None)


def test_what_brings_something_now_and_then_is_irregular_and_never_alarms():
    counts = [40 if n % 3 else 0 for n in range(90)]
    assert {*words([*counts, 0, 0, 900], 30)} == {Word.IRREGULAR}


def test_what_brought_nothing_for_two_weeks_has_no_level():
    found = verdict([*about(100, 60), *[0] * 20])
    assert (found.word, found.expected) == (Word.IRREGULAR, None)


def test_a_long_silence_is_a_surprise_and_what_follows_it_irregular():
    counts = [*about(100, 30), *[0] * 17, *about(100, 15)]
    assert verdict(counts).word is Word.IRREGULAR
    assert verdict(counts).baseline.surprises > drift.SURPRISES_SHARE * 42


def test_where_gaps_happen_now_and_then_one_more_is_no_news():
    wild = about(100, 70, spread=0.6)
    once, often = [*wild], [*wild]
    once[40] = often[30] = often[40] = often[50] = 0
    assert verdict([*once, 0]).word is MISSING
    assert verdict([*often, 0]).word is Word.IRREGULAR
    tame = about(100, 70)
    tame[30] = tame[40] = tame[50] = 0
    assert verdict([*tame, 0]).word is MISSING, "that is off by many spreads all the same"


# -- seasons and trends ---------------------------------------------------------------------------


def weekly(weeks, weekend=10):
    noise = about(1, weeks * 7, spread=0.0)
    return [
        (each and (100 if n % 7 < 5 else weekend)) + (n * 7) % 3 for n, each in enumerate(noise)
    ]


def test_a_quiet_weekend_is_expected_and_a_quiet_monday_is_not():
    counts = weekly(10)
    assert {*words(counts, 14)} == {STEADY}
    found = verdict([*counts, 10])
    assert (found.word, found.baseline.season, found.baseline.cell) == (
        LOW,
        Season.WEEKDAY,
        (0, -1),
    )
    assert verdict([*counts, 100]).word is STEADY
    saturday = [*counts, *counts[:5], 100]
    assert verdict(saturday).word is HIGH


def test_a_weekend_that_never_brings_anything_expects_nothing():
    counts = [100 + n % 3 if n % 7 < 5 else 0 for n in range(70)]
    saturday = verdict([*counts, *counts[:6]])
    assert (saturday.word, saturday.expected, saturday.percent) == (STEADY, 0, None)
    assert verdict([*counts, *counts[:5], 100]).word is HIGH
    assert verdict([*counts, 0]).word is MISSING


def test_what_grows_slowly_is_expected_to_grow_on():
    counts = [round(100 * 1.02**n) for n in range(200)]
    assert {*words(counts, 200 - NEEDED)} == {STEADY}
    found = verdict(counts)
    assert found.expected == pytest.approx(counts[-1], rel=0.01)


def test_hours_are_likened_to_the_same_hour():
    day = [20, 20, 20, 20, 20, 20, 60, 90, *[100] * 10, 90, 60, 30, 20, 20, 20]
    counts = [each + (n * 11) % 4 for n, each in enumerate(day * 21)]
    found = drift.verdicts(series([*counts, *counts[:8], 20], Step.HOUR), RULE, 1)[-1]
    assert (found.word, found.baseline.season, found.baseline.cell) == (LOW, Season.HOUR, (-1, 8))
    night = drift.verdicts(series([*counts, *counts[:2]], Step.HOUR), RULE, 1)[-1]
    assert night.word is STEADY


def test_where_hours_differ_by_the_day_of_the_week_both_count():
    week = [100 + (n // 24) * 40 if n // 24 < 5 else 10 for n in range(7 * 24)]
    counts = [each + (n * 11) % 3 for n, each in enumerate(week * 6)]
    found = drift.verdicts(series([*counts, counts[0]], Step.HOUR), RULE, 1)[-1]
    assert (found.word, found.baseline.season) == (STEADY, Season.WEEKDAY_HOUR)
    assert found.baseline.cell == (0, 0)


# -- its terms ------------------------------------------------------------------------------------


def test_every_term_can_be_recomputed_by_hand():
    """Two values in turn: levels are medians of two weeks, shares their quotients."""
    counts = [*[90, 110] * 40, 50]
    found = verdict(counts)
    usual = found.baseline
    assert (usual.level, usual.share, usual.expected) == (100, 1.0, 100)
    assert (usual.periods, usual.cell_periods, usual.season) == (56, 56, Season.ALL)
    assert usual.below == pytest.approx((1.1 - 0.9) / 1.1)
    assert usual.above == pytest.approx(log(1.1 / 0.9))
    assert (found.percent, found.off) == (-50.0, -0.5)
    assert found.score == pytest.approx(-0.5 / (SIGMA * usual.below))


def test_what_never_varied_has_a_spread_all_the_same():
    usual = verdict([100] * 60).baseline
    assert (usual.below, usual.above) == (SPREAD_MIN, SPREAD_MIN)


def test_what_is_too_much_is_off_by_the_logarithm_of_how_many_times_it_is():
    assert baseline.off(2, 1) == log(2)
    assert baseline.off(1, 2) == -0.5
    assert baseline.off(0, 1) == -1
    assert baseline.off(0.05, 0.01) == 0, "both are less than anybody would notice"


def test_the_median_of_the_others_leaves_one_out():
    assert [baseline._without([1, 2, 4, 9], each) for each in (1, 2, 4, 9)] == [4, 4, 2, 2]
    assert [baseline._without([1, 2, 4], each) for each in (1, 2, 4)] == [3, 2.5, 1.5]
    assert baseline._without([7], 7) == 7
