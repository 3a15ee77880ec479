"""When are a watched field's values off, by which terms, and when is it too early to say?"""

import pytest

from projections import value_drift, value_figures
from projections.drift import Rule
from projections.value_drift import LOTS_MAX, VERSIONS_ENOUGH
from projections.value_figures import ValueWord, What
from projections.value_sketch import HASHES_MAX, Measures
from tests.policy.valuing import sketch

pytestmark = pytest.mark.requirement("D5")

RULE = Rule()
STEADY, SHIFTED = ValueWord.STEADY, ValueWord.SHIFTED
RECURRING, NOT_ENOUGH = ValueWord.RECURRING, ValueWord.NOT_ENOUGH
KM = [4.0, 4.4, 4.8, 5.0, 5.2, 5.6, 6.0] * 4


def verdicts(versions, rule=RULE):
    """Of each version's values, in order, as of each of them."""
    written = [(10 * n, sketch(values)) for n, values in enumerate(versions, 1)]
    found = []
    for index in range(len(written)):
        value_drift.follow(found, value_drift.judge("field", written, index, rule))
    return found


def verdict(versions, rule=RULE):
    return verdicts(versions, rule)[-1]


def figure(of, what):
    (found,) = [each for each in of.figures if each.what is what]
    return found


def shifted(of):
    return {each.what for each in of.figures if each.word is SHIFTED}


# -- numbers --------------------------------------------------------------------------------------


def test_another_unit_is_told_at_once_with_its_terms():
    found = verdict([*[KM] * 22, [1000 * each for each in KM]])
    assert (found.word, found.version, found.since, shifted(found)) == (
        SHIFTED, 230, 230, {What.MEDIAN}
    )  # fmt: skip
    assert (found.lots, found.versions, found.rows) == (22, 1, 28)
    assert (found.versions_before, found.rows_before) == (22, 22 * 28)
    median = figure(found, What.MEDIAN)
    assert median.actual == pytest.approx(5000, rel=0.03)
    assert median.expected == pytest.approx(5, rel=0.03)
    assert median.percent == pytest.approx(99_900, rel=0.06)
    assert (median.mad, median.lots) == (0, 22)
    assert median.score == (median.actual - median.expected) / median.spread > 1000


@pytest.mark.parametrize(("factor", "word"), [(1.3, STEADY), (1.61, SHIFTED), (0.45, SHIFTED)])
def test_by_less_than_so_many_percent_nothing_is_off(factor, word):
    """Kilometres and miles, pounds and kilograms are further apart."""
    exact = [5.0, 5.01, 4.99] * 8
    assert verdict([*[exact] * 22, [factor * each for each in exact]]).word is word


def test_both_settings_count():
    versions = [*[KM] * 22, [2 * each for each in KM]]
    assert verdict(versions).word is SHIFTED
    assert verdict(versions, Rule(percent=200)).word is STEADY
    assert verdict(versions, Rule(threshold=100)).word is STEADY


def test_what_varies_much_from_version_to_version_is_not_off_as_it_varies():
    versions = [[level * each for each in KM] for level in [1, 3, 2, 5, 4, 1.5, 2.5] * 4]
    assert {each.word for each in verdicts(versions)} == {STEADY, NOT_ENOUGH}


def test_few_rows_that_vary_much_are_not_off_by_chance():
    """The medians of before agree by chance, but a median of so few rows need not."""
    wide = [1, 3, 10, 30, 100, 300, 1000] * 3
    high = [1, 30, 30, 100, 100, 300, 1000] * 3
    found = verdict([*[wide] * 22, high])
    assert found.word is STEADY
    median = figure(found, What.MEDIAN)
    assert median.percent > 40
    assert median.mad == 0


def test_below_nothing_is_as_far_as_above():
    minus = [-each for each in KM]
    assert verdict([*[minus] * 22, KM]).word is SHIFTED
    assert verdict([*[minus] * 23]).word is STEADY
    assert figure(verdict([*[minus] * 22, KM]), What.MEDIAN).percent == pytest.approx(200, rel=0.01)


def test_other_than_always_nothing_is_off_by_no_percent_and_no_spreads():
    nothing = [0] * 20
    found = verdict([*[nothing] * 22, [3] * 20])
    median = figure(found, What.MEDIAN)
    assert (found.word, median.percent, median.score, median.spread) == (SHIFTED, None, None, 0)
    assert figure(verdict([nothing] * 23), What.MEDIAN).word is STEADY


def test_a_new_level_is_told_until_it_is_what_most_lots_have():
    metres = [1000 * each for each in KM]
    found = verdicts([*[KM] * 22, *[metres] * 25])
    said = [each.word for each in found[22:]]
    until = said.index(STEADY)
    assert said == [SHIFTED] * until + [STEADY] * (25 - until)
    assert 14 <= until <= 22
    assert {each.since for each in found[22 : 22 + until]} == {230}


@pytest.mark.parametrize("free", [0.2, 3])
def test_what_comes_back_each_week_is_no_news(free):
    week = [KM] * 5 + [[free * each for each in KM]] * 2
    found = verdicts(week * 6)
    assert SHIFTED not in {each.word for each in found}
    assert RECURRING in {each.word for each in found}
    last = figure(found[-1], What.MEDIAN)
    assert (last.word, last.stretches) == (RECURRING, 4)


def test_what_has_been_so_once_before_is_told_again():
    metres = [1000 * each for each in KM]
    assert verdict([*[KM] * 12, metres, *[KM] * 12, metres]).word is SHIFTED


def test_what_has_been_otherwise_ever_since_it_was_seen_does_not_come_back():
    assert value_figures._stretches([2, 2, 2], 2) == 0
    assert value_figures._stretches([2, 0, 2, 2, 0, -2, 1, 0], 2) == 2


# -- what is there, and of which kind -------------------------------------------------------------


def test_a_field_that_becomes_null_is_told():
    found = verdict([*[KM] * 22, [None] * 20])
    nulls = figure(found, What.NULLS)
    assert (found.word, shifted(found)) == (SHIFTED, {What.NULLS})
    assert (nulls.actual, nulls.expected, nulls.percent) == (1, 0, 100)
    assert {each.what for each in found.figures} == {What.NULLS}


def test_a_field_that_is_no_longer_null_is_told_too():
    assert shifted(verdict([*[[None] * 20] * 22, KM])) == {What.NULLS}


def test_a_null_more_or_less_is_not():
    half = [None, 5.0] * 14
    assert verdict([*[half] * 22, [None, None, None, 5.0, 5.0] * 5]).word is STEADY
    assert verdict([*[KM] * 22, [*KM[:17], None, None, None]]).word is STEADY


def test_numbers_that_become_texts_are_told():
    found = verdict([*[KM] * 22, [f"{each} km" for each in KM]])
    assert shifted(found) == {What.TEXTS}
    assert figure(found, What.TEXTS).percent == 100


def test_lists_and_objects_are_there_and_no_more_is_said_of_them():
    whole = [(n, sketch([], 20)) for n in range(23)]
    found = value_drift.judge("field", whole, 22, RULE)
    assert found.word is STEADY
    assert {each.what for each in found.figures} == {What.NULLS, What.TEXTS}


# -- texts ----------------------------------------------------------------------------------------


def test_a_text_never_seen_before_is_told_and_then_that_they_are_mixed_otherwise():
    found = verdicts([*[["km"] * 24] * 22, *[["m"] * 24] * 3])
    assert [shifted(each) for each in found[21:]] == [
        set(), {What.NEW, What.MIX}, {What.MIX}, {What.MIX}
    ]  # fmt: skip
    assert found[-1].since == 230


def test_known_texts_that_are_mixed_otherwise_are_told():
    usual, otherwise = ["km"] * 90 + ["mi"] * 10, ["km"] * 10 + ["mi"] * 90
    found = verdict([*[usual] * 22, otherwise])
    assert shifted(found) == {What.MIX}
    mix = figure(found, What.MIX)
    assert mix.actual == pytest.approx(0.8)
    assert mix.percent == pytest.approx(100 * (0.8 - mix.expected))


def test_texts_that_are_all_new_each_time_are_not():
    versions = [[f"{n}-{each}" for each in range(24)] for n in range(26)]
    found = verdict(versions)
    assert found.word is STEADY
    assert figure(found, What.NEW).expected == 1


def test_but_it_is_told_where_they_have_all_become_the_same():
    versions = [[f"{n}-{each}" for each in range(24)] for n in range(24)]
    found = verdicts([*versions, ["none"] * 24, ["none"] * 24])
    assert shifted(found[-1]) == {What.NEW}
    assert figure(found[-1], What.NEW).percent == -100


def test_of_many_texts_those_are_likened_that_all_lots_have_counted():
    many = [f"text {each}" for each in range(3 * HASHES_MAX)]
    assert verdict([many] * 23).word is STEADY
    others = [f"other {each}" for each in range(3 * HASHES_MAX)]
    assert What.NEW in shifted(verdict([*[many] * 22, others]))


def test_more_of_the_usual_mix_than_chance_brings_is_no_shift():
    """Small lots are mixed otherwise by chance, and then a large one is not."""
    small = [["a"] * 20, ["b"] * 20] * 12
    assert verdict([*small, ["a", "b"] * 200]).word is STEADY


# -- when it can be said --------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "word"), [(20, NOT_ENOUGH), (21, STEADY)])
def test_it_takes_so_many_versions(before, word):
    found = verdict([KM] * (before + 1))
    assert (found.word, found.lots) == (word, before)


@pytest.mark.parametrize(("before", "word"), [(7, NOT_ENOUGH), (8, STEADY)])
def test_and_so_many_lots(before, word):
    found = verdict([KM[:7]] * 3 * (before + 1))
    assert (found.word, found.lots, found.versions_before) == (word, before, 3 * before)
    assert found.versions_before >= VERSIONS_ENOUGH


def test_of_a_lot_without_enough_rows_it_says_how_many_there_are():
    found = verdict([[5.0]] * 3)
    assert (found.word, found.rows, found.versions, found.lots) == (NOT_ENOUGH, 3, 3, 0)
    none = value_drift.unknown("field")
    assert (none.word, none.rows, none.version) == (NOT_ENOUGH, 0, 0)


@pytest.mark.parametrize(("rows", "versions"), [(1, 7), (2, 7), (3, 7), (4, 5), (10, 2)])
def test_versions_of_a_few_rows_are_likened_together(rows, versions):
    """A sync that brings a day each time: a week of days is a lot."""
    found = verdict([KM[:rows]] * versions * 11 + [[1000 * each for each in KM[:rows]]] * versions)
    assert (found.word, found.versions, found.rows) == (SHIFTED, versions, rows * versions)
    assert (found.lots, found.versions_before) == (11, 11 * versions)


def test_what_lies_further_back_says_nothing():
    found = verdict([[1000 * each for each in KM]] * 20 + [KM] * (LOTS_MAX + 1))
    assert (found.word, found.lots) == (STEADY, LOTS_MAX)
    assert figure(found, What.MEDIAN).expected == pytest.approx(5, rel=0.03)


@pytest.mark.parametrize("some", [[5.0], ["km"]])
def test_of_few_values_among_nulls_only_the_nulls_are_told(some):
    """Now, or in most lots before."""
    mostly, full = [*some * 4, *[None] * 16], some * 20
    for versions in ([*[full] * 22, mostly], [*[mostly] * 22, full]):
        whats = {each.what for each in verdict(versions).figures}
        assert whats == {What.NULLS}


# -- versions that were taken back ----------------------------------------------------------------


def test_what_was_taken_back_counts_no_more_and_what_was_brought_back_does():
    kept = [(n, Measures(fields={"a": sketch(KM)})) for n in (1, 2, 3, 4)]
    back, forth = (5, Measures(back=2)), (6, Measures(back=4))

    def led(*versions):
        return [version for version, _ in value_drift.lineage(versions)]

    assert led(*kept) == [1, 2, 3, 4]
    assert led(*kept, back) == [1, 2]
    assert led(*kept, back, forth) == [1, 2, 3, 4]
    assert led(*kept, back, (7, kept[0][1])) == [1, 2, 7]
    assert led(*kept, (5, Measures(back=0))) == []


def test_of_a_field_those_versions_count_in_which_it_was_watched():
    a, b = sketch(KM), sketch(["km"])
    lineage = [(1, Measures(fields={"a": a})), (2, Measures(fields={"a": a, "b": b}))]
    assert value_drift.written(lineage, "b") == [(2, b)]
    assert value_drift.written(lineage, "a") == [(1, a), (2, a)]
