"""What can people make the daemon do by typing, and how do they learn what came of it?"""

import pytest

from tests.cli.world import KEY, terminal, world


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather", "acme/broken", sync={"stop_within": "1s"}) as made:
        made.start()
        made.hear("sync-failed")
        made.hear("sync-succeeded")
        yield made


@pytest.fixture
def slow(daemon):
    """A connection whose provider does not answer until it is let."""
    daemon.provider.slow.clear()
    assert daemon.rounds("connection", "add", "acme/slow").code == 0
    yield daemon
    daemon.provider.slow.set()
    assert daemon.rounds("connection", "remove", "acme/slow", "--yes").code == 0


def test_a_sync_is_requested(daemon):
    assert daemon.rounds("sync", "acme/weather").out == "acme/weather: sync requested\n"
    done = daemon.rounds("sync", "acme/weather", "--json").document
    assert set(done) == {"seq", "events", "message"}


def test_a_sync_that_succeeds_is_waited_for_however_quick(daemon):
    for _ in range(3):
        typed = daemon.rounds("sync", "acme/weather", "--wait")
        assert typed.code == 0
        assert "succeeded: 30 records in" in typed.out.splitlines()[-1]


def test_a_sync_that_fails_says_why(daemon):
    typed = daemon.rounds("sync", "acme/broken", "--wait")
    assert typed.code == 1
    assert typed.out.splitlines()[-1].endswith(
        "the provider failed (500); its next sync tries again"
    )
    typed = daemon.rounds("sync", "acme/broken", "--wait", "--json")
    assert typed.code == 1
    assert typed.document["event"]["type"] == "sync-failed"


def test_on_a_terminal_the_outcome_stays_and_the_spinner_goes(daemon):
    typed = terminal(daemon, "sync", "acme/weather", "--wait")
    assert typed.code == 0
    assert "succeeded: 30 records" in typed.out


def test_waiting_ends_in_time_and_the_sync_goes_on(slow):
    typed = slow.rounds("sync", "acme/slow", "--wait", "--timeout", "1s", "--json")
    assert (typed.code, typed.out, typed.problem["code"]) == (6, "", "timed-out")
    assert "was not synced within 1 s" in typed.err
    assert "running" in slow.rounds("queue").out


def test_a_second_request_waits_for_the_first_ones_sync(slow):
    slow.hear("sync-started")
    assert slow.rounds("sync", "acme/slow").out.endswith(
        "sync requested, after the one that runs\n"
    )
    with slow.open("sync", "acme/slow", "--wait") as waiting:
        assert "already requested" in waiting.stdout.readline()
        slow.provider.slow.set()
        rest = waiting.stdout.read()
    assert waiting.returncode == 0
    assert rest.count(" started (manual") == 1
    assert "succeeded: 30 records" in rest.splitlines()[-1]


def test_what_runs_is_cancelled(slow):
    with slow.open("sync", "acme/slow", "--wait") as waiting:
        waiting.stdout.readline()
        slow.rounds("cancel", "acme/slow")  # the one that runs since the connection was added
        assert "started" in waiting.stdout.readline()
        assert slow.rounds("cancel", "acme/slow").out == "acme/slow: cancelled\n"
        assert "cancelled by" in waiting.stdout.read()
    assert waiting.returncode == 1
    assert "nothing runs" in slow.rounds("cancel", "acme/slow").out


def test_a_wait_survives_the_daemons_restart(slow):
    with slow.open("sync", "acme/slow", "--wait") as waiting:
        waiting.stdout.readline()
        slow.rounds("cancel", "acme/slow")
        assert "started" in waiting.stdout.readline()
        slow.stop()
        slow.start()
        slow.provider.slow.set()
        rest = waiting.stdout.read()
    assert waiting.returncode == 0
    assert "interrupted: rounds was stopped" in rest
    assert "succeeded: 30 records" in rest.splitlines()[-1]


def test_paused_means_nothing_starts_until_it_is_resumed(daemon):
    assert daemon.rounds("pause", "acme/broken").out == "acme/broken: paused\n"
    typed = daemon.rounds("sync", "acme/broken", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "paused")
    assert daemon.rounds("sync", "acme/broken", "--wait").code == 1
    assert "paused" in daemon.rounds("connection", "show", "acme/broken").out
    assert daemon.rounds("resume", "acme/broken", "--json").document["message"] == "resumed"


def test_a_credential_from_standard_input_is_used_and_never_seen(daemon):
    words = ("connection", "add", "acme/keyed", "--credential-stdin", "--interval", "2h")
    added = daemon.rounds(*words, stdin=f"{KEY}\n")
    assert (added.code, added.out, added.err) == (
        0,
        "acme/keyed: added; its first sync starts at once\n",
        "",
    )
    synced = daemon.rounds("sync", "acme/keyed", "--wait")
    assert synced.code == 0
    shown = daemon.rounds("connection", "show", "acme/keyed", "--json")
    assert KEY not in f"{synced}{shown}{daemon.said}"
    files = [path for path in daemon.home.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert daemon.rounds("connection", "remove", "acme/keyed", "--yes").code == 0


def test_a_credential_is_asked_for_hidden_on_a_terminal(daemon):
    typed = terminal(daemon, "connection", "add", "eve/keyed", typed=KEY, after="Credential")
    assert typed.code == 0
    assert "eve/keyed: added" in typed.out
    assert KEY not in typed.out
    assert daemon.rounds("sync", "eve/keyed", "--wait").code == 0


def test_a_credential_comes_from_a_file(daemon):
    file = daemon.home.secret("key.txt", f"{KEY}\n")
    try:
        assert daemon.rounds("connection", "add", "bob/keyed", "--credential-file", file).code == 0
        assert daemon.rounds("sync", "bob/keyed", "--wait").code == 0
    finally:
        (daemon.home.root / "key.txt").unlink()


def test_without_a_credential_the_provider_is_not_asked(daemon):
    typed = daemon.rounds("connection", "add", "joe/keyed")
    assert typed.code == 0
    assert "no credential was given" in typed.err
    typed = daemon.rounds("sync", "joe/keyed", "--wait")
    assert typed.code == 1
    assert "set one with `rounds connection add`" in typed.out


def test_removing_asks_first(daemon):
    daemon.rounds("connection", "add", "zoe/weather")
    assert daemon.rounds("connection", "remove", "zoe/weather").code == 2
    refused = terminal(daemon, "connection", "remove", "zoe/weather", typed="n", after="[y/N]")
    assert refused.code == 1
    agreed = terminal(daemon, "connection", "remove", "zoe/weather", typed="y", after="[y/N]")
    assert agreed.code == 0
    assert daemon.rounds("connection", "show", "zoe/weather").code == 3


def test_what_stands_in_the_configuration_is_not_removed_by_typing(daemon):
    typed = daemon.rounds("connection", "remove", "acme/weather", "--yes", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "declared")


@pytest.mark.parametrize(
    "line",
    [
        "connection add acme",
        "connection add acme/nope",
        "connection add zoe/weather --interval soon",
        "connection add zoe/keyed --credential-stdin",
        "connection add zoe/keyed --credential-file /nowhere",
        "connection add zoe/keyed --credential-stdin --credential-file /nowhere",
        "sync acme/weather --wait --timeout soon",
    ],
)
def test_what_makes_no_sense_ends_with_2(daemon, line):
    typed = daemon.rounds(*line.split(), "--json")
    assert (typed.code, typed.out, typed.problem["code"]) == (2, "", "invalid")
