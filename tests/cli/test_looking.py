"""What does `rounds` show of a daemon at work, to people and to programs?"""

import json
import re

import pytest

from tests.cli.world import DAYS, terminal, world

OWN = ["broken", "keyed", "slow", "weather", "wide"]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def daemon():
    """Two connections that succeeded, and one that failed."""
    with world("acme/weather", "acme/broken", "acme/wide") as made:
        made.start()
        made.hear("sync-failed")
        while made.rounds("status", "--json").document["succeeded"] < 2:
            made.hear("sync-succeeded")
        yield made


def test_status_says_how_everything_is_and_why_something_is_not(daemon):
    typed = daemon.rounds("status")
    assert typed.code == 0
    assert "3, 1 failing" in typed.out
    assert re.search(r"acme/weather +idle +100 +succeeded .* +30 +in 6 h", typed.out)
    assert "acme/broken  the provider failed (500); its next sync tries again" in typed.out
    assert "\x1b" not in typed.out


def test_status_for_programs_is_the_answer_of_the_api(daemon):
    status = daemon.rounds("status", "--json").document
    assert (status["connections"], status["failing"], status["trouble"]) == (3, 1, [])


def test_the_queue_says_what_comes_next(daemon):
    assert re.search(r"acme/weather +pending +scheduled +\d +in 6 h", daemon.rounds("queue").out)
    items = daemon.rounds("queue", "--json").document["items"]
    assert {item["connection"] for item in items} >= {"acme/weather", "acme/wide"}


def test_connections_are_listed_and_shown(daemon):
    assert daemon.rounds("connection", "list").out.count("acme/") == 4  # and one sentence
    listed = daemon.rounds("connection", "list", "--json").document["connections"]
    assert [each["connection"] for each in listed] == ["acme/broken", "acme/weather", "acme/wide"]
    shown = daemon.rounds("connection", "show", "acme/weather")
    assert re.search(r"score +100 of 100", shown.out)
    assert re.search(r"days +30 +\d+ ", shown.out)
    document = daemon.rounds("connection", "show", "acme/weather", "--json").document
    assert document["connection"]["streams"][0]["rows"] == 30


def test_providers_are_listed_and_shown(daemon):
    listed = daemon.rounds("provider", "list").out
    assert re.search(r"keyed +own file +0 +api_key +days\n", listed)
    assert re.search(r"fitbit +shipped +0 +retired +\w+", listed)
    assert re.search(r"oura +shipped +0 +oauth2 +not set +daily_", listed)
    document = daemon.rounds("provider", "list", "--json").document["providers"]
    assert [each["provider"] for each in document if each["own"]] == OWN
    assert re.search(
        r"provider +weather \(Weather\)", daemon.rounds("provider", "show", "weather").out
    )
    assert daemon.rounds("provider", "show", "weather", "--json").document["auth"] == "none"


@pytest.mark.parametrize(
    "line",
    [
        "connection show no/pe",
        "connection remove no/pe --yes",
        "sync no/pe",
        "sync no/pe --wait",
        "pause no/pe",
        "resume no/pe",
        "cancel no/pe",
        "provider show nope",
        "data show no/pe days",
        "data show acme/weather nope",
        "log show 999999",
        "log show --connection no/pe",
        "log tail --connection no/pe",
    ],
)
def test_what_is_not_there_ends_with_3(daemon, line):
    typed = daemon.rounds(*line.split(), "--json")
    assert typed.code == 3
    assert typed.out == ""
    assert typed.err.startswith("rounds: ")
    assert typed.problem["code"] == "not-found"
    assert typed.problem["message"] in typed.err.splitlines()[0]


def test_records_are_shown_as_a_table(daemon):
    typed = daemon.rounds("data", "show", "acme/weather", "days", "--limit", "3")
    header, *rows, _, summary = typed.out.splitlines()
    assert header.split() == ["date", "note", "rain"]
    assert [row.split() for row in rows] == [["2026-01-0" + str(n), str(n / 2)] for n in (1, 2, 3)]
    assert summary.startswith("3 of 30 records, version ")
    assert """go on with --after '"2026-01-03"'""" in summary


def test_records_go_on_after_a_key_and_end(daemon):
    words = ("data", "show", "acme/weather", "days", "--json")
    assert [each["date"] for each in daemon.rounds(*words, "--after", '"2026-01-28"').lines] == [
        "2026-01-29",
        "2026-01-30",
    ]
    assert daemon.rounds(*words, "--all").lines == DAYS
    assert "30 of 30 records" in daemon.rounds(*words[:-1], "--all").out


def test_a_table_fits_the_terminal_and_cannot_be_made_to_colour_it(daemon):
    typed = terminal(daemon, "data", "show", "acme/wide", "rows")
    plain = ESCAPE.sub("", typed.out)
    assert max(len(line) for line in plain.splitlines()) <= 80
    assert "\x1b[31m" not in typed.out
    assert r"\x1b[31m" in typed.out
    assert "fields not shown (--json shows all)" in plain
    assert len(daemon.rounds("data", "show", "acme/wide", "rows", "--json").lines[0]) == 41


def test_a_terminal_that_can_do_nothing_is_as_wide_as_it_is(daemon):
    shown = terminal(daemon, "status", "acme", TERM="dumb", COLUMNS="120").out
    assert "last failure" in shown, "there is room for all columns"
    assert "\nacme/weather " in shown


def test_colours_are_for_terminals_and_not_with_no_color(daemon):
    assert "\x1b[31m" in terminal(daemon, "status").out
    assert "\x1b" not in terminal(daemon, "status", NO_COLOR="1").out
    assert "\x1b" not in terminal(daemon, "log", "show", NO_COLOR="1").out


def test_a_socket_can_be_named(daemon):
    socket = str(daemon.home.socket)
    assert daemon.rounds("--socket", socket, "status", ROUNDS_SOCKET="/nowhere").code == 0
    assert daemon.rounds("--socket", "/nowhere", "status").code == 5


def test_the_shell_completes_connections(daemon):
    typed = daemon.rounds(
        _ROUNDS_COMPLETE="bash_complete", COMP_WORDS="rounds sync acme/w", COMP_CWORD="2"
    )
    assert typed.out.splitlines() == ["plain,acme/weather", "plain,acme/wide"]


def test_the_log_is_shown_in_words_and_for_programs(daemon):
    typed = daemon.rounds("log", "show", "--connection", "acme/weather", "--after", "0")
    assert "connection added by the configuration" in typed.out
    assert "days: 30 records fetched, 30 new" in typed.out
    lines = daemon.rounds("log", "show", "--json", "--after", "2", "--limit", "2").lines
    assert [line["seq"] for line in lines] == [3, 4]
    one = daemon.rounds("log", "show", "3", "--json").document
    assert one == lines[0]
    assert re.search(r"type +provider-declared", daemon.rounds("log", "show", "3").out)


def test_the_logs_size_is_counted(daemon):
    stats = daemon.rounds("log", "stats", "--json").document
    assert stats["types"]["connection-added"] == 3
    assert re.search(r"connection-added +3", daemon.rounds("log", "stats").out)


def test_json_is_one_document_a_line(daemon):
    for line in daemon.rounds("log", "show", "--json").out.splitlines():
        assert json.loads(line)["seq"] > 0
