"""Does the demo tell what happens, and does it leave nothing behind?"""

import os
import pty
import re
import signal
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import pytest

from tests.demo import spectator
from tests.demo.spectator import told

CLAIMS = [
    r"days: 14 records fetched, 14 new",
    r"garage/depot +parts: 40 records fetched, 40 new",
    r"Each of the 40 parts was compared and none written again",
    r"parts: 40 records fetched, 1 new, 1 changed, 1 removed",
    r"orders: 1 record fetched, 1 new",
    r"the 2 rows no longer in force are kept",
    r"failed after \d+ ms: the provider failed\s+\(503\)",
    r"The score fell to 65, then to 40; bakery/depot has not noticed",
    r"All 53 rows of garage/depot stay",
    r"The score rises to 67",
    r"days: 0 records refused \(the answer was empty\); the 14\s+rows of before stay",
    r"a web page instead of JSON",
    r"the 14 good days stay in force",
    r"was just killed \(SIGKILL\) while sync \d+ waited for page 2",
    r"sync \d+ interrupted: rounds died",
    r"no number\s+missing,\s+every\s+hash\s+right. All 80 parts are what they were",
    r"articles: 6 records fetched, 6 new",
    r"00417 +text +7 +2.15 +2.55",
    r"articles: 0 records refused \(the answer was empty\);\s+the 6 rows of before stay",
    r"waits to be authorised: nobody has authorised it yet",
    r"authorised by \S+; its token is good until",
    r"24 records fetched, 24 new",
    r"but steps of\s+\d{4}-\d\d-\d\d failed: the provider failed \(500\)",
    r"6 days are in",
    r"4 records fetched, 4 new",
    r"it was asked for \d{4}-\d\d-\d\d, and for no other day",
    r"8 refresh tokens given out, 7 used, each exactly once",
    r"refresh token 8 is in doubt: rounds died",
    r"token 9 is asked for: an earlier try is in doubt",
    r"waits to be authorised: its refresh token was sent,\s+the answer was lost",
    r"of 10 refresh tokens, none was used\s+twice",
    r"waits to be authorised: the provider no longer honours\s+its authorisation \(invalid_grant\)",
    r"rounds: bakery/pulse waits to be authorised; type: rounds connection\s+authorize",
    r"1 sync skipped: the connection waits to be authorised",
    r"Pulse has seen \d+ requests, and none since\s+it said no. All \d+ rows stay",
    r"the same \d+ rows, and one history of 12 syncs",
    r"3 codes with their verifiers, 14 access and 14 refresh tokens. They are in\s+none",
    r"garage/depot +solar panel +5 +99.0",
]


@pytest.fixture(scope="module")
def piped() -> str:
    """What a whole demo printed into a pipe; it ended well, and left nothing."""
    with spectator.empty_directory() as directory:
        code, out, err = spectator.watch(directory, "--fast")
        assert (code, err) == (0, "")
    return out


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_demo_shows(piped, claim):
    assert told(piped, f"({claim})")


def test_events_stand_in_the_order_of_their_numbers(piped):
    numbers = [int(number) for number in re.findall(r"(?m)^ +(\d+)  \w+/\w+  ", piped)]
    assert len(numbers) > 70
    assert numbers == sorted(numbers)


def test_a_pipe_gets_plain_text_for_80_columns(piped):
    assert piped.isascii()
    assert "\x1b" not in piped
    assert max(map(len, piped.splitlines())) <= 80


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_it_is_declined(environment, coloured):
    ours, theirs = pty.openpty()
    with (
        spectator.empty_directory() as directory,
        spectator.demo(
            directory, "--fast", stdout=theirs, TERM="xterm", COLUMNS="80", **environment
        ) as process,
    ):
        os.close(theirs)
        first = b""
        while b"rounds demo" not in first:
            first += os.read(ours, 100)
        process.send_signal(signal.SIGINT)
        process.wait(spectator.WAIT_S)
    os.close(ours)
    assert (b"\x1b[" in first) is coloured


def test_what_is_kept_goes_on_to_work():
    with spectator.empty_directory() as directory:
        code, out, err = spectator.watch(directory, "--fast", "--keep")
        assert (code, err) == (0, "")
        exports = {
            name: told(out, rf"export {name}=(\S+)") for name in ("ROUNDS_SOCKET", "ROUNDS_CONFIG")
        }
        url = told(out, r"curl -d outage (\S+)/moods/weather")
        pids = [int(pid) for pid in told(out, r"kill ([\d ]+);").split()]
        assert sorted(spectator.processes(directory)) == sorted(pids)
        status = msgspec.json.decode(spectator.rounds(exports, "status", "--json").stdout)
        assert status["pid"] in pids

        assert spectator.rounds(exports, "sync", "bakery/weather", "--wait").returncode == 0
        _post(url, "/moods/weather", "outage")
        failed = spectator.rounds(exports, "sync", "bakery/weather", "--wait")
        assert failed.returncode == 1
        assert "the provider failed (503)" in failed.stdout + failed.stderr
        _post(url, "/business/garage", "")
        found = spectator.rounds(exports, "sync", "garage/depot", "--wait")
        assert "1 new, 1 changed, 1 removed" in found.stdout
        _post(url, "/pulse/revoke", "")
        assert spectator.rounds(exports, "sync", "bakery/pulse", "--wait").returncode == 1
        assert spectator.authorise(exports, "bakery/pulse") == 0
        assert spectator.rounds(exports, "sync", "bakery/pulse", "--wait").returncode == 0

        for pid in pids:
            os.kill(pid, signal.SIGTERM)
            spectator.await_end(pid)
        _remove(directory / told(out, r"rm -r \S+/(rounds-demo-\S+)"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "moment",
    [
        "rounds demo",
        "14 new",
        "answers everything with 503",
        "was just killed",
        "Killed, while it waits",
    ],
)
def test_a_demo_that_is_told_to_stop_leaves_nothing(number, moment):
    with (
        spectator.empty_directory() as directory,
        spectator.demo(directory, "--fast") as process,
    ):
        assert process.stdout is not None
        assert any(moment in line for line in process.stdout)
        process.send_signal(number)
        _, err = process.communicate(timeout=spectator.WAIT_S)
        assert process.returncode == 130
        assert "Stopped. Nothing of the demo is left." in err


def test_a_daemon_that_goes_away_is_not_talked_over():
    """Nothing is told that did not happen: the demo says what is wrong, and fails."""
    with (
        spectator.empty_directory() as directory,
        spectator.demo(directory) as process,
    ):
        assert process.stdout is not None
        process_line = next(line for line in process.stdout if "runs as process" in line)
        os.kill(int(told(process_line, r"process (\d+)")), signal.SIGKILL)
        out, err = process.communicate(timeout=spectator.WAIT_S)
        assert process.returncode == 1
        assert "The demo ends here: the daemon at" in err
        assert "The data, in SQL" not in out


def _post(url: str, path: str, body: str) -> None:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=spectator.WAIT_S)
    connection.request("POST", path, body)
    assert connection.getresponse().status == 200
    connection.close()


def _remove(directory: Path) -> None:
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    directory.rmdir()
