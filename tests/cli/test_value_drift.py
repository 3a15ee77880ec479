"""Does `rounds drift` tell that a watched field has another unit, lacks values, or has others?

A real daemon syncs a stream of walks from a provider on loopback, which changes what it says.
"""

import pytest

from projections.value_drift import VERSIONS_ENOUGH
from tests.cli.world import world

pytestmark = pytest.mark.requirement("D5")

ROWS = 24  # new ones each time
WATCH = ["way.length", "unit", "rested", "note", "kind"]


class Walks:
    """New walks each time. The unit changes, and notes end, when a test says so.

    Which kind a walk is goes by the week: two in seven days are of another.
    """

    def __init__(self):
        self.asked = 0
        self.metres = self.silent = False

    def __call__(self, request, query):
        self.asked += 1
        return 200, [self._walk(each) for each in range(ROWS)]

    def _walk(self, each):
        km = 4 + (each * 7 + self.asked * 5) % 11 / 5  # from 4 to 6, in another order each time
        return {
            "id": self.asked * ROWS + each,
            "way": {"length": round(km * 1000) if self.metres else km},
            "unit": "m" if self.metres else "km",
            "rested": (each * each * 31 + self.asked * self.asked * 17) % 90,
            "note": None if self.silent else f"walk {self.asked} of {each}",
            "kind": "leisure" if self.asked % 7 in {5, 6} else "work",
        }


@pytest.fixture(scope="module")
def walks():
    return Walks()


@pytest.fixture(scope="module")
def daemon(walks):
    with world("acme/walks") as made:
        made.provider.routes["/walks"] = walks
        stream = {"path": "/walks", "primary_key": ["id"], "mode": "incremental", "watch": WATCH}
        made.home.provide("walks", made.provider.url, streams={"walks": stream})
        made.start()
        made.hear("sync-succeeded")
        yield made


def synced(daemon, times):
    for _ in range(times):
        assert daemon.rounds("sync", "acme/walks", "--wait").code == 0


def fields(daemon, *words):
    found = daemon.rounds("drift", "acme/walks", "--json", *words).document
    return {each["field"]: each for each in found["streams"][0]["fields"]}


def shifted(daemon, *words):
    """field → the figures that are off."""
    return {
        name: [each["what"] for each in field["figures"] if each["word"] == "shifted"]
        for name, field in fields(daemon, *words).items()
        if field["word"] == "shifted"
    }


def test_what_becomes_of_a_streams_values(daemon, walks):
    """One story, since each part of it needs the versions of those before."""
    for words in ((), ("--stream", "walks")):
        few = daemon.rounds("drift", "acme/walks", *words).out
        assert (
            "values of way.length are watched: not enough data yet, 1 version with 24 rows; it "
            "takes 21 versions or more, in 8 lots (of 20 rows, or 7 versions), before the last lot"
        ) in few

    synced(daemon, VERSIONS_ENOUGH)
    assert {name: each["word"] for name, each in fields(daemon).items()} == dict.fromkeys(
        WATCH, "steady"
    )
    plain = daemon.rounds("drift", "acme/walks").out
    assert "values of" not in plain
    whole = daemon.rounds("drift", "acme/walks", "--stream", "walks").out
    assert "values of rested steady: 24 rows of 1 version up to" in whole
    before = daemon.rounds("log", "stats", "--json").document["seq"]

    walks.metres = walks.silent = True
    synced(daemon, 1)
    assert shifted(daemon) == {"way.length": ["median"], "unit": ["new", "mix"], "note": ["nulls"]}
    (median,) = [
        each for each in fields(daemon)["way.length"]["figures"] if each["what"] == "median"
    ]
    assert 4500 < median["actual"] < 5500
    assert 4.5 < median["expected"] < 5.5
    assert median["percent"] > 90_000
    told = daemon.rounds("drift", "acme/walks").out
    first = fields(daemon)["way.length"]["version"]
    assert f"values of way.length shifted since version {first}: 24 rows of 1 version up to" in told
    assert "likened to 22 lots before (528 rows of 22 versions)" in told
    assert "nulls 100 %, expected 0 %, +100 points" in told
    assert "values of rested" not in told
    assert "values of kind" not in told
    assert shifted(daemon, "--at", str(before)) == {}
    assert shifted(daemon, "--percent", "1000", "--threshold", "100") == {"way.length": ["median"]}

    synced(daemon, 1)
    assert fields(daemon)["way.length"]["since"] == first
    assert "rested" not in shifted(daemon)
    assert "kind" not in shifted(daemon)
    tested = daemon.rounds("drift", "acme/walks", "--backtest")
    assert "values of way.length: 24 versions, 3 judged; 1 alarm\n" in tested.out
    assert f"  version {first}: nulls 100 %, expected 0 %, +100 points\n" in tested.out
    assert "values of kind: 24 versions, 3 judged; 0 alarms\n" in tested.out
    (stream,) = daemon.rounds("drift", "acme/walks", "--backtest", "--json").document["streams"]
    length = stream["fields"][0]
    assert (length["field"], length["versions"], length["judged"], length["runs"]) == (
        "way.length", 24, 3, 1,
    )  # fmt: skip
    assert [each["since"] for each in length["alarms"]] == [first, first]


def test_no_value_stands_in_an_event_or_a_line_of_the_daemon(daemon):
    log = str(daemon.home.log()) + str(daemon.said)
    assert "records-captured" in log or "RecordsCaptured" in log
    assert "leisure" not in log
    assert "way.length" not in log


def test_versions_that_a_rollback_took_back_are_not_what_is_usual(daemon, walks):
    versions = [each["version"] for each in _backtested(daemon, "way.length")["alarms"]]
    done = daemon.rounds("rollback", "acme/walks", "--to", str(versions[0] - 1), "--yes")
    assert done.code == 0, done.err
    assert shifted(daemon) == {}
    assert _backtested(daemon, "way.length")["versions"] == VERSIONS_ENOUGH + 1


def _backtested(daemon, field):
    (stream,) = daemon.rounds("drift", "acme/walks", "--backtest", "--json").document["streams"]
    (found,) = [each for each in stream["fields"] if each["field"] == field]
    return found
