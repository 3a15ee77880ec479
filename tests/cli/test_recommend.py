"""What does `rounds recommend` say of a daemon that has just begun, and what can be typed then?"""

import re

import pytest

from tests.cli.world import terminal, world

pytestmark = pytest.mark.requirement("A17")

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather", "globex/weather") as made:
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 2:
            made.hear("sync-succeeded")
        yield made


def test_of_a_first_day_not_enough_is_known_and_how_much_is_missing_is_said(daemon):
    head, names, row = daemon.rounds("recommend", "acme/weather").out.splitlines()
    assert head.startswith("not enough known yet; still missing")
    assert names.split()[:3] == ["connection", "looks", "arrivals"]
    assert row.split()[:3] == ["acme/weather", "14", "5"]
    assert "0 of 0 looks since " in row


def test_on_80_columns_that_is_said_once_and_a_connection_takes_a_line(daemon):
    plain = ESCAPE.sub("", terminal(daemon, "recommend").out)
    assert len(plain.splitlines()) == 4
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80


def test_for_programs_it_has_every_connection_or_a_tenants(daemon):
    found = daemon.rounds("recommend", "--json").document["recommendations"]
    assert [each["connection"] for each in found] == ["acme/weather", "globex/weather"]
    (own,) = daemon.rounds("recommend", "globex", "--json").document["recommendations"]
    assert (own["word"], own["looks_left"], own["better"]) == ("not-enough", 14, None)
    assert daemon.rounds("recommend", "initech").code == 3


def test_turns_become_adaptive_by_a_setting_and_the_schedule_says_so(daemon):
    typed = ("policy", "set", "acme/weather", "adaptive=true", "adaptive_least=30m")
    assert daemon.rounds(*typed).code == 0
    out = " ".join(daemon.rounds("schedule", "acme/weather").out.split())
    assert "30 min to 1 day; adaptive" in out
    assert daemon.rounds("sync", "acme/weather", "--wait").code == 0
    (row,) = daemon.rounds("schedule", "acme/weather", "--json").document["rows"]
    assert (row["adaptive"]["least"], row["adaptive"]["most"]) == ("PT1800S", "P1D")
    wrong = daemon.rounds("policy", "set", "acme/weather", "adaptive_most=never")
    assert wrong.code == 2
    assert "adaptive_most is 'never', expected a span such as 90s" in wrong.err
    assert daemon.rounds("policy", "reset", "acme/weather", "adaptive").code == 0
    (row,) = daemon.rounds("schedule", "acme/weather", "--json").document["rows"]
    assert row["adaptive"] is None
