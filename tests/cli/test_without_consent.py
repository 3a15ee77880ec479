"""Is a figure that is not kept without consent left out, and does a sentence say why?"""

import pytest

from tests.cli.world import world

pytestmark = [pytest.mark.requirement("D4"), pytest.mark.requirement("D7")]

WHY = [
    "is not kept: acme does not consent to detailed monitoring",
    "    rounds consent show acme",
]


@pytest.fixture(scope="module")
def daemon():
    """Records came of a stream and of a phone, and then consent was withdrawn."""
    with world("acme/weather") as made:
        made.start()
        made.hear("sync-succeeded")
        assert made.rounds("source", "add", "acme/phone", "--pattern", "ios").code == 0
        figures = ("--syncs", "2", "--records", "12", "--errors", "1", "--queue-depth", "3")
        assert made.rounds("report", "acme/phone", "--key", "k", *figures).code == 0
        assert made.rounds("consent", "withdraw", "acme").code == 0
        yield made


def lines(daemon, *words):
    typed = daemon.rounds(*words)
    assert (typed.code, typed.err) == (0, "")
    return typed.out.splitlines()


def header(shown):
    (found,) = [line.split() for line in shown if line.startswith("day (UTC)")]
    return found


@pytest.mark.parametrize("whose", ["acme", "acme/weather"])
def test_how_many_records_came_is_left_out_of_syncs(daemon, whose):
    head, *shown = lines(daemon, "history", whose)
    assert f"{whose}, the last 30 days: 1 sync, 100 % good" in head
    assert shown[:2] == [f"how many records came {WHY[0]}", WHY[1]]
    assert {"syncs", "good", "calls"} <= {*header(shown)}
    assert not {"new", "changed", "gone"} & {*header(shown)}
    assert not [line for line in shown if line.startswith("new records")]
    assert lines(daemon, *shown[1].split()[1:])[0] == "details of it are  not kept"


def test_nothing_at_all_is_told_of_a_stream(daemon):
    shown = lines(daemon, "history", "acme/weather", "--stream", "days")
    assert shown == [f"how much came of acme/weather/days {WHY[0]}", WHY[1]]


def test_how_many_records_a_source_told_of_is_left_out(daemon):
    head, *shown = lines(daemon, "history", "acme/phone")
    assert head.endswith("1 report, which tell of 2 syncs and 1 error")
    assert shown[:2] == [f"how many records they tell of {WHY[0]}", WHY[1]]
    assert "records" not in header(shown)
    assert not [line for line in shown if line.startswith("records ")]
    assert shown[-1].split() == ["in", "all", "1", "2", "1", "3"]


def test_nor_does_a_day_of_a_source_say_that_there_were_none(daemon):
    shown = lines(daemon, "source", "show", "acme/phone")
    assert f"how many records a day told of {WHY[0]}" in shown
    assert "records" not in header(shown)
    assert shown[-1].split()[1:] == ["1", "2", "1"]


def test_for_programs_the_answer_says_so_in_a_field(daemon):
    for whose in (["acme"], ["acme/weather"], ["acme/weather", "--stream", "days"], ["acme/phone"]):
        assert daemon.rounds("history", *whose, "--json").document["monitored"] is False
    assert daemon.rounds("source", "show", "acme/phone", "--json").document["monitored"] is False
    for everybody in ([], ["--provider", "weather"]):
        answer = daemon.rounds("history", *everybody, "--json").document
        assert answer["monitored"], "these sums are nobody's"
        assert answer["total"]["added"] == 30


def test_once_it_is_granted_again_they_are_there_again(daemon):
    assert daemon.rounds("consent", "grant", "acme").code == 0
    assert "new" in header(lines(daemon, "history", "acme/weather"))
    assert daemon.rounds("history", "acme/weather", "--json").document["monitored"]
    assert daemon.rounds("source", "show", "acme/phone", "--json").document["monitored"]
