"""What does a sketch tell of values, and does it tell it whatever the order they came in?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections import value_sketch
from projections.value_sketch import ERROR, GREATEST, HASHES_MAX, LEAST, Sketch
from tests.policy.valuing import sketch

pytestmark = pytest.mark.requirement("D5")

VALUES = st.lists(
    st.one_of(
        st.none(),
        st.integers(-(10**20), 10**20),
        st.floats(-1e18, 1e18, allow_nan=False),
        st.integers(0, 200).map(str),
    ),
    max_size=150,
)


@settings(max_examples=100, deadline=None)
@given(values=VALUES, dice=st.randoms(use_true_random=False), parts=st.integers(1, 5))
def test_neither_order_nor_parts_change_it(values, dice, parts):
    whole = sketch(values)
    shuffled = [*values]
    dice.shuffle(shuffled)
    assert sketch(shuffled) == whole
    joined = value_sketch.join([sketch(shuffled[each::parts]) for each in range(parts)])
    assert joined == whole


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1).map(sorted))
def test_a_median_is_within_its_error(values):
    found = value_sketch.quantile(sketch(values).numbers, 0.5)
    true = values[(len(values) - 1) // 2]
    assert found == pytest.approx(true, rel=ERROR + 1e-9, abs=LEAST)


def test_a_quantile_is_a_number_that_is_there():
    numbers = sketch([-5, *[1] * 8, 80]).numbers
    found = [value_sketch.quantile(numbers, each) for each in (0, 0.1, 0.2, 0.9, 0.91, 1)]
    assert found == pytest.approx([-5, -5, 1, 1, 80, 80], rel=ERROR)


@pytest.mark.parametrize(
    ("value", "told"), [(0, 0), (LEAST / 2, 0), (-LEAST / 2, 0), (10**400, GREATEST)]
)
def test_what_is_very_small_or_very_large_has_a_bucket_too(value, told):
    assert value_sketch.middle(value_sketch.bucket(value)) == pytest.approx(told, rel=ERROR)


def test_the_buckets_are_in_the_order_of_numbers():
    values = [-1e15, -7, -1, -1e-9, 0, 1e-9, 0.4, 3, 1e15]
    buckets = [*map(value_sketch.bucket, values)]
    assert buckets == sorted(set(buckets))
    assert len(range(buckets[0], buckets[-1])) < 2300


def test_of_many_texts_the_same_are_kept_of_each():
    first = sketch([str(each) for each in range(200)])
    second = sketch([str(each) for each in range(100, 300)])
    assert (first.texts, len(first.hashes)) == (200, HASHES_MAX)
    assert first.upto == max(first.hashes)
    both = value_sketch.join([first, second])
    assert (both.texts, both.rows, len(both.hashes)) == (400, 400, HASHES_MAX)
    assert both == sketch([*map(str, range(200)), *map(str, range(100, 300))])
    assert value_sketch.bound([first, second]) == min(max(first.hashes), max(second.hashes))
    assert value_sketch.bound([sketch(["a"])]) is None


def test_what_is_neither_a_number_nor_a_text_counts_as_a_row():
    assert sketch([None, 1], 3) == Sketch(rows=5, nulls=1, numbers={value_sketch.bucket(1): 1})
