"""What does `rounds` show as of then, to people and to programs?"""

import re
from datetime import datetime, timedelta

import pytest

from tests.cli.world import terminal, world

pytestmark = pytest.mark.requirement("X1")

AS_OF = r"as of event {}, \w{{3}} \d\d \w{{3}} \d\d:\d\d:\d\d \(.*(ago|now)\)"
LINES = (
    "status",
    "queue",
    "schedule",
    "schedule acme/weather",
    "health",
    "health acme/weather",
    "connection list",
    "connection show acme/weather",
    "provider list",
    "provider show weather",
    "policy show",
    "policy show acme/weather",
    "breaker list",
    "outbox list",
)


@pytest.fixture(scope="module")
def daemon():
    """One connection succeeded and was paused, one failed, one came late, one is gone."""
    with world("acme/weather", "acme/broken") as made:
        made.start()
        made.hear("sync-failed")
        made.hear("sync-succeeded")
        assert made.rounds("connection", "add", "acme/keyed", stdin="x\n").code == 0
        assert made.rounds("pause", "acme/weather").code == 0
        assert made.rounds("connection", "add", "acme/wide").code == 0
        assert made.rounds("connection", "remove", "acme/keyed", "--yes").code == 0
        yield made


def events(daemon, kind, name=None):
    """Number and time of each event of that type."""
    lines = daemon.rounds("log", "show", "--after", "0", "--limit", "1000", "--json").lines
    found = [
        each for each in lines if each["event"]["type"] == kind and name in (None, each["name"])
    ]
    return [(each["seq"], each["at"]) for each in found]


def test_the_log_of_who_is_gone_is_still_shown(daemon):
    typed = daemon.rounds("log", "show", "--connection", "acme/keyed")
    assert typed.code == 0
    assert re.search(r"acme/keyed +connection removed", typed.out)
    refused = daemon.rounds("log", "show", "--connection", "acme/nobody")
    assert (refused.code, "there is no connection acme/nobody" in refused.err) == (3, True)


def test_status_is_shown_as_it_was_after_an_event(daemon):
    [(paused, _)] = events(daemon, "connection-paused")
    typed = daemon.rounds("status", "--at", str(paused - 1))
    first, second, *_ = typed.out.splitlines()
    assert re.fullmatch(AS_OF.format(paused - 1), first)
    assert "up " in second
    assert "process" not in second
    assert re.search(r"acme/weather +idle", typed.out)
    assert "acme/wide" not in typed.out
    after = daemon.rounds("status", "--at", str(paused))
    assert re.search(r"acme/weather +paused", after.out)


@pytest.mark.parametrize("line", LINES)
def test_whatever_shows_how_things_are_shows_how_they_were(daemon, line):
    """After an event, by its number or its time; the JSON is the answer of the API."""
    seq, at = events(daemon, "connection-paused")[0]
    words = line.split()
    typed = daemon.rounds(*words, "--at", str(seq))
    assert typed.code == 0, typed.err
    first, *rest = typed.out.splitlines()
    assert re.fullmatch(AS_OF.format(seq), first)
    assert rest
    document = daemon.rounds(*words, "--at", str(seq), "--json").document
    document = document.get("system", document)
    if line != "provider show weather":
        assert (document["seq"], document["now"]) == (seq, at)
    assert daemon.rounds(*words, "--at", at).out.splitlines()[1:] == rest
    assert not daemon.rounds(*words).out.startswith("as of")


def test_a_time_means_the_last_event_before_it_and_what_time_it_was(daemon):
    [(paused, at)] = events(daemon, "connection-paused")
    just_before = datetime.fromisoformat(at) - timedelta(microseconds=1)
    answer = daemon.rounds("status", "--json", "--at", just_before.isoformat()).document
    assert answer["seq"] == paused - 1
    assert datetime.fromisoformat(answer["now"]) == just_before
    assert answer["pid"] is None
    assert answer["paused"] == 0
    ago = daemon.rounds("status", "--json", "--at", "now").document
    assert ago["seq"] == daemon.rounds("status", "--json").document["seq"]
    assert ago["paused"] == 1


def test_on_a_terminal_it_says_first_of_when_it_speaks(daemon):
    [(paused, _)] = events(daemon, "connection-paused")
    typed = terminal(daemon, "connection", "show", "acme/weather", "--at", str(paused))
    assert f"as of event {paused}, " in typed.out
    assert re.search(r"state.*paused", typed.out)


def test_a_connection_that_did_not_exist_yet_says_since_when_it_does(daemon):
    [(added, at)] = events(daemon, "connection-added", "acme/wide")
    for line in ("connection show", "health", "policy show", "outbox list"):
        typed = daemon.rounds(*line.split(), "acme/wide", "--at", str(added - 1))
        assert typed.code == 3, line
        assert f"acme/wide did not exist yet at event {added - 1}" in typed.err
        assert f"it was added by event {added}, at {at[:19]}Z" in typed.err
    assert daemon.rounds("connection", "show", "acme/wide", "--at", str(added)).code == 0


def test_a_connection_that_is_gone_is_shown_as_it_was(daemon):
    [(removed, _)] = events(daemon, "connection-removed", "acme/keyed")
    assert daemon.rounds("connection", "show", "acme/keyed").code == 3
    shown = daemon.rounds("connection", "show", "acme/keyed", "--at", str(removed - 1))
    assert shown.code == 0
    assert "acme/keyed" in shown.out
    gone = daemon.rounds("connection", "show", "acme/keyed", "--at", str(removed))
    assert gone.code == 3
    assert f"acme/keyed had been removed by event {removed}" in gone.err


def test_a_stranger_is_as_unknown_then_as_now(daemon):
    typed = daemon.rounds("connection", "show", "no/pe", "--at", "3")
    assert typed.code == 3
    assert "no connection is called no/pe: names are those of now" in typed.err


@pytest.mark.parametrize(
    ("typed", "code", "sentence"),
    [
        ("yesterday", 2, "'yesterday' is no moment; write 2026-11-20 14:00"),
        ("0", 2, "'0' is no moment"),
        ("999999", 3, "there is no event 999999 yet; the last one is "),
        ("2999-01-01", 2, "2999-01-01T00:00:00Z is yet to come: it is "),
        (
            "1999-01-01",
            3,
            "nothing is known of 1999-01-01T00:00:00+00:00: the log begins with event 1, at ",
        ),
    ],
)
def test_what_is_no_moment_of_the_past_is_refused(daemon, typed, code, sentence):
    found = daemon.rounds("status", "--at", typed, "--json")
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err.splitlines()[0]


def test_programs_ask_as_of_then_with_one_more_argument(daemon):
    [(paused, _)] = events(daemon, "connection-paused")
    answer = daemon.rounds("call", "connection", "connection=acme/weather", f"at={paused - 1}")
    assert answer.document["connection"]["state"] == "idle"
    document = daemon.rounds("call", "openapi.json")
    assert document.code == 2  # it is no operation


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-11-20T14:00:00", "0", "9999-12-31T23:59:59-23:59"]
)
def test_programs_that_name_no_moment_are_told_what_one_is(daemon, at):
    answer = daemon.rounds("call", "status", f"at={at}")
    assert answer.code == 2
    assert "give the number of an event, or a time as in 2026-11-20T14:00:00Z" in answer.err


def test_where_the_daemon_had_stopped_it_says_so(daemon):
    daemon.stop()
    daemon.start()
    [(stopped, _)] = events(daemon, "daemon-stopped")
    assert re.search(r"rounds +\S+, stopped now", daemon.rounds("status", "--at", str(stopped)).out)
    assert daemon.rounds("status", "--json").document["stopped_at"] is None
