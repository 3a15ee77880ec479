"""What does `rounds drift` say of a daemon that has just begun?"""

import re

import pytest

from tests.cli.world import terminal, world

pytestmark = pytest.mark.requirement("D5")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather", "acme/broken", "globex/weather") as made:
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 2:
            made.hear("sync-succeeded")
        yield made


def test_of_a_first_day_there_is_not_enough_data_and_no_alarm(daemon):
    out = daemon.rounds("drift", "acme/weather").out
    head, row = out.splitlines()
    assert head.split()[:3] == ["stream", "period", "expected"]
    assert re.fullmatch(r"days +no whole day yet", row)
    (_, none) = daemon.rounds("drift", "acme/broken").out.splitlines()
    assert none == "days" + " " * (none.index("nothing came yet") - 4) + "nothing came yet"


def test_a_backtest_says_how_many_days_it_takes(daemon):
    typed = daemon.rounds("drift", "acme/weather", "--backtest", "--threshold", "4.5")
    first, _, days = typed.out.splitlines()
    assert first.startswith("with drift_threshold=4.5 drift_percent=40, since ")
    assert days == (
        "days: 0 whole days, not enough data yet: it takes 35 days with a sync, and a day more"
    )


def test_for_programs_it_has_the_rule_and_every_stream(daemon):
    found = daemon.rounds("drift", "acme/weather", "--json", "--percent", "25").document
    assert (found["connection"], found["zone"]) == ("acme/weather", "UTC")
    assert (found["threshold"], found["percent"]) == (7.0, 25.0)
    (stream,) = found["streams"]
    assert (stream["stream"], stream["step"], stream["verdict"]) == ("days", "day", None)
    tested = daemon.rounds("drift", "acme/weather", "--json", "--backtest").document
    assert tested["streams"][0]["alarms"] == []


def test_what_is_too_far_is_a_setting_of_a_connection(daemon):
    assert daemon.rounds("policy", "set", "acme/broken", "drift_percent=25").code == 0
    assert daemon.rounds("drift", "acme/broken", "--json").document["percent"] == 25
    assert daemon.rounds("drift", "acme/weather", "--json").document["percent"] == 40
    assert daemon.rounds("policy", "set", "acme/broken", "drift_percent.days=30").code == 0
    found = daemon.rounds("drift", "acme/broken", "--json").document
    assert (found["percent"], found["streams"][0]["percent"]) == (25, 30)
    assert found["streams"][0]["threshold"] == 7
    shown = daemon.rounds("drift", "acme/broken", "--backtest").out
    assert "(with drift_threshold=7 drift_percent=30 of its own)" in shown
    shown = daemon.rounds("policy", "show", "acme/broken").out
    assert re.search(r"drift_percent.days +30", shown)
    wrong = daemon.rounds("policy", "set", "acme/broken", "drift_percent.nights=30")
    assert "there is no stream nights" in wrong.err
    assert daemon.rounds("policy", "reset", "acme/broken", "drift_percent.days").code == 0
    wrong = daemon.rounds("policy", "set", "acme/broken", "drift_threshold=0")
    assert wrong.code == 2
    assert "drift_threshold is '0', expected a number of at least 1 and of at most 100" in wrong.err


@pytest.mark.requirement("A14")
def test_it_is_calculated_under_the_documents_name_for_a_tenants_own_source(daemon):
    for source in ("weather", "weather/days"):
        typed = daemon.rounds("call", "calculate_data_drift", "tenant=globex", f"source={source}")
        assert typed.code == 0, typed.err
        (drift,) = typed.document["drifts"]
        assert typed.document["connection"] == "globex/weather"
        assert (drift["stream"], drift["verdict"]) == ("days", "not-enough-data")
        assert (drift["drift_percentage"], drift["late"]) == (None, False)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("drift", 2),
        ("drift acme/weather --days 0", 2),
        ("drift acme/weather --days 401", 2),
        ("drift acme/weather --threshold 0", 2),
        ("drift acme/weather --percent x", 2),
        ("drift acme/weather --at tomorrow", 2),
        ("drift acme/nothing", 3),
        ("drift acme/weather --stream nights", 3),
        ("call calculate_data_drift tenant=globex source=broken", 3),
        ("call calculate_data_drift tenant=nobody source=weather", 3),
        ("call calculate_data_drift tenant=acme source=weather/nights", 3),
    ],
)
def test_what_makes_no_sense_ends_with_its_code(daemon, line, code):
    typed = daemon.rounds(*line.split(), "--json")
    assert (typed.code, typed.out) == (code, "")


def test_as_of_before_it_was_there_it_says_so(daemon):
    typed = daemon.rounds("drift", "acme/weather", "--at", "1")
    assert typed.code == 3
    assert "acme/weather did not exist yet" in typed.err


@pytest.mark.parametrize("words", [["drift", "acme/weather"], ["drift", "acme/broken"]])
def test_it_fits_a_terminal(daemon, words):
    plain = ESCAPE.sub("", terminal(daemon, *words).out)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80


def test_without_a_daemon_it_ends_with_5():
    with world("acme/weather") as made:
        assert made.rounds("drift", "acme/weather").code == 5
