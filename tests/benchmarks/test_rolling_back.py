"""The benchmark of going back still goes back."""

from tests.benchmarks import rolling_back


def test_small_differences_are_measured_against_updates_by_hand():
    found = list(rolling_back.figures(rows=3000, differences=(10, 1000), turns=1))
    assert len(found) == 3
    assert all(figure.value > 0 for figure in found)
