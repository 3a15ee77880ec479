"""The benchmark of versions still measures what it says."""

from tests.benchmarks import versions


def test_small_streams_are_measured_against_bare_sqlite():
    found = [*versions.figures(rows=3000, large=3000, differ=100, turns=1)]
    assert len(found) == 3
    assert all(figure.value > 0 and figure.limit > 0 for figure in found)
