"""The benchmark of syncing still measures a sync."""

from tests.benchmarks import syncing


def test_a_small_sync_is_measured_against_a_bare_loop():
    (figure,) = syncing.figures(records=3000, turns=1)
    assert figure.value > 0
    assert figure.limit > 0
