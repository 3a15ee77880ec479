"""The benchmark of programs' calls still measures calls, and its p99 is one."""

import pytest

from tests.benchmarks import calling
from tests.benchmarks.figure import compare_p99


def test_a_few_calls_are_measured_against_their_limits():
    figures = list(calling.figures(calls=20, turns=1))
    assert [each.unit for each in figures].count("ms") == 2
    for figure in figures:
        assert figure.value > 0
        assert figure.limit > 0


@pytest.mark.requirement("E11")
def test_a_p99_is_what_one_in_a_hundred_takes_longer_than():
    ours = [0.001] * 990 + [0.5] * 10
    found = compare_p99("", lambda: [0.002, *ours], lambda: [0.010] * 100, turns=3)
    assert (found.limit, found.unit) == (10, "ms")
    assert 1 <= found.value < 500
    assert compare_p99("", lambda: [*ours, 0.5], lambda: [0.010] * 100, turns=1).value == 500
