"""Do the lines above a table say what was counted, and once?"""

from datetime import UTC, datetime

import pytest

from daemon.cli import recommend
from daemon.control.recommend_messages import Recommendation, Recommendations

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


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
