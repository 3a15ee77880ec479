"""What drift finds on real series, and that it lets them be as they are, on any machine."""

import pytest

from projections import drift
from projections.arrivals import Step
from projections.drift import Rule, Word
from tests.benchmarks import drift_issues, drifting
from tests.benchmarks.drifting import KINDS, Tally

pytestmark = pytest.mark.requirement("D5")

TABLES = drifting.tables()
DAILY = [name for name, each in TABLES.items() if each.step is Step.DAY]
HOURLY = [name for name, each in TABLES.items() if each.step is Step.HOUR]
HOURS = 200  # of the last ones: all of them take minutes
REGULAR = ("max temperature", "min temperature", "San Francisco by day", "jobs: construction")
ISSUES_LEAST = {"gap": 1.0, "duplicates": 1.0, "shift up": 0.75}
LEAST = {"gap": 1.0, "duplicates": 1.0, "dip": 0.6, "shift down": 0.75, "shift up": 0.75}


@pytest.mark.parametrize("name", DAILY)
def test_nothing_alarms_on_a_series_as_it_is(name):
    assert drifting.untouched(TABLES[name], Rule()) == 0


@pytest.mark.parametrize("name", HOURLY)
def test_nothing_alarms_on_hours_as_they_are(name):
    found = drift.verdicts(TABLES[name], Rule(), HOURS)
    assert {each.word for each in found} == {Word.STEADY}


def test_of_what_is_put_in_most_is_found_and_what_is_found_was_put_in():
    found = {kind: Tally() for kind in KINDS}
    for name in REGULAR:
        for kind, one in drifting.tally(name, TABLES[name], Rule(), trials=4).items():
            drifting.add(found[kind], one)
    assert all(each.precision == 1 for each in found.values())
    assert {kind: each.recall >= LEAST.get(kind, 0.6) for kind, each in found.items()} == (
        dict.fromkeys(KINDS, True)
    )


@pytest.mark.requirement("D3")
@pytest.mark.parametrize("name", REGULAR)
def test_no_issue_is_opened_on_a_series_as_it_is(name):
    series = TABLES[name]
    assert drift_issues.opened(drift.verdicts(series, Rule()), series.step) == []


@pytest.mark.requirement("D3")
def test_of_what_lasts_an_issue_is_opened_and_of_nothing_else():
    issues = {}
    for name in REGULAR:
        drifting.tally(name, TABLES[name], Rule(), 4, issues)
    assert all(each.precision == 1 for each in issues.values())
    assert {kind: each.recall >= ISSUES_LEAST.get(kind, 0.6) for kind, each in issues.items()} == (
        dict.fromkeys(KINDS, True)
    )


def test_in_what_rains_when_it_will_neither_drought_nor_flood_is_an_alarm():
    found = drift.verdicts(TABLES["precipitation"], Rule())
    assert sum(each.word is Word.IRREGULAR for each in found) > 1000


def test_a_stricter_rule_would_alarm_at_a_cold_snap():
    assert drifting.untouched(TABLES["min temperature"], Rule(threshold=5.0, percent=40.0)) > 0
