"""Do the lines above a table say what was counted, and once?"""

from datetime import UTC, datetime

import pytest

from daemon.cli import failures, history, recommend
from daemon.control.failure_messages import FailureCost, Failures
from daemon.control.history_messages import History, HistoryRow
from daemon.control.recommend_messages import Recommendation, Recommendations

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def cost(cause, *, failed_ms, wasted_ms):
    return FailureCost(
        cause=cause, failed=2, streams=0, first=1, failed_ms=failed_ms, retries=1, saved=0,
        wasted=1, open=0, wasted_ms=wasted_ms, recovered_s=None,
    )  # fmt: skip


@pytest.mark.requirement("B13")
def test_the_class_that_cost_most_took_longest_and_its_retries_count_once(capsys):
    """What failed retries took is a part of what failed syncs took."""
    classes = [
        cost("server", failed_ms=1000, wasted_ms=900),
        cost("timeout", failed_ms=1500, wasted_ms=0),
    ]
    failures.show(Failures(seq=1, now=NOW, of="acme", days=30, classes=classes))
    assert "acme, the last 30 days: timeout cost most; " in capsys.readouterr().out


def row(**more):
    figures = dict.fromkeys(HistoryRow.__struct_fields__, 0)
    unknown = [name for name in figures if name.endswith(("_percentage", "_ms"))]
    return HistoryRow(
        **{**figures, **dict.fromkeys(unknown), "start": NOW, "failures": {}, "retries_ms": 0}
        | more
    )


@pytest.mark.requirement("D4")
def test_syncs_that_neither_succeeded_nor_failed_are_named(capsys):
    total = row(syncs=3, cancelled=2, interrupted=1)
    history.show(History(seq=1, now=NOW, of="acme", by="day", rows=[total], total=total))
    head, *_ = capsys.readouterr().out.splitlines()
    assert head == "acme, the last day: 3 syncs; 2 cancelled, 1 interrupted"


def advised(connection, word):
    return Recommendation(
        connection=connection, word=word, since=NOW, looks=3, arrivals=1, looks_left=11,
        arrivals_left=4, known_at=NOW, now=None, better=None, command=None, ways=[],
    )  # fmt: skip


@pytest.mark.requirement("A17")
def test_that_not_enough_is_known_is_said_once_below_what_is(capsys):
    words = {"acme/a": "not-enough", "acme/b": "own-intervals", "acme/c": "not-enough"}
    found = [advised(name, word) for name, word in words.items()]
    recommend.show(Recommendations(seq=1, now=NOW, recommendations=found))
    out = capsys.readouterr().out
    assert out.count("not enough known yet") == 1
    told, missing = out.split("not enough known yet")
    assert "acme/b" in told
    assert "intervals of their own" in told
    lines = [line.split() for line in missing.splitlines()]
    assert [line[:3] for line in lines[2:]] == [["acme/a", "11", "4"], ["acme/c", "11", "4"]]
