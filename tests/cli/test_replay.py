"""How does `rounds` tell a story again, and what differs between two moments of it?"""

import re
import socket
import threading
from contextlib import suppress

import pytest

from tests.cli.world import Terminal, terminal, world
from tests.events.logs import tamper

pytestmark = [pytest.mark.requirement("X1"), pytest.mark.requirement("F3")]


@pytest.fixture(scope="module")
def daemon():
    """One connection succeeded, got a setting and was paused; one failed; one came and went."""
    with world("acme/weather", "acme/broken") as made:
        made.start()
        made.hear("sync-failed")
        made.hear("sync-succeeded")
        assert made.rounds("policy", "set", "acme/weather", "interval=2h").code == 0
        assert made.rounds("pause", "acme/weather").code == 0
        assert made.rounds("connection", "add", "acme/keyed", stdin="x\n").code == 0
        assert made.rounds("connection", "remove", "acme/keyed", "--yes").code == 0
        yield made


@pytest.fixture
def told_falsely(daemon):
    """The same daemon, whose log somebody changes for a while."""
    statement = "UPDATE event SET at = at {} 60000000 WHERE seq = 5"
    tamper(daemon.home.state, statement.format("+"))
    yield daemon
    tamper(daemon.home.state, statement.format("-"))


def numbers(daemon, kind, name):
    lines = daemon.rounds("log", "show", "--after", "0", "--limit", "1000", "--json").lines
    return [each["seq"] for each in lines if (each["event"]["type"], each["name"]) == (kind, name)]


def test_each_event_stands_as_in_the_log_and_below_it_what_it_changed(daemon):
    last = str(daemon.rounds("log", "stats", "--json").document["seq"])  # an issue may end later
    lines = daemon.rounds("replay", "--from", "1", "--to", last).out.splitlines()
    shown = daemon.rounds("log", "show", "--after", "0", "--limit", last).out.splitlines()
    words = [" ".join(each.split()) for each in shown]
    assert [each for each in map(" ".join, map(str.split, lines)) if each in set(words)] == words
    [succeeded] = [
        n for n, line in enumerate(lines) if "acme/weather" in line and "succeeded" in line
    ]
    assert re.match(r" {8}running → idle · score none → 100 · next sync ", lines[succeeded + 1])
    assert "        interval not set → 2h" in lines
    assert "        idle → paused · next sync " in "\n".join(lines)
    assert "        removed" in lines


def test_in_the_end_it_says_that_this_is_what_was_written(daemon):
    *_, last = daemon.rounds("replay", "--from", "3", "--to", "9").out.splitlines()
    assert last == "7 events; the log's blocks from event 3 to 9 are as they were written"
    shown = terminal(daemon, "replay", "--from", "3", "--to", "9")
    assert shown.code == 0
    assert "are as they were written" in shown.out
    found = daemon.rounds("replay", "--from", "now")
    assert (found.code, found.out) == (0, "nothing happened in between\n")


@pytest.mark.requirement("X5")
def test_a_story_that_was_changed_is_not_told_as_if_it_were_true(told_falsely):
    """To people and to programs."""
    for words in ((), ("--json",)):
        typed = told_falsely.rounds("replay", "--from", "3", "--to", "9", *words)
        assert typed.code == 1
        assert "the log is damaged between events 3 and 9" in typed.err
        assert typed.out


def test_of_one_connection_the_others_are_left_out(daemon):
    out = daemon.rounds("replay", "acme/weather", "--from", "-1h").out
    assert "acme/weather" in out
    assert "acme/broken" not in out
    gone = daemon.rounds("replay", "acme/keyed", "--from", "1").out.splitlines()
    [removed] = [at for at, line in enumerate(gone) if "connection removed" in line]
    assert gone[removed + 1].strip() == "removed"


def test_programs_get_one_object_a_line_with_all_facts(daemon):
    [paused] = numbers(daemon, "connection-paused", "acme/weather")
    typed = daemon.rounds("replay", "--from", str(paused), "--to", str(paused), "--json")
    [step] = typed.lines
    assert set(step) == {"seq", "event", "before", "after", "changed"}
    assert (step["before"]["state"], step["after"]["state"]) == ("idle", "paused")
    assert {"fact": "state", "before": "idle", "after": "paused"} in step["changed"]
    assert step["after"]["streams.days.rows"] == 30
    assert step["after"]["settings.interval"] == "2h"


def test_step_waits_for_enter(daemon):
    with Terminal(daemon, "replay", "--from", "8", "--to", "20", "--step") as at:
        at.until("Enter: the next one; q: the end")
        assert " 9  " not in at.seen
        at.type("\n")
        at.until(" 9  ")
        at.type("q\n")
        typed = at.end()
    assert typed.code == 0
    assert " 12  " not in typed.out
    assert "2 events; left before the end, so it was not checked whether they are" in typed.out
    assert daemon.rounds("replay", "--from", "1", "--step").code == 2


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("replay", 2, "missing option '--from'"),
        ("replay --from yesterday", 2, "'yesterday' is no moment"),
        ("replay --from 9 --to 3", 2, "event 3 lies before event 9: nothing is between"),
        ("replay --from 9999", 3, "there is no event 9999 yet"),
        ("replay no/pe --from 1", 3, "no connection is called no/pe"),
        ("diff", 2, "missing argument"),
        ("diff 1 2 3", 2, "name one moment or two, and at most one connection"),
        ("diff acme/weather", 2, "name one moment or two"),
        ("diff -3x", 2, "'-3x' is no moment"),
        ("diff 9999", 3, "there is no event 9999 yet"),
        ("diff 1 no/pe", 3, "no connection is called no/pe"),
    ],
)
def test_what_cannot_be_told_says_why(daemon, line, code, sentence):
    typed = daemon.rounds(*line.split())
    assert (typed.code, typed.out) == (code, "")
    assert sentence in typed.err.lower()


def test_the_difference_says_first_what_people_care_about(daemon):
    [paused] = numbers(daemon, "connection-paused", "acme/weather")
    typed = daemon.rounds("diff", str(paused - 3), str(paused))
    lines = typed.out.splitlines()
    assert re.match(rf"between event {paused - 3}, .*, and event {paused}, ", lines[0])
    assert re.match(r"acme/weather: idle → paused · next sync .* · interval not set → 2h", lines[2])
    assert re.fullmatch(r"\d+ fields of the state in all; --all shows each", lines[-1])
    since = daemon.rounds("diff", "3").out
    assert re.search(r"^acme/weather: new: condition healthy", since, re.MULTILINE)
    assert re.search(r"^fleet: connections 0 → 2", since, re.MULTILINE)


def test_who_is_gone_is_said_to_be_removed(daemon):
    [removed] = numbers(daemon, "connection-removed", "acme/keyed")
    typed = daemon.rounds("diff", str(removed - 1), "now", "acme/keyed")
    assert typed.out.splitlines()[2] == "acme/keyed: removed"


def test_all_shows_every_field_and_json_has_them(daemon):
    [paused] = numbers(daemon, "connection-paused", "acme/weather")
    words = ("diff", str(paused - 1), str(paused), "acme/weather")
    shown = daemon.rounds(*words, "--all").out
    assert re.search(r"acme/weather +connection\.paused +false +true", shown)
    document = daemon.rounds(*words, "--json").document
    [field] = document["fields"]
    assert (field["path"], field["before"], field["after"]) == ("connection.paused", False, True)
    assert document["total"] == 1
    whole = daemon.rounds("diff", "1", "--json").document
    assert len(whole["fields"]) == whole["total"] > 100


def test_a_moment_ago_is_no_option(daemon):
    assert daemon.rounds("diff", "-0m").code == 2
    typed = daemon.rounds("diff", "-1s")
    assert typed.code == 0
    assert "Usage" in daemon.rounds("diff", "-h").out


def test_a_terminal_sees_it_in_colours(daemon):
    assert "\x1b[36mbetween event 3, " in terminal(daemon, "diff", "3").out


def test_a_story_from_a_time_on_begins_with_what_was_of_that_very_time(daemon):
    lines = daemon.rounds("log", "show", "--after", "0", "--limit", "1000", "--json").lines
    [paused] = numbers(daemon, "connection-paused", "acme/weather")
    [at] = {each["at"] for each in lines if each["seq"] == paused}
    first, *_ = [each["seq"] for each in lines if each["at"] == at]
    told = daemon.rounds("replay", "--from", at, "--to", str(paused), "--json").lines
    assert [each["seq"] for each in told] == [*range(first, paused + 1)]
    first_of_all = daemon.rounds("replay", "--from", lines[0]["at"], "--to", "3", "--json").lines
    assert first_of_all[0]["seq"] == 1


class Relay:
    """Stands before the daemon, and hangs up after so many bytes of a story."""

    def __init__(self, daemon, path, most):
        self.daemon, self.path, self.most, self.asked = daemon, path, most, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            taken, _ = self.listener.accept()
            threading.Thread(target=self._hand_on, args=(taken,), daemon=True).start()

    def _hand_on(self, taken):
        with taken, socket.socket(socket.AF_UNIX) as there, suppress(OSError):
            there.connect(str(self.daemon.home.socket))
            question = taken.recv(65536)
            if not question:  # somebody looked whether it answers
                return
            self.asked.append(question.split()[1])
            there.sendall(question)
            left = self.most
            while left and (chunk := there.recv(min(4096, left))):
                taken.sendall(chunk)  # who asked may have heard enough
                left -= len(chunk)


def test_a_reader_that_was_dropped_hears_each_event_once(daemon, tmp_path):
    """However little the daemon says at once: the story is the same as told in one go."""
    words = ("replay", "acme/weather", "--from", "1", "--json")
    whole = daemon.rounds(*words).out
    relay = Relay(daemon, tmp_path / "s", len(whole) // 2)
    typed = daemon.rounds("--socket", str(relay.path), *words)
    assert (typed.code, typed.out) == (0, whole)
    assert len(relay.asked) > 1
