"""How is the log followed and verified, and what ends that?"""

import json
import shutil
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.cli.world import world


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather") as made:
        made.start()
        made.hear("sync-scheduled", reason="interval")
        yield made


@pytest.fixture
def copy(daemon, tmp_path):
    """The state directory's log as a backup would have it, open to be tampered with."""
    with closing(sqlite3.connect(daemon.home.state / "log")) as log:
        log.execute("VACUUM INTO ?", (str(tmp_path / "log"),))
    shutil.copy(daemon.home.state / "log.mark", tmp_path)
    return tmp_path


def tamper(directory, statement):
    with closing(sqlite3.connect(directory / "log")) as log, log:
        log.execute(statement)


def test_the_log_is_followed_as_it_grows(daemon):
    with daemon.open("log", "tail", "--after", "0", "--connection", "acme/weather") as tail:
        assert "connection added" in tail.stdout.readline()
        daemon.rounds("sync", "acme/weather")
        while "sync requested by" not in (line := tail.stdout.readline()):
            assert line, "the tail ended early"
        tail.send_signal(signal.SIGINT)
        _, complaint = tail.communicate()
    assert tail.returncode == 130
    assert complaint.strip() == ""  # a line break: the shell's prompt begins a line


def test_the_log_is_followed_by_programs_from_now_on(daemon):
    before = daemon.rounds("status", "--json").document["seq"]
    with daemon.open("log", "tail", "--json", "--after", str(before)) as tail:
        done = daemon.rounds("sync", "acme/weather", "--json").document
        event = json.loads(tail.stdout.readline())
        tail.kill()
    assert (event["seq"], event["event"]["type"]) == (done["events"][0], "sync-requested")


def test_a_reader_that_goes_away_is_not_complained_about(daemon):
    with daemon.open("log", "tail", "--after", "0", "--json") as tail:
        tail.stdout.readline()
        tail.stdout.close()
        daemon.rounds("sync", "acme/weather", "--wait")
        assert tail.stderr.read() == ""
    assert tail.returncode == 141


def test_a_closed_pipe_ends_a_table_in_silence(daemon):
    with daemon.open("data", "show", "acme/weather", "days", "--all") as shown:
        shown.stdout.close()
        assert shown.stderr.read() == ""
    assert shown.returncode in {0, 141}


def test_a_good_log_is_verified_while_the_daemon_runs(daemon):
    typed = daemon.rounds("log", "verify")
    assert typed.code == 0
    assert "every event and every block is as it was written" in typed.out
    report = daemon.rounds("log", "verify", "--json").document
    assert report["good"]
    stats = daemon.rounds("log", "stats", "--json").document
    assert report["head"] == f"{stats['seq']}:{stats['head']}"
    assert daemon.rounds("log", "verify", "--head", report["head"]).code == 0


def test_a_changed_event_is_found(daemon, copy):
    tamper(copy, "UPDATE event SET body = replace(body, 'acme', 'evil') || ' ' WHERE seq = 3")
    typed = daemon.rounds("log", "verify", "--state", str(copy), "--json")
    assert typed.code == 1
    assert not typed.document["good"]
    assert "is not what was written" in typed.problem["message"]
    assert "restore the state directory from a backup" in typed.err


def test_a_lost_tail_is_found_also_where_an_earlier_head_was_noted(daemon, copy):
    good = daemon.rounds("log", "verify", "--state", str(copy), "--json").document
    tamper(copy, f"DELETE FROM block WHERE last = {good['events']}")
    tamper(copy, "DELETE FROM event WHERE seq > (SELECT max(last) FROM block)")
    shorter = daemon.rounds("log", "verify", "--state", str(copy), "--json")
    assert shorter.code == 1
    head = shorter.document["head"]
    typed = daemon.rounds("log", "verify", "--state", str(copy), "--head", head)
    assert typed.code == 1
    assert "written once and " in typed.err


def test_a_head_that_was_noted_elsewhere_shows_a_rewritten_log(daemon, copy):
    head = f"{daemon.rounds('log', 'verify', '--state', str(copy), '--json').document['events']}:"
    typed = daemon.rounds("log", "verify", "--state", str(copy), "--head", head + "0" * 64)
    assert typed.code == 1
    assert "the log was rewritten" in typed.err


def test_verify_needs_a_log_and_a_head_that_is_one(daemon, tmp_path):
    assert daemon.rounds("log", "verify", "--state", str(tmp_path)).code == 3
    assert daemon.rounds("log", "verify", "--head", "12").code == 2
    (tmp_path / "log").write_text("nonsense " * 100)
    typed = daemon.rounds("log", "verify", "--state", str(tmp_path))
    assert typed.code == 1
    assert typed.err.startswith("rounds: the log ")


def test_a_daemon_that_goes_away_ends_the_tail_with_5():
    with world() as made:
        made.start()
        with made.open("log", "tail", "--after", "0") as tail:
            assert "started" in tail.stdout.readline()
            made.stop()
            tail.stdout.read()
            assert "went away" in tail.stderr.read()
        assert tail.returncode == 5
        assert made.rounds("status").code == 5  # the socket is gone, or nobody listens
